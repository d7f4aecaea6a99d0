//! The child's side: `bench serve ROW --port PORT`.

use std::{
    io::{self, Read, Write},
    process, thread,
};

use tokio::net::TcpListener;

use crate::{
    growth, hub,
    raw::{self, Style},
    strain,
};

/// One flavour of runtime for every row: a single thread, as every server is pinned to a single core.
pub(crate) const RUNTIME: &str = "tokio current_thread";

pub(crate) fn run(arguments: &[&str]) -> io::Result<()> {
    let (mut row, mut port) = (None, 0);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--port" => {
                port = arguments
                    .next()
                    .and_then(|port| port.parse().ok())
                    .ok_or_else(|| io::Error::other("--port takes a number"))?;
            }
            "--until-stdin-closes" => until_stdin_closes(),
            name => row = Some(name),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match row {
        Some("raw-default") => runtime.block_on(raw(Style::Default, port)),
        Some("raw-tuned") => runtime.block_on(raw(Style::Tuned, port)),
        Some("hub") => ours(runtime.block_on(hub::serve(port))),
        Some(growth::NAME) => ours(runtime.block_on(growth::serve(port))),
        Some(strain::NAME) => ours(runtime.block_on(strain::serve(port, false))),
        Some(strain::HASTY) => ours(runtime.block_on(strain::serve(port, true))),
        _ => Err(io::Error::other(
            "serve what? raw-default, raw-tuned, hub, growth or strain",
        )),
    }
}

fn ours(ended: Result<(), Box<dyn std::error::Error>>) -> io::Result<()> {
    ended.map_err(|error| io::Error::other(error.to_string()))
}

async fn raw(style: Style, port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    announce(listener.local_addr()?)?;
    raw::serve(style, listener).await
}

/// Says where the server is, on a line that the parent reads.
pub(crate) fn announce(address: std::net::SocketAddr) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "listening on {address}")?;
    out.flush()
}

fn until_stdin_closes() {
    thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        process::exit(0);
    });
}
