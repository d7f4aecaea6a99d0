//! [`Inbound`]: how fast a client may speak (`delivery.md` c, "Inbound"). Whoever speaks faster is not read on a socket, so that TCP
//! holds it back, and refused over HTTP.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Config;

/// So many of something a second, and after a quiet moment so many at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) a_second: u32,
    pub(crate) burst: u32,
}

impl Rate {
    pub(crate) fn new(a_second: u32, burst: u32) -> Self {
        Self {
            a_second: a_second.max(1),
            burst: burst.max(1),
        }
    }

    /// In what time so many come.
    fn time_of(self, amount: u64) -> Duration {
        Duration::from_nanos(amount.saturating_mul(1_000_000_000) / u64::from(self.a_second))
    }
}

/// What a client may still say. Nothing of it exists where it may say anything.
#[derive(Debug, Default)]
pub(crate) struct Inbound(OnceLock<Box<Mutex<Buckets>>>);

#[derive(Debug)]
struct Buckets {
    messages: Bucket,
    bytes: Bucket,
}

/// When the next one would be due if they came evenly.
#[derive(Debug, Clone, Copy)]
struct Bucket(Instant);

impl Bucket {
    /// When there is room again for one more, if there is none now.
    fn over(&self, rate: Option<Rate>, now: Instant) -> Option<Instant> {
        let rate = rate?;
        // In how long the one after it would be due, if it came now, and how long that may be.
        let ahead = rate.time_of(u64::from(rate.burst));
        let due = self.0.max(now) + rate.time_of(1);
        (due > now + ahead).then(|| due - ahead)
    }

    fn take(&mut self, rate: Option<Rate>, amount: u64, now: Instant) {
        if let Some(rate) = rate {
            self.0 = self.0.max(now) + rate.time_of(amount);
        }
    }
}

impl Inbound {
    /// When the client may be heard again, if not now.
    pub(crate) fn over(&self, config: &Config) -> Option<Instant> {
        let buckets = self.buckets(config)?;
        let now = Instant::now();
        let messages = buckets.messages.over(config.message_rate, now);
        messages.max(buckets.bytes.over(config.byte_rate, now))
    }

    /// The client has said something: a message is taken whole, however large, and what is too much of it is waited for after.
    pub(crate) fn take(&self, config: &Config, bytes: usize) {
        if let Some(mut buckets) = self.buckets(config) {
            let now = Instant::now();
            buckets.messages.take(config.message_rate, 1, now);
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            buckets.bytes.take(config.byte_rate, bytes, now);
        }
    }

    fn buckets(&self, config: &Config) -> Option<MutexGuard<'_, Buckets>> {
        if config.message_rate.is_none() && config.byte_rate.is_none() {
            return None;
        }
        let full = || {
            let full = Bucket(Instant::now());
            let (messages, bytes) = (full, full);
            Box::new(Mutex::new(Buckets { messages, bytes }))
        };
        let buckets = self.0.get_or_init(full);
        Some(buckets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn config(messages: Option<Rate>, bytes: Option<Rate>) -> Config {
        Config {
            message_rate: messages,
            byte_rate: bytes,
            ..Config::default()
        }
    }

    /// Says as much as it may, and gives how many messages that were.
    fn says(inbound: &Inbound, config: &Config, bytes: usize) -> usize {
        let may = || {
            inbound
                .over(config)
                .is_none()
                .then(|| inbound.take(config, bytes))
        };
        std::iter::from_fn(may).take(1_000).count()
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_come_at_once_and_then_at_the_rate() {
        let config = config(Some(Rate::new(10, 5)), None);
        let inbound = Inbound::default();
        assert_eq!(says(&inbound, &config, 1), 5);
        advance(Duration::from_millis(99)).await;
        assert_eq!(says(&inbound, &config, 1), 0);
        advance(Duration::from_millis(2)).await;
        assert_eq!(says(&inbound, &config, 1), 1);
        let again = inbound.over(&config).unwrap();
        assert!(again <= Instant::now() + Duration::from_millis(101));
        advance(Duration::from_secs(1)).await;
        assert_eq!(says(&inbound, &config, 1), 5, "no more than the burst");
        // A part of one is none.
        advance(Duration::from_millis(50)).await;
        assert_eq!(says(&inbound, &config, 1), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_message_is_taken_and_waited_for_after() {
        let config = config(None, Some(Rate::new(1_000, 100)));
        let inbound = Inbound::default();
        assert_eq!(says(&inbound, &config, 50), 2);
        advance(Duration::from_millis(10)).await;
        assert_eq!(says(&inbound, &config, 5_000), 1);
        advance(Duration::from_millis(4_980)).await;
        assert_eq!(says(&inbound, &config, 1), 0);
        advance(Duration::from_millis(20)).await;
        assert!(says(&inbound, &config, 1) > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nothing_is_held_back_and_nothing_kept() {
        let (config, inbound) = (Config::default(), Inbound::default());
        assert_eq!(says(&inbound, &config, 1 << 30), 1_000);
        assert!(inbound.0.get().is_none());
    }
}
