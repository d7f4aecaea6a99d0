//! What is measured.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use crate::{
    child::Server,
    frame::{Expected, Number, Stamp},
    measure::{Measured, Reading, Sample, Tally, Timing, measure},
    negotiated,
    swarm::{Load, Swarm},
    wire::{Delivery, Dialect, unexpected},
};

/// A row of figures for every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Every connection keeps so many echoes under way.
    Echo { depth: usize },
    /// One connection broadcasts, with so many broadcasts under way.
    FanOut { depth: usize },
    /// One connection broadcasts so many times a second.
    Paced { rate: u32 },
    /// Connections are opened until they can be used, and closed.
    Connect,
    /// The same for classic clients as they are in the field, who negotiate first and start afterwards; a raw server's only
    /// connect.
    Negotiated,
}

/// How many connections each takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) echo: usize,
    pub(crate) subscribers: usize,
}

pub(crate) const ALL: &[Scenario] = &[
    Scenario::Echo { depth: 1 },
    Scenario::Echo { depth: 16 },
    Scenario::FanOut { depth: 8 },
    Scenario::Paced { rate: 50 },
    Scenario::Connect,
    Scenario::Negotiated,
];

/// Connections opened before any is closed.
const CONNECT_BATCH: usize = 250;

impl Scenario {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Echo { depth } => format!("echo-{depth}"),
            Self::FanOut { .. } => "fan-out".to_owned(),
            Self::Paced { .. } => "paced".to_owned(),
            Self::Connect => "connect".to_owned(),
            Self::Negotiated => "negotiated".to_owned(),
        }
    }

    /// The ratios that our server must reach and aims for; what falls short of `must` is not released.
    pub(crate) fn must_and_aim(self) -> (f64, f64) {
        match self {
            Self::Echo { depth: 1 } => (0.80, 0.90),
            Self::Echo { .. } => (0.30, 0.50),
            Self::FanOut { .. } => (0.70, 1.00),
            Self::Paced { .. } => (0.85, 1.00),
            Self::Connect => (0.60, 0.85),
            Self::Negotiated => (0.20, 0.30),
        }
    }

    /// How many times the reference's p99 the one of our server may be.
    pub(crate) fn most_p99(self) -> Option<f64> {
        match self {
            Self::Echo { depth: 1 } => Some(1.5),
            Self::Echo { .. } => Some(3.0),
            Self::Paced { .. } => Some(1.3),
            Self::FanOut { .. } | Self::Connect | Self::Negotiated => None,
        }
    }

    pub(crate) fn run(self, server: &Server, size: Size, timing: Timing) -> io::Result<Sample> {
        let dialect = server.row.dialect;
        let connect = |count| Swarm::connect(server.address, dialect, count);
        match self {
            Self::Echo { depth } => measure(
                server,
                &mut connect(size.echo)?,
                &mut Echo::new(dialect, size.echo, depth),
                timing,
            ),
            Self::FanOut { depth } => {
                let mut load = FanOut::new(dialect, size.subscribers, Pace::UnderWay(depth));
                measure(server, &mut connect(size.subscribers)?, &mut load, timing)
            }
            Self::Paced { rate } => {
                let pace = Pace::Every(Duration::from_secs(1) / rate, Instant::now());
                let mut swarm = connect(size.subscribers)?;
                measure(
                    server,
                    &mut swarm,
                    &mut FanOut::new(dialect, size.subscribers, pace),
                    timing,
                )
            }
            Self::Negotiated if dialect.negotiates() => negotiated::round(server, timing),
            Self::Connect | Self::Negotiated => {
                connect(CONNECT_BATCH)?;
                let before = Reading::of(server)?;
                let (start, mut opened) = (Instant::now(), 0);
                while start.elapsed() < timing.round {
                    connect(CONNECT_BATCH)?;
                    opened += CONNECT_BATCH;
                }
                server.settle()?;
                before.sample(server, opened as u64)
            }
        }
    }
}

/// What connections cost in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) idle: f64,
    /// After one echo each.
    pub(crate) used: f64,
}

/// Bytes a connection, on a server that has just started.
pub(crate) fn memory(server: &Server, connections: usize) -> io::Result<Memory> {
    let dialect = server.row.dialect;
    // What a first connection sets up for all of them is not counted.
    echo_once(&mut Swarm::connect(server.address, dialect, 1)?, dialect, 1)?;
    server.settle()?;
    let before = server.memory()?;
    let mut swarm = Swarm::connect(server.address, dialect, connections)?;
    let per_connection = || {
        server.settle()?;
        io::Result::Ok(server.memory()?.saturating_sub(before) as f64 / connections as f64)
    };
    let idle = per_connection()?;
    echo_once(&mut swarm, dialect, connections)?;
    Ok(Memory {
        idle,
        used: per_connection()?,
    })
}

fn echo_once(swarm: &mut Swarm, dialect: Dialect, connections: usize) -> io::Result<()> {
    let mut echo = Echo::new(dialect, connections, 1);
    swarm.start(&mut echo)?;
    echo.stop();
    while !echo.done() {
        swarm.turn(&mut echo)?;
    }
    Ok(())
}

pub(crate) struct Echo {
    request: Stamp,
    answer: Expected,
    next: Number,
    depth: usize,
    /// What each connection waits for, in order.
    waiting: Vec<VecDeque<(Number, Instant)>>,
    under_way: usize,
    stopped: bool,
    tally: Tally,
}

impl Echo {
    pub(crate) fn new(dialect: Dialect, connections: usize, depth: usize) -> Self {
        let (request, answer) = dialect.echo();
        let waiting = (0..connections)
            .map(|_| VecDeque::with_capacity(depth))
            .collect();
        let tally = Tally::default();
        Self {
            request,
            answer,
            next: Number::FIRST,
            depth,
            waiting,
            under_way: 0,
            stopped: false,
            tally,
        }
    }
}

impl Load for Echo {
    fn start(&mut self, peer: usize, now: Instant, out: &mut Vec<u8>) {
        let Some(waiting) = self.waiting.get_mut(peer) else {
            return;
        };
        for _ in 0..self.depth {
            let number = self.next.take();
            self.request.write(number, out);
            waiting.push_back((number, now));
            self.under_way += 1;
        }
    }

    fn text(
        &mut self,
        peer: usize,
        text: &[u8],
        now: Instant,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let waiting = self
            .waiting
            .get_mut(peer)
            .ok_or_else(|| io::Error::other("no such connection"))?;
        let (number, sent) = waiting
            .pop_front()
            .ok_or_else(|| unexpected(text, self.next))?;
        if text != self.answer.with(number) {
            return Err(unexpected(text, number));
        }
        self.tally.add(sent, now);
        if self.stopped {
            self.under_way -= 1;
        } else {
            let number = self.next.take();
            self.request.write(number, out);
            waiting.push_back((number, now));
        }
        Ok(())
    }
}

impl Measured for Echo {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn done(&self) -> bool {
        self.under_way == 0
    }
}

/// When the next broadcast is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as fewer than this many are under way.
    UnderWay(usize),
    /// Once in a while, next at this moment.
    Every(Duration, Instant),
}

pub(crate) struct FanOut {
    request: Stamp,
    delivery: Delivery,
    next: Number,
    pace: Pace,
    /// What each connection expects next, and how many broadcasts it has received.
    subscribers: Vec<(Number, usize)>,
    /// For each broadcast under way, how many subscribers have yet to receive it, and since when.
    under_way: VecDeque<(usize, Instant)>,
    finished: usize,
    stopped: bool,
    tally: Tally,
}

impl FanOut {
    pub(crate) fn new(dialect: Dialect, subscribers: usize, pace: Pace) -> Self {
        let (request, delivery) = dialect.broadcast();
        Self {
            request,
            delivery,
            next: Number::FIRST,
            pace,
            subscribers: vec![(Number::FIRST, 0); subscribers],
            under_way: VecDeque::new(),
            finished: 0,
            stopped: false,
            tally: Tally::default(),
        }
    }

    /// How many were sent so far.
    pub(crate) fn sent(&self) -> usize {
        self.finished + self.under_way.len()
    }

    fn send(&mut self, now: Instant, out: &mut Vec<u8>) {
        self.request.write(self.next.take(), out);
        self.under_way.push_back((self.subscribers.len(), now));
    }
}

impl Load for FanOut {
    fn text(&mut self, peer: usize, text: &[u8], now: Instant, _: &mut Vec<u8>) -> io::Result<()> {
        let (expected, received) = self
            .subscribers
            .get_mut(peer)
            .ok_or_else(|| io::Error::other("no such connection"))?;
        for _ in 0..self.delivery.take(text, expected)? {
            let (missing, sent) = (received.checked_sub(self.finished))
                .and_then(|index| self.under_way.get_mut(index))
                .ok_or_else(|| unexpected(text, self.next))?;
            *missing -= 1;
            *received += 1;
            self.tally.add(*sent, now);
        }
        // Every connection receives in order, so the oldest is complete first.
        while self
            .under_way
            .front()
            .is_some_and(|(missing, _)| *missing == 0)
        {
            self.under_way.pop_front();
            self.finished += 1;
        }
        Ok(())
    }

    fn tick(&mut self, out: &mut Vec<u8>) {
        let now = Instant::now();
        match self.pace {
            _ if self.stopped => {}
            Pace::UnderWay(depth) => {
                while self.under_way.len() < depth {
                    self.send(now, out);
                }
            }
            Pace::Every(period, due) if due <= now => {
                self.send(now, out);
                self.pace = Pace::Every(period, due.max(now - period) + period);
            }
            Pace::Every(..) => {}
        }
    }

    fn patience(&self) -> Duration {
        match self.pace {
            Pace::Every(_, due) if !self.stopped => due.saturating_duration_since(Instant::now()),
            _ => Duration::from_millis(100),
        }
    }
}

impl Measured for FanOut {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn done(&self) -> bool {
        let sent = self.sent();
        self.under_way.is_empty()
            && self
                .delivery
                .answers()
                .is_none_or(|answers| answers == sent)
    }
}
