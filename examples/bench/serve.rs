//! The child's side: `bench serve ROW --port PORT`.

use std::{
    io::{self, Read, Write},
    process, thread,
};

use tokio::net::TcpListener;

use crate::raw::{self, Style};

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
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", port)).await?;
            match row {
                Some("raw-default") => serve_raw(Style::Default, listener).await,
                Some("raw-tuned") => serve_raw(Style::Tuned, listener).await,
                _ => Err(io::Error::other("serve what? raw-default or raw-tuned")),
            }
        })
}

async fn serve_raw(style: Style, listener: TcpListener) -> io::Result<()> {
    announce(listener.local_addr()?)?;
    raw::serve(style, listener).await
}

/// Says where the server is, on a line that the parent reads.
fn announce(address: std::net::SocketAddr) -> io::Result<()> {
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
