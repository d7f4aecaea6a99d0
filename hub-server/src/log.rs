//! The logs that a server can run on. Nothing outside this module knows which one it is.

mod kept;
mod memory;
mod options;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "log-suite")]
pub mod suite;

pub use memory::MemoryLog;
pub use options::{LogOptions, Overflow};
#[cfg(feature = "redb")]
pub use redb::{OpenError, QueueContents, RedbLog};
