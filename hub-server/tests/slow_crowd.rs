//! A crowd of which every tenth reads nothing, or a byte a second, and a server that is sent more than it can do: the others
//! notice nothing, memory stays in its bounds, and whoever was shown out has missed nothing when it is back (`delivery.md`
//! g, rows 12 and 13). `bench strain` is the same at full size, on a server of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::slow::{HUB, clog, session, ticker, unclog};
use common::{Io, within};
use futures_util::StreamExt;
use futures_util::future::join_all;
use hub_server::{DeliveryError, HubHandle};
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// What an outbox may hold.
const OUTBOX: usize = 32 * 1024;

/// What one frame may add to an outbox that holds nothing, or little: a filler, or a page of the log.
const FRAME: usize = 64 * 1024;

/// So much later than without slow readers the others may get a message, in 9 of 10 cases.
const RATIO: u32 = 10;

/// Less than this is the machine's own unrest.
const UNREST: Duration = Duration::from_millis(50);

/// When each number was sent.
type Sent = Arc<Mutex<Vec<Instant>>>;

/// Sends everybody so many more numbers, so many a second.
async fn broadcast(hub: &HubHandle, sent: &Sent, count: usize, a_second: u32) {
    let mut pace = interval(Duration::from_secs(1) / a_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..count {
        pace.tick().await;
        let n = {
            let mut sent = sent.lock().unwrap();
            sent.push(Instant::now());
            sent.len() - 1
        };
        let filler = "x".repeat(100);
        hub.clients().all().send("n", (n, filler)).await.unwrap();
    }
}

/// Reads numbers up to `last`, in order and without a hole from 0; gives how long each was on its way.
fn reads(
    mut stream: WebSocketStream<Box<dyn Io>>,
    sent: Sent,
    last: usize,
) -> JoinHandle<Vec<Duration>> {
    tokio::spawn(async move {
        let mut took = Vec::new();
        while took.len() <= last {
            let Message::Text(text) = stream.next().await.unwrap().unwrap() else {
                continue;
            };
            for event in text.split(r#""M":"n","A":["#).skip(1) {
                let n: usize = event.split(',').next().unwrap().parse().unwrap();
                assert_eq!(n, took.len(), "in order, and once");
                took.push(sent.lock().unwrap()[n].elapsed());
            }
        }
        took
    })
}

/// What nine of ten were below.
fn most(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() * 9 / 10]
}

/// The most that waits for one, and for all together, as long as it is not told to stop.
fn watches(hub: HubHandle, stop: Arc<AtomicBool>) -> JoinHandle<(usize, usize)> {
    tokio::spawn(async move {
        let (mut one, mut all) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            let waiting: Vec<usize> = hub.sessions().all().iter().map(|it| it.waiting()).collect();
            one = one.max(waiting.iter().copied().max().unwrap_or_default());
            all = all.max(waiting.iter().sum());
            sleep(Duration::from_millis(20)).await;
        }
        (one, all)
    })
}

/// How large the crowd is, and how much it is sent.
struct Crowd {
    clients: usize,
    a_second: u32,
    seconds: u32,
    write_timeout: Duration,
}

async fn crowd_with_slow_readers(crowd: Crowd) {
    let Crowd {
        clients,
        a_second,
        seconds,
        write_timeout,
    } = crowd;
    let (slow, count) = (clients / 10, (a_second * seconds) as usize);
    let set = |b: hub_server::Builder| {
        b.outbox(1_024, OUTBOX)
            .retain(100_000, 1 << 30)
            .write_timeout(write_timeout)
    };
    let (server, hub, events) = ticker(set).await;
    let sent = Sent::default();
    let mut quick = Vec::new();
    for _ in slow..clients {
        let stream = server.client(HUB).await.socket.take_stream();
        quick.push(reads(stream, sent.clone(), 2 * count - 1));
    }
    broadcast(&hub, &sent, count, a_second).await;

    // Now the slow ones come, and are sent more than their sockets take.
    let narrow = server.narrow();
    let mut lazy = Vec::new();
    for n in 0..slow {
        let mut client = narrow.client(HUB).await;
        let fillers = clog(&hub, &client).await;
        if n % 2 == 0 {
            // A byte a second is no more than nothing.
            let mut stream = client.socket.take_stream();
            tokio::spawn(async move {
                while stream
                    .get_mut()
                    .read(&mut [0; 1])
                    .await
                    .is_ok_and(|n| n > 0)
                {
                    sleep(Duration::from_secs(1)).await;
                }
            });
        }
        lazy.push((client, fillers));
    }
    let clogged = Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let watching = watches(hub.clone(), stop.clone());
    let sending = {
        let (hub, sent) = (hub.clone(), sent.clone());
        tokio::spawn(async move { broadcast(&hub, &sent, count, a_second).await })
    };
    // A link that has ended is no longer slow.
    while lazy
        .iter()
        .any(|(client, _)| events.of(&client.id).len() < 3)
    {
        assert!(
            clogged.elapsed() < Duration::from_secs(15),
            "some are there still"
        );
        sleep(Duration::from_millis(20)).await;
    }
    let closed = clogged.elapsed();
    sending.await.unwrap();
    let took: Vec<Vec<Duration>> = join_all(quick)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    stop.store(true, Ordering::Relaxed);
    let (one, all) = watching.await.unwrap();
    let before = most(
        took.iter()
            .flat_map(|took| took[..count].to_vec())
            .collect(),
    );
    let beside = most(
        took.iter()
            .flat_map(|took| took[count..].to_vec())
            .collect(),
    );
    println!(
        "{clients} clients, {slow} of them slow, {a_second} messages a second: 9 of 10 within {before:?} before and {beside:?} beside \
         them; at most {one} bytes wait for one and {all} for all; all slow ones closed after {closed:?}"
    );
    assert!(
        beside <= before.max(UNREST) * RATIO,
        "{before:?} {beside:?}"
    );
    assert!(one <= OUTBOX + FRAME, "{one}");
    // What waits for the others is on its way.
    assert!(all <= (slow + clients / 10 + 1) * (OUTBOX + FRAME), "{all}");

    // Back again, each gets what it had not read, once and in order.
    for (client, fillers) in &mut lazy {
        let told = events.of(&client.id);
        // On a machine that has much to do it may take some more in between.
        assert_eq!(told.len() % 2, 1, "{told:?}");
        assert_eq!(
            told[told.len() - 2..],
            ["Rises", "Relieved { left_out: 0 }"]
        );
        client.server = &server;
        client.reconnect().await;
        unclog(client, *fillers).await;
        for n in count..2 * count {
            let event = client.event().await;
            assert_eq!(
                (&event[0], event[1].as_u64()),
                (&"n".into(), Some(n as u64))
            );
        }
        // While it catches up it may be slower than the server for a moment.
        let mut since = events.of(&client.id).split_off(told.len());
        since.retain(|event| event != "Rises" && !event.starts_with("Relieved"));
        assert_eq!(since, ["reconnected"], "without a gap");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_those_who_do_not_read() {
    crowd_with_slow_readers(Crowd {
        clients: 200,
        a_second: 100,
        seconds: 3,
        write_timeout: Duration::from_secs(2),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_sent_three_times_what_it_can_do_refuses_and_recovers() {
    let (server, hub, _) = ticker(|b| b.outbox(1_024, OUTBOX).retain(100_000, 1 << 30)).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(server.client(HUB).await);
    }
    let sessions: Vec<_> = clients.iter().map(|it| session(&hub, &it.id)).collect();
    let got = Arc::new(AtomicUsize::new(0));
    let mut readers = Vec::new();
    for client in &mut clients {
        let (mut stream, got) = (client.socket.take_stream(), got.clone());
        readers.push(tokio::spawn(async move {
            let mut last = None;
            while let Some(Ok(message)) = stream.next().await {
                let Message::Text(text) = message else {
                    continue;
                };
                for event in text.split(r#""M":"n","A":["#).skip(1) {
                    let n: usize = event.split(']').next().unwrap().parse().unwrap();
                    assert!(last < Some(n), "in order, and once");
                    last = Some(n);
                    got.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
    }
    // What it can do: twenty who wait for each.
    let begun = Instant::now();
    let posts = sessions.iter().map(|session| async move {
        let mut posted = 0;
        while begun.elapsed() < Duration::from_secs(1) {
            session.post("n", (posted,)).await.unwrap();
            posted += 1;
        }
        posted
    });
    let mut posted: usize = join_all(posts).await.into_iter().sum();
    let arrive = async |posted: usize| {
        while got.load(Ordering::Relaxed) < posted {
            tokio::task::yield_now().await;
        }
    };
    within(arrive(posted)).await;
    // How long one more takes, when so many have been sent.
    let once = async |number: usize, sent: usize| {
        let begun = Instant::now();
        sessions[number % 20].post("n", (number,)).await.unwrap();
        within(arrive(sent + 1)).await;
        begun.elapsed()
    };
    let before = once(posted, posted).await;
    posted += 1;
    // Three times as much, by whoever does not wait.
    let stop = Arc::new(AtomicBool::new(false));
    let watching = watches(hub.clone(), stop.clone());
    let (mut burst, mut number, mut taken, mut refused) = (posted * 3 / 100 + 1, posted, posted, 0);
    let mut pace = interval(Duration::from_millis(10));
    let mut rounds = 0;
    while rounds < 200 || refused == 0 {
        pace.tick().await;
        rounds += 1;
        // Whoever does not wait may need more than that until it is too much.
        if rounds > 200 {
            burst *= 2;
        }
        for _ in 0..burst {
            match sessions[number % 20].try_post("n", (number,)) {
                Ok(()) => taken += 1,
                Err(DeliveryError::Full) => refused += 1,
                Err(error) => panic!("{error}"),
            }
            number += 1;
        }
    }
    within(arrive(taken)).await;
    stop.store(true, Ordering::Relaxed);
    let (one, all) = watching.await.unwrap();
    let mut last = number;
    let after = within(async {
        loop {
            let took = once(last, taken).await;
            (last, taken) = (last + 1, taken + 1);
            if took <= before.max(UNREST) * RATIO {
                return took;
            }
        }
    })
    .await;
    println!(
        "{posted} a second awaited, then {} tried in {rounds} rounds of 10 ms: {refused} refused; at most {one} bytes wait for one and {all} for all; one \
         message took {before:?} before and {after:?} after",
        number - posted
    );
    assert!(one <= OUTBOX + FRAME, "{one}");
    assert!(all <= 20 * (OUTBOX + FRAME), "{all}");
    readers.iter().for_each(JoinHandle::abort);
}
