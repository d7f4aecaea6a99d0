//! How a session is ended: with what word, in what time, and what came of it.

use std::sync::Arc;
use std::time::Duration;

/// With what a WebSocket is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    code: u16,
    why: Arc<str>,
}

/// A WebSocket can't be closed with this code (RFC 6455, 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is no code that a WebSocket can be closed with: 1000 to 1003, 1007 to 1014, or 3000 to 4999"
)]
pub struct InvalidCloseCode(pub u16);

impl CloseFrame {
    /// So many bytes of text fit.
    const MAX: usize = 123;

    /// A code and a text; what does not fit of the text is left out.
    ///
    /// # Errors
    /// When the code is none that may be sent.
    pub fn new(code: u16, why: &str) -> Result<Self, InvalidCloseCode> {
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(InvalidCloseCode(code));
        }
        let why = why.get(..why.floor_char_boundary(Self::MAX));
        Ok(Self {
            code,
            why: why.unwrap_or_default().into(),
        })
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The text.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

/// 1000, without a text.
impl Default for CloseFrame {
    fn default() -> Self {
        Self {
            code: 1000,
            why: Arc::default(),
        }
    }
}

/// How a session is drained.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainOptions {
    /// How long it may take; 5 s by default. Then it is closed.
    pub deadline: Duration,
    /// Whether to wait, before the end, until the client is known to have had everything: by its acknowledgements, a pong, or
    /// its next poll. Where nothing ever comes back, that it has left has to do. Off by default.
    pub wait_acks: bool,
    /// With what a WebSocket is closed; 1000 by default.
    pub frame: CloseFrame,
}

impl Default for DrainOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            wait_acks: false,
            frame: CloseFrame::default(),
        }
    }
}

/// Until this deadline.
impl From<Duration> for DrainOptions {
    fn from(deadline: Duration) -> Self {
        Self {
            deadline,
            ..Self::default()
        }
    }
}

impl DrainOptions {
    /// Waits until the client is known to have had everything.
    #[must_use]
    pub fn wait_acks(mut self) -> Self {
        self.wait_acks = true;
        self
    }

    /// Closes a WebSocket with this.
    #[must_use]
    pub fn saying(mut self, frame: CloseFrame) -> Self {
        self.frame = frame;
        self
    }
}

/// What became of the messages of the log that waited for a client as it was drained. All are 0 for one that had ended; answers
/// of calls, and what overtakes, are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// So many were written.
    pub sent: u64,
    /// So many of those the client is known to have had.
    pub acked: u64,
    /// So many were not written by the deadline.
    pub left: u64,
}

impl DrainReport {
    /// A report.
    #[must_use]
    pub const fn new(sent: u64, acked: u64, left: u64) -> Self {
        Self { sent, acked, left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_has_a_code_that_may_be_sent_and_what_fits_of_its_text() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(CloseFrame::new(code, ""), Err(InvalidCloseCode(code)));
        }
        let long = "ä".repeat(100);
        let frame = CloseFrame::new(3001, &long).unwrap();
        assert_eq!((frame.code(), frame.why()), (3001, &*"ä".repeat(61)));
    }
}
