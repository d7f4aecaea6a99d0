//! Carriers of frames. Each is its write half, as the connection sees it, and a driver that moves the bytes.

pub(crate) mod websocket;
pub(crate) mod wire;
