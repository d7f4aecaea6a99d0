//! Hubs that are kept in step: a client that was away for longer than the log keeps ends with exactly what the server has.

use std::time::{Duration, Instant};

use hub_client::{Builder, ClientEvent, HubClient, RetryPolicy, State};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::board::{KEPT, Mirror, Server, client_at};
use crate::hub::soon;
use crate::proxy::{Dice, Proxy};

/// How often the link is cut for long.
const ABSENCES: u64 = 10;

fn quick(builder: Builder) -> Builder {
    builder.retry(RetryPolicy::every(Duration::from_millis(10)))
}

/// Changes the board until told to stop, and never two things at once.
fn write(client: &HubClient, stop: &watch::Receiver<bool>) -> JoinHandle<()> {
    let (client, stop, mut dice) = (client.clone(), stop.clone(), Dice(7));
    tokio::spawn(async move {
        while !*stop.borrow() {
            let change = (dice.below(20), dice.below(1_000));
            client.invoke::<()>("board", "put", change).await.unwrap();
            tokio::time::sleep(Duration::from_millis(dice.below(3))).await;
        }
    })
}

/// Waits until a snapshot was taken, and what it has is as new as this.
async fn in_step(mirror: &Mirror, version: u64) {
    let up = async {
        while mirror.snapshots() == 0 || mirror.state().version < version {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(up).await;
}

async fn equals(mirror: &Mirror, server: &Server) {
    let same = async {
        while mirror.state() != *server.state.borrow() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // What differs is shown.
    let _ = tokio::time::timeout(Duration::from_secs(20), same).await;
    assert_eq!(mirror.state(), *server.state.borrow());
    assert_eq!(mirror.holes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_for_too_long_is_told_and_ends_with_the_servers_state_while_it_changes() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.addr).await;
    let mirror = Mirror::default();
    let client = mirror.keep(quick(client_at(proxy.addr)), false).connect();
    let client = soon(client).await.unwrap();
    let writer = soon(client_at(server.addr).connect()).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let writing = write(&writer, &stopped);
    let (mut events, mut state) = (client.client_events(), server.state.clone());
    in_step(&mirror, 0).await;
    for absence in 1..=ABSENCES {
        proxy.lead(None);
        proxy.cut();
        let far = state.borrow().version + KEPT as u64 + 10;
        soon(state.wait_for(|state| state.version > far))
            .await
            .unwrap();
        proxy.lead(Some(server.addr));
        // It is told once each time.
        loop {
            match soon(events.next()).await.unwrap() {
                ClientEvent::Gap { missed } => {
                    let hub = missed[0].hub.as_ref().map(|hub| hub.as_str());
                    assert_eq!(hub, Some("board"), "{missed:?}");
                    break;
                }
                ClientEvent::StateChanged { .. } | ClientEvent::Lost(_) => {}
                // The one before was under way.
                ClientEvent::ResyncFailed { .. } => {}
                event => panic!("absence {absence}: {event:?}"),
            }
        }
        // Sometimes the next absence begins while this one's snapshot is taken.
        if absence.is_multiple_of(2) {
            let now = state.borrow().version;
            in_step(&mirror, now).await;
            assert!(mirror.snapshots() > absence as usize / 2);
        }
    }
    stop.send_replace(true);
    soon(writing).await.unwrap();
    equals(&mirror, &server).await;
    assert!(server.state.borrow().version > 100, "little was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn cuts_at_any_byte_leave_the_state_right() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.addr).await;
    let mirror = Mirror::default();
    let client = mirror.keep(quick(client_at(proxy.addr)), false).connect();
    let client = soon(client).await.unwrap();
    let writer = soon(client_at(server.addr).connect()).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let writing = write(&writer, &stopped);
    // Links are cut on the way up, too, if there is something on it.
    let calling = {
        let client = client.clone();
        tokio::spawn(async move {
            loop {
                drop(client.invoke::<Value>("board", "snapshot", ()).await);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    let mut events = client.client_events();
    proxy.arm(Some(Dice(99)));
    proxy.cut();
    let (mut losses, mut gaps) = (0, 0);
    while losses < 60 {
        match soon(events.next()).await.unwrap() {
            ClientEvent::Lost(_) => losses += 1,
            ClientEvent::Gap { .. } => gaps += 1,
            ClientEvent::StateChanged { .. } | ClientEvent::ResyncFailed { .. } => {}
            event => panic!("{event:?}"),
        }
    }
    proxy.arm(None);
    proxy.cut();
    calling.abort();
    stop.send_replace(true);
    soon(writing).await.unwrap();
    equals(&mirror, &server).await;
    assert!(gaps > 5, "only {gaps} gaps");
}

/// With pauses instead, so many failures would take 35 seconds at least.
const FAILURES: usize = 6;
const WITHOUT_PAUSES: Duration = Duration::from_secs(25);

async fn snapshots_that_cuts_overtake(late: bool) {
    let server = Server::start().await;
    let proxy = Proxy::start(server.addr).await;
    let mirror = Mirror::default();
    server.gate.send_replace(false);
    let client = mirror.keep(quick(client_at(proxy.addr)), late).connect();
    let client = soon(client).await.unwrap();
    let (mut events, mut asked) = (client.client_events(), server.asked.clone());
    let before = Instant::now();
    for failure in 1..=FAILURES {
        soon(asked.wait_for(|asked| *asked == failure))
            .await
            .unwrap();
        // The call is on its way; the server has no answer yet.
        proxy.cut();
        loop {
            match soon(events.next()).await.unwrap() {
                ClientEvent::ResyncFailed { hub, .. } => {
                    assert_eq!(hub, "board");
                    break;
                }
                ClientEvent::StateChanged { .. } | ClientEvent::Lost(_) => {}
                event => panic!("{event:?}"),
            }
        }
    }
    soon(asked.wait_for(|asked| *asked == FAILURES + 1))
        .await
        .unwrap();
    let waited = before.elapsed();
    assert!(waited < WITHOUT_PAUSES, "{waited:?}");
    let writer = soon(client_at(server.addr).connect()).await.unwrap();
    let _: () = soon(writer.invoke("board", "put", (1, 2))).await.unwrap();
    assert_eq!(mirror.snapshots(), 0);
    server.gate.send_replace(true);
    equals(&mirror, &server).await;
    assert_eq!((mirror.snapshots(), client.state()), (1, State::Connected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_a_cut_overtakes_is_taken_again_on_the_next_link_at_once() {
    let early = tokio::spawn(snapshots_that_cuts_overtake(false));
    let late = tokio::spawn(snapshots_that_cuts_overtake(true));
    early.await.unwrap();
    late.await.unwrap();
}

/// The server is restarted when the client has its snapshot; if it `dawdles`, before that is taken over.
async fn a_restart_after_the_snapshot(dawdles: bool) {
    let old = Server::start().await;
    let proxy = Proxy::start(old.addr).await;
    let mirror = Mirror::default();
    mirror.dawdles.send_replace(dawdles);
    let put = async |writer: &HubClient, n: u64| {
        soon(writer.invoke::<()>("board", "put", (n, n)))
            .await
            .unwrap();
    };
    // Its position is beyond all that the next server will send.
    let writer = soon(client_at(old.addr).connect()).await.unwrap();
    for n in 0..20 {
        put(&writer, n).await;
    }
    let client = mirror.keep(quick(client_at(proxy.addr)), false).connect();
    let client = soon(client).await.unwrap();
    let mut events = client.client_events();
    in_step(&mirror, 20).await;
    if !dawdles {
        put(&writer, 20).await;
        equals(&mirror, &old).await;
    }
    let new = Server::start().await;
    proxy.lead(Some(new.addr));
    proxy.cut();
    while !matches!(soon(events.next()).await.unwrap(), ClientEvent::Gap { .. }) {}
    let writer = soon(client_at(new.addr).connect()).await.unwrap();
    for n in 30..33 {
        put(&writer, n).await;
    }
    mirror.dawdles.send_replace(false);
    equals(&mirror, &new).await;
    put(&writer, 33).await;
    equals(&mirror, &new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_the_server_before_is_not_merged_with_what_the_next_one_sends() {
    let dawdles = tokio::spawn(a_restart_after_the_snapshot(true));
    a_restart_after_the_snapshot(false).await;
    dawdles.await.unwrap();
}
