//! Carriers of frames. Each dresses frames in its own way (`Downlink`); `websocket` and `stream` move them.

pub(crate) mod forever_frame;
pub(crate) mod long_polling;
pub(crate) mod server_sent_events;
pub(crate) mod stream;
pub(crate) mod websocket;
pub(crate) mod wire;
