//! Closed, aborted and drained by three tasks at once: the hub hears of one end, and who is drained has everything
//! (`delivery.md` g, 18).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::dice::Dice;
use common::{Server, Socket, until, within};
use hub_server::{
    CloseFrame, Closed, Context, DrainOptions, HubHandle, HubServer, LiveSession, hub,
};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// Counts who came and who went.
#[derive(Clone, Default)]
struct Counting(Arc<Mutex<HashMap<String, (u32, u32)>>>);

#[hub(name = "counting")]
impl Counting {
    async fn on_connected(&self, cx: &Context) {
        let id = cx.connection_id().to_string();
        self.0.lock().unwrap().entry(id).or_default().0 += 1;
    }

    async fn on_closed(&self, cx: &Context, reason: Closed) {
        // The client may say goodbye first.
        assert!(matches!(
            reason,
            Closed::Ended | Closed::Stopped | Closed::Lost
        ));
        tokio::task::yield_now().await;
        let id = cx.connection_id().to_string();
        self.0.lock().unwrap().entry(id).or_default().1 += 1;
    }
}

const DRAINED: u16 = 3001;
const CLOSED: u16 = 4321;

/// Reads to the end: the numbers, and the code of the close frame.
async fn read(mut socket: Socket) -> (Vec<i64>, Option<u16>) {
    let (mut numbers, mut code) = (Vec::new(), None);
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
                let events = frame["M"].as_array().into_iter().flatten();
                numbers.extend(events.map(|event| event["A"][0].as_i64().unwrap()));
            }
            Some(Ok(Message::Close(frame))) => code = frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return (numbers, code),
        }
    }
}

async fn end(session: LiveSession, how: u64, pauses: u64) {
    for _ in 0..pauses {
        tokio::task::yield_now().await;
    }
    match how {
        0 => session.close(CLOSED, "closed").await.unwrap(),
        1 => session.abort(),
        _ => {
            let frame = CloseFrame::new(DRAINED, "drained").unwrap();
            let options = DrainOptions::from(Duration::from_secs(30)).saying(frame);
            session.drain_and_close(options).await;
        }
    }
}

/// One client and those who end it; whether it was drained, closed or cut.
async fn race(server: &Server, hub: &HubHandle, dice: &mut Dice) -> Option<u16> {
    let mut socket = server.upgrade("/signalr", &[]).await.unwrap();
    let init = socket.frame().await;
    assert_eq!(init["S"], 1);
    let found = || async { hub.sessions().all().pop() };
    let session = until(found).await;
    let posted = i64::try_from(dice.roll(40)).unwrap();
    let filler = "x".repeat(usize::try_from(dice.roll(4_000)).unwrap());
    for n in 0..posted {
        session.post("n", (n, &filler)).await.unwrap();
    }
    let reading = tokio::spawn(read(socket));
    let mut ends = JoinSet::new();
    // Now and then only some of them, so that each wins often enough.
    let which = 1 + dice.roll(7);
    for how in (0..3).filter(|how| which & 1 << how != 0) {
        for _ in 0..=dice.roll(2) {
            ends.spawn(end(session.clone(), how, dice.roll(12)));
        }
    }
    within(async {
        while let Some(ended) = ends.join_next().await {
            ended.unwrap()
        }
    })
    .await;
    let (numbers, code) = within(reading).await.unwrap();
    let whole = i64::try_from(numbers.len()).unwrap();
    assert!(numbers.iter().copied().eq(0..whole), "{numbers:?}");
    match code {
        Some(DRAINED) => assert_eq!(whole, posted, "a drain lost something"),
        Some(CLOSED) | None => assert_ne!(which, 4, "a drain alone ended so: {code:?}"),
        other => panic!("{other:?}"),
    }
    assert!(which & 2 != 0 || code.is_some(), "nobody cut it: {which}");
    assert!(!session.is_open());
    code
}

async fn races(count: u64) {
    let counting = Counting::default();
    let server = HubServer::builder()
        .hub(counting.clone())
        .outbox(16, 16 << 10);
    let server = server.build().unwrap();
    let hub = server.handle("counting").unwrap();
    let server = Server::memory_of(server);
    let mut dice = Dice::new(count);
    let mut ended: HashMap<Option<u16>, u64> = HashMap::new();
    for _ in 0..count {
        *ended
            .entry(race(&server, &hub, &mut dice).await)
            .or_default() += 1;
    }
    assert_eq!(ended.len(), 3, "{ended:?}");
    let all = || async {
        let seen = counting.0.lock().unwrap();
        let gone = seen.values().filter(|(_, gone)| *gone > 0).count();
        (gone as u64 == count).then_some(())
    };
    until(all).await;
    let seen = counting.0.lock().unwrap();
    assert!(seen.values().all(|counts| *counts == (1, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn three_tasks_end_a_session_once() {
    races(3_000).await;
}

/// `HUB_RACES=100000` takes ten minutes in a debug build.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
#[ignore = "takes a minute or two"]
async fn three_tasks_end_a_session_once_many_times() {
    let races_by_hand = std::env::var("HUB_RACES").map(|count| count.parse().unwrap());
    races(races_by_hand.unwrap_or(15_000)).await;
}
