//! A hub inside an axum application: its own routes beside it, and one of them sends to the hub's clients.
//!
//! ```text
//! cargo run -p examples --bin axum-mount
//! curl -d hello http://127.0.0.1:8081/news
//! ```

use std::error::Error;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use hub_server::{Context, HubError, HubHandle, HubServer, hub};

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

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = HubServer::builder().hub(News).path("/hubs/live").build()?;
    let news = server.handle("news").ok_or("there is a hub named news")?;
    let app = Router::new()
        .route("/", get(|| async { "the hub is at /hubs/live" }))
        .route("/news", post(publish))
        .with_state(news)
        // Not `nest_service`, which takes the path away that negotiate has to answer with.
        .fallback_service(server.into_service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8081").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
