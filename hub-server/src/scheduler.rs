//! The keyed sequential scheduler on tokio: any number of ordered queues, each of which runs one task at a time. What it
//! promises is said at [`hub_core::scheduler`], which this re-exports; hubs that are `#[hub(sequential)]` run on it.
//!
//! ```
//! use std::time::Duration;
//!
//! use hub_server::scheduler::{KeyedScheduler, OnTokio, Priority};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let scheduler = KeyedScheduler::builder().per_queue(1_024).build(OnTokio::current());
//! let ticket = scheduler.submit("Q01", Priority::High, async { 42 }).await?;
//! assert_eq!(ticket.await?, 42);
//! // What has not ended in 5 s ends then.
//! let left = scheduler.shutdown(tokio::time::sleep(Duration::from_secs(5))).await;
//! assert_eq!((left.discarded, left.cut), (0, 0));
//! # Ok(())
//! # }
//! ```

pub use hub_core::scheduler::{
    Bound, Closing, Key, KeyedScheduler, Leftover, Priority, Refusal, SchedulerBuilder, Spawn,
    SubmitError, TURN, Task, Ticket, TicketError,
};
use tokio::runtime::Handle;

/// Runs queues as tasks of a tokio runtime. One that is being stopped drops them: then their tickets end with
/// [`TicketError::Stopped`].
#[derive(Debug, Clone)]
pub struct OnTokio {
    handle: Option<Handle>,
}

impl OnTokio {
    /// On the runtime that a task is submitted in; what is submitted outside of one is refused.
    #[must_use]
    pub const fn current() -> Self {
        Self { handle: None }
    }

    /// On this runtime, wherever tasks are submitted.
    #[must_use]
    pub const fn of(handle: Handle) -> Self {
        Self {
            handle: Some(handle),
        }
    }
}

impl Spawn for OnTokio {
    fn spawn(&self, task: Task) -> Result<(), Task> {
        let current = || Handle::try_current().ok();
        let Some(handle) = self.handle.clone().or_else(current) else {
            return Err(task);
        };
        drop(handle.spawn(task));
        Ok(())
    }
}
