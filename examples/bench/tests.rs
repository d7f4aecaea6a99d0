//! The load generator against a server that answers by the book, and against one that does not.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use hub_server::{Context, HubError, HubServer, hub};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use crate::{
    Plan,
    measure::Measured,
    negotiated,
    scenario::{Echo, FanOut, Pace},
    swarm::Swarm,
    wire::Dialect,
};

/// A hub of two methods, in the frames of classic SignalR. Every text it sends passes through `edit` first.
fn classic(edit: fn(usize, String) -> String) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let (everyone, count) = (broadcast::channel(64).0, Arc::new(AtomicUsize::new(0)));
            while let Ok((stream, _)) = listener.accept().await {
                let (everyone, count) = (everyone.clone(), Arc::clone(&count));
                let edit = move |text| edit(count.fetch_add(1, Ordering::Relaxed), text);
                tokio::spawn(connection(stream, everyone, edit));
            }
        });
    });
    told.recv().unwrap()
}

async fn connection(
    stream: TcpStream,
    everyone: broadcast::Sender<Value>,
    edit: impl Fn(String) -> String,
) {
    let mut socket = accept_async(stream).await.unwrap();
    let mut inbox = everyone.subscribe();
    let text = |text: String| Message::text(edit(text));
    let Ok(()) = socket
        .send(text(r#"{"C":"d-1","S":1,"M":[]}"#.to_owned()))
        .await
    else {
        return;
    };
    loop {
        let answer = tokio::select! {
            Some(Ok(received)) = socket.next() => {
                let call: Value = serde_json::from_str(received.to_text().unwrap()).unwrap();
                let (argument, id) = (&call["A"][0], call["I"].to_string());
                if call["M"] == "echo" {
                    format!(r#"{{"R":{argument},"I":"{id}"}}"#)
                } else {
                    everyone.send(argument.clone()).unwrap();
                    format!(r#"{{"I":"{id}"}}"#)
                }
            }
            Ok(argument) = inbox.recv() => {
                format!(r#"{{"C":"d-1","M":[{{"H":"bench","M":"message","A":{}}}]}}"#, json!([argument]))
            }
            else => return,
        };
        if socket.send(text(answer)).await.is_err() {
            return;
        }
    }
}

const CONNECTIONS: usize = 5;

fn turns(server: SocketAddr, load: &mut impl Measured) -> io::Result<()> {
    let mut swarm = Swarm::connect(server, Dialect::Classic, CONNECTIONS)?;
    swarm.start(load)?;
    for _ in 0..200 {
        swarm.turn(load)?;
    }
    load.stop();
    while !load.done() {
        swarm.turn(load)?;
    }
    Ok(())
}

fn echo(server: SocketAddr) -> io::Result<()> {
    turns(server, &mut Echo::new(Dialect::Classic, CONNECTIONS, 3))
}

fn fan_out(server: SocketAddr) -> io::Result<()> {
    turns(
        server,
        &mut FanOut::new(Dialect::Classic, CONNECTIONS, Pace::UnderWay(4)),
    )
}

#[test]
fn a_server_by_the_book_passes() {
    let server = classic(|_, text| text);
    echo(server).unwrap();
    fan_out(server).unwrap();
}

#[test]
fn a_wrong_payload_fails_the_run() {
    // From there on: the very fiftieth text may be an answer, which has no payload.
    let edit = |count, text: String| {
        if count >= 50 {
            text.replace("bcd", "bxd")
        } else {
            text
        }
    };
    let error = echo(classic(edit)).unwrap_err();
    assert!(error.to_string().contains("bxd"), "{error}");
    fan_out(classic(edit)).unwrap_err();
}

#[test]
fn a_lost_message_fails_the_run() {
    let edit = |count, text: String| if count == 50 { "{}".to_owned() } else { text };
    echo(classic(edit)).unwrap_err();
    fan_out(classic(edit)).unwrap_err();
}

/// A hub that tells of whoever comes and goes.
struct Bench {
    comings: AtomicUsize,
    goings: std::sync::mpsc::Sender<bool>,
    most: usize,
}

#[hub]
impl Bench {
    async fn on_connected(&self, _: &Context) -> Result<(), HubError> {
        if self.comings.fetch_add(1, Ordering::Relaxed) < self.most {
            return Ok(());
        }
        Err(HubError::new("no more"))
    }

    async fn on_disconnected(&self, _: &Context, stopped: bool) -> Result<(), HubError> {
        self.goings.send(stopped)?;
        Ok(())
    }
}

/// Our server, which lets so many start.
fn ours(most: usize) -> (SocketAddr, std::sync::mpsc::Receiver<bool>) {
    let (tell, told) = std::sync::mpsc::channel();
    let (goings, gone) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let bench = Bench {
                comings: AtomicUsize::new(0),
                goings,
                most,
            };
            let server = HubServer::builder().hub(bench).build().unwrap();
            let bound = server.bind("127.0.0.1:0").await.unwrap();
            tell.send(bound.local_addr()).unwrap();
            bound.serve().await.unwrap();
        });
    });
    (told.recv().unwrap(), gone)
}

#[test]
fn clients_in_the_field_start_and_leave_nothing_behind() {
    let (server, gone) = ours(usize::MAX);
    let visitors = negotiated::visit(server, 150).unwrap();
    assert_eq!(visitors.len(), 150);
    assert!(gone.try_recv().is_err(), "they may still come back");
    negotiated::goodbye(server, &visitors).unwrap();
    for _ in 0..150 {
        let stopped = gone.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(stopped, "each has said goodbye");
    }
}

#[test]
fn a_start_that_fails_fails_the_run() {
    let (server, _gone) = ours(70);
    let error = negotiated::visit(server, 150).map(drop).unwrap_err();
    assert!(error.to_string().contains("HTTP/1.1 500"), "{error}");
}

#[test]
fn a_quick_run_has_a_floor_and_others_if_they_are_given_one() {
    let floor = |arguments: &[&str]| Plan::parse(arguments).unwrap().floor;
    assert_eq!(floor(&["--quick"]), Some(0.5));
    assert_eq!(floor(&["--floor", "1", "--quick"]), Some(1.0));
    assert_eq!(floor(&["--quick", "--floor", "0.25"]), Some(0.25));
    assert_eq!(floor(&["--full"]), None);
    assert!(Plan::parse(&["--floor", "high"]).is_none());
}
