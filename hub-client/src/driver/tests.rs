//! The driver over a link that the test plays, with a clock that the test moves.

mod rig;

use futures_util::FutureExt;
use hub_core::Payload;

use super::*;
use crate::State;
use crate::hub_state::HubState;
use rig::{advance, rig, settle, still};

const EVENT: &str = r#"{"C":"d-1","M":[{"H":"chat","M":"message","A":[1]}]}"#;

fn stuck(handlers: &Arc<Handlers>) -> Arc<tokio::sync::Semaphore> {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let wait = Arc::clone(&gate);
    let callback = move |_: Vec<u8>| {
        let wait = Arc::clone(&wait);
        async move { wait.acquire().await.unwrap().forget() }
    };
    handlers.on("chat", "message", callback).keep();
    gate
}

#[tokio::test(start_paused = true)]
async fn silence_is_slow_at_two_thirds_and_lost_at_the_end() {
    let mut rig = rig(4, Arc::default());
    assert!(matches!(
        rig.events.next().await,
        Some(ClientEvent::StateChanged {
            from: State::Connecting,
            to: State::Connected,
        })
    ));
    advance(19).await;
    rig.peer.say("{}");
    advance(19).await;
    assert!(rig.events.next().now_or_never().is_none());
    advance(1).await;
    let slow = rig.events.next().now_or_never();
    assert!(matches!(slow, Some(Some(ClientEvent::Slow))));
    advance(9).await;
    assert!(!rig.serving.is_finished());
    advance(1).await;
    assert!(rig.serving.is_finished());
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Lost(LinkError::Silent(allowed)) if allowed.as_secs() == 30
    ));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_stops_the_reading_and_silence_is_then_not_the_servers() {
    let handlers = Arc::default();
    let gate = stuck(&handlers);
    let rig = rig(2, handlers);
    // One event runs, two wait in the queue, one before it; the others stay in the socket.
    for _ in 0..8 {
        rig.peer.say(EVENT);
    }
    advance(3600).await;
    assert_eq!(rig.peer.unread(), 4);
    assert!(!rig.serving.is_finished());
    gate.add_permits(8);
    advance(1).await;
    assert_eq!(rig.peer.unread(), 0);
    assert!(!rig.serving.is_finished(), "the silence was our own");
}

#[tokio::test(start_paused = true)]
async fn a_callback_gets_its_result_past_the_events_that_wait_for_it() {
    let handlers: Arc<Handlers> = Arc::default();
    let rig = rig(2, Arc::clone(&handlers));
    let client = rig.client.clone().unwrap();
    let (done, mut results) = mpsc::unbounded_channel();
    let callback = move |_: Vec<u8>| {
        let (client, done) = (client.clone(), done.clone());
        async move {
            let result = client.invoke::<u8>("chat", "count", ()).await;
            done.send(result.unwrap()).unwrap();
        }
    };
    handlers.on("chat", "message", callback).keep();
    for _ in 0..4 {
        rig.peer.say(EVENT);
    }
    rig.peer.say(r#"{"I":"0","R":7}"#);
    assert_eq!(results.recv().await, Some(7));
    assert_eq!(
        rig.peer.heard()[0],
        r#"{"H":"chat","M":"count","A":[],"I":"0"}"#
    );
}

#[tokio::test(start_paused = true)]
async fn callbacks_that_are_stuck_behind_their_own_calls_cost_the_link() {
    let handlers = Arc::default();
    let _gate = stuck(&handlers);
    let rig = rig(1, handlers);
    let client = rig.client.clone().unwrap();
    let call = tokio::spawn(async move { client.invoke::<u8>("chat", "count", ()).await });
    settle().await;
    for _ in 0..8 {
        rig.peer.say(EVENT);
    }
    advance(9).await;
    assert!(!rig.serving.is_finished());
    advance(1).await;
    assert!(rig.serving.is_finished());
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Lost(LinkError::Overrun)
    ));
    // The rig's driver is gone with its table; the real one fails the call as it reconnects.
    assert!(matches!(call.await.unwrap(), Err(CallError::Disconnected)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_is_still_read_and_can_be_left() {
    let rig = rig(4, Arc::default());
    rig.peer.block(true);
    let client = rig.client.clone().unwrap();
    for _ in 0..100 {
        let client = client.clone();
        tokio::spawn(async move { client.invoke::<()>("chat", "send", ("x",)).await });
    }
    for _ in 0..10 {
        rig.peer.say(EVENT);
    }
    settle().await;
    assert_eq!(rig.peer.unread(), 0);
    assert_eq!(rig.peer.heard().len(), 0);
    let closing = tokio::spawn(async move { client.close().await });
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Closed(CloseReason::Client)
    ));
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_go_out_in_order_and_one_that_was_dropped_before_does_not() {
    let rig = rig(4, Arc::default());
    rig.peer.block(true);
    let client = rig.client.clone().unwrap();
    let call = |n: u8| {
        let client = client.clone();
        tokio::spawn(async move { client.invoke::<()>("chat", "send", (n,)).await })
    };
    let calls: Vec<_> = (0..4).map(call).collect();
    settle().await;
    calls[2].abort();
    settle().await;
    rig.peer.block(false);
    settle().await;
    let sent: Vec<_> = rig.peer.heard();
    assert_eq!(
        sent,
        [
            r#"{"H":"chat","M":"send","A":[0],"I":"0"}"#,
            r#"{"H":"chat","M":"send","A":[1],"I":"1"}"#,
            r#"{"H":"chat","M":"send","A":[3],"I":"2"}"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_the_driver() {
    let mut rig = rig(4, Arc::default());
    let proxy = {
        let client = rig.client.take().unwrap();
        client.clone()
    };
    settle().await;
    assert!(!rig.serving.is_finished());
    drop(proxy);
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Closed(CloseReason::Client)
    ));
}

#[tokio::test(start_paused = true)]
async fn nonsense_from_the_server_ends_the_connection() {
    let rig = rig(4, Arc::default());
    rig.peer.say("not json");
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Closed(CloseReason::Protocol(_))
    ));
}

#[test]
fn arguments_are_an_array() {
    let payload = Payload::of("text").unwrap();
    assert!(matches!(
        Command::new("h", "m", &payload, HubState::default()).map(drop),
        Err(CallError::Encode(_))
    ));
}

/// Longer ago than its timeouts together allow a client to be still.
fn long_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(120)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_slept_for_too_long_is_over_without_an_attempt() {
    let mut still = still(4, Arc::default(), long_ago());
    let Err(reason) = still.driver.reconnect(LinkError::Closed).await else {
        panic!("it came back");
    };
    assert!(matches!(reason, CloseReason::Inactive { .. }), "{reason:?}");
    let said = reason.to_string();
    let text = "The client has been inactive for 120";
    assert!(said.starts_with(text), "{said}");
    let text = " ms, which exceeds the inactivity timeout of 60000 ms. Stopping the connection.";
    assert!(said.ends_with(text), "{said}");
    let told = still.events.next().now_or_never();
    assert!(matches!(
        told,
        Some(Some(ClientEvent::StateChanged {
            to: State::Connected,
            ..
        }))
    ));
    let told = still.events.next().now_or_never();
    assert!(matches!(told, Some(Some(ClientEvent::Lost(_)))));
    assert!(still.events.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hears_of_its_server_has_not_slept() {
    let mut still = still(4, Arc::default(), long_ago());
    still.peer.say("{}");
    still.peer.say(r#"{"C":"d-1","T":1,"M":[]}"#);
    let outcome = still.driver.serve(&mut *still.link).await;
    let Outcome::Lost(error) = outcome else {
        panic!("it goes on");
    };
    // There is nobody to come back to.
    let reason = still.driver.reconnect(error).await.err();
    assert!(
        matches!(reason, Some(CloseReason::GaveUp { .. })),
        "{reason:?}"
    );
}
