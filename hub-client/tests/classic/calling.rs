//! Calls, their results, and events.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hub_client::{CallError, ClientEvent, HubClient};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Server, Socket, Terms, soon};

async fn connected() -> (Server, HubClient, Socket) {
    let mut server = Server::start().await;
    let builder = server.client();
    let (client, socket) = server.connect(builder, Terms::default()).await;
    (server, client, socket)
}

/// Subscribes to `message` and gives what its callback gets.
fn listen(client: &HubClient) -> mpsc::UnboundedReceiver<Vec<Value>> {
    let (seen, events) = mpsc::unbounded_channel();
    let callback = move |args: Vec<Value>| {
        let seen = seen.clone();
        async move { drop(seen.send(args)) }
    };
    client.on("chat", "message", callback).keep();
    events
}

async fn error_of(client: &mut hub_client::ClientEvents) -> String {
    loop {
        if let Some(ClientEvent::Error(error)) = soon(client.next()).await {
            return error.to_string();
        }
    }
}

#[tokio::test]
async fn calls_are_written_and_answered() {
    let (_server, client, mut socket) = connected().await;
    let script = tokio::spawn(async move {
        for (call, result) in [
            (
                r#"{"H":"chat","M":"join","A":["lobby","ann"],"I":"0"}"#,
                r#"{"R":["bob"],"I":"0"}"#,
            ),
            (
                r#"{"H":"other","M":"nothing","A":[],"I":"1"}"#,
                r#"{"I":"1"}"#,
            ),
            (
                r#"{"H":"chat","M":"echo","A":["grüße 😀 + \" \\ </script> \u2028"],"I":"2"}"#,
                r#"{"R":"grüße","I":"2"}"#,
            ),
            (
                r#"{"H":"chat","M":"fail","A":[1],"I":"3"}"#,
                r#"{"I":"3","E":"There was an error invoking Hub method 'chat.fail'."}"#,
            ),
            (
                r#"{"H":"chat","M":"fail","A":[[2]],"I":"4"}"#,
                r#"{"I":"4","H":true,"E":"no","D":{"code":7}}"#,
            ),
            (
                r#"{"H":"chat","M":"count","A":[],"I":"5"}"#,
                r#"{"R":"x","I":"5"}"#,
            ),
        ] {
            assert_eq!(socket.hear().await, call);
            socket.say(result).await;
        }
        socket
    });
    let people: Vec<String> = client
        .invoke("chat", "join", ("lobby", "ann"))
        .await
        .unwrap();
    assert_eq!(people, ["bob"]);
    client.invoke::<()>("other", "nothing", ()).await.unwrap();
    let text = "grüße 😀 + \" \\ </script> \u{2028}";
    let echo: String = client.invoke("chat", "echo", [text]).await.unwrap();
    assert_eq!(echo, "grüße");
    assert!(matches!(
        client.invoke::<()>("chat", "fail", (1,)).await,
        Err(CallError::Hub { message, data: None, public: false })
            if message == "There was an error invoking Hub method 'chat.fail'."
    ));
    assert!(matches!(
        client.invoke::<()>("chat", "fail", vec![[2]]).await,
        Err(CallError::Hub { message, data: Some(data), public: true })
            if message == "no" && data.read::<Value>().unwrap() == json!({"code": 7})
    ));
    let wrong = client.invoke::<u32>("chat", "count", ()).await;
    assert!(matches!(wrong, Err(CallError::Decode(_))));
    let unsendable = client.invoke::<()>("chat", "count", "no array").await;
    assert!(matches!(unsendable, Err(CallError::Encode(_))));
    soon(script).await.unwrap();
}

#[tokio::test]
async fn results_find_their_calls_in_any_order_and_ids_are_never_used_again() {
    let (_server, client, mut socket) = connected().await;
    let call = |n: u32| {
        let client = client.clone();
        tokio::spawn(async move { client.invoke::<u32>("chat", "double", (n,)).await })
    };
    let dropped = call(9);
    assert_eq!(
        socket.hear().await,
        r#"{"H":"chat","M":"double","A":[9],"I":"0"}"#
    );
    dropped.abort();
    let first = call(1);
    assert_eq!(
        socket.hear().await,
        r#"{"H":"chat","M":"double","A":[1],"I":"1"}"#
    );
    let second = call(2);
    assert_eq!(
        socket.hear().await,
        r#"{"H":"chat","M":"double","A":[2],"I":"2"}"#
    );
    // The result of the call that nobody waits for, one that was never made, then both others, the later one first;
    // progress and a second result of the same call are no answers.
    for frame in [
        r#"{"R":18,"I":"0"}"#,
        r#"{"R":0,"I":"77"}"#,
        r#"{"C":"d-2","M":[{"I":"P|1","P":{"I":"1","D":50}}]}"#,
        r#"{"R":4,"I":"2"}"#,
        r#"{"R":5,"I":"2"}"#,
        r#"{"R":2,"I":"1"}"#,
    ] {
        socket.say(frame).await;
    }
    assert_eq!(soon(first).await.unwrap().unwrap(), 2);
    assert_eq!(soon(second).await.unwrap().unwrap(), 4);
}

#[tokio::test]
async fn events_arrive_in_order_one_after_the_other() {
    let (_server, client, mut socket) = connected().await;
    let mut events = listen(&client);
    for n in 0..100 {
        let event = |m: u32| json!({"H": "Chat", "M": "Message", "A": [m, "x"]});
        let frame = json!({"C": "d-2", "M": [event(2 * n), event(2 * n + 1)]});
        socket.say(&frame.to_string()).await;
    }
    for n in 0..200 {
        assert_eq!(soon(events.recv()).await.unwrap(), [json!(n), json!("x")]);
    }
}

#[tokio::test]
async fn a_callback_may_call_the_server() {
    let (_server, client, mut socket) = connected().await;
    let (done, mut results) = mpsc::unbounded_channel();
    let within = client.clone();
    let subscription = client.on("chat", "message", move |(n,): (u32,)| {
        let (client, done) = (within.clone(), done.clone());
        async move {
            let result: u32 = client.invoke("chat", "double", (n,)).await.unwrap();
            done.send(result).unwrap();
        }
    });
    socket
        .say(r#"{"C":"d-2","M":[{"H":"chat","M":"message","A":[4]},{"H":"chat","M":"message","A":[5]}]}"#)
        .await;
    for (n, id) in [(4, 0), (5, 1)] {
        assert_eq!(
            socket.hear().await,
            format!(r#"{{"H":"chat","M":"double","A":[{n}],"I":"{id}"}}"#)
        );
        socket
            .say(&format!(r#"{{"R":{},"I":"{id}"}}"#, 2 * n))
            .await;
        assert_eq!(soon(results.recv()).await, Some(2 * n));
    }
    subscription.off();
}

#[tokio::test]
async fn events_that_do_not_fit_and_callbacks_that_panic_are_reported_and_harmless() {
    let (_server, client, mut socket) = connected().await;
    let mut told = client.client_events();
    let mut events = listen(&client);
    let typed = client.on("chat", "typed", |_: (u32, String)| async {});
    let panics = client.on("chat", "panics", |_: Vec<Value>| async {
        panic!("oh {}", "no");
    });
    for (method, args, text) in [
        (
            "typed",
            json!([1]),
            "callback 'typed' of hub 'chat': the arguments do not fit: ",
        ),
        (
            "typed",
            json!(["x", "y"]),
            "callback 'typed' of hub 'chat': the arguments do not fit: ",
        ),
        (
            "typed",
            json!([1, "x", 2]),
            "callback 'typed' of hub 'chat': the arguments do not fit: ",
        ),
        (
            "panics",
            json!([]),
            "callback 'panics' of hub 'chat': it panicked: oh no",
        ),
    ] {
        let frame = json!({"C": "d", "M": [{"H": "chat", "M": method, "A": args}]});
        socket.say(&frame.to_string()).await;
        let error = error_of(&mut told).await;
        assert!(error.starts_with(text), "{error}");
    }
    // Nobody listens to these.
    socket
        .say(r#"{"C":"d","M":[{"H":"chat","M":"unknown","A":[]},{"H":"nohub","M":"message","A":[]},1,"x",{}]}"#)
        .await;
    socket
        .say(r#"{"C":"d","M":[{"H":"chat","M":"message","A":["after"]}]}"#)
        .await;
    assert_eq!(soon(events.recv()).await.unwrap(), [json!("after")]);
    drop((typed, panics));
}

#[tokio::test]
async fn a_subscription_ends_when_it_is_dropped() {
    let (_server, client, mut socket) = connected().await;
    let mut events = listen(&client);
    let (seen, mut dropped) = mpsc::unbounded_channel();
    let subscription = client.on("chat", "message", move |args: Vec<Value>| {
        let seen = seen.clone();
        async move { drop(seen.send(args)) }
    });
    let frame = r#"{"C":"d","M":[{"H":"chat","M":"message","A":[]}]}"#;
    socket.say(frame).await;
    soon(events.recv()).await.unwrap();
    soon(dropped.recv()).await.unwrap();
    drop(subscription);
    socket.say(frame).await;
    soon(events.recv()).await.unwrap();
    // The callback is gone, and its end of the channel with it.
    assert_eq!(soon(dropped.recv()).await, None);
}

#[tokio::test]
async fn slow_callbacks_hold_the_server_back_and_lose_nothing() {
    let mut server = Server::start().await;
    let builder = server.client().event_buffer(2);
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let gate = Arc::new(Semaphore::new(0));
    let (seen, mut events) = mpsc::unbounded_channel();
    let wait = Arc::clone(&gate);
    let subscription = client.on("chat", "message", move |(n, _): (usize, String)| {
        let (seen, wait) = (seen.clone(), Arc::clone(&wait));
        async move {
            wait.acquire().await.unwrap().forget();
            seen.send(n).unwrap();
        }
    });
    // Far more than sockets and queues hold: the server's writes only end when the client reads again.
    const COUNT: usize = 400;
    let big = "x".repeat(64 * 1024);
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let writing = tokio::spawn(async move {
        for n in 0..COUNT {
            let frame = json!({"C": "d", "M": [{"H": "chat", "M": "message", "A": [n, big]}]});
            socket.say(&frame.to_string()).await;
            count.fetch_add(1, Ordering::Relaxed);
        }
        socket
    });
    // Nothing tells that a write will never end: what stands still for a while, stands.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        match written.load(Ordering::Relaxed) {
            now if now == before && now > 0 => break,
            now => before = now,
        }
    }
    assert!(before < COUNT, "the server was not held back");
    gate.add_permits(COUNT);
    for n in 0..COUNT {
        assert_eq!(soon(events.recv()).await, Some(n));
    }
    let mut socket = soon(writing).await.unwrap();
    // And the connection is as good as before.
    let call = tokio::spawn(async move { client.invoke::<u8>("chat", "x", ()).await });
    assert_eq!(
        socket.hear().await,
        r#"{"H":"chat","M":"x","A":[],"I":"0"}"#
    );
    socket.say(r#"{"R":1,"I":"0"}"#).await;
    assert_eq!(soon(call).await.unwrap().unwrap(), 1);
    drop(subscription);
}

#[tokio::test]
async fn pings_of_the_socket_are_answered() {
    let (_server, _client, mut socket) = connected().await;
    socket.message(Message::Ping("x".into())).await;
    assert!(socket.pong().await);
}

#[tokio::test]
async fn many_calls_at_once_are_all_answered() {
    let (_server, client, mut socket) = connected().await;
    let calls: Vec<_> = (0..1000u32)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move { client.invoke::<u32>("chat", "same", (n,)).await })
        })
        .collect();
    for _ in 0..1000 {
        let call: Value = serde_json::from_str(&socket.hear().await).unwrap();
        let result = json!({"R": call["A"][0], "I": call["I"]});
        socket.say(&result.to_string()).await;
    }
    for (n, call) in (0..).zip(calls) {
        assert_eq!(soon(call).await.unwrap().unwrap(), n);
    }
}
