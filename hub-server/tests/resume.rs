//! Coming back from any point: whatever was the last frame that arrived, what follows it arrives after the reconnect.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::hubs::builder;
use common::{Server, within};
use serde_json::{Value, json};

/// What a client has after a frame: its way back, and how many events it got so far.
type Point = (Option<String>, Option<String>, usize);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_36_and_58_every_frame_is_a_point_to_come_back_from() {
    const GROUPS: usize = 20;
    let (builder, _) = builder();
    let server = Server::tcp(builder).await;
    let mut client = server.client(&["conformance"]).await;
    let mut other = server.client(&["conformance"]).await;
    for n in 0..GROUPS {
        let group = format!("g{n}");
        client
            .send("conformance", "joinAndSend", json!([group, 2]))
            .await;
        other.send("conformance", "broadcast", json!([group])).await;
    }

    let mut points: Vec<Point> = Vec::new();
    let all: Vec<Value> = within(async {
        let mut events = Vec::new();
        while events.len() < GROUPS * 3 {
            client.socket.frame().await;
            events.extend(take(&mut client.socket.events));
            points.push((
                client.socket.cursor.clone(),
                client.socket.groups.clone(),
                events.len(),
            ));
        }
        events
    })
    .await;

    assert!(points.len() > GROUPS, "{}", points.len());
    for (cursor, groups, seen) in points {
        client.reconnect_from(cursor.clone(), groups).await;
        let mut again = Vec::new();
        while seen + again.len() < all.len() {
            again.push(client.event().await);
        }
        assert_eq!(again, all[seen..], "after {cursor:?}");
        client.no_event().await;
    }
}

fn take(events: &mut std::collections::VecDeque<Value>) -> Vec<Value> {
    let flat = |event: Value| {
        let args = event["A"].as_array().unwrap().iter().cloned();
        std::iter::once(event["M"].clone()).chain(args).collect()
    };
    events.drain(..).map(flat).collect()
}
