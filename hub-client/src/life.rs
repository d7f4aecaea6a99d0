//! [`Life`]: where a connection stands, and when that has to end (`classic-signalr.md` 10.5). Pure: others say what time
//! it is.

use std::time::{Duration, Instant, SystemTime};

/// Where a connection stands. It begins as `Connecting`, moves between `Connected` and `Reconnecting`, and ends as
/// `Disconnected` for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// The first link is being made; no application sees this but as the state before `Connected`.
    Connecting,
    /// Calls and events flow.
    Connected,
    /// The link is gone and the client tries to make another. Calls fail at once, unless they may wait
    /// ([`Builder::queue_while_reconnecting`](crate::Builder::queue_while_reconnecting)).
    Reconnecting,
    /// The end. [`HubClient::builder`](crate::HubClient::builder) begins anew, with another connection id.
    Disconnected,
}

/// A change of state, from and to.
pub(crate) type Change = (State, State);

/// Why a connection can't be kept up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It was lost for so long.
    GaveUp(Duration),
    /// The client itself stood still: its machine slept, say. The server has forgotten it.
    Inactive {
        /// For how long.
        stood: Duration,
        /// How long would have been well.
        allowed: Duration,
    },
}

/// The life of one connection.
#[derive(Debug)]
pub(crate) struct Life {
    state: State,
    /// How long a lost client may come back.
    patience: Duration,
    /// How long a client may stand still; `None` where the server sends no keep-alives to tell by.
    window: Option<Duration>,
    /// When the client was last seen to run, by the clock that goes on while a machine sleeps.
    ran: Option<SystemTime>,
    /// While it is lost.
    gives_up: Option<Instant>,
}

impl Life {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Connecting,
            patience: Duration::ZERO,
            window: None,
            ran: None,
            gives_up: None,
        }
    }

    /// The first link is there: what the server says of its timeouts counts from now on.
    pub(crate) fn started(
        &mut self,
        patience: Duration,
        silence: Option<Duration>,
        wall: SystemTime,
    ) -> Option<Change> {
        self.patience = patience;
        self.window = silence.map(|silence| patience + silence);
        self.ran = Some(wall);
        self.enter(State::Connected)
    }

    /// Something was heard of the server.
    pub(crate) fn heard(&mut self, wall: SystemTime) {
        self.ran = Some(wall);
    }

    /// The link is gone.
    pub(crate) fn lost(&mut self, now: Instant, wall: SystemTime) -> Result<Option<Change>, Over> {
        self.awake(wall)?;
        self.gives_up = Some(now + self.patience);
        Ok(self.enter(State::Reconnecting))
    }

    /// Until when a lost link may be made again, if it still may.
    pub(crate) fn may_try(&mut self, now: Instant, wall: SystemTime) -> Result<Instant, Over> {
        self.awake(wall)?;
        // Between attempts it is awake, whatever becomes of them.
        self.ran = Some(wall);
        match self.gives_up {
            Some(at) if now < at => Ok(at),
            _ => Err(Over::GaveUp(self.patience)),
        }
    }

    /// The link is there again.
    pub(crate) fn back(&mut self, wall: SystemTime) -> Option<Change> {
        self.ran = Some(wall);
        self.gives_up = None;
        self.enter(State::Connected)
    }

    /// It is over, whyever.
    pub(crate) fn end(&mut self) -> Option<Change> {
        self.gives_up = None;
        self.enter(State::Disconnected)
    }

    /// A clock that was set back says nothing.
    fn awake(&self, wall: SystemTime) -> Result<(), Over> {
        let (Some(allowed), Some(ran)) = (self.window, self.ran) else {
            return Ok(());
        };
        let stood = wall.duration_since(ran).unwrap_or_default();
        if stood > allowed {
            return Err(Over::Inactive { stood, allowed });
        }
        Ok(())
    }

    /// The seven transitions; any other asks for what is so already, or comes too late.
    fn enter(&mut self, to: State) -> Option<Change> {
        use State::{Connected, Connecting, Disconnected, Reconnecting};
        let from = self.state;
        match (from, to) {
            (Connecting, Connected | Disconnected)
            | (Connected, Reconnecting | Disconnected)
            | (Reconnecting, Connected | Disconnected) => {
                self.state = to;
                Some((from, to))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Connected, Connecting, Disconnected, Reconnecting};

    const PATIENCE: Duration = Duration::from_secs(30);
    const SILENCE: Duration = Duration::from_secs(20);

    /// A life with a clock that the test moves.
    struct Clock {
        life: Life,
        now: Instant,
        wall: SystemTime,
    }

    impl Clock {
        fn connected() -> Self {
            let mut clock = Self {
                life: Life::new(),
                now: Instant::now(),
                wall: SystemTime::UNIX_EPOCH,
            };
            let started = clock.life.started(PATIENCE, Some(SILENCE), clock.wall);
            assert_eq!(started, Some((Connecting, Connected)));
            clock
        }

        fn pass(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
            self.sleep(seconds);
        }

        /// Only the wall clock goes on.
        fn sleep(&mut self, seconds: u64) {
            self.wall += Duration::from_secs(seconds);
        }

        fn lost(&mut self) -> Result<Option<Change>, Over> {
            self.life.lost(self.now, self.wall)
        }

        fn may_try(&mut self) -> Result<Instant, Over> {
            self.life.may_try(self.now, self.wall)
        }
    }

    #[test]
    fn the_seven_transitions_and_no_other() {
        let all = [Connecting, Connected, Reconnecting, Disconnected];
        let mut found = Vec::new();
        for from in all {
            for to in all {
                let mut life = Life::new();
                life.state = from;
                found.extend(life.enter(to));
            }
        }
        // The seventh is the beginning: a new life is `Connecting`.
        assert_eq!(Life::new().state, Connecting);
        assert_eq!(
            found,
            [
                (Connecting, Connected),
                (Connecting, Disconnected),
                (Connected, Reconnecting),
                (Connected, Disconnected),
                (Reconnecting, Connected),
                (Reconnecting, Disconnected),
            ]
        );
    }

    #[test]
    fn a_lost_link_may_be_made_again_up_to_the_disconnect_timeout() {
        let mut clock = Clock::connected();
        assert_eq!(clock.lost(), Ok(Some((Connected, Reconnecting))));
        let until = clock.now + PATIENCE;
        for _ in 0..3 {
            assert_eq!(clock.may_try(), Ok(until));
            clock.pass(9);
        }
        clock.pass(2);
        assert_eq!(clock.may_try(), Ok(until));
        clock.pass(1);
        assert_eq!(clock.may_try(), Err(Over::GaveUp(PATIENCE)));
        assert_eq!(clock.life.end(), Some((Reconnecting, Disconnected)));
        assert_eq!(clock.life.end(), None);
    }

    #[test]
    fn each_loss_has_all_of_the_time() {
        let mut clock = Clock::connected();
        for _ in 0..5 {
            assert_eq!(clock.lost(), Ok(Some((Connected, Reconnecting))));
            clock.pass(29);
            assert!(clock.may_try().is_ok());
            let back = clock.life.back(clock.wall);
            assert_eq!(back, Some((Reconnecting, Connected)));
            clock.life.heard(clock.wall);
        }
    }

    #[test]
    fn a_client_that_slept_beyond_the_window_is_over_and_one_within_is_not() {
        let allowed = PATIENCE + SILENCE;
        let mut clock = Clock::connected();
        clock.sleep(50);
        assert_eq!(clock.lost(), Ok(Some((Connected, Reconnecting))));
        assert!(clock.may_try().is_ok());
        // Asleep between two attempts.
        clock.sleep(51);
        let stood = Duration::from_secs(51);
        assert_eq!(clock.may_try(), Err(Over::Inactive { stood, allowed }));
        let mut clock = Clock::connected();
        clock.life.heard(clock.wall);
        clock.sleep(51);
        assert_eq!(clock.lost(), Err(Over::Inactive { stood, allowed }));
        assert_eq!(clock.life.end(), Some((Connected, Disconnected)));
    }

    #[test]
    fn without_keep_alives_or_with_a_clock_that_was_set_back_nobody_slept() {
        let mut clock = Clock::connected();
        clock.wall = SystemTime::UNIX_EPOCH;
        assert!(clock.lost().is_ok());
        let mut clock = Clock::connected();
        clock.life.window = None;
        clock.sleep(1_000_000);
        assert!(clock.lost().is_ok());
    }
}
