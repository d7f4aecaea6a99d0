//! One round: a warm-up, a stretch that counts, and what it cost the server.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{
    child::{Server, cpu},
    swarm::{Load, Swarm},
};

/// How long a round takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) warm_up: Duration,
    pub(crate) round: Duration,
}

/// What a round came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) messages: u64,
    pub(crate) wall: Duration,
    /// CPU time of the server.
    pub(crate) server: Duration,
    /// CPU time of the load generator.
    pub(crate) load: Duration,
    pub(crate) latency: Option<Latency>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Sample {
    pub(crate) fn cpu_per_message(&self) -> f64 {
        self.server.as_secs_f64() * 1e6 / self.messages as f64
    }

    pub(crate) fn messages_per_second(&self) -> f64 {
        self.messages as f64 / self.wall.as_secs_f64()
    }

    /// The load generator's share of its core.
    pub(crate) fn load_share(&self) -> f64 {
        self.load.as_secs_f64() / self.wall.as_secs_f64()
    }
}

/// What a load counts while it is told to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counting: bool,
    messages: u64,
    nanoseconds: Vec<u32>,
}

impl Tally {
    pub(crate) fn add(&mut self, sent: Instant, now: Instant) {
        if self.counting {
            self.messages += 1;
            self.nanoseconds
                .push(u32::try_from((now - sent).as_nanos()).unwrap_or(u32::MAX));
        }
    }

    /// Counts from now on, and from nothing.
    pub(crate) fn begin(&mut self) {
        *self = Self {
            counting: true,
            ..Self::default()
        };
    }

    /// Counts no more.
    pub(crate) fn end(&mut self) {
        self.counting = false;
    }

    pub(crate) fn latency(&mut self) -> Option<Latency> {
        self.nanoseconds.sort_unstable();
        let at = |share: usize| {
            let nanoseconds = *self.nanoseconds.get(self.nanoseconds.len() * share / 100)?;
            Some(Duration::from_nanos(u64::from(nanoseconds)))
        };
        Some(Latency {
            p50: at(50)?,
            p99: at(99)?,
        })
    }
}

/// A load that can be measured.
pub(crate) trait Measured: Load {
    fn tally(&mut self) -> &mut Tally;
    /// Sends nothing new from now on.
    fn stop(&mut self);
    /// Whether all that was sent has been answered.
    fn done(&self) -> bool;
}

/// CPU times at one moment.
pub(crate) struct Reading {
    at: Instant,
    server: Duration,
    load: Duration,
}

impl Reading {
    pub(crate) fn of(server: &Server) -> io::Result<Self> {
        Ok(Self {
            server: server.cpu()?,
            load: cpu("self")?,
            at: Instant::now(),
        })
    }

    /// What `messages` since `self` came to.
    pub(crate) fn sample(&self, server: &Server, messages: u64) -> io::Result<Sample> {
        let now = Self::of(server)?;
        if messages == 0 {
            return Err(io::Error::other("not one message arrived"));
        }
        Ok(Sample {
            messages,
            wall: now.at - self.at,
            server: now.server.saturating_sub(self.server),
            load: now.load.saturating_sub(self.load),
            latency: None,
        })
    }
}

/// Runs a load for one round. Every message sent has been answered when this returns.
pub(crate) fn measure(
    server: &Server,
    swarm: &mut Swarm,
    load: &mut impl Measured,
    timing: Timing,
) -> io::Result<Sample> {
    swarm.start(load)?;
    run(swarm, load, timing.warm_up)?;
    load.tally().begin();
    let before = Reading::of(server)?;
    run(swarm, load, timing.round)?;
    load.tally().end();
    let mut sample = before.sample(server, load.tally().messages)?;
    load.stop();
    while !load.done() {
        swarm.turn(load)?;
    }
    sample.latency = load.tally().latency();
    Ok(sample)
}

/// Lets a load go on for so long.
pub(crate) fn run(swarm: &mut Swarm, load: &mut impl Load, duration: Duration) -> io::Result<()> {
    let start = Instant::now();
    while start.elapsed() < duration {
        swarm.turn(load)?;
    }
    Ok(())
}
