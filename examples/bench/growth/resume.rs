//! A client that was away comes back, again and again from the same cursor: how long until it has all that it missed.

use std::{
    io,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{ROW, Setting};
use crate::{
    child::{Cores, Server},
    classic::{self, Visitor},
    frame,
    report::Spread,
    socket::{Socket, ask},
    table::Table,
};

const HUB: &str = "growth";
/// What a message says beside its number.
const LENGTH: usize = 100;

/// What came of coming back after so many messages.
struct Resumed {
    wall: Duration,
    cpu: Duration,
    bytes: u64,
}

pub(super) fn table(setting: &Setting, cores: Option<Cores>) -> io::Result<Table> {
    let mut table = Table::new(
        "Coming back",
        "Over a socket, a classic client: from its `/reconnect`, the TCP connection among it, until the last message that it \
         missed has arrived. Messages say 100 characters and are checked, each once and in order. Times are medians; CPU is \
         the server's.",
        &[
            "missed",
            "ms",
            "us a message",
            "server CPU us a message",
            "KiB",
            "bytes a message",
        ],
    );
    for &(missed, times) in setting.missed {
        let server = Server::start(ROW, cores)?;
        let resumed = resumed(&server, missed, times)?;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / missed as f64;
        table.row([
            missed.to_string(),
            format!("{:.2}", resumed.wall.as_secs_f64() * 1e3),
            format!("{:.2}", each(resumed.wall)),
            format!("{:.2}", each(resumed.cpu)),
            format!("{:.1}", resumed.bytes as f64 / 1024.0),
            format!("{:.0}", resumed.bytes as f64 / missed as f64),
        ]);
    }
    Ok(table)
}

fn resumed(server: &Server, missed: usize, times: usize) -> io::Result<Resumed> {
    let address = server.address;
    let visitor = Visitor::of(&ask(address, &classic::negotiate(HUB))?, HUB)?;
    let mut socket = Socket::open(address, HUB, &visitor.connect())?;
    let cursor = classic::greeting(&socket.text()?)?;
    classic::started(&ask(address, &visitor.start())?)?;
    drop(socket);
    let text = "x".repeat(LENGTH);
    Socket::bare(address, HUB)?.call("burst", &format!(r#"[{missed},"{text}"]"#))?;
    server.settle()?;
    let last = format!(r#""A":[{},"#, missed - 1);
    let (mut walls, mut bytes) = (Vec::new(), 0);
    let before = server.cpu()?;
    for _ in 0..times {
        let start = Instant::now();
        let input = Socket::open(address, HUB, &visitor.reconnect(&cursor))?.until(&last)?;
        walls.push(start.elapsed().as_secs_f64());
        check(&input, missed)?;
        bytes = input.len() as u64;
    }
    server.settle()?;
    let cpu =
        server.cpu()?.saturating_sub(before) / u32::try_from(times).map_err(io::Error::other)?;
    ask(address, &visitor.abort())?;
    let median = Spread::of(walls.into_iter()).map_or(0.0, |spread| spread.median);
    Ok(Resumed {
        wall: Duration::from_secs_f64(median),
        cpu,
        bytes,
    })
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default, rename = "M")]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "A")]
    args: (usize, String),
}

/// Whether these frames hold all messages, each once and in order.
fn check(mut input: &[u8], missed: usize) -> io::Result<()> {
    let mut next = 0;
    while let Some((opcode, text, rest)) = frame::read(input)? {
        input = rest;
        if opcode != frame::TEXT {
            continue;
        }
        for message in serde_json::from_slice::<Payload>(text)?.messages {
            if message.args.0 != next || message.args.1.len() != LENGTH {
                let got = message.args.0;
                return Err(io::Error::other(format!(
                    "message {got} in place of {next}"
                )));
            }
            next += 1;
        }
    }
    if next == missed && input.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{next} messages in place of {missed}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(numbers: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        for number in numbers {
            let text = "x".repeat(LENGTH);
            let text = format!(r#"{{"C":"d-1","M":[{{"A":[{number},"{text}"]}}]}}"#);
            out.extend([0x81, 126]);
            out.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            out.extend(text.as_bytes());
        }
        out
    }

    #[test]
    fn what_is_missing_twice_or_out_of_order_is_an_error() {
        check(&frames(&[0, 1, 2]), 3).unwrap();
        check(&frames(&[0, 2]), 3).unwrap_err();
        check(&frames(&[0, 1, 1, 2]), 3).unwrap_err();
        check(&frames(&[1, 0, 2]), 3).unwrap_err();
        check(&frames(&[0, 1]), 3).unwrap_err();
    }
}
