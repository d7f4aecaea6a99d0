//! Negotiate answers that send clients elsewhere, or refuse them (`classic-signalr.md` 3.2), and who clients say they are.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::task::{Context as TaskContext, Poll};

use common::Server;
use common::hubs::builder;
use http::Request as HttpRequest;
use http::request::Parts;
use hub_server::{Credentials, HubServer, Identity, Mount, Negotiated, Request, Unauthenticated};
use serde_json::{Value, json};
use tower_service::Service;

fn decide(request: &Request, identity: &Identity) -> Negotiated {
    match request.query("to").as_deref() {
        Some("full") => Negotiated::Error(format!("no place for {:?}", identity.name)),
        Some("near") => Negotiated::redirect("http://other.example/signalr?a=1"),
        Some("far") => Negotiated::Redirect {
            url: "http://other.example/signalr".into(),
            access_token: Some("a \"token\"".into()),
        },
        _ => Negotiated::Here,
    }
}

#[tokio::test]
async fn an_application_may_send_clients_elsewhere_or_refuse_them() {
    let server = Server::tcp(builder().0.on_negotiate(decide).jsonp(true)).await;
    let answer = async |query: &[(&str, &str)]| server.get("/negotiate", query).await;
    let near = answer(&[("to", "near"), ("clientProtocol", "2.1")]).await;
    assert_eq!(near.status, 200);
    assert_eq!(
        near.headers["content-type"],
        "application/json; charset=UTF-8"
    );
    assert_eq!(
        near.body,
        r#"{"ProtocolVersion":"2.0","RedirectUrl":"http://other.example/signalr?a=1"}"#
    );
    let far = answer(&[("to", "far")]).await.json();
    let expected = json!({"ProtocolVersion": "2.0", "RedirectUrl": "http://other.example/signalr",
        "AccessToken": "a \"token\""});
    assert_eq!(far, expected);
    let full = server
        .get_as("/negotiate", &[("to", "full")], Some("ann"))
        .await;
    let expected = json!({"ProtocolVersion": "2.0", "Error": "no place for Some(\"ann\")"});
    assert_eq!(full.json(), expected);
    let wrapped = answer(&[("to", "near"), ("callback", "back")]).await;
    assert!(
        wrapped.body.starts_with("back({\"ProtocolVersion\""),
        "{}",
        wrapped.body
    );
    // Only negotiate asks; whoever is not sent away connects here.
    assert_eq!(server.get("/ping", &[("to", "full")]).await.status, 200);
    let here = answer(&[("to", "here")]).await.json();
    assert!(here["ConnectionToken"].is_string(), "{here}");
    server.client(&["conformance"]).await.no_event().await;
}

#[tokio::test]
async fn each_mount_decides_for_itself() {
    let (builder, _) = builder();
    let full = |_: &Request, _: &Identity| Negotiated::Error("full".into());
    let builder = builder
        .mount(Mount::at("/full").on_negotiate(full))
        .mount(Mount::at("/signalr"));
    let mut server = Server::tcp(builder).await;
    assert!(
        server
            .get("/negotiate", &[])
            .await
            .json()
            .get("Error")
            .is_none()
    );
    server.path = "/full".into();
    assert_eq!(server.get("/negotiate", &[]).await.json()["Error"], "full");
}

/// Everybody needs credentials of some kind, and is called by them.
fn by_credentials(head: &Parts) -> Result<Identity, Unauthenticated> {
    let credentials = Credentials::of(head);
    let basic = || credentials.basic().map(|(name, _)| name);
    let cookie = || credentials.cookie("user").map(ToOwned::to_owned);
    let name = basic().or_else(|| credentials.bearer()).or_else(cookie);
    name.map(Identity::named)
        .ok_or_else(|| Unauthenticated::challenge("Basic realm=\"test\""))
}

#[tokio::test]
async fn who_a_request_comes_from_is_told_by_header_query_or_cookie() {
    let server = Server::tcp(builder().0.authenticate(by_credentials)).await;
    let refused = server.get("/negotiate", &[]).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.headers["www-authenticate"], "Basic realm=\"test\"");
    assert_eq!(refused.headers["x-content-type-options"], "nosniff");
    let user = async |target: &str, headers: &[(&str, &str)]| -> Value {
        let negotiated = server.raw("GET", target, headers).await;
        assert_eq!(negotiated.status, 200, "{}", negotiated.body);
        let token = negotiated.json()["ConnectionToken"]
            .as_str()
            .unwrap()
            .to_owned();
        let mut query = vec![
            ("transport", "serverSentEvents"),
            ("connectionToken", &*token),
            ("data", r#"{"H":"conformance","M":"request","A":[],"I":1}"#),
        ];
        if let Some((_, query_token)) = target.split_once("access_token=") {
            query.push(("access_token", query_token));
        }
        query[0] = ("transport", "longPolling");
        let target = server.target("/send", &query);
        server.raw("GET", &target, headers).await.json()["R"]["user"].clone()
    };
    let basic = [("Authorization", "Basic YW5uOnB3")];
    assert_eq!(user("/signalr/negotiate", &basic).await, "ann");
    let bearer = [("Authorization", "Bearer bob")];
    assert_eq!(user("/signalr/negotiate", &bearer).await, "bob");
    assert_eq!(
        user("/signalr/negotiate?access_token=cid", &[]).await,
        "cid"
    );
    let cookie = [("Cookie", "a=b; user=dan")];
    assert_eq!(user("/signalr/negotiate", &cookie).await, "dan");
}

/// A middleware in front of the service, as a tower layer would put it there.
#[derive(Clone)]
struct Trusting<S>(S);

impl<B, S: Service<HttpRequest<B>>> Service<HttpRequest<B>> for Trusting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: HttpRequest<B>) -> S::Future {
        let name = request.headers().get("X-Front").cloned();
        if let Some(name) = name.as_ref().and_then(|name| name.to_str().ok()) {
            request.extensions_mut().insert(Identity::named(name));
        }
        self.0.call(request)
    }
}

#[tokio::test]
async fn a_middleware_may_say_who_a_request_comes_from() {
    let server = HubServer::builder()
        .authorize(hub_server::Authorize::AUTHENTICATED)
        .hub(common::hubs::Demo)
        .build()
        .unwrap();
    let mut service = Trusting(server.into_service());
    let mut status = async |front: Option<&str>| {
        let mut request = HttpRequest::get(
            r#"/signalr/negotiate?connectionData=[{"name":"demo"}]"#.replace('"', "%22"),
        );
        if let Some(front) = front {
            request = request.header("X-Front", front);
        }
        let request = request
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap();
        service.call(request).await.unwrap().status().as_u16()
    };
    assert_eq!(status(None).await, 401);
    assert_eq!(status(Some("ann")).await, 200);
    assert_eq!(status(Some("")).await, 401);
}
