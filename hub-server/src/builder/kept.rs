//! The log that a server makes itself: in memory, or in a directory.

use std::sync::Arc;

use hub_core::Log;

use super::{BuildError, Builder};
use crate::config::Config;
use crate::log::{LogOptions, MemoryLog};

/// What is asked of it.
#[derive(Debug, Default)]
pub(super) struct Kept {
    options: Option<LogOptions>,
    #[cfg(feature = "redb")]
    dir: Option<std::path::PathBuf>,
}

impl Builder {
    /// What the log that the server makes keeps at most, and what it does beyond that. Takes the place of
    /// [`retain`](Self::retain). Live topics stay for as long as a client may be away, if that is longer than
    /// [`LogOptions::idle`].
    #[must_use]
    pub fn log_options(mut self, options: LogOptions) -> Self {
        self.kept.options = Some(options);
        self
    }

    /// Keeps queues and leases in this directory, in a [`RedbLog`](crate::RedbLog) that [`build`](Self::build) opens: they
    /// are there after a restart.
    #[cfg(feature = "redb")]
    #[must_use]
    pub fn keep_in(mut self, dir: impl Into<std::path::PathBuf>) -> Self {
        self.kept.dir = Some(dir.into());
        self
    }
}

impl Kept {
    /// The log to run on: `given`, or one that is made as it was asked for.
    pub(super) fn log(
        self,
        given: Option<Arc<dyn Log>>,
        config: &Config,
    ) -> Result<Arc<dyn Log>, BuildError> {
        #[cfg(feature = "redb")]
        let asked = self.options.is_some() || self.dir.is_some();
        #[cfg(not(feature = "redb"))]
        let asked = self.options.is_some();
        if let Some(log) = given {
            let wrong = "a log that is given has its own options and place";
            return if asked {
                Err(BuildError::Setting(wrong))
            } else {
                Ok(log)
            };
        }
        let life = config.topic_life();
        let options = if let Some(options) = self.options {
            let idle = options.idle.max(life);
            options.idle(idle)
        } else {
            let (entries, bytes) = (config.retained_entries, config.retained_bytes);
            LogOptions::default().retain(entries, bytes).idle(life)
        };
        #[cfg(feature = "redb")]
        if let Some(dir) = self.dir {
            return Ok(Arc::new(crate::log::RedbLog::open_with(dir, options)?));
        }
        Ok(Arc::new(MemoryLog::with(&options)))
    }
}
