//! The conformance application: one server with everything that clients need to exercise the whole classic protocol.
//!
//! ```text
//! cargo run --release -p examples --bin conformance -- --port 8090 [--host 127.0.0.1] [--extra] [SETTINGS]
//! ```
//!
//! Written with the library's public API, as any application is: hubs in `hubs`, persistent connections in `raw`, and in
//! `app` the paths at which they are served, inside axum.

mod answers;
mod app;
mod auth;
mod cors;
mod detours;
#[path = "../ending.rs"]
mod ending;
mod extra;
mod hubs;
mod options;
mod port;
mod raw;

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use axum::serve::ListenerExt;
use hub_server::ShutdownOptions;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::ending::Signals;
use crate::options::Options;

/// How long everybody may take to go when the program is asked to end.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long requests under way may take then.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

type Serving = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let options = Options::parse(std::env::args().skip(1))?;
    let (host, port) = (options.host.as_str(), options.port);
    let (service, app) = app::build(&options)?;

    // Before the address is printed: whoever reads it may already want the program to end.
    let mut signals = Signals::listen()?;
    let listener = TcpListener::bind((host, port))
        .await
        .map_err(|error| format!("can't listen on {host}:{port}: {error}; try another --port"))?;
    let shared = options.text_port == Some(port);
    if let Some(port) = options.text_port.filter(|_| !shared) {
        let listener = TcpListener::bind((host, port)).await.map_err(|error| {
            format!("can't listen on {host}:{port}: {error}; try another --text-port")
        })?;
        tokio::spawn(service.clone().serve_text(listener));
    }
    println!("listening on http://{}", listener.local_addr()?);
    let going = service.clone();
    let (end, mut ending) = watch::channel(false);
    let mut ended = ending.clone();
    tokio::spawn(async move {
        signals.next().await;
        // At once, as it is ended by tests: many clients would not come back together.
        let options = ShutdownOptions::from(DEADLINE).spread(Duration::ZERO);
        eprintln!("{}", going.shutdown_gracefully(options).await);
        let _ = end.send(true);
    });
    let ending = async move { drop(ending.wait_for(|end| *end).await) };
    let serving: Serving = if shared {
        let listener = port::Shared(service.share(listener));
        Box::pin(
            axum::serve(listener, app)
                .with_graceful_shutdown(ending)
                .into_future(),
        )
    } else {
        // Without it a network holds small answers back for tens of milliseconds.
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        Box::pin(
            axum::serve(listener, app)
                .with_graceful_shutdown(ending)
                .into_future(),
        )
    };
    let last_requests = async {
        drop(ended.wait_for(|end| *end).await);
        tokio::time::sleep(LAST_REQUESTS).await;
    };
    tokio::select! {
        served = serving => served?,
        () = last_requests => {}
    }
    Ok(())
}
