//! What is held in memory, the more of it there is.

use std::io;

use super::{NAME, ROW, Setting, groups};
use crate::{
    child::{Cores, OURS, Row, Server},
    scenario,
    socket::Socket,
    swarm::Swarm,
    table::Table,
};

/// So many groups one connection is a member of.
const GROUPS_EACH: usize = 100;

pub(super) fn table(setting: &Setting, cores: Option<Cores>) -> io::Result<Table> {
    let mut table = Table::new(
        "Memory",
        "Over sockets, resident memory of a server that has just started, after against before, for each of them. \
         Connections are bare ones after an echo each; groups have one member each, who is in 100 of them; entries say 100 \
         characters and are kept in memory: of a group that nobody is in any more, and of a queue.",
        &["what", "how many", "bytes each", "MiB in all"],
    );
    let kinds: [(&'static str, Row, &[usize], Measure); 4] = [
        ("connection", OURS, setting.connections, connection),
        ("group", ROW, setting.memberships, group),
        ("entry of a group", ROW, setting.entries, entry),
        ("entry of a queue", ROW, setting.entries, queued),
    ];
    for (what, row, counts, measure) in kinds {
        for &count in counts {
            let bytes = measure(&Server::start(row, cores)?, count)?;
            table.row([
                what.to_owned(),
                count.to_string(),
                format!("{bytes:.0}"),
                format!("{:.1}", bytes * count as f64 / f64::from(1 << 20)),
            ]);
        }
    }
    Ok(table)
}

/// Bytes for each of so many.
type Measure = fn(&Server, usize) -> io::Result<f64>;

fn connection(server: &Server, count: usize) -> io::Result<f64> {
    Ok(scenario::memory(server, count)?.used)
}

fn group(server: &Server, count: usize) -> io::Result<f64> {
    let members = count.div_ceil(GROUPS_EACH);
    let mut swarm = Swarm::connect(server.address, ROW.dialect, members)?;
    // What a first group sets up, for its member too, is not counted.
    groups::join(&mut swarm, members, 0, members)?;
    grown(server, count, || {
        groups::join(&mut swarm, count, 0, members)
    })
}

fn entry(server: &Server, count: usize) -> io::Result<f64> {
    let mut caller = Socket::bare(server.address, NAME)?;
    // A group keeps its entries for a while after its last member has left.
    caller.call("join", "[0,1]")?;
    caller.call("leave", "[0]")?;
    kept(server, &mut caller, "keep", count)
}

fn queued(server: &Server, count: usize) -> io::Result<f64> {
    kept(
        server,
        &mut Socket::bare(server.address, NAME)?,
        "queue",
        count,
    )
}

fn kept(server: &Server, caller: &mut Socket, method: &str, count: usize) -> io::Result<f64> {
    let text = "x".repeat(100);
    caller.call(method, &format!(r#"[1,"{text}"]"#))?;
    grown(server, count, || {
        caller.call(method, &format!(r#"[{count},"{text}"]"#))
    })
}

/// By how much a server grows for each.
fn grown(server: &Server, count: usize, grow: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    server.settle()?;
    let before = server.memory()?;
    grow()?;
    server.settle()?;
    let grown = server.memory()?.saturating_sub(before);
    Ok(grown as f64 / count as f64)
}
