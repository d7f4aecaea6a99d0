//! What classic SignalR's codec costs a message, in time and allocations: what every call and every broadcast goes through.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use divan::{AllocProfiler, Bencher, black_box};
use hub_core::{
    Args, Classic, ClassicClient, Completion, Cursor, Envelope, Epoch, Event, HubName,
    InvocationId, Message, Part, Payload, Protocol, Session, Tag,
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// As long as the arguments of the echo scenario.
const TEXT: &str = "E10000000abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabc";

fn call() -> Bytes {
    format!(r#"{{"H":"bench","M":"echo","A":["{TEXT}"],"I":10000000}}"#).into()
}

fn event() -> Event {
    Event {
        hub: HubName::new("bench"),
        method: "message".into(),
        args: Payload::of(&(TEXT,)).unwrap(),
        state: None,
        tag: None,
    }
}

fn decoded(bencher: Bencher<'_, '_>, protocol: &dyn Protocol, input: &Bytes) {
    let mut out = VecDeque::new();
    bencher.bench_local(|| {
        protocol
            .decode(&mut black_box(input).clone(), &mut out)
            .unwrap();
        out.pop_front()
    });
}

#[divan::bench]
fn parse_a_call(bencher: Bencher<'_, '_>) {
    decoded(bencher, &Classic, &call());
}

/// The same as a driver does it.
#[divan::bench]
fn receive_a_call(bencher: Bencher<'_, '_>) {
    let call = call();
    let mut session = Session::new(&Classic);
    bencher.bench_local(|| {
        session.receive(black_box(&call).clone()).unwrap();
        session.poll_event()
    });
}

#[divan::bench]
fn read_an_argument() -> String {
    let text = Bytes::from_static(br#"["E10000000abcdefghijklmnopqrstuvwxyz"]"#);
    let mut args = Args::parse(black_box(text)).unwrap();
    args.next("m").unwrap()
}

#[divan::bench]
fn write_an_answer(bencher: Bencher<'_, '_>) {
    let answer = Message::Complete(Completion {
        id: Some(InvocationId::new("10000000")),
        outcome: Ok(Some(Payload::of(TEXT).unwrap())),
        state: None,
    });
    let mut out = BytesMut::new();
    bencher.bench_local(|| {
        out.clear();
        Classic.write(black_box(&answer), &mut out);
    });
}

/// Once for each entry, whoever receives it.
#[divan::bench]
fn encode_an_event(bencher: Bencher<'_, '_>) {
    let event = event();
    bencher.bench_local(|| Classic.event(black_box(&event), Tag::default()));
}

/// Once for each broadcast; or for each payload of a connection that reads the log.
#[divan::bench(args = [1, 16])]
fn frame_events(bencher: Bencher<'_, '_>, events: usize) {
    let part = Classic.event(&event(), Tag::default());
    let parts: Vec<&Part> = std::iter::repeat_n(&part, events).collect();
    let cursor = Cursor::at(Epoch(0x1234_5678_9abc_def0), 1_000_000);
    let mut out = BytesMut::new();
    bencher.bench_local(|| {
        out.clear();
        Classic.frame(black_box(cursor), Envelope::default(), &parts, &mut out);
    });
}

/// A client's side.
#[divan::bench]
fn parse_an_event(bencher: Bencher<'_, '_>) {
    let part = Classic.event(&event(), Tag::default());
    let mut frame = BytesMut::new();
    let cursor = Cursor::at(Epoch(1), 2);
    Classic.frame(cursor, Envelope::default(), &[&part], &mut frame);
    let frame = frame.freeze();
    bencher.bench_local(|| {
        // A payload is several messages: what it holds, and where that ends.
        let mut out = VecDeque::new();
        ClassicClient
            .decode(&mut black_box(&frame).clone(), &mut out)
            .unwrap();
        out
    });
}
