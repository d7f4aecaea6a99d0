//! Carriers of frames. Each dresses frames in its own way (`Downlink`); `websocket` and `stream` move them.

pub(crate) mod controller;
pub(crate) mod driver;
pub(crate) mod first_bytes;
mod first_line;
pub(crate) mod forever_frame;
mod goodbye;
mod line_reader;
pub(crate) mod lines;
pub(crate) mod long_polling;
mod mistakes;
mod properties;
pub(crate) mod server_sent_events;
pub(crate) mod spans;
mod storage;
pub(crate) mod stream;
mod telnet;
mod topics;
pub(crate) mod websocket;
pub(crate) mod wire;
pub(crate) mod xsockets;
