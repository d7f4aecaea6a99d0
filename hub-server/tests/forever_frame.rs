//! foreverFrame (`classic-signalr.md` 6.3, checklist 30). What it has in common with serverSentEvents is tested there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::Server;
use common::hubs::{Events, builder};
use common::receive::{Ended, FRAME, payload_of};
use serde_json::json;
use tokio::time::Instant;

const HUB: &[&str] = &["conformance"];

async fn server() -> (Server, Events) {
    let (builder, events) = builder();
    (Server::tcp(builder).await, events)
}

fn prelude(frame_id: u32) -> String {
    format!(
        "<!DOCTYPE html><html><head><title>SignalR Forever Frame Transport Stream</title>\r\n\
         <script>\r\n    var $ = window.parent.jQuery,\r\n        \
         ff = $ ? $.signalR.transports.foreverFrame : null,\r\n        \
         c =  ff ? ff.getConnection('{frame_id}') : null,\r\n        \
         r = ff ? ff.receive : function() {{}};\r\n    \
         ff ? ff.started(c) : '';</script></head><body>\r\n"
    )
}

#[tokio::test]
async fn item_30_the_prelude_and_the_scripts_are_exact() {
    let (server, _) = server().await;
    let mut client = server.negotiated_over(FRAME, HUB, None).await;
    let mut stream = client.open("/connect", &[("frameId", "17")]).await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.headers["content-type"], "text/html; charset=UTF-8");
    assert_eq!(stream.headers["x-content-type-options"], "nosniff");
    assert_eq!(stream.unit().await.unwrap(), prelude(17));
    let unit = stream.unit().await.unwrap();
    client.take(&payload_of(&unit).unwrap());
    let cursor = client.cursor.clone().unwrap();
    let init = format!("<script>r(c, {{\"C\":\"{cursor}\",\"S\":1,\"M\":[]}});</script>\r\n");
    assert_eq!(unit, init);
    client.start().await;

    let text = "</script><!-- & ' \" \\ \u{2028} gr\u{fc}\u{df}e \u{1f600} -->";
    client
        .result("conformance", "Broadcast", json!([text]))
        .await;
    let unit = stream.unit().await.unwrap();
    client.take(&payload_of(&unit).unwrap());
    let (id, cursor) = (&client.id, client.cursor.clone().unwrap());
    let escaped =
        "\\u003c/script\\u003e\\u003c!-- & ' \\\" \\\\ \\u2028 gr\u{fc}\u{df}e \u{1f600} --\\u003e";
    let expected = format!(
        "<script>r(c, {{\"C\":\"{cursor}\",\"M\":[{{\"H\":\"conformance\",\"M\":\"message\",\"A\":[\"{id}\",\"{escaped}\"]}}]}});</script>\r\n"
    );
    assert_eq!(unit, expected);
    assert_eq!(client.event().await, json!(["message", client.id, text]));
}

#[tokio::test]
async fn item_30_answers_to_sends_are_not_escaped() {
    let (server, _) = server().await;
    let client = server.over(FRAME, HUB).await;
    let call = json!({"H": "conformance", "M": "Echo", "A": ["</script>"], "I": 0});
    let answer = client.post(&call.to_string()).await;
    assert_eq!(answer.body, "{\"R\":\"</script>\",\"I\":\"0\"}");
    assert_eq!(
        answer.headers["content-type"],
        "application/json; charset=UTF-8"
    );
}

#[tokio::test]
async fn item_30_the_frame_id_is_a_number_of_32_bits_and_anything_else_a_500() {
    let (server, events) = server().await;
    let client = server.negotiated_over(FRAME, HUB, None).await;
    for verb in ["/connect", "/reconnect"] {
        for (given, number) in [("0", 0), ("007", 7), ("4294967295", u32::MAX)] {
            let mut stream = client.open(verb, &[("frameId", given)]).await;
            assert_eq!(stream.unit().await.unwrap(), prelude(number));
        }
        for bad in [
            "",
            "4294967296",
            "-1",
            "+1",
            "1a",
            "1.0",
            " 1",
            "'",
            "</script>",
        ] {
            let target = client.target(verb, &[("frameId", bad)]);
            let answer = server.raw("GET", &target, &[]).await;
            assert_eq!(answer.status, 500, "{bad}");
            assert_eq!(
                answer.body,
                "The supplied frameId is in the incorrect format."
            );
        }
        let answer = client.get(verb).await;
        assert_eq!(answer.status, 500, "no frameId at all");
    }
    assert!(!events.of(&client.id).contains(&"connected".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn item_30_a_keep_alive_is_a_script_in_its_period_also_under_traffic() {
    let (builder, _) = builder();
    let server = Server::memory(builder.disconnect_timeout(Duration::from_secs(6)));
    let mut client = server.over(FRAME, HUB).await;
    let mut stream = client.stream.take().unwrap();
    let beat = "<script>r(c, {});</script>\n\n";
    assert_eq!(stream.unit().await.unwrap(), beat);
    let mut at = Instant::now();
    for n in 0..5 {
        tokio::time::sleep(Duration::from_millis(900)).await;
        client
            .result("conformance", "Caller", json!(["traffic"]))
            .await;
        assert!(payload_of(&stream.unit().await.unwrap()).is_some(), "{n}");
        assert_eq!(stream.unit().await.unwrap(), beat);
        assert_eq!(at.elapsed(), Duration::from_secs(2));
        at = Instant::now();
    }
}

#[tokio::test]
async fn item_36_a_reconnect_has_the_prelude_again_and_what_was_missed() {
    let (server, events) = server().await;
    let mut client = server.over(FRAME, HUB).await;
    client.cut();
    client
        .result("conformance", "Caller", json!(["missed"]))
        .await;
    let cursor = client.cursor.clone().unwrap();
    let more = [("frameId", "9"), ("messageId", &*cursor)];
    let mut stream = client.open("/reconnect", &more).await;
    assert_eq!(stream.unit().await.unwrap(), prelude(9));
    client.stream = Some(stream);
    let id = client.id.clone();
    assert_eq!(client.event().await, json!(["message", id, "missed"]));
    client.no_event().await;
    events.become_for(&id, &["connected", "reconnected"]).await;
    client.abort().await;
    let mut stream = client.stream.take().unwrap();
    assert_eq!(stream.body().await, "");
    assert_eq!(stream.ended, Some(Ended::Complete));
}
