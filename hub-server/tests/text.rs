//! The text protocol over TCP (`delivery.md` e.1).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::within;
use hub_server::{Context, HubError, HubServer, Progress, hub};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// The hub of the seed's walk-through.
struct Foo;

#[hub(name = "foo")]
impl Foo {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        cx.online_publish().await?;
        Ok(())
    }

    async fn on_disconnected(&self, cx: &Context, _: bool) -> Result<(), HubError> {
        Ok(cx
            .offline_subscribe(["bar", "baz"], Duration::from_secs(60))
            .await?)
    }

    async fn bar(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .all()
            .and_queue("bar")
            .send("bar", (m,))
            .await?)
    }

    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    fn fail(&self) -> Result<(), HubError> {
        Err(HubError::new("as it is"))
    }

    async fn slow(&self, ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        ms
    }

    async fn progress(&self, progress: Progress<u8>) -> Result<&'static str, HubError> {
        progress.report(1).await?;
        Ok("done")
    }

    async fn join(&self, cx: &Context, group: String) -> Result<(), HubError> {
        Ok(cx.join(group).await?)
    }

    async fn tell(&self, cx: &Context, group: String, text: String) -> Result<(), HubError> {
        Ok(cx.clients().group(group).send("told", (text,)).await?)
    }
}

/// A hub that is for members.
struct Closed;

#[hub(authorize)]
impl Closed {
    fn ping(&self) {}
}

/// A hub that refuses everybody as they come.
struct Moody;

#[hub]
impl Moody {
    fn on_connected(&self) -> Result<(), HubError> {
        Err(HubError::new("not today"))
    }
}

struct Server {
    text: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let server = HubServer::builder().hub(Foo).hub(Closed).hub(Moody);
        let mut bound = server.build().unwrap().bind("127.0.0.1:0").await.unwrap();
        let text = bound.text("127.0.0.1:0").await.unwrap();
        let task = tokio::spawn(async { bound.serve().await.unwrap() });
        Self { text, task }
    }

    /// A terminal that has said its first line and was welcomed.
    async fn terminal(&self, first: &str) -> Terminal {
        let mut terminal = self.dial().await;
        terminal.say(first).await;
        assert_eq!(terminal.hear().await, "Welcome to PuttyProtocol");
        terminal
    }

    async fn dial(&self) -> Terminal {
        let socket = TcpStream::connect(self.text).await.unwrap();
        Terminal(BufReader::new(socket))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Terminal(BufReader<TcpStream>);

impl Terminal {
    async fn say(&mut self, line: &str) {
        self.send(format!("{line}\r\n").as_bytes()).await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next line; empty at the end.
    async fn hear(&mut self) -> String {
        let mut line = String::new();
        let read = within(self.0.read_line(&mut line)).await;
        assert!(
            read.is_err() || line.is_empty() || line.ends_with("\r\n"),
            "{line:?}"
        );
        line.trim_end().to_owned()
    }

    /// Opens a hub; gives what the server says of it.
    async fn open(&mut self, hub: &str) -> String {
        self.say(&format!("{hub}|1|")).await;
        let opened = self.hear().await;
        assert!(opened.starts_with(&format!("{hub}|2|PI:")), "{opened}");
        opened
    }

    /// Fails if anything was sent before the answer to a call.
    async fn nothing_more(&mut self) {
        self.say("foo|add|[1,2]").await;
        assert_eq!(self.hear().await, "foo|add|3");
    }
}

const PUTTY: &str = "PuttyProtocol";
const BOB: &str = "PuttyProtocol?PersistentId=00000000-0000-0000-0000-00000000000b";

#[tokio::test]
async fn the_walk_through_a_hub_is_closed_a_message_comes_meanwhile_and_is_there_when_it_is_opened()
{
    let server = Server::start().await;
    let mut a = server.terminal(PUTTY).await;
    let mut b = server.terminal(BOB).await;
    a.open("foo").await;
    let opened = b.open("foo").await;
    assert!(
        opened.contains("PI:00000000-0000-0000-0000-00000000000b,CI:"),
        "{opened}"
    );
    a.say("foo|bar|x").await;
    assert_eq!(a.hear().await, "foo|bar|x");
    assert_eq!(b.hear().await, "foo|bar|x");
    b.say("foo|3|").await;
    assert_eq!(b.hear().await, "foo|3|");
    for text in ["y", "z|with|bars"] {
        a.say(&format!("foo|bar|{text}")).await;
        assert_eq!(a.hear().await, format!("foo|bar|{text}"));
    }
    b.open("foo").await;
    assert_eq!(b.hear().await, "foo|bar|y");
    assert_eq!(b.hear().await, "foo|bar|z|with|bars");
    b.nothing_more().await;
    a.say("foo|bar|live").await;
    assert_eq!(b.hear().await, "foo|bar|live");
}

#[tokio::test]
async fn who_hangs_up_gets_what_was_queued_on_the_next_connection_unless_it_wants_a_clean_start() {
    let server = Server::start().await;
    let mut a = server.terminal(PUTTY).await;
    a.open("foo").await;
    for (first, kept) in [(BOB.to_owned(), true), (format!("{BOB}&cs=1"), false)] {
        let mut b = server.terminal(BOB).await;
        b.open("foo").await;
        b.nothing_more().await;
        drop(b);
        // The next connection of the same client takes over, whether the end was noticed or not.
        let mut b = server.terminal(BOB).await;
        b.say("foo|3|").await;
        b.open("foo").await;
        b.say("foo|3|").await;
        assert_eq!(b.hear().await, "foo|3|");
        a.say("foo|bar|away").await;
        assert_eq!(a.hear().await, "foo|bar|away");
        let mut c = server.terminal(&first).await;
        assert!(b.hear().await.contains("taken over"));
        assert_eq!(b.hear().await, "");
        c.open("foo").await;
        if kept {
            assert_eq!(c.hear().await, "foo|bar|away");
        }
        c.nothing_more().await;
        c.say("foo|3|").await;
        assert_eq!(c.hear().await, "foo|3|");
        // Clean is the start: what comes while the hub is closed later on is kept.
        a.say("foo|bar|later").await;
        assert_eq!(a.hear().await, "foo|bar|later");
        c.open("foo").await;
        assert_eq!(c.hear().await, "foo|bar|later");
        c.say("foo|3|").await;
        assert_eq!(c.hear().await, "foo|3|");
    }
}

#[tokio::test]
async fn calls_are_answered_on_their_topic_and_failures_on_topic_4() {
    let server = Server::start().await;
    let mut a = server.terminal(PUTTY).await;
    // A hub opens by itself when it is first used; the call follows.
    a.say("foo|add|[1,41]").await;
    assert!(a.hear().await.starts_with("foo|2|"));
    assert_eq!(a.hear().await, "foo|add|42");
    for (said, heard) in [
        ("FOO|Add|[1,\"2\"]", "FOO|Add|3"),
        ("foo|fail|", "foo|4|{\"Message\":\"as it is\"}"),
        ("foo|progress|", "foo|progress|done"),
        (
            "foo|add|[1]",
            "foo|4|{\"Message\":\"There was an error invoking Hub method 'foo.add'.\"}",
        ),
        (
            "nobody|x|",
            "nobody|4|{\"Message\":\"there is no such hub\"}",
        ),
        ("foo|7|abc", "foo|8|abc"),
        (
            "foo|99|bar",
            "foo|4|{\"Message\":\"this server does not serve that topic\"}",
        ),
        ("closed|ping|", "closed|4|{\"Message\":\"not authorized\"}"),
    ] {
        a.say(said).await;
        assert_eq!(a.hear().await, heard, "{said}");
    }
    a.say("moody|1|").await;
    assert!(a.hear().await.starts_with("moody|2|"));
    assert_eq!(a.hear().await, "moody|4|{\"Message\":\"not today\"}");
    a.nothing_more().await;
}

#[tokio::test]
async fn slow_calls_are_overtaken_and_groups_end_with_their_hub() {
    let server = Server::start().await;
    let mut a = server.terminal(PUTTY).await;
    a.open("foo").await;
    a.say("foo|slow|300").await;
    a.say("foo|slow|1").await;
    assert_eq!(a.hear().await, "foo|slow|1");
    assert_eq!(a.hear().await, "foo|slow|300");
    let mut b = server.terminal(PUTTY).await;
    b.open("foo").await;
    b.say("foo|join|g").await;
    b.nothing_more().await;
    a.say("foo|tell|[\"g\",\"one\"]").await;
    assert_eq!(b.hear().await, "foo|told|one");
    b.say("foo|3|").await;
    assert_eq!(b.hear().await, "foo|3|");
    a.say("foo|tell|[\"g\",\"two\"]").await;
    a.nothing_more().await;
    b.open("foo").await;
    a.say("foo|tell|[\"g\",\"three\"]").await;
    a.nothing_more().await;
    b.nothing_more().await;
}

#[tokio::test]
async fn what_is_no_line_is_told_and_the_connection_goes_on() {
    let server = Server::start().await;
    let mut a = server.terminal(PUTTY).await;
    a.open("foo").await;
    for said in [
        &b"no bars\r\n"[..],
        b"one|bar\n",
        b"||\n",
        b"foo|bar|\0\n",
        b"foo|bar|\xfe\n",
        b"foo|b\xc3|\n",
    ] {
        a.send(said).await;
        let heard = a.hear().await;
        assert!(heard.starts_with("|4|{\"Message\":"), "{said:?} {heard}");
    }
    // Empty lines and telnet's own commands are no lines; a line may come in pieces.
    a.send(b"\r\n\n\xff\xfd\x01fo\xff\xfb\x03o|ad").await;
    a.send(b"d|[2,2]\n").await;
    assert_eq!(a.hear().await, "foo|add|4");
}

#[tokio::test]
async fn a_line_that_is_too_long_ends_the_connection() {
    let server = Server::start().await;
    for (size, fits) in [(65_536, true), (65_537, false), (1 << 20, false)] {
        let mut a = server.terminal(PUTTY).await;
        a.open("foo").await;
        let head = "foo|bar|";
        let line = format!("{head}{}", "x".repeat(size - head.len()));
        // The server may hang up before all of it is there.
        let _ = a.0.write_all(format!("{line}\r\n").as_bytes()).await;
        if fits {
            assert_eq!(a.hear().await, line);
        } else {
            let heard = a.hear().await;
            assert!(heard.is_empty() || heard.contains("too long"), "{heard}");
            assert_eq!(a.hear().await, "");
        }
    }
}

#[tokio::test]
async fn who_does_not_speak_the_protocol_is_told_and_shown_out() {
    let server = Server::start().await;
    for first in [
        "GET / HTTP/1.1",
        "",
        "PuttyProtocol?PersistentId=nonsense",
        "foo|1|",
    ] {
        let mut a = server.dial().await;
        a.say(first).await;
        assert!(a.hear().await.starts_with("|4|{\"Message\":"), "{first}");
        assert_eq!(a.hear().await, "");
    }
}
