//! The chat server with its page.
//!
//!     cargo run --release -p examples --bin chat [-- --port 8080 --host 127.0.0.1 --data DIR --metrics 127.0.0.1:9000
//!         --dashboard]

mod dashboard;
#[path = "../ending.rs"]
mod ending;
mod hub;
mod metrics;
mod options;

use std::error::Error;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use hub_server::{HubServer, HubService, ShutdownOptions};
use tokio::net::TcpListener;

use crate::dashboard::Watching;
use crate::ending::Signals;
use crate::hub::ChatHub;
use crate::options::Options;

const PAGE: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/chat.css");
const SCRIPT: &str = include_str!("page/chat.js");

fn file(content_type: &'static str, text: &'static str) -> axum::routing::MethodRouter {
    get(move || async move { ([(CONTENT_TYPE, content_type)], text).into_response() })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let Options {
        host,
        port,
        data,
        metrics,
        dashboard,
    } = Options::parse(std::env::args().skip(1))?;
    let watching = dashboard.then(Watching::new);
    let dashboard = watching.as_ref().map(|watching| &watching.dashboard);
    // Before the server, which asks for a recorder once.
    metrics::install(metrics, dashboard)?;
    let mut builder = HubServer::builder().hub(ChatHub::default());
    if let Some(dashboard) = dashboard {
        builder = builder.dashboard(dashboard.clone());
    }
    let kept = match &data {
        Some(dir) => {
            builder = builder.keep_in(dir);
            format!("in {}", dir.display())
        }
        None => "in memory (messages for those who are away are lost with this process)".into(),
    };
    let server = builder.build()?;

    let service = server.into_service();
    let app = Router::new()
        .route("/", file("text/html; charset=utf-8", PAGE))
        .route("/chat.css", file("text/css; charset=utf-8", STYLE))
        .route("/chat.js", file("text/javascript; charset=utf-8", SCRIPT))
        .fallback_service(service.clone());

    // Before the address is printed: whoever reads it may already want the program to end.
    let signals = Signals::listen()?;
    let listener = TcpListener::bind((host.as_str(), port))
        .await
        .map_err(|error| format!("can't listen on {host}:{port}: {error}; try another --port"))?;
    let addr = listener.local_addr()?;
    println!("listening on http://{addr}");
    println!("log: {kept}");
    if let Some(addr) = metrics {
        println!("metrics: http://{addr}/metrics");
    }
    if let Some(Watching { token, .. }) = watching {
        println!("dashboard: http://{addr}/signalr/dashboard?token={token}");
    }
    // Without it a network holds small answers back for tens of milliseconds.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    axum::serve(listener, app)
        .with_graceful_shutdown(stop(service, signals))
        .await?;
    Ok(())
}

/// Waits until the program is asked to end, then until the clients have been told to come back elsewhere: a while, as they should
/// not do it all at once. Whoever asks twice does not want to wait.
async fn stop(service: HubService, mut signals: Signals) {
    signals.next().await;
    tokio::select! {
        report = service.shutdown_gracefully(ShutdownOptions::default()) => eprintln!("{report}"),
        () = signals.next() => {
            service.shutdown();
            eprintln!("stopped at once");
        }
    }
}
