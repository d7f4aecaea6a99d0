//! Who gets what is sent, by a hub and from outside (`classic-signalr.md` 11.2, checklist items 52, 53 and 55).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Server;
use common::hubs::builder;
use hub_server::{ConnectionId, Context, HubError, HubServer, hub};
use serde_json::{Value, json};

const HUB: &[&str] = &["conformance"];

#[tokio::test]
async fn item_52_every_target_reaches_exactly_the_right_connections() {
    let server = Server::tcp(builder().0).await;
    // a calls; a and b are in g, b and c in h; a and c are ann, b is bob.
    let mut a = server.client_as(HUB, Some("ann")).await;
    let mut b = server.client_as(HUB, Some("bob")).await;
    let mut c = server.client_as(HUB, Some("ann")).await;
    for (client, groups) in [(&mut a, "g"), (&mut b, "gh"), (&mut c, "h")] {
        for group in groups.split_terminator("").filter(|g| !g.is_empty()) {
            client.result("conformance", "join", json!([group])).await;
        }
    }
    let (ia, ib, ic) = (a.id.clone(), b.id.clone(), c.id.clone());
    let cases: [(&str, Vec<Value>, &str); 22] = [
        ("broadcast", vec![], "abc"),
        ("others", vec![], "bc"),
        ("caller", vec![], "a"),
        ("allExcept", vec![json!([ib])], "ac"),
        ("allExcept", vec![json!([])], "abc"),
        ("allExcept", vec![json!([ia, ib, ic, "nobody"])], ""),
        ("sendTo", vec![json!(ib)], "b"),
        ("sendTo", vec![json!("nobody")], ""),
        ("sendToMany", vec![json!([ia, ic, "nobody"])], "ac"),
        ("sendToMany", vec![json!([])], ""),
        ("sendGroup", vec![json!("g")], "ab"),
        ("sendGroup", vec![json!("G")], ""),
        ("sendGroupExcept", vec![json!("h"), json!([ib])], "c"),
        ("sendGroups", vec![json!(["g", "h"])], "abbc"),
        ("sendGroups", vec![json!([])], ""),
        ("sendOthersInGroup", vec![json!("g")], "b"),
        ("sendOthersInGroup", vec![json!("h")], "bc"),
        ("sendOthersInGroups", vec![json!(["g", "h"])], "bbc"),
        ("sendToUser", vec![json!("ann")], "ac"),
        ("sendToUser", vec![json!("nobody")], ""),
        ("sendToUsers", vec![json!(["ann", "bob"])], "abc"),
        ("sendToUsers", vec![json!([])], ""),
    ];
    for (n, (method, args, _)) in cases.iter().enumerate() {
        let mut args = args.clone();
        args.push(json!(format!("case {n}")));
        a.result("conformance", method, json!(args)).await;
    }
    for (client, letter) in [(&mut a, 'a'), (&mut b, 'b'), (&mut c, 'c')] {
        for (n, (method, _, who)) in cases.iter().enumerate() {
            for _ in who.matches(letter) {
                let event = client.event().await;
                let text = event.as_array().unwrap().last().unwrap();
                assert_eq!(*text, format!("case {n}"), "{method} to {letter}");
            }
        }
        client.no_event().await;
    }
}

#[tokio::test]
async fn item_52_an_empty_name_is_an_error_result() {
    let server = Server::tcp(builder().0.detailed_errors(true)).await;
    let mut client = server.client(HUB).await;
    for (method, args, parameter) in [
        ("sendTo", json!(["", "x"]), "connectionId"),
        ("sendToMany", json!([["", "a"], "x"]), "connectionId"),
        ("sendGroup", json!(["", "x"]), "groupName"),
        ("sendToUser", json!(["", "x"]), "userId"),
    ] {
        let answer = client.call("conformance", method, args).await;
        let text = answer["E"].as_str().unwrap();
        assert!(
            text.to_lowercase()
                .starts_with("argument cannot be null or empty"),
            "{text}"
        );
        assert!(text.contains(parameter), "{text}");
    }
    client.no_event().await;
}

#[tokio::test]
async fn item_53_a_hub_that_is_not_listed_can_be_called_but_does_not_call_back() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let mut lister = server.client_as(HUB, Some("ann")).await;
    for hubs in [&["demo"][..], &[]] {
        let mut client = server.client_as(hubs, Some("ann")).await;
        let id = client.id.clone();
        assert_eq!(client.result("conformance", "add", json!([1, 2])).await, 3);
        for (method, args) in [
            ("broadcast", json!(["x"])),
            ("caller", json!(["x"])),
            ("sendMany", json!([2])),
            ("sendTo", json!([id, "x"])),
            ("sendToUser", json!(["ann", "x"])),
        ] {
            client.result("conformance", method, args).await;
        }
        client.no_event().await;
        // Groups are joined whatever is listed, and progress needs no hub.
        client.result("conformance", "join", json!(["g"])).await;
        let hi = json!(["g", "hi"]);
        client.result("conformance", "sendGroup", hi.clone()).await;
        assert_eq!(client.event().await, json!(["groupMessage", "g", "hi"]));
        client.result("conformance", "progress", json!([1])).await;
        assert_eq!(client.event().await["P"]["D"], 0);
        // Until the next receive request.
        client.reconnect().await;
        client.result("conformance", "sendGroup", hi).await;
        client.no_event().await;
        assert!(events.of(&client.id).is_empty(), "no lifetime events");
        let request = client.result("conformance", "request", json!([])).await;
        assert_eq!(request["connectionId"], client.id);
    }
    for _ in 0..2 {
        assert_eq!(lister.event().await[2], "x");
        assert_eq!(lister.event().await[2], "x");
    }
    lister.no_event().await;
}

#[tokio::test]
async fn events_carry_the_declared_name_of_their_hub_and_the_callback_as_it_was_written() {
    let (builder, _) = builder();
    let server = builder.build().unwrap();
    let hub = server.handle("coNFormance").unwrap();
    let server = Server::tcp_of(server).await;
    let mut client = server.client(&["CONFORMANCE"]).await;
    hub.clients()
        .all()
        .send("Some_Name", (1, "x", [1.5]))
        .await
        .unwrap();
    let frame = client.socket.frame().await;
    let event = json!({"H": "conformance", "M": "Some_Name", "A": [1, "x", [1.5]]});
    assert_eq!(frame["M"], json!([event]));
}

#[tokio::test]
async fn a_message_of_one_hub_does_not_reach_the_clients_of_another() {
    let (builder, _) = builder();
    let server = builder.build().unwrap();
    let [conformance, demo] = ["conformance", "demo"].map(|name| server.handle(name).unwrap());
    let server = Server::tcp_of(server).await;
    let mut both = server
        .client_as(&["conformance", "demo"], Some("ann"))
        .await;
    let mut one = server.client_as(&["demo"], Some("ann")).await;
    for (hub, name) in [(&conformance, "c"), (&demo, "d")] {
        hub.clients().all().send(name, ()).await.unwrap();
        hub.clients().user("ann").send(name, ()).await.unwrap();
        hub.clients().client(&*one.id).send(name, ()).await.unwrap();
    }
    for name in ["c", "c", "d", "d"] {
        assert_eq!(both.event().await, json!([name]));
    }
    for name in ["d", "d", "d"] {
        assert_eq!(one.event().await, json!([name]));
    }
    both.no_event().await;
    one.no_event().await;
}

#[tokio::test]
async fn item_55_from_outside_a_hub_all_targets_and_groups_are_there() {
    let server = builder().0.build().unwrap();
    let hub = server.handle("CONFORMANCE").unwrap();
    assert!(server.handle("nosuch").is_none());
    assert_eq!(hub.name().as_str(), "conformance");
    let server = Server::tcp_of(server).await;
    let mut ann = server.client_as(HUB, Some("ann")).await;
    let mut bob = server.client_as(HUB, Some("bob")).await;
    let (a, b) = (ann.id.clone(), bob.id.clone());
    let id = |text: &str| ConnectionId::from(text);
    hub.groups().add(&id(&a), "g").await.unwrap();
    hub.groups().add(&id(&a), "h").await.unwrap();
    hub.groups().add(&id(&b), "h").await.unwrap();
    let c = hub.clients();
    let none: [&str; 0] = [];
    let targets = [
        (c.all(), "ab"),
        (c.all_except([&*a]), "b"),
        (c.all_except([&*a, &*b]), ""),
        (c.client(&*b), "b"),
        (c.client("nobody"), ""),
        (c.clients([&*a, &*b]), "ab"),
        (c.clients(none), ""),
        (c.group("g"), "a"),
        (c.group_except("h", [&*a]), "b"),
        (c.groups(["g", "h"]), "aab"),
        (c.groups(none), ""),
        (c.user("ann"), "a"),
        (c.user("ANN"), ""),
        (c.user_except("ann", [&*a]), ""),
        (c.users(["ann", "bob"]), "ab"),
        (c.users(none), ""),
    ];
    for (n, (to, _)) in targets.iter().enumerate() {
        to.send("n", (n,)).await.unwrap();
    }
    for (client, letter) in [(&mut ann, 'a'), (&mut bob, 'b')] {
        let mut expected = Vec::new();
        for (n, (_, who)) in targets.iter().enumerate() {
            for _ in who.matches(letter) {
                expected.push(json!(["n", n]));
            }
        }
        for event in expected {
            assert_eq!(client.event().await, event);
        }
        client.no_event().await;
    }
    hub.groups().remove(&id(&a), "g").await.unwrap();
    c.group("g").send("n", (0,)).await.unwrap();
    ann.no_event().await;
    // Empty names are refused, as is what is no array.
    assert!(c.client("").send("n", ()).await.is_err());
    assert!(c.group("").send("n", ()).await.is_err());
    assert!(c.users(["ann", ""]).send("n", ()).await.is_err());
    assert!(c.all().send("n", "no tuple").await.is_err());
    ann.no_event().await;
    hub.abort(&id(&a)).await.unwrap();
    assert_eq!(ann.socket.end().await, Some(1000));
}

struct Typed;

#[hub]
impl Typed {
    async fn hello(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().all().send("hello", ()).await?)
    }
}

#[tokio::test]
async fn item_55_a_hub_is_found_by_its_type() {
    let server = HubServer::builder().hub(Typed).build().unwrap();
    let handle = server.handle_of::<Typed>().unwrap();
    assert_eq!(handle.name().as_str(), "typed");
    assert!(server.handle_of::<common::hubs::Demo>().is_none());
    let server = Server::tcp_of(server).await;
    let mut client = server.client(&["typed"]).await;
    handle.clients().all().send("hello", (1,)).await.unwrap();
    assert_eq!(client.event().await, json!(["hello", 1]));
}
