//! A crowd of which every tenth reads a byte a second: the others must hardly notice, memory has its bounds, and who is shown out has
//! missed nothing when it is back.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    OUTBOX, Setting, WRITE,
    outcome::{Outcome, mib, ms},
    progress,
    returning::Returning,
    slow::{Slow, read_out},
    watch::{self, Look, Watch},
};
use crate::{
    child::{Cores, Server},
    measure::{Latency, Measured, run as go_on},
    negotiated,
    scenario::{FanOut, Pace},
    swarm::Swarm,
    wire::Dialect,
};

const A_SECOND: u32 = 100;
/// Below this share of that nothing was measured.
const AT_LEAST: f64 = 0.9;
/// So much more than without slow ones the others may wait.
const RATIO: f64 = 2.0;
/// How much later than the write timeout the last slow one may be shown out.
const LATER: Duration = Duration::from_secs(5);
/// What a slow client has room for, in bytes.
const ROOM: usize = 4 * 1024;
/// What the log takes for a message, at most.
const ENTRY: usize = 1024;
const WARM_UP: Duration = Duration::from_secs(1);
/// How long those who were shown out may take to have everything.
const CATCH_UP: Duration = Duration::from_secs(30);

pub(super) fn run(setting: &Setting, cores: Option<Cores>) -> io::Result<Outcome> {
    let slow = setting.crowd / 10;
    let quick = setting.crowd - slow;
    let server = Server::start(setting.row, cores)?;
    let mut swarm = Swarm::connect(server.address, Dialect::Classic, quick)?;
    let watch = Watch::begin(&server, true)?;
    progress(&format!("{quick} clients, {A_SECOND} messages a second"));
    let begun = Instant::now();
    let mut load = load(quick);
    let (before, rate_before) = measured(&mut swarm, &mut load, setting.unloaded)?;
    stop(&mut swarm, &mut load)?;
    let looks_before = watch.since(begun);
    let alone = watch.next()?;

    let arrived = negotiated::arrive(server.address, "bench", slow, Some(ROOM))?;
    let mut slow: Vec<Slow> = arrived.into_iter().map(Slow::new).collect();
    // What their connections take is no outbox's.
    let arrived = watch.next()?.memory.saturating_sub(alone.memory);
    progress(&format!("{} more, who read a byte a second", slow.len()));
    let kernel = watch::kernel()?;
    let begun = Instant::now();
    let mut load = self::load(quick);
    let beside = beside(
        setting,
        &mut swarm,
        &mut load,
        &mut slow,
        &watch,
        alone.files,
    )?;
    stop(&mut swarm, &mut load)?;
    let looks = watch.since(begun);
    watch.end()?;

    let (sent, back) = (load.sent(), come_back(&server, slow, load.sent())?);
    let mut outcome = Outcome::new(
        "Slow readers",
        "Everybody is sent messages of 100 characters; every tenth client reads a byte a second, and has room for 4 KiB. p99 is from the \
         broadcast's call to a message's arrival, over all others. Memory is the server's resident memory, bounded by an outbox of \
         64 KiB and a write of 16 KiB for each slow one beyond what the connections and the log take; what waits is what it says of \
         its outboxes. A slow client counts as shown out when the server's process has no socket of it any more. They come back \
         with their cursors when all are out.",
    );
    told(
        &mut outcome,
        setting,
        &[rate_before, beside.rate],
        (before, beside.latency),
    );
    let out = beside.out.len();
    let limit = setting.write_timeout + LATER;
    let last = beside.out.iter().max().copied().unwrap_or_default();
    let first = beside.out.iter().min().copied().unwrap_or_default();
    outcome.figure(
        "first slow one shown out",
        format!("{:.1} s", first.as_secs_f64()),
    );
    outcome.bound(
        "last slow one shown out",
        match out == beside.slow {
            true => format!("{:.1} s", last.as_secs_f64()),
            false => format!("{} of {} are there still", beside.slow - out, beside.slow),
        },
        format!("within {} s", limit.as_secs()),
        out == beside.slow && last <= limit,
    );
    let each = ((OUTBOX + WRITE) * beside.slow) as u64;
    grown(
        &mut outcome,
        "memory",
        &looks_before,
        &looks,
        |look| look.memory,
        each + arrived + (sent * ENTRY) as u64,
    );
    grown(
        &mut outcome,
        "what waits",
        &looks_before,
        &looks,
        |look| look.waiting,
        each,
    );
    outcome.figure(
        "the kernel's buffers, most",
        mib(beside.kernel.saturating_sub(kernel)),
    );
    outcome.bound(
        format!("all {} back with all of {sent} messages", beside.slow),
        back.map_or_else(|left| format!("{left} are not"), ms),
        format!("within {} s", CATCH_UP.as_secs()),
        back.is_ok(),
    );
    Ok(outcome)
}

fn load(quick: usize) -> FanOut {
    let pace = Pace::Every(Duration::from_secs(1) / A_SECOND, Instant::now());
    FanOut::new(Dialect::Classic, quick, pace)
}

/// How long messages take, and how many were sent a second.
fn measured(swarm: &mut Swarm, load: &mut FanOut, time: Duration) -> io::Result<(Latency, f64)> {
    go_on(swarm, load, WARM_UP)?;
    load.tally().begin();
    let (start, sent) = (Instant::now(), load.sent());
    go_on(swarm, load, time)?;
    load.tally().end();
    let rate = (load.sent() - sent) as f64 / start.elapsed().as_secs_f64();
    Ok((latency(load)?, rate))
}

fn latency(load: &mut FanOut) -> io::Result<Latency> {
    let none = || io::Error::other("not one message arrived");
    load.tally().latency().ok_or_else(none)
}

/// Nothing new is sent, and everything arrives.
fn stop(swarm: &mut Swarm, load: &mut FanOut) -> io::Result<()> {
    load.stop();
    while !load.done() {
        swarm.turn(load)?;
    }
    Ok(())
}

/// What was seen while slow ones were there.
struct Beside {
    latency: Latency,
    rate: f64,
    /// How many there were.
    slow: usize,
    /// When each was shown out.
    out: Vec<Duration>,
    /// The most that the kernel held.
    kernel: u64,
}

/// Goes on until all slow ones are out; `files` is what the server has open without them.
fn beside(
    setting: &Setting,
    swarm: &mut Swarm,
    load: &mut FanOut,
    slow: &mut [Slow],
    watch: &Watch,
    files: usize,
) -> io::Result<Beside> {
    let (start, all) = (Instant::now(), slow.len());
    let limit = 2 * (setting.write_timeout + LATER);
    let (mut out, mut seconds, mut kernel) = (Vec::new(), 0, 0);
    go_on(swarm, load, WARM_UP)?;
    load.tally().begin();
    let (counted, sent) = (Instant::now(), load.sent());
    while out.len() < all && start.elapsed() < limit {
        go_on(swarm, load, Duration::from_millis(100))?;
        if start.elapsed().as_secs() > seconds {
            seconds += 1;
            slow.iter_mut().try_for_each(Slow::sip)?;
            kernel = kernel.max(watch::kernel()?);
            if seconds % 5 == 0 {
                progress(&format!("{seconds} s: {} of {all} are out", out.len()));
            }
        }
        let looks = watch.since(start);
        out = shown_out(&looks, start, files, all);
    }
    load.tally().end();
    let rate = (load.sent() - sent) as f64 / counted.elapsed().as_secs_f64();
    Ok(Beside {
        latency: latency(load)?,
        rate,
        slow: all,
        out,
        kernel,
    })
}

/// When each of `all` was seen to be out first.
fn shown_out(looks: &[Look], start: Instant, files: usize, all: usize) -> Vec<Duration> {
    let mut out = Vec::new();
    for look in looks {
        let there = look.files.saturating_sub(files);
        while out.len() < all.saturating_sub(there) {
            out.push(look.at - start);
        }
    }
    out
}

/// All come back with their cursors, and read. Gives how long that took, or how many have not had everything.
fn come_back(
    server: &Server,
    mut slow: Vec<Slow>,
    sent: usize,
) -> io::Result<Result<Duration, usize>> {
    progress("they come back");
    let (_, mut delivery) = Dialect::Classic.broadcast();
    read_out(&mut slow, &mut delivery)?;
    let due = slow.iter().map(|client| {
        let (next, had) = client.stands();
        (next, sent.saturating_sub(had))
    });
    let mut returning = Returning::new(delivery, due.collect());
    let upgrades = slow
        .iter()
        .map(|client| client.who().reconnect(client.cursor()));
    let start = Instant::now();
    let mut swarm = Swarm::new(Dialect::Classic)?;
    swarm.open(server.address, upgrades, usize::MAX, false, &mut returning)?;
    let last = returning.wait(&mut swarm, start + CATCH_UP)?;
    Ok(last.map(|last| last - start).ok_or(returning.left()))
}

fn told(
    outcome: &mut Outcome,
    setting: &Setting,
    rates: &[f64],
    (before, beside): (Latency, Latency),
) {
    let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let least = f64::from(A_SECOND) * AT_LEAST;
    outcome.bound(
        "messages a second",
        format!("{slowest:.1}"),
        format!("{least:.0} or more"),
        slowest >= least,
    );
    outcome.figure("p50 without slow ones", ms(before.p50));
    outcome.figure("p50 beside them", ms(beside.p50));
    outcome.figure("p99 without slow ones", ms(before.p99));
    outcome.figure("p99 beside them", ms(beside.p99));
    let ratio = beside.p99.as_secs_f64() / before.p99.as_secs_f64().max(f64::MIN_POSITIVE);
    outcome.bound(
        "p99, ratio",
        format!("{ratio:.2}"),
        format!("at most {RATIO:.0}, or a p99 below {}", ms(setting.unrest)),
        ratio <= RATIO || beside.p99 <= setting.unrest,
    );
}

/// What grew beside the slow ones, and by how much it may.
fn grown(
    outcome: &mut Outcome,
    what: &str,
    before: &[Look],
    beside: &[Look],
    of: fn(&Look) -> u64,
    may: u64,
) {
    let (before, beside) = (watch::most(before, of), watch::most(beside, of));
    outcome.figure(format!("{what} without slow ones, most"), mib(before));
    outcome.bound(
        format!("{what} beside them, most"),
        mib(beside),
        format!("at most {}", mib(before + may)),
        beside <= before + may,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_out_is_seen_when_a_socket_is_gone() {
        let start = Instant::now();
        let look = |second, files| Look {
            at: start + Duration::from_secs(second),
            memory: 0,
            files,
            waiting: 0,
        };
        let looks = [look(1, 13), look(2, 12), look(3, 12), look(4, 10)];
        let out = shown_out(&looks, start, 10, 3);
        assert_eq!(out, [2, 4, 4].map(Duration::from_secs));
        assert!(shown_out(&looks[..1], start, 10, 3).is_empty());
    }
}
