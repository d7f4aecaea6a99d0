//! How the server is reached: what requests carry, and when they are made.

use std::io::Read;
use std::net::TcpListener;
use std::process::Output;

use crate::application::Application;
use crate::{Running, hub, lines, run, served};

fn printed(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    lines(output)
}

#[test]
fn requests_carry_query_headers_and_tokens() {
    let (_server, url) = served(&[]);
    let echo = ["call", &url, "redirectTestHub"];
    let query = ["GetQueryStringValue", "room", "--query", "room=a b&c"];
    assert_eq!(printed(&run(&[&echo[..], &query].concat())), ["a b&c"]);
    let token = ["GetAccessToken", "--token", "t0"];
    assert_eq!(printed(&run(&[&echo[..], &token].concat())), ["t0"]);
    let header = ["GetAccessToken", "--header", "Authorization: Bearer t1"];
    assert_eq!(printed(&run(&[&echo[..], &header].concat())), ["t1"]);
    let mut command = hub(&[&echo[..], &["GetAccessToken"]].concat());
    let output = command.env("HUB_TOKEN", "t2").output().unwrap();
    assert_eq!(printed(&output), ["t2"]);
}

#[test]
fn redirects_are_followed_on_every_transport() {
    let (server, _) = served(&[]);
    let url = format!("http://{}/redirect", server.address);
    for transport in ["webSockets", "serverSentEvents", "longPolling"] {
        let call = ["call", &url, "redirectTestHub", "GetAccessToken"];
        let output = run(&[&call[..], &["--transport", transport]].concat());
        assert_eq!(printed(&output), ["TestToken"], "{transport}");
    }
}

#[test]
fn a_server_that_comes_later_is_waited_for() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let url = format!("http://{address}/signalr");
    let call = ["call", &url, "conformance", "Add", "1", "2", "--retry"];
    let mut waiting = Running::start(&call);
    // The first attempt finds nothing that answers.
    drop(socket.accept().unwrap());
    drop(socket);
    let port = address.port().to_string();
    let _server = Application::start(&["--port".to_owned(), port]);
    assert_eq!(waiting.line(), "3");
    assert!(waiting.process.wait().unwrap().success());
}

#[test]
fn https_is_spoken() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/signalr", socket.local_addr().unwrap());
    let mut caller = Running::start(&["call", &url, "chat", "join"]);
    let mut first = [0; 2];
    let (mut tcp, _) = socket.accept().unwrap();
    tcp.read_exact(&mut first).unwrap();
    assert_eq!(first, [22, 3], "a handshake of TLS begins so");
    drop(tcp);
    assert!(caller.note().starts_with("error: can't reach 127.0.0.1:"));
    assert_eq!(caller.process.wait().unwrap().code(), Some(1));
}
