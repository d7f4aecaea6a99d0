//! What happens to a client, by seed, and the model: how it has to end.

use hub_client::Transport;

use crate::dice::Dice;

/// What the network and the application do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) transport: Transport,
    pub(crate) start: Start,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
    /// Whether connections that fell silent stay so at the end, for the client to notice.
    stays_silent: bool,
}

/// How the network is while the client connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Clear,
    /// Lets bytes through one at a time.
    Trickling,
    /// Lets nobody in.
    Refusing,
    /// Lets everybody in and nothing through.
    Silent,
    /// Cuts the next connections after so many bytes each.
    Cutting([u64; 2]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The server sends so many numbers, to the connection, its group and everybody in turn.
    Send(u64),
    /// The client calls a method.
    Call,
    /// The server asks the client for something.
    Ask,
    /// So many milliseconds pass.
    Wait(u64),
    /// All connections are cut, in order or by a reset.
    Cut { reset: bool },
    /// They are cut, and the next ones after so many bytes each.
    CutAgain([u64; 2]),
    /// Nothing goes over the connections that there are any more, which stay open.
    Silence,
    /// Bytes go one at a time.
    Trickle,
    /// They go in chunks that take so many milliseconds each way.
    Delay(u64),
    /// They go as they should.
    Clear,
    /// All connections are cut, and none is let in for so many milliseconds.
    Refuse(u64),
    /// The server is started again with nothing but its key; the client comes back before anything else happens.
    Restart,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The network is well again.
    Well,
    /// The application closes the client, whatever the network is like.
    Closed,
    /// It drops its last handle.
    Dropped,
    /// Nobody is let in any more.
    Refused,
    /// The server is stopped and does not come back.
    Stopped,
}

/// What the client has to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It does not even connect: in time, or at once.
    NeverConnected,
    /// It is connected and has all that the server in place has sent.
    Connected,
    /// It is disconnected, since the application wanted that.
    Closed,
    /// It is disconnected, since it did not get through for as long as the server waits.
    GaveUp,
}

impl Script {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x2545_F491_4F6C_DD1D));
        let transport = match dice.below(3) {
            0 => Transport::WebSockets,
            1 => Transport::ServerSentEvents,
            _ => Transport::LongPolling,
        };
        let start = match dice.below(16) {
            0 => Start::Refusing,
            1 => Start::Silent,
            2 => Start::Trickling,
            3 | 4 => Start::Cutting([dice.below(2_500), dice.below(2_500)]),
            _ => Start::Clear,
        };
        let end = match dice.below(10) {
            0 | 1 => End::Closed,
            2 => End::Dropped,
            3 => End::Refused,
            4 => End::Stopped,
            _ => End::Well,
        };
        let steps = (0..3 + dice.below(9)).map(|_| Step::roll(&mut dice));
        Self {
            transport,
            start,
            steps: steps.collect(),
            end,
            stays_silent: transport != Transport::LongPolling || dice.below(6) == 0,
        }
    }

    /// The model. `connected` is how the start went, which is open if it was cut.
    pub(crate) fn predicts(&self, connected: bool) -> Outcome {
        match (self.start, connected) {
            (Start::Refusing | Start::Silent, _) | (Start::Cutting(_), false) => {
                return Outcome::NeverConnected;
            }
            _ => {}
        }
        match self.end {
            End::Well => Outcome::Connected,
            End::Closed | End::Dropped => Outcome::Closed,
            End::Refused | End::Stopped => Outcome::GaveUp,
        }
    }

    /// Whether anything in it takes a link away.
    pub(crate) fn loses_links(&self) -> bool {
        let loses = |step: &Step| {
            !matches!(
                step,
                Step::Send(_)
                    | Step::Call
                    | Step::Ask
                    | Step::Wait(_)
                    | Step::Trickle
                    | Step::Delay(_)
                    | Step::Clear
            )
        };
        matches!(self.start, Start::Cutting(_))
            || matches!(self.end, End::Refused | End::Stopped)
            || self.steps.iter().any(loses)
    }

    /// Whether connections that fell silent are cut at the end.
    pub(crate) fn ends_silence(&self) -> bool {
        !self.stays_silent && self.steps.contains(&Step::Silence)
    }

    /// Whether the server may have given the connection up before the client noticed that nothing comes.
    pub(crate) fn may_be_given_up(&self) -> bool {
        self.transport == Transport::LongPolling && self.steps.contains(&Step::Silence)
    }

    pub(crate) fn restarts(&self) -> bool {
        self.steps.contains(&Step::Restart)
    }
}

impl Step {
    fn roll(dice: &mut Dice) -> Self {
        match dice.below(20) {
            0..=3 => Self::Send(1 + dice.below(20)),
            4 | 5 => Self::Call,
            6 | 7 => Self::Ask,
            8 | 9 => Self::Wait(1 + dice.below(120)),
            10 | 11 => Self::Cut {
                reset: dice.below(2) == 0,
            },
            12 | 13 => Self::CutAgain([dice.below(1_500), dice.below(1_500)]),
            14 => Self::Silence,
            15 => Self::Trickle,
            16 => Self::Delay(1 + dice.below(30)),
            17 => Self::Clear,
            18 => Self::Refuse(1 + dice.below(600)),
            _ => Self::Restart,
        }
    }
}

#[test]
fn a_seed_makes_the_same_script_each_time_and_scripts_have_everything() {
    let scripts: Vec<Script> = (1..=1_000).map(Script::of).collect();
    let again: Vec<Script> = (1..=1_000).map(Script::of).collect();
    assert_eq!(scripts, again);
    let has = |what: &dyn Fn(&Script) -> bool| scripts.iter().filter(|script| what(script)).count();
    for transport in [
        Transport::WebSockets,
        Transport::ServerSentEvents,
        Transport::LongPolling,
    ] {
        let of = |script: &Script| script.transport == transport;
        assert!(has(&|script| of(script) && script.restarts()) > 50);
        assert!(has(&|script| of(script) && script.steps.contains(&Step::Silence)) > 50);
        assert!(has(&|script| of(script) && !script.loses_links()) > 5);
        for end in [
            End::Well,
            End::Closed,
            End::Dropped,
            End::Refused,
            End::Stopped,
        ] {
            let count = has(&|script| of(script) && script.end == end);
            assert!(count > 10, "{count} of {end:?} on {transport}");
        }
    }
}
