//! Whose a persistent id is, on every wire (`delivery.md` 0): `Bound`, `Signed` and `Open`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::hubs::ByHeader;
use common::wires::{Foo, Servers, Wire};
use common::within;
use hub_server::{BuildError, Builder, HubServer, PersistentIds};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANN: &str = "00000000-0000-0000-0000-00000000000a";
const KEYS: [[u8; 32]; 2] = [[1; 32], [2; 32]];

fn builder(ids: PersistentIds) -> Builder {
    let builder = HubServer::builder().hub(Foo).authenticate(ByHeader);
    builder.persistent_ids(ids)
}

/// All that the text protocol says to a first line with this id, if it ends the connection at once.
async fn text(servers: &Servers, id: &str) -> String {
    let mut socket = TcpStream::connect(servers.text).await.unwrap();
    let first = format!("PuttyProtocol?PersistentId={id}\r\nfoo|1|\r\n");
    socket.write_all(first.as_bytes()).await.unwrap();
    let mut said = String::new();
    within(socket.read_to_string(&mut said)).await.unwrap();
    said
}

/// What each way in over HTTP answers to this id.
async fn http(servers: &Servers, user: Option<&str>, id: &str) -> Vec<(u16, String)> {
    let server = &servers.http;
    let mut answers = Vec::new();
    let brought = [("persistentId", id), ("connectionData", HUBS)];
    let negotiated = server.get_as("/negotiate", &brought, user).await;
    answers.push((negotiated.status, negotiated.body));
    // Whoever negotiated without an id has a token, and brings the id only then.
    let mut client = server.negotiated(&["foo"], user).await;
    client.more = vec![("persistentId".into(), id.into())];
    answers.push(client.open("/connect", &[]).await.err().unwrap());
    for verb in ["/start", "/abort"] {
        let answer = client.get(verb).await;
        answers.push((answer.status, answer.body));
    }
    let name = ("Sec-WebSocket-Protocol", "XSocketsNET");
    let mut headers = vec![("Origin", "http://test.example")];
    headers.extend(user.map(|user| ("X-User", user)));
    let bare = server.target("", &brought);
    answers.push(server.upgrade(&bare, &headers).await.err().unwrap());
    headers.push(name);
    for path in ["/", "/signalr"] {
        let target = format!("{path}?PersistentId={id}&cs=1");
        answers.push(server.upgrade(&target, &headers).await.err().unwrap());
    }
    answers
}

const HUBS: &str = r#"[{"name":"foo"}]"#;

/// Nobody but its owner gets in with an id, over no wire, and everybody is told the same.
async fn refused(servers: &Servers, user: Option<&str>, id: &str, why: &str) {
    let said = format!("|0|{{\"Message\":\"{why}\"}}\r\n");
    assert_eq!(text(servers, id).await, said);
    for answer in http(servers, user, id).await {
        assert_eq!(answer, (403, why.to_owned()));
    }
}

/// An owner over classic SignalR is there, then away, then back, and meanwhile somebody tries to be the owner.
async fn undisturbed(servers: &Servers, intruder: Option<&str>, id: &str) {
    const WHY: &str = "The persistentId is another user's.";
    let mut sender = servers.client(true, "").await;
    sender.open().await;
    let mut ann = servers.started(Some("ann"), id).await;
    refused(servers, intruder, id, WHY).await;
    sender.expect(&[("bar", "there")], &["bar|there"]).await;
    assert_eq!(ann.event().await, json!(["bar", "there"]));
    ann.abort().await;
    sender.expect(&[("bar", "away")], &["bar|away"]).await;
    refused(servers, intruder, id, WHY).await;
    sender.expect(&[("bar", "later")], &["bar|later"]).await;
    let mut ann = servers.started(Some("ann"), id).await;
    for kept in ["away", "later"] {
        assert_eq!(ann.event().await, json!(["bar", kept]));
    }
    refused(servers, intruder, id, WHY).await;
    sender.expect(&[("bar", "still")], &["bar|still"]).await;
    assert_eq!(ann.event().await, json!(["bar", "still"]));
}

#[tokio::test]
async fn an_id_of_somebody_else_is_refused_on_every_wire_and_its_owner_notices_nothing() {
    for intruder in [Some("bob"), None] {
        let servers = Servers::of(builder(PersistentIds::bound())).await;
        undisturbed(&servers, intruder, ANN).await;
        let servers = Servers::of(builder(PersistentIds::signed(KEYS))).await;
        let id = PersistentIds::signed(KEYS).make();
        undisturbed(&servers, intruder, &id).await;
    }
}

#[tokio::test]
async fn an_owner_on_an_xsockets_socket_notices_nothing_either() {
    const WHY: &str = "The persistentId is another user's.";
    let servers = Servers::of(builder(PersistentIds::bound())).await;
    let mut sender = servers.client(true, "").await;
    sender.open().await;
    for made in [false, true] {
        let query = if made {
            String::new()
        } else {
            format!("PersistentId={ANN}")
        };
        let mut ann = servers.client_as("ann", &query).await;
        let id = ann.opened().await;
        assert_eq!(id == ANN, !made);
        ann.say("s1", "secret,value").await;
        refused(&servers, Some("bob"), &id, WHY).await;
        refused(&servers, None, &id, WHY).await;
        sender.expect(&[("bar", "x")], &["bar|x"]).await;
        ann.expect(&[("s2", "secret")], &["bar|x", "s2:secret|value"])
            .await;
        ann.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn what_was_not_signed_here_is_refused_and_what_was_is_known_again() {
    let ids = PersistentIds::signed(KEYS);
    let servers = Servers::of(builder(ids.clone())).await;
    let (signed, other) = (ids.make(), ids.make());
    let (guid, signature) = signed.split_once('.').unwrap();
    let (other, _) = other.split_once('.').unwrap();
    for forged in [
        guid.to_owned(),
        format!("{guid}.{}", &signature[1..]),
        format!("{other}.{signature}"),
        PersistentIds::signed([[3; 32]]).make(),
    ] {
        let why = "The persistentId was not signed by this server.";
        refused(&servers, Some("ann"), &forged, why).await;
        refused(&servers, None, &forged, why).await;
    }
    let why = "The persistentId is not a GUID.";
    let said = format!("|4|{{\"Message\":\"{why}\"}}\r\n");
    assert_eq!(text(&servers, "nonsense").await, said);
    for answer in http(&servers, None, "nonsense").await {
        assert_eq!(answer, (400, why.to_owned()));
    }
    // With a key that signs no more, too.
    let old = PersistentIds::signed([KEYS[1]]).make();
    let mut sender = servers.client(true, "").await;
    sender.open().await;
    for tcp in [true, false] {
        for id in [Some(&signed), Some(&old), None] {
            let query = id
                .map(|id| format!("PersistentId={id}&cs=1"))
                .unwrap_or_default();
            let mut bob = servers.client(tcp, &query).await;
            let told = bob.opened().await;
            // Whatever it came with, it is told what to bring the next time.
            assert!(told.contains('.'), "{told}");
            drop(bob);
            let mut bob = servers.client(!tcp, &format!("PersistentId={told}")).await;
            assert_eq!(bob.opened().await, told);
            bob.expect(&[("3", "")], &["3|"]).await;
            sender.expect(&[("bar", "away")], &["bar|away"]).await;
            bob.opened().await;
            bob.expect(&[], &["bar|away"]).await;
            bob.expect(&[("3", "")], &["3|"]).await;
        }
    }
}

#[tokio::test]
async fn an_open_server_takes_any_guid_from_anybody_who_knows_it() {
    let servers = Servers::of(builder(PersistentIds::open())).await;
    let query = format!("PersistentId={ANN}");
    let mut ann = servers.client_as("ann", &query).await;
    ann.say("s1", "k,v").await;
    assert_eq!(ann.opened().await, ANN);
    ann.expect(&[("s2", "k")], &["s2:k|v"]).await;
    let mut bob = servers.client_as("bob", &query).await;
    assert_eq!(bob.opened().await, ANN);
    bob.expect(&[("s2", "k")], &["s2:k|v"]).await;
    let Wire::Ws(socket) = &mut ann else { panic!() };
    assert_eq!(socket.end().await, Some(4001));
    let mut nobody = servers.client(true, &query).await;
    assert_eq!(nobody.opened().await, ANN);
    nobody.expect(&[("s2", "k")], &["s2:k|v"]).await;
    let mut carl = servers.started(Some("carl"), ANN).await;
    nobody.ends_taken_over().await;
    let sum = carl.result("foo", "add", json!([1, 2])).await;
    assert_eq!((sum, carl.socket.events.len()), (json!(3), 0));
    assert_eq!(text(&servers, "nonsense").await.get(..3), Some("|4|"));
}

#[tokio::test]
async fn keys_that_are_none_are_refused_when_the_server_is_built() {
    let wrong = |ids| match builder(ids).build() {
        Err(BuildError::Setting(wrong)) => wrong,
        other => panic!("{other:?}"),
    };
    let none: [&[u8]; 0] = [];
    assert!(wrong(PersistentIds::signed(none)).contains("need a key"));
    assert!(wrong(PersistentIds::signed([[1; 31]])).contains("32 bytes"));
    let second = [&[1; 32][..], b"secret"];
    assert!(wrong(PersistentIds::signed(second)).contains("32 bytes"));
    assert!(builder(PersistentIds::signed(KEYS)).build().is_ok());
}
