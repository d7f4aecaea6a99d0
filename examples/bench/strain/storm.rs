//! A crowd drops at once, is sent messages while it is away, and comes back at once.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    NAME, Setting,
    outcome::{Outcome, mib},
    progress,
    returning::Returning,
    watch::{self, Watch},
};
use crate::{
    child::{Cores, Server},
    frame::{self, Number, Stamp},
    negotiated,
    socket::Socket,
    swarm::{Nothing, Swarm},
    wire::{Delivery, Dialect},
};

/// So many messages wait for each.
const WAITING: usize = 20;
/// Clients that come at once when there is no storm.
const AT_ONCE: usize = 64;

pub(super) fn run(setting: &Setting, cores: Option<Cores>) -> io::Result<Outcome> {
    let mut outcome = Outcome::new(
        "A storm",
        "All clients drop at once, by a reset and without a goodbye; 20 messages are sent; then all connect at once. Time is from the \
         first client's connect until the last one has its last message; each is checked, once and in order. Those with a cursor \
         were negotiated and come with /reconnect; those with a persistent id bring nothing else, and messages were queued for them.",
    );
    outcome.figure("clients", setting.storm.to_string());
    for (what, storm) in [
        (
            "with cursors",
            cursors as fn(&Server, usize) -> io::Result<Gone>,
        ),
        ("with persistent ids", persistent_ids),
    ] {
        progress(what);
        let server = Server::start(setting.row, cores)?;
        let gone = storm(&server, setting.storm)?;
        progress("they come back");
        let watch = Watch::begin(&server, false)?;
        let due = vec![(Number::FIRST, WAITING); setting.storm];
        let mut returning = Returning::new(gone.delivery, due);
        let mut swarm = Swarm::new(Dialect::Classic)?;
        let (cpu, start) = (server.cpu()?, Instant::now());
        swarm.open(
            server.address,
            gone.upgrades,
            usize::MAX,
            gone.greeted,
            &mut returning,
        )?;
        let open = start.elapsed();
        let last = returning.wait(&mut swarm, start + setting.back)?;
        let cpu = server.cpu()?.saturating_sub(cpu);
        let looks = watch.since(start);
        watch.end()?;
        let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
        outcome.figure(format!("{what}: all connected"), seconds(open));
        outcome.bound(
            format!("{what}: all have all"),
            match last {
                Some(last) => seconds(last - start),
                None => format!("{} have not", returning.left()),
            },
            format!("within {} s", setting.back.as_secs()),
            last.is_some_and(|last| last - start <= setting.back),
        );
        outcome.figure(format!("{what}: the server's CPU time"), seconds(cpu));
        outcome.figure(
            format!("{what}: memory, most"),
            mib(watch::most(&looks, |look| look.memory)),
        );
    }
    Ok(outcome)
}

/// Clients that have dropped, and for whom messages wait.
struct Gone {
    /// With which each comes back.
    upgrades: Vec<Vec<u8>>,
    /// Whether they are greeted then.
    greeted: bool,
    delivery: Delivery,
}

fn cursors(server: &Server, count: usize) -> io::Result<Gone> {
    let arrived = negotiated::arrive(server.address, "bench", count, None)?;
    let upgrades = arrived
        .iter()
        .map(|client| client.who.reconnect(&client.cursor));
    let upgrades = upgrades.collect();
    drop(arrived);
    server.settle()?;
    let (message, delivery) = Dialect::Classic.broadcast();
    send(server, "bench", &message)?;
    Ok(Gone {
        upgrades,
        greeted: false,
        delivery,
    })
}

fn persistent_ids(server: &Server, count: usize) -> io::Result<Gone> {
    let path = Dialect::Classic.path();
    let upgrade = |n| {
        frame::upgrade(&format!(
            "{path}?persistentId=00000000-0000-4000-8000-{n:012x}"
        ))
    };
    let upgrades: Vec<_> = (0..count).map(upgrade).collect();
    let mut swarm = Swarm::new(Dialect::Classic)?;
    swarm.open(
        server.address,
        upgrades.clone(),
        AT_ONCE,
        true,
        &mut Nothing,
    )?;
    server.settle()?;
    drop(swarm);
    server.settle()?;
    let (message, delivery) = Delivery::of_queue();
    send(server, NAME, &message)?;
    Ok(Gone {
        upgrades,
        greeted: true,
        delivery,
    })
}

/// Sends what waits for them, one message after the other.
fn send(server: &Server, hub: &'static str, message: &Stamp) -> io::Result<()> {
    let mut caller = Socket::on(server.address, hub)?;
    let mut number = Number::FIRST;
    for _ in 0..WAITING {
        caller.stamped(message, number.take())?;
    }
    server.settle()
}
