//! [`Mistakes`]: what a client said of late that could not be read. One that says nothing else is shown out.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// For so long a mistake counts.
const WINDOW: Duration = Duration::from_secs(60);

/// When they were made, the oldest first. Without any it holds no memory.
#[derive(Debug, Default)]
pub(super) struct Mistakes(VecDeque<Instant>);

impl Mistakes {
    /// One more; whether it is the last one, of so many a minute.
    pub(super) fn one_more(&mut self, most: u32) -> bool {
        let now = Instant::now();
        while self.0.pop_front_if(|at| *at + WINDOW <= now).is_some() {}
        self.0.push_back(now);
        u32::try_from(self.0.len()).is_ok_and(|count| count >= most)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_one_of_a_minute_is_one_too_many() {
        let mut mistakes = Mistakes::default();
        for _ in 0..100 {
            assert!(!mistakes.one_more(10), "one in 7 s is forgiven");
            advance(Duration::from_secs(7)).await;
        }
        let mut quick = (0..10).map(|_| mistakes.one_more(10));
        assert!(quick.any(|last| last));
        let mut fresh = Mistakes::default();
        assert_eq!([(); 3].map(|()| fresh.one_more(3)), [false, false, true]);
    }
}
