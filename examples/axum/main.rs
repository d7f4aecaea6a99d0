//! A hub inside an axum application: its own routes beside it, one of which sends to the hub's clients, and a layer around
//! all of it that lets pages of other origins in (CORS).
//!
//! ```text
//! cargo run -p examples --bin axum-mount [-- --port 8081]
//! curl -d hello http://127.0.0.1:8081/news
//! ```

use std::error::Error;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::routing::{get, post};
use hub_server::{Context, HubError, HubHandle, HubServer, hub};
use tower_http::cors::{AllowOrigin, CorsLayer};

struct News;

#[hub]
impl News {
    async fn ask(&self, cx: &Context, question: String) -> Result<String, HubError> {
        cx.clients().others().send("asked", (&question,)).await?;
        Ok(format!("you asked: {question}"))
    }
}

/// Sending needs no connection: a handle sends from anywhere.
async fn publish(State(news): State<HubHandle>, text: String) -> StatusCode {
    match news.clients().all().send("news", (text,)).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What pages of other origins need for a classic client (`classic-signalr.md` 2.7): it sends credentials, so that their
/// origin is to be named, and not `*`. Put those that you trust in place of all.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("x-requested-with"),
        ])
}

/// `--port N`, and nothing else.
fn port() -> Result<u16, Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(8081),
        ["--port", port] => Ok(port.parse()?),
        _ => Err("usage: axum-mount [--port N]".into()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = port()?;
    let server = HubServer::builder().hub(News).path("/hubs/live").build()?;
    let news = server.handle("news").ok_or("there is a hub named news")?;
    let app = Router::new()
        .route("/", get(|| async { "the hub is at /hubs/live" }))
        .route("/news", post(publish))
        .with_state(news)
        // Not `nest_service`, which takes the path away that negotiate has to answer with.
        .fallback_service(server.into_service())
        .layer(cors());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
