//! Through the proxy that the environment names. The client is a process of its own, which has that environment.

use std::process::Stdio;

use hub_client::HubClient;
use tokio::process::Command;

use crate::server::{INIT, STARTED, Server, Terms, soon};

/// Set in the process that is the client.
const MARK: &str = "HUB_TEST_PROXIED";

/// Runs a test again as a client of this URL, through this proxy.
fn client(test: &str, url: &str, proxy: &str) -> tokio::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs([(MARK, url), ("http_proxy", proxy), ("no_proxy", "")])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn requests_and_sockets_go_through_the_proxy_of_the_environment() {
    if let Ok(url) = std::env::var(MARK) {
        let client = soon(HubClient::builder(url).hub("chat").connect())
            .await
            .unwrap();
        let sum: u32 = soon(client.invoke("chat", "Add", (1, 2))).await.unwrap();
        assert_eq!(sum, 3);
        return;
    }
    let mut proxy = Server::start().await;
    let address = format!("http://ann:secret@{}", proxy.address());
    let test = "proxied::requests_and_sockets_go_through_the_proxy_of_the_environment";
    // Nobody but the proxy knows where that is.
    let mut child = client(test, "http://hub.test:99/signalr", &address);
    let credentials = "Basic YW5uOnNlY3JldA==";

    let negotiate = proxy.request().await;
    assert!(
        negotiate
            .line()
            .starts_with("GET http://hub.test:99/signalr/negotiate?")
    );
    assert_eq!(negotiate.header("proxy-authorization"), Some(credentials));
    assert_eq!(negotiate.header("host"), Some("hub.test:99"));
    negotiate.answer(200, &Terms::default().body()).await;

    let tunnel = proxy.request().await;
    assert_eq!(tunnel.line(), "CONNECT hub.test:99");
    assert_eq!(tunnel.header("proxy-authorization"), Some(credentials));
    let socket = tunnel.tunnel().await;
    assert!(
        socket
            .line()
            .starts_with("GET /signalr/connect?transport=webSockets&")
    );
    assert_eq!(socket.header("proxy-authorization"), None);
    let mut socket = socket.accept().await;
    socket.say(INIT).await;
    proxy.request().await.answer(200, STARTED).await;
    socket.hear().await;
    socket.say(r#"{"I":"0","R":3}"#).await;
    assert!(soon(child.wait()).await.unwrap().success());
}

#[tokio::test]
async fn this_machines_own_servers_are_reached_without_it() {
    if let Ok(url) = std::env::var(MARK) {
        drop(soon(HubClient::builder(url).connect()).await.unwrap());
        return;
    }
    let mut server = Server::start().await;
    let nobody = "http://127.0.0.1:9";
    let test = "proxied::this_machines_own_servers_are_reached_without_it";
    let mut child = client(test, &server.url(), nobody);
    let (_socket, start) = server.starting(Terms::default()).await;
    start.answer(200, STARTED).await;
    assert!(soon(child.wait()).await.unwrap().success());
}
