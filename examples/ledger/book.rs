//! [`Book`]: what each client was promised and what its callbacks got, with a stamp on everything, so that it can be said
//! afterwards what came before what. It writes down and judges nothing.

use std::fmt;
use std::time::{Duration, Instant};

use crate::wire::Wire;

/// A moment of the run: what is written down later has a greater one.
pub(crate) type Stamp = u64;

/// A client is away for less than this, or nothing can be said of what it is owed: its offline subscription lasts 60 s.
const AWAY: Duration = Duration::from_secs(50);

/// A message: who published it, and which one of that client's it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Letter {
    pub(crate) from: usize,
    pub(crate) number: usize,
}

impl Letter {
    /// As it is written in a message.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (from, number) = text.split_once('.')?;
        Some(Self {
            from: from.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.from, self.number)
    }
}

/// The queue, which is also the client method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    Bar,
    Baz,
}

impl Topic {
    pub(crate) const ALL: [Self; 2] = [Self::Bar, Self::Baz];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bar => "bar",
            Self::Baz => "baz",
        }
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `Bar`: who is there at once, who is away later.
    Everybody,
    /// `Keep`: who is away.
    Away,
}

/// Where a kept message is: epoch and offset.
pub(crate) type Place = (u64, u64);

/// A call's answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    pub(crate) at: Stamp,
    pub(crate) place: Option<Place>,
}

/// A message that was published; without a promise nobody knows whether it exists.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) way: Way,
    pub(crate) topic: Topic,
    pub(crate) asked: Stamp,
    pub(crate) promise: Option<Promise>,
}

/// A message that a callback got.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Got {
    pub(crate) letter: Letter,
    pub(crate) life: u32,
    pub(crate) at: Stamp,
}

/// How a life ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leave {
    pub(crate) life: u32,
    pub(crate) how: Exit,
    /// When nothing led to the server any more.
    pub(crate) to: Stamp,
}

/// How a client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// `close()`, awaited.
    Closed,
    /// The last handle is dropped: the same, if the network lasts so long.
    Dropped,
    /// Its network is cut with a reset.
    Reset,
    /// Its network is cut as if the other side had closed.
    Cut,
    /// Its network falls silent, and the server does not notice.
    Silent,
}

/// One client: the same persistent id, in one life after another. A life is one `HubClient`, its reconnects included.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) sent: Vec<Sent>,
    pub(crate) got: Vec<Got>,
    /// On what wire each life came, or tried to.
    pub(crate) wires: Vec<(u32, Wire)>,
    /// Lives that were connected, and when they were.
    pub(crate) came: Vec<(u32, Stamp)>,
    /// What the server has taken note of: that everything had come in a life that had been written down by then.
    pub(crate) proofs: Vec<(u32, Stamp)>,
    /// How they left.
    pub(crate) leaves: Vec<Leave>,
    /// When certainly nothing led from this client to the server.
    pub(crate) away: Vec<(Stamp, Stamp)>,
    /// Sockets that are open.
    doors: usize,
    /// Since when none is.
    left: Option<(Stamp, Instant)>,
}

impl Account {
    pub(crate) fn wire(&self, life: u32) -> Wire {
        let mut wires = self.wires.iter();
        let of_life = wires.find(|(other, _)| *other == life);
        of_life.map_or(Wire::WebSockets, |(_, wire)| *wire)
    }
}

/// All clients, and the kills.
#[derive(Debug, Default)]
pub(crate) struct Book {
    clock: Stamp,
    pub(crate) accounts: Vec<Account>,
    /// From before the signal until the next process was there: callbacks may still get what the last one had sent.
    pub(crate) kills: Vec<(Stamp, Stamp)>,
    /// What must not happen, or makes the rest worthless.
    pub(crate) strange: Vec<String>,
    /// How many messages callbacks got, repeats included.
    pub(crate) received: usize,
    /// How many calls were answered.
    pub(crate) promised: usize,
}

impl Book {
    pub(crate) fn new(clients: usize) -> Self {
        let accounts = (0..clients).map(|_| Account::default());
        Self {
            accounts: accounts.collect(),
            ..Self::default()
        }
    }

    pub(crate) fn stamp(&mut self) -> Stamp {
        self.clock += 1;
        self.clock
    }

    /// A client is about to publish its next message.
    pub(crate) fn ask(&mut self, from: usize, topic: Topic, way: Way) -> Letter {
        let asked = self.stamp();
        let mut number = 0;
        if let Some(account) = self.accounts.get_mut(from) {
            number = account.sent.len();
            account.sent.push(Sent {
                way,
                topic,
                asked,
                promise: None,
            });
        }
        Letter { from, number }
    }

    /// The call was answered.
    pub(crate) fn promise(&mut self, letter: Letter, place: Option<Place>) {
        let at = self.stamp();
        self.promised += 1;
        let account = self.accounts.get_mut(letter.from);
        if let Some(sent) = account.and_then(|account| account.sent.get_mut(letter.number)) {
            sent.promise = Some(Promise { at, place });
        }
    }

    /// A callback got a message.
    pub(crate) fn got(&mut self, who: usize, life: u32, topic: Topic, text: &str) {
        let at = self.stamp();
        let letter = Letter::parse(text).filter(|letter| {
            let sent = self.sent(*letter);
            sent.is_some_and(|sent| sent.topic == topic)
        });
        let account = self.accounts.get_mut(who);
        match (letter, account) {
            (Some(letter), Some(account)) => {
                self.received += 1;
                account.got.push(Got { letter, life, at });
            }
            _ => {
                let topic = topic.name();
                let what = format!("client {who} got '{text}' under {topic}: nobody sent it");
                self.strange.push(what);
            }
        }
    }

    pub(crate) fn sent(&self, letter: Letter) -> Option<&Sent> {
        self.accounts.get(letter.from)?.sent.get(letter.number)
    }

    /// A client tries to come.
    pub(crate) fn rides(&mut self, who: usize, life: u32, wire: Wire) {
        if let Some(account) = self.accounts.get_mut(who) {
            account.wires.push((life, wire));
        }
    }

    /// A client is connected.
    pub(crate) fn came(&mut self, who: usize, life: u32) {
        let at = self.stamp();
        if let Some(account) = self.accounts.get_mut(who) {
            account.came.push((life, at));
        }
    }

    /// The server has shown that it knows of everything that had come in a life by then.
    pub(crate) fn proven(&mut self, who: usize, life: u32, upto: Stamp) {
        let Some(account) = self.accounts.get_mut(who) else {
            return;
        };
        match account.proofs.last_mut() {
            Some((known, at)) if *known == life => *at = upto.max(*at),
            _ => account.proofs.push((life, upto)),
        }
    }

    /// A client has left.
    pub(crate) fn left(&mut self, who: usize, life: u32, how: Exit) {
        let to = self.stamp();
        if let Some(account) = self.accounts.get_mut(who) {
            account.leaves.push(Leave { life, how, to });
        }
    }

    /// A client opens a socket.
    pub(crate) fn enter(&mut self, who: usize) {
        let at = self.stamp();
        let Some(account) = self.accounts.get_mut(who) else {
            return;
        };
        account.doors += 1;
        if let Some((left, since)) = account.left.take() {
            account.away.push((left, at));
            if since.elapsed() > AWAY {
                let what = format!("client {who} was away for {:?}", since.elapsed());
                self.strange.push(what);
            }
        }
    }

    /// A client's socket leads nowhere any more.
    pub(crate) fn exit(&mut self, who: usize) {
        let at = self.stamp();
        if let Some(account) = self.accounts.get_mut(who) {
            account.doors = account.doors.saturating_sub(1);
            if account.doors == 0 {
                account.left = Some((at, Instant::now()));
            }
        }
    }

    /// The server was killed, by a signal that was sent after `from`, and is there again.
    pub(crate) fn killed(&mut self, from: Stamp) {
        let to = self.stamp();
        self.kills.push((from, to));
    }
}
