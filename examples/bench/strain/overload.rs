//! A server that is asked for three times what it can do: it refuses or holds back what is too much, grows no further, and is soon as it
//! was.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use super::{
    BUDGET, NAME, Setting,
    flood::Flood,
    outcome::{Outcome, mib, ms},
    progress,
    watch::{self, Watch},
};
use crate::{
    child::{Cores, Server},
    measure::Latency,
    socket::Socket,
    swarm::Swarm,
    wire::Dialect,
};

const TIMES: f64 = 3.0;
/// Messages a second when it is calm.
const CALM: f64 = 500.0;
/// So much longer than before a message may take afterwards.
const RATIO: f64 = 2.0;
/// How long what is under way at the end may take.
const SETTLE: Duration = Duration::from_secs(10);

pub(super) fn run(setting: &Setting, cores: Option<Cores>) -> io::Result<Outcome> {
    let server = Server::start(setting.row, cores)?;
    let mut swarm = Swarm::connect(server.address, Dialect::Classic, setting.publishers)?;
    let mut flood = Flood::new(setting.publishers);
    // Whoever comes later may be told that memory is short.
    let mut caller = Socket::on(server.address, NAME)?;
    let watch = Watch::begin(&server, false)?;
    progress("what it can do");
    let capacity = flood.capacity(&mut swarm, setting.calm)?;
    let before = calm(setting, &mut swarm, &mut flood)?;
    progress(&format!("three times {capacity:.0} messages a second"));
    let refused_before = refused(&mut caller)?;
    let (start, counted) = (Instant::now(), flood.counts);
    let each = |seconds, counts: super::flood::Counts| {
        if seconds % 5 == 0 {
            let (taken, refused) = (
                counts.taken - counted.taken,
                counts.refused - counted.refused,
            );
            let memory = watch::most(&watch.since(start), |look| look.memory);
            progress(&format!(
                "{seconds} s: {taken} taken, {refused} refused, {} held back, {}",
                counts.held_back,
                mib(memory)
            ));
        }
    };
    flood.publish(&mut swarm, TIMES * capacity, setting.flood, true, each)?;
    flood.settle(&mut swarm, SETTLE)?;
    let looks = watch.since(start);
    watch.end()?;
    let over = flood.counts;
    let refusals = refused(&mut caller)? - refused_before;
    thread::sleep(setting.rest);
    let after = calm(setting, &mut swarm, &mut flood)?;
    let memory_after = server.memory()?;
    let newcomer = Socket::on(server.address, NAME).map(drop);

    let mut outcome = Outcome::new(
        "Overload",
        "Clients publish to themselves and do not wait for answers, over their own sockets: every other one with a call that waits until \
         its message is on its way, the rest with one that is refused where it would have to wait. What a socket does not take, and what \
         comes while 2,048 calls are not answered, is held back at the client. Of each call there is one answer, of each \
         message that was taken one arrival, in order; of what was refused none. Memory is the server's resident memory, each quarter of a second.",
    );
    let seconds = setting.flood.as_secs_f64();
    let (calls, held) = (
        over.calls - counted.calls,
        over.held_back - counted.held_back,
    );
    let (taken, told) = (over.taken - counted.taken, over.refused - counted.refused);
    outcome.figure(
        "what it can do, messages a second",
        format!("{capacity:.0}"),
    );
    outcome.bound(
        "asked for, messages a second",
        format!("{:.0}", (calls + held) as f64 / seconds),
        format!("{:.0} for {seconds:.0} s", TIMES * capacity),
        (calls + held) as f64 / seconds >= 0.95 * TIMES * capacity,
    );
    outcome.figure(
        "taken, messages a second",
        format!("{:.0}", taken as f64 / seconds),
    );
    outcome.figure("held back at clients", held.to_string());
    outcome.bound(
        "refused, as callers were told",
        told.to_string(),
        format!("{refusals}, as the server counts"),
        told == refusals,
    );
    outcome.bound(
        "refused or held back",
        (told + held).to_string(),
        "some",
        told + held > 0,
    );
    let first = looks.iter().take(looks.len() / 6);
    let first = first.map(|look| look.memory).max().unwrap_or_default();
    outcome.figure("memory, most in the first sixth", mib(first));
    let most = watch::most(&looks, |look| look.memory);
    outcome.bound(
        "memory, most",
        mib(most),
        format!("at most {}", mib(BUDGET)),
        most <= BUDGET,
    );
    outcome.figure("memory afterwards", mib(memory_after));
    outcome.bound(
        "a newcomer afterwards",
        match &newcomer {
            Ok(()) => "is let in".to_owned(),
            Err(error) => error
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        },
        "let in",
        newcomer.is_ok(),
    );
    outcome.figure("p99 before", ms(before.p99));
    outcome.bound(
        format!("p99 {} s after", setting.rest.as_secs()),
        ms(after.p99),
        format!("at most twice that, or {}", ms(setting.unrest)),
        after.p99 <= before.p99.mul_f64(RATIO).max(setting.unrest),
    );
    Ok(outcome)
}

/// How long messages take when there are few.
fn calm(setting: &Setting, swarm: &mut Swarm, flood: &mut Flood) -> io::Result<Latency> {
    flood.tally.begin();
    flood.publish(swarm, CALM, setting.calm, false, |_, _| {})?;
    flood.settle(swarm, SETTLE)?;
    flood.tally.end();
    let none = || io::Error::other("not one message arrived");
    flood.tally.latency().ok_or_else(none)
}

/// What the server has refused for want of room so far, by its own metrics.
fn refused(caller: &mut Socket) -> io::Result<u64> {
    caller.number("counted", r#"["sends_refused_total"]"#)
}
