//! A link that is cut again and again, at any byte: nothing is lost, nothing comes twice, all stays in order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub_client::{CallError, ClientEvent, HubClient, RetryPolicy, Transport};
use hub_core::HubError;
use tokio::task::JoinHandle;

use crate::hub::{DeskClient, DeskClientEvents, DeskProxy, Server, To, Was, client_at, soon};
use crate::proxy::{Dice, Proxy};

/// How often each connection is lost; two of each transport are.
const LOSSES: usize = 100;

#[derive(Clone, Default)]
struct Ear {
    heard: Arc<Mutex<HashMap<String, Vec<u64>>>>,
    /// Whether callbacks take so long now and then that events wait before them.
    slow: bool,
}

impl Ear {
    fn heard_of(&self, from: &str) -> Vec<u64> {
        let heard = self.heard.lock().unwrap();
        heard.get(from).cloned().unwrap_or_default()
    }
}

impl DeskClient for Ear {
    async fn noted(&self, from: String, number: u64) -> Result<(), HubError> {
        if self.slow && number.is_multiple_of(16) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut heard = self.heard.lock().unwrap();
        heard.entry(from).or_default().push(number);
        Ok(())
    }

    async fn said(&self, _: String) -> Result<(), HubError> {
        Ok(())
    }
}

/// Counts to somebody over all ways to reach them in turn, until told to stop; gives how far it got.
fn count(
    name: &'static str,
    client: &HubClient,
    ways: Vec<To>,
    mut dice: Dice,
    stop: Arc<AtomicBool>,
) -> JoinHandle<u64> {
    let desk: DeskProxy = client.hub();
    tokio::spawn(async move {
        let mut number = 0;
        while !stop.load(Ordering::Acquire) {
            let way = ways[dice.below(ways.len() as u64) as usize].clone();
            desk.note(way, name.into(), number).await.unwrap();
            number += 1;
            tokio::time::sleep(Duration::from_millis(dice.below(4))).await;
        }
        number
    })
}

/// How calls over the link end while it is cut.
#[derive(Default)]
struct Ends {
    answered: AtomicUsize,
    broken: AtomicUsize,
}

impl Ends {
    /// Calls on and on: a call ends with its own result, or because there is no link (any more).
    fn call(self: &Arc<Self>, client: &HubClient, hang: bool) -> JoinHandle<()> {
        let (desk, ends) = (client.hub::<DeskProxy>(), Arc::clone(self));
        tokio::spawn(async move {
            for n in 0.. {
                let result = match hang {
                    true => desk.hang().await.map(|()| -1),
                    false => desk.add(n, n).await,
                };
                match result {
                    Ok(sum) => {
                        assert_eq!(sum, n + n);
                        ends.answered.fetch_add(1, Ordering::AcqRel);
                        tokio::time::sleep(Duration::from_millis(3)).await;
                    }
                    // Over HTTP a call has a connection of its own, which is cut as well.
                    Err(CallError::Reconnecting | CallError::Send(_)) => {
                        ends.broken.fetch_add(1, Ordering::AcqRel);
                    }
                    Err(CallError::NotConnected) => {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        })
    }
}

async fn cut_again_and_again(seed: u64, slow: bool, transport: Transport) {
    let mut server = Server::start().await;
    let proxy = Proxy::start(server.addr).await;
    let ear = Ear {
        slow,
        ..Ear::default()
    };
    let client = client_at(proxy.addr)
        .header("x-user", "ann")
        .retry(RetryPolicy::every(Duration::from_millis(5)))
        .event_buffer(if slow { 2 } else { 256 })
        .transports([transport])
        .events("desk", DeskClientEvents(ear.clone()))
        .connect();
    let client = soon(client).await.unwrap();
    let id = client.connection_id();
    soon(client.hub::<DeskProxy>().join("g".into()))
        .await
        .unwrap();
    let others = [
        soon(server.client().connect()).await.unwrap(),
        soon(server.client().connect()).await.unwrap(),
    ];

    let stop = Arc::new(AtomicBool::new(false));
    let ways = vec![
        To::All,
        To::Group("g".into()),
        To::User("ann".into()),
        To::Connection(id.to_string()),
    ];
    let counting = [("a", &others[0]), ("b", &others[1])].map(|(name, other)| {
        let dice = Dice(seed.wrapping_add(u64::from(name.as_bytes()[0])));
        (
            name,
            count(name, other, ways.clone(), dice, Arc::clone(&stop)),
        )
    });
    let ends = Arc::new(Ends::default());
    let calling = [true, true, false].map(|hang| ends.call(&client, hang));

    let mut events = client.client_events();
    proxy.arm(Some(Dice(seed)));
    // What goes over it now has no limits yet.
    proxy.cut();
    let mut losses = 0;
    while losses < LOSSES {
        match tokio::time::timeout(Duration::from_millis(200), events.next()).await {
            Ok(Some(ClientEvent::Lost(_))) => losses += 1,
            Ok(Some(ClientEvent::StateChanged { .. })) => {}
            Ok(event) => panic!("seed {seed}: {event:?}"),
            // A stream that only goes down never comes to its limit up.
            Err(_) => proxy.cut(),
        }
    }
    proxy.arm(None);
    proxy.cut();
    stop.store(true, Ordering::Release);
    for (name, counting) in counting {
        let count = soon(counting).await.unwrap();
        let all: Vec<_> = (0..count).collect();
        let heard = async {
            while ear.heard_of(name).len() < all.len() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Too few are shown, too.
        let _ = tokio::time::timeout(Duration::from_secs(20), heard).await;
        assert_eq!(ear.heard_of(name), all, "seed {seed}, from {name}");
        assert!(count > 200, "seed {seed}: only {count} were sent");
    }
    for calling in calling {
        assert!(!calling.is_finished(), "seed {seed}");
        calling.abort();
    }
    let (answered, broken) = (&ends.answered, &ends.broken);
    assert!(answered.load(Ordering::Acquire) > 0, "seed {seed}");
    let broken = broken.load(Ordering::Acquire);
    // Over HTTP they don't depend on the link.
    let least = match transport {
        Transport::WebSockets => LOSSES / 2,
        _ => 1,
    };
    assert!(broken > least, "seed {seed}: {broken}");
    assert!(proxy.cuts() >= LOSSES, "seed {seed}: {}", proxy.cuts());

    assert_eq!(client.connection_id(), id, "seed {seed}");
    let was = server.rest().into_iter().filter(|(who, _)| *who == id);
    let was: Vec<_> = was.map(|(_, was)| was).collect();
    assert_eq!(was[0], Was::Connected, "seed {seed}");
    for was in &was[1..] {
        assert_eq!(*was, Was::Reconnected(0), "seed {seed}");
    }
    // Nothing comes late, either.
    let before = ear.heard.lock().unwrap().clone();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(*ear.heard.lock().unwrap(), before, "seed {seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cuts_at_any_byte_lose_nothing_double_nothing_and_keep_the_order() {
    let (sockets, events, polling) = (
        Transport::WebSockets,
        Transport::ServerSentEvents,
        Transport::LongPolling,
    );
    let worlds = [
        (1, false, sockets),
        (22, true, sockets),
        (333, false, events),
        (4444, true, events),
        (55_555, false, polling),
        (666_666, true, polling),
    ];
    let worlds = worlds
        .map(|(seed, slow, transport)| tokio::spawn(cut_again_and_again(seed, slow, transport)));
    for world in worlds {
        world.await.unwrap();
    }
}
