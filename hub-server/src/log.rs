//! The logs that a server can run on. Nothing outside this module knows which one it is.

mod memory;

pub use memory::MemoryLog;
