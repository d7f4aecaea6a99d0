//! A shared to-do list that stays right through cuts: the server with its page.
//!
//!     cargo run --release -p examples --bin todo [-- --port 8080 --keep 1000]

mod hub;
mod list;
mod options;

use std::error::Error;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use hub_server::HubServer;
use tokio::net::TcpListener;

use crate::hub::Todo;
use crate::options::{HELP, Options};

const PAGE: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/todo.css");
const SCRIPT: &str = include_str!("page/todo.js");

/// All changes of the list together; a text has 200 characters at most.
const KEPT_BYTES: usize = 16 << 20;

fn file(content_type: &'static str, text: &'static str) -> axum::routing::MethodRouter {
    get(move || async move { ([(CONTENT_TYPE, content_type)], text).into_response() })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let Some(Options { host, port, keep }) = Options::parse(std::env::args().skip(1))? else {
        println!("{HELP}");
        return Ok(());
    };
    let server = HubServer::builder()
        .hub(Todo::default())
        .retain(keep, KEPT_BYTES)
        .build()?;

    let service = server.into_service();
    let app = Router::new()
        .route("/", file("text/html; charset=utf-8", PAGE))
        .route("/todo.css", file("text/css; charset=utf-8", STYLE))
        .route("/todo.js", file("text/javascript; charset=utf-8", SCRIPT))
        .fallback_service(service.clone());

    let listener = TcpListener::bind((host.as_str(), port))
        .await
        .map_err(|error| format!("can't listen on {host}:{port}: {error}; try another --port"))?;
    println!("listening on http://{}", listener.local_addr()?);
    println!("log: the newest {keep} changes, in memory");
    // Without it a network holds small answers back for tens of milliseconds.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let stop = async move {
        drop(tokio::signal::ctrl_c().await);
        // Lets the clients go, which would otherwise be waited for.
        service.shutdown();
    };
    axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await?;
    Ok(())
}
