//! Calls, their results, and callbacks.

use std::sync::{Arc, OnceLock};

use futures_util::StreamExt;
use hub_client::{CallError, ClientEvent, HubClient, State, Transport};
use hub_core::HubError;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::each::over_each_transport;
use crate::hub::{DeskClient, DeskClientEvents, DeskProxy, Item, Server, To, soon};

over_each_transport!(
    a_contract_is_called_and_calls_back,
    untyped_calls_and_callbacks_do_the_same,
    texts_survive_both_ways,
    errors_come_as_what_they_are_and_harm_nothing,
    progress_that_nobody_listens_to_is_ignored,
    progress_comes_in_order_and_before_the_result,
    a_contract_tells_of_progress_too,
    progress_is_a_stream_too,
    a_thousand_calls_at_once_get_each_its_result,
    a_callback_may_call_the_server,
);

/// All that JSON, the wire or a careless program could trip over.
const TEXTS: &[&str] = &[
    "",
    "grüße, Ελλάδα, 日本語",
    "😀👩‍👩‍👧 \u{10FFFF}",
    "</script><!-- & + %20 \" \\ \\u0041",
    "\u{0}\u{1}\u{8}\t\r\n\u{1f}\u{7f}",
    "\u{2028}\u{2029}\u{FEFF}",
];

#[derive(Debug, PartialEq)]
enum Heard {
    Noted(String, u64),
    Said(String),
}

struct Ear(mpsc::UnboundedSender<Heard>);

impl DeskClient for Ear {
    async fn noted(&self, from: String, number: u64) -> Result<(), HubError> {
        Ok(self.0.send(Heard::Noted(from, number))?)
    }

    async fn said(&self, text: String) -> Result<(), HubError> {
        if text == "trouble" {
            return Err(HubError::new("no trouble here"));
        }
        Ok(self.0.send(Heard::Said(text))?)
    }
}

async fn connected(
    transport: Transport,
) -> (Server, HubClient, DeskProxy, mpsc::UnboundedReceiver<Heard>) {
    let server = Server::start().await;
    let (ear, heard) = mpsc::unbounded_channel();
    let client = server
        .client()
        .transports([transport])
        .events("desk", DeskClientEvents(Ear(ear)))
        .connect();
    let client = soon(client).await.unwrap();
    let desk = client.hub();
    (server, client, desk, heard)
}

async fn a_contract_is_called_and_calls_back(transport: Transport) {
    let (_server, client, desk, mut heard) = connected(transport).await;
    assert_eq!(client.state(), State::Connected);
    assert_eq!(client.transport(), transport);
    assert_eq!(desk.add(40, 2).await.unwrap(), 42);
    assert_eq!(desk.add(i64::MAX, i64::MIN).await.unwrap(), -1);
    desk.nothing().await.unwrap();
    let inner = Item {
        name: "part".into(),
        price: 0.1,
        tags: vec![],
        parent: None,
    };
    let item = Item {
        name: "whole \"😀\"".into(),
        price: -1e300,
        tags: vec!["a".into(), String::new()],
        parent: Some(Box::new(inner)),
    };
    let copies = desk.copy(item.clone(), 3).await.unwrap();
    assert_eq!(copies, [item.clone(), item.clone(), item]);

    let id = client.connection_id().to_string();
    desk.join("g".into()).await.unwrap();
    for (number, to) in [To::All, To::Group("g".into()), To::Connection(id)]
        .into_iter()
        .enumerate()
    {
        desk.note(to, "me".into(), number as u64).await.unwrap();
    }
    desk.note(To::Group("G".into()), "me".into(), 99)
        .await
        .unwrap();
    desk.say("last".into(), 300_000).await.unwrap();
    for number in 0..3 {
        assert_eq!(
            soon(heard.recv()).await.unwrap(),
            Heard::Noted("me".into(), number)
        );
    }
    assert_eq!(
        soon(heard.recv()).await.unwrap(),
        Heard::Said("last".into())
    );
    let long = soon(heard.recv()).await.unwrap();
    assert_eq!(long, Heard::Said("ö".repeat(300_000)));
    // A callback that fails is told, and the next one is called.
    let mut events = client.client_events();
    desk.say("trouble".into(), 1).await.unwrap();
    assert_eq!(soon(heard.recv()).await.unwrap(), Heard::Said("ö".into()));
    let Some(ClientEvent::Error(error)) = soon(events.next()).await else {
        panic!("no error");
    };
    assert_eq!(
        error.to_string(),
        "callback 'said' of hub 'desk': no trouble here"
    );
    client.close().await;
}

async fn untyped_calls_and_callbacks_do_the_same(transport: Transport) {
    let (_server, client, _, _) = connected(transport).await;
    let (seen, mut heard) = mpsc::unbounded_channel();
    let subscription = client.on("DESK", "Noted", move |(from, number): (String, u64)| {
        let seen = seen.clone();
        async move { drop(seen.send((from, number))) }
    });
    let sum: i64 = client.invoke("Desk", "ADD", (1, 2)).await.unwrap();
    assert_eq!(sum, 3);
    let none: () = client.invoke("desk", "nothing", ()).await.unwrap();
    let none_as_value: Value = client.invoke("desk", "nothing", ()).await.unwrap();
    assert_eq!((none, none_as_value), ((), Value::Null));
    let to = json!({"Connection": client.connection_id()});
    let note = async |number: u64| {
        let args = (&to, "x", number);
        client.invoke::<()>("desk", "note", args).await.unwrap();
    };
    note(1).await;
    assert_eq!(soon(heard.recv()).await.unwrap(), ("x".to_owned(), 1));
    subscription.off();
    note(2).await;
    assert!(soon(heard.recv()).await.is_none());
}

async fn texts_survive_both_ways(transport: Transport) {
    let (_server, client, desk, mut heard) = connected(transport).await;
    for text in TEXTS {
        let value = json!({ *text: [text] });
        assert_eq!(desk.echo(value.clone()).await.unwrap(), value);
        desk.say((*text).into(), 0).await.unwrap();
        for text in [*text, ""] {
            assert_eq!(soon(heard.recv()).await.unwrap(), Heard::Said(text.into()));
        }
        let error = desk.refuse((*text).into(), json!(text)).await.unwrap_err();
        let CallError::Hub { message, data, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(message, *text);
        assert_eq!(data.unwrap().read::<String>().unwrap(), *text);
    }
    for value in [json!(null), json!(0), json!(false), json!(""), json!([])] {
        let echo: Value = client.invoke("desk", "echo", (&value,)).await.unwrap();
        assert_eq!(echo, value);
    }
}

async fn errors_come_as_what_they_are_and_harm_nothing(transport: Transport) {
    let (_server, client, desk, _) = connected(transport).await;
    let data = json!({"code": 7, "why": ["full", null]});
    assert!(matches!(
        desk.refuse("not now".into(), data.clone()).await,
        Err(CallError::Hub { message, data: Some(d), public: true })
            if message == "not now" && d.read::<Value>().unwrap() == data
    ));
    let hidden = [
        ("fail", json!(["secret"])),
        ("noSuchMethod", json!([1, 2])),
        ("add", json!([1])),
        ("add", json!([1, 2, 3])),
        ("add", json!(["one", "two"])),
    ];
    for (method, args) in hidden {
        let error = client.invoke::<Value>("desk", method, &args).await;
        let Err(CallError::Hub {
            message,
            data: None,
            public: false,
        }) = error
        else {
            panic!("{method}: {error:?}");
        };
        assert!(message.contains(method), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
    let wrong = client.invoke::<String>("desk", "add", (1, 2)).await;
    assert!(matches!(wrong, Err(CallError::Decode(_))));
    assert_eq!(desk.add(1, 1).await.unwrap(), 2);
    assert_eq!(client.state(), State::Connected);
}

async fn progress_that_nobody_listens_to_is_ignored(transport: Transport) {
    let (_server, client, desk, _) = connected(transport).await;
    assert_eq!(desk.count(500).await.unwrap(), "500 counted");
    let (first, second) = tokio::join!(desk.count(20), desk.count(30));
    assert_eq!(first.unwrap(), "20 counted");
    assert_eq!(second.unwrap(), "30 counted");
    assert_eq!(client.state(), State::Connected);
}

async fn progress_comes_in_order_and_before_the_result(transport: Transport) {
    let (_server, client, _, _) = connected(transport).await;
    let count = async |upto: u32| {
        let mut seen = Vec::new();
        let report = |number: u32| seen.push(number);
        let done: String = client
            .invoke_with_progress("desk", "count", (upto,), report)
            .await
            .unwrap();
        assert_eq!(done, format!("{upto} counted"));
        if transport == Transport::WebSockets {
            assert_eq!(seen, (0..upto).collect::<Vec<_>>());
        } else {
            // The result comes beside the link and may overtake the last ones.
            assert_eq!(seen, (0..seen.len() as u32).collect::<Vec<_>>());
        }
    };
    for upto in [0, 1, 2, 500] {
        count(upto).await;
    }
    tokio::join!(count(300), count(200), count(100));
    if transport != Transport::WebSockets {
        return;
    }
    // A report that is something else fails the call and nothing more.
    let wrong = client
        .invoke_with_progress::<String, String>("desk", "count", (3,), |_| panic!("no text"))
        .await;
    assert!(matches!(wrong, Err(CallError::Decode(_))));
    let error = client
        .invoke_with_progress::<(), ()>("desk", "refuse", ("no", 1), |()| {})
        .await;
    assert!(matches!(error, Err(CallError::Hub { message, .. }) if message == "no"));
    count(3).await;
}

async fn progress_is_a_stream_too(transport: Transport) {
    let (_server, client, _, _) = connected(transport).await;
    let count = |upto: u32| client.progress::<u32, String>("desk", "count", (upto,));
    for upto in [0, 500] {
        let mut counting = count(upto).unwrap();
        let seen: Vec<u32> = counting.by_ref().map(Result::unwrap).collect().await;
        // The result may overtake the last ones where it comes beside the link.
        let all = transport == Transport::WebSockets;
        assert!(!all || seen.len() == upto as usize, "{}", seen.len());
        assert!(seen.iter().copied().eq(0..seen.len() as u32));
        assert_eq!(counting.result().await.unwrap(), format!("{upto} counted"));
    }
    assert_eq!(count(500).unwrap().result().await.unwrap(), "500 counted");
    if transport == Transport::WebSockets {
        let wrong = client.progress::<String, String>("desk", "count", (3,));
        let mut wrong = wrong.unwrap();
        let all: Vec<_> = wrong.by_ref().collect().await;
        assert!(matches!(
            all[..],
            [Err(CallError::Decode(_)), Err(_), Err(_)]
        ));
        assert_eq!(wrong.result().await.unwrap(), "3 counted");
    }
    let mut refused = client
        .progress::<(), ()>("desk", "refuse", ("no", 1))
        .unwrap();
    assert!(refused.next().await.is_none());
    let error = refused.result().await.unwrap_err();
    assert!(matches!(error, CallError::Hub { message, .. } if message == "no"));
    // One that the connection does not outlive ends, too.
    let mut cut = client.progress::<(), ()>("desk", "hang", ()).unwrap();
    let (end, ()) = tokio::join!(cut.next(), client.close());
    assert!(end.is_none());
    let error = cut.result().await.unwrap_err();
    assert!(
        matches!(error, CallError::Disconnected | CallError::NotConnected),
        "{error}"
    );
}

async fn a_contract_tells_of_progress_too(transport: Transport) {
    let (_server, _client, desk, _) = connected(transport).await;
    let (report, mut reports) = mpsc::unbounded_channel();
    let call = desk.count_with_progress(500, |number| report.send(number).unwrap());
    assert_eq!(call.await.unwrap(), "500 counted");
    drop(report);
    for number in 0..500 {
        match reports.recv().await {
            Some(reported) => assert_eq!(reported, number),
            // The result comes beside the link and may overtake the last ones.
            None => return assert_ne!(transport, Transport::WebSockets),
        }
    }
}

async fn a_thousand_calls_at_once_get_each_its_result(transport: Transport) {
    let (_server, _client, desk, _) = connected(transport).await;
    let calls: Vec<_> = (0..1_000u64)
        .map(|n| {
            let desk = desk.clone();
            // The first ones end last.
            tokio::spawn(async move { desk.slow((1_000 - n) / 5, n).await.unwrap() })
        })
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(soon(call).await.unwrap(), n as u64);
    }
}

async fn a_callback_may_call_the_server(transport: Transport) {
    let (_server, client, desk, _) = connected(transport).await;
    let (seen, mut sums) = mpsc::unbounded_channel();
    let door = Arc::new(OnceLock::<DeskProxy>::new());
    let within = Arc::clone(&door);
    let subscription = client.on("desk", "said", move |(text,): (String,)| {
        let (door, seen) = (Arc::clone(&within), seen.clone());
        async move {
            // Every text is followed by an empty one.
            if text.is_empty() {
                return;
            }
            let desk = door.get().unwrap();
            let sum = desk.add(1, text.len() as i64).await.unwrap();
            // It may also cause the next event.
            if sum < 9 {
                desk.say("x".repeat(sum as usize), 0).await.unwrap();
            }
            seen.send(sum).unwrap();
        }
    });
    assert!(door.set(desk.clone()).is_ok());
    desk.say("xxxxx".into(), 0).await.unwrap();
    for sum in 6..=9 {
        assert_eq!(soon(sums.recv()).await, Some(sum));
    }
    subscription.off();
}
