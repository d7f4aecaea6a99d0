//! Sends over HTTP (`classic-signalr.md` 6.5, checklist 43 to 49).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::{Events, builder};
use common::receive::{ALL, FORM, FRAME, Over, POLL, SSE};
use common::{Response, Server};
use hub_server::{Context, HubError, hub};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

const HUB: &[&str] = &["conformance"];

/// Tells everybody when it is through.
struct Late;

#[hub]
impl Late {
    async fn tell(&self, cx: &Context, m: String) -> Result<(), HubError> {
        cx.clients().all().send("begun", (&m,)).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(cx.clients().all().send("through", (&m,)).await?)
    }
}

async fn server() -> (Server, Events) {
    let (builder, events) = builder();
    (Server::tcp(builder.hub(Late)).await, events)
}

async fn raw(client: &Over<'_>, body: &str) -> Response {
    let target = client.target("/send", &[]);
    client
        .server
        .post(&target, &[("Content-Type", FORM)], body.as_bytes())
        .await
}

async fn body_of(client: &Over<'_>, call: &Value) -> String {
    let answer = client.post(&call.to_string()).await;
    assert_eq!(answer.status, 200, "{call}");
    assert_eq!(
        answer.headers["content-type"],
        "application/json; charset=UTF-8"
    );
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    answer.body
}

fn call(method: &str, args: &Value) -> Value {
    json!({"H": "conformance", "M": method, "A": args, "I": 0})
}

#[tokio::test]
async fn item_43_numbers_and_strings_as_ids_are_answered_with_strings() {
    let (server, _) = server().await;
    for transport in ALL {
        let client = server.over(transport, HUB).await;
        for (id, answered) in [(json!(7), "7"), (json!("7"), "7"), (json!("x y"), "x y")] {
            let call = json!({"H": "conformance", "M": "Add", "A": [1, 2], "I": id});
            let expected = format!("{{\"R\":3,\"I\":\"{answered}\"}}");
            assert_eq!(body_of(&client, &call).await, expected, "{transport}");
        }
    }
}

#[tokio::test]
async fn item_44_nothing_has_no_result_and_what_is_falsy_has() {
    let (server, _) = server().await;
    let client = server.over(SSE, HUB).await;
    for (which, result) in [
        ("false", "\"R\":false,"),
        ("zero", "\"R\":0,"),
        ("empty", "\"R\":\"\","),
        ("array", "\"R\":[],"),
        ("null", ""),
    ] {
        let call = json!({"H": "demo", "M": "Falsy", "A": [which], "I": 1});
        assert_eq!(
            body_of(&client, &call).await,
            format!("{{{result}\"I\":\"1\"}}")
        );
    }
    assert_eq!(
        body_of(&client, &call("Nothing", &json!([]))).await,
        "{\"I\":\"0\"}"
    );
}

#[tokio::test]
async fn item_45_errors_are_answers_with_the_texts_that_callers_may_read() {
    for detailed in [false, true] {
        let (builder, _) = builder();
        let server = Server::tcp(builder.detailed_errors(detailed)).await;
        for transport in ALL {
            let client = server.over(transport, HUB).await;
            let generic = "There was an error invoking Hub method 'conformance.Throw'.";
            let text = if detailed { "boom" } else { generic };
            let thrown = body_of(&client, &call("Throw", &json!(["boom"]))).await;
            assert_eq!(thrown, format!("{{\"I\":\"0\",\"E\":\"{text}\"}}"));
            let thrown = body_of(&client, &call("ThrowHub", &json!(["boom", {"a": 1}]))).await;
            let expected = "{\"I\":\"0\",\"H\":true,\"E\":\"boom\",\"D\":{\"a\":1}}";
            assert_eq!(thrown, expected);
            let thrown = body_of(&client, &call("ThrowHub", &json!(["boom", null]))).await;
            assert_eq!(thrown, "{\"I\":\"0\",\"H\":true,\"E\":\"boom\"}");
        }
    }
}

#[tokio::test]
async fn item_46_names_ignore_case_and_errors_quote_them_as_sent() {
    let (server, _) = server().await;
    let client = server.over(POLL, HUB).await;
    let call = json!({"H": "CONFORMANCE", "M": "aDD", "A": [1, 2], "I": 0});
    assert_eq!(body_of(&client, &call).await, "{\"R\":3,\"I\":\"0\"}");
    let call = json!({"H": "conFormance", "M": "tHROW", "A": ["x"], "I": 0});
    let text = "There was an error invoking Hub method 'conFormance.tHROW'.";
    assert_eq!(
        body_of(&client, &call).await,
        format!("{{\"I\":\"0\",\"E\":\"{text}\"}}")
    );
}

#[tokio::test]
async fn item_47_overloads_go_by_count_and_a_wrong_count_is_an_error_of_the_call() {
    let (server, _) = server().await;
    let client = server.over(SSE, HUB).await;
    let with = |args: Value| json!({"H": "demo", "M": "Overload", "A": args, "I": 0});
    assert_eq!(body_of(&client, &with(json!([]))).await, "{\"I\":\"0\"}");
    assert_eq!(
        body_of(&client, &with(json!([5]))).await,
        "{\"R\":5,\"I\":\"0\"}"
    );
    let body = body_of(&client, &with(json!([1, 2]))).await;
    assert!(body.starts_with("{\"I\":\"0\",\"E\":\""), "{body}");
}

#[tokio::test]
async fn item_48_arguments_of_many_types_are_bound() {
    let (server, _) = server().await;
    let client = server.over(SSE, HUB).await;
    let call = json!({"H": "demo", "M": "Ints", "A": [[1, -2], true, 1.5], "I": 0});
    assert_eq!(
        body_of(&client, &call).await,
        "{\"R\":[[1,-2],true,1.5],\"I\":\"0\"}"
    );
}

#[tokio::test]
async fn item_49_every_text_survives_there_and_back_on_every_transport() {
    let (server, _) = server().await;
    for transport in ALL {
        let mut client = server.over(transport, HUB).await;
        for text in [
            "+",
            "%2B",
            "a b",
            "%",
            "&=;",
            "\u{1f600}",
            "</script>",
            "\u{2028}",
            "\"'\\",
            "\u{0}\r\n",
        ] {
            let back = client.result("conformance", "Echo", json!([text])).await;
            assert_eq!(back, text, "{transport}");
            client.result("conformance", "Caller", json!([text])).await;
            assert_eq!(client.event().await, json!(["message", client.id, text]));
        }
    }
}

#[tokio::test]
async fn item_49_a_plus_in_the_form_is_a_blank_and_an_escaped_one_a_plus() {
    let (server, _) = server().await;
    let client = server.over(SSE, HUB).await;
    let with = |text: &str| {
        format!(
            "x=1&DATA=%7B%22H%22:%22conformance%22,%22M%22:%22Echo%22,%22A%22:[%22{text}%22],%22I%22:0%7D"
        )
    };
    for (sent, got) in [
        ("+", " "),
        ("%2B", "+"),
        ("%2b+%2B", "+ +"),
        ("%F0%9F%98%80", "\u{1f600}"),
    ] {
        let answer = raw(&client, &with(sent)).await;
        assert_eq!(answer.body, format!("{{\"R\":\"{got}\",\"I\":\"0\"}}"));
    }
}

#[tokio::test]
async fn item_49_a_payload_of_several_megabytes_passes_there_and_back() {
    let (server, _) = server().await;
    let mut client = server.over(SSE, HUB).await;
    let text = "0123456789abcdef".repeat(5 << 16);
    let back = client.result("conformance", "Echo", json!([text])).await;
    assert!(back == *text);
}

#[tokio::test]
async fn nothing_and_nonsense_in_place_of_a_call_is_a_500() {
    let (server, _) = server().await;
    for transport in ALL {
        let mut client = server.over(transport, HUB).await;
        for body in [
            "",
            "x=y",
            "data",
            "data=",
            "data=null",
            "data=garbage",
            "data={}",
            "data=[]",
        ] {
            let answer = raw(&client, body).await;
            assert_eq!((answer.status, &*answer.body), (500, ""), "{body}");
        }
        for bad in [
            json!({"H": "nosuch", "M": "Add", "A": [1, 2], "I": 0}),
            json!({"M": "Add", "A": [1, 2], "I": 0}),
            json!({"H": "conformance", "A": [1, 2], "I": 0}),
            json!({"H": "conformance", "M": "Add", "A": [1, 2], "I": 0, "S": {"a": "x".repeat(4_089)}}),
        ] {
            assert_eq!(client.post(&bad.to_string()).await.status, 500, "{bad}");
        }
        // No body at all.
        assert_eq!(client.get("/send").await.status, 500);
        assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
    }
}

#[tokio::test]
async fn a_result_without_a_json_form_is_a_200_with_an_empty_body() {
    let (server, _) = server().await;
    for transport in ALL {
        let mut client = server.over(transport, HUB).await;
        let answer = client
            .post(&call("Unserializable", &json!([])).to_string())
            .await;
        assert_eq!((answer.status, &*answer.body), (200, ""), "{transport}");
        client.no_event().await;
    }
}

#[tokio::test]
async fn data_in_the_query_counts_for_long_polling_alone_and_the_form_comes_first() {
    let (server, _) = server().await;
    let data = call("Add", &json!([1, 2])).to_string();
    for transport in ALL {
        let client = server.over(transport, HUB).await;
        let target = client.target("/send", &[("data", &data)]);
        for method in ["GET", "POST"] {
            let answer = server.raw(method, &target, &[]).await;
            if transport == POLL {
                assert_eq!(
                    (answer.status, &*answer.body),
                    (200, "{\"R\":3,\"I\":\"0\"}")
                );
            } else {
                assert_eq!((answer.status, &*answer.body), (500, ""));
            }
        }
        let form = format!("data={}", call("Add", &json!([3, 4])));
        let answer = server
            .post(&target, &[("Content-Type", FORM)], form.as_bytes())
            .await;
        assert_eq!(answer.body, "{\"R\":7,\"I\":\"0\"}");
    }
}

#[tokio::test]
async fn the_body_is_a_form_whatever_its_content_type() {
    let (server, _) = server().await;
    let client = server.over(FRAME, HUB).await;
    let form = format!("data={}", call("Add", &json!([1, 2])));
    for kind in [
        "text/plain",
        "application/json",
        "multipart/form-data",
        "nonsense",
    ] {
        let target = client.target("/send", &[]);
        let answer = server
            .post(&target, &[("Content-Type", kind)], form.as_bytes())
            .await;
        assert_eq!(answer.body, "{\"R\":3,\"I\":\"0\"}", "{kind}");
    }
    let answer = server
        .post(&client.target("/send", &[]), &[], form.as_bytes())
        .await;
    assert_eq!(answer.body, "{\"R\":3,\"I\":\"0\"}");
}

#[tokio::test]
async fn a_body_larger_than_the_limit_is_a_413() {
    let (builder, _) = builder();
    let server = Server::tcp(builder.max_body_size(1_000)).await;
    for transport in ALL {
        let client = server.over(transport, HUB).await;
        let form = format!("data={}&x=", call("Add", &json!([1, 2])));
        for (size, status) in [(1_000, 200), (1_001, 413), (5_000, 413)] {
            let form = format!("{form}{}", "x".repeat(size - form.len()));
            assert_eq!(raw(&client, &form).await.status, status, "{size}");
        }
    }
    // A poll's form, too.
    let client = server.over(POLL, HUB).await;
    let form = format!("messageId={}", "x".repeat(1_000));
    let answer = server
        .post(&client.target("/poll", &[]), &[], form.as_bytes())
        .await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn a_call_whose_client_hangs_up_runs_to_its_end() {
    let (server, _) = server().await;
    let mut witness = server.over(SSE, &["late", "conformance"]).await;
    for transport in ALL {
        let client = server.over(transport, HUB).await;
        let call = json!({"H": "late", "M": "Tell", "A": [transport], "I": 0});
        let form = format!("data={call}");
        let mut socket = server.dial().await;
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{form}",
            client.target("/send", &[]),
            form.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(witness.event().await, json!(["begun", transport]));
        drop(socket);
        assert_eq!(witness.event().await, json!(["through", transport]));
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_of_a_body_calls_nothing() {
    let (server, _) = server().await;
    let mut witness = server.over(SSE, &["late", "conformance"]).await;
    let client = server.over(SSE, HUB).await;
    let form = format!(
        "data={}",
        json!({"H": "late", "M": "Tell", "A": ["half"], "I": 0})
    );
    let mut socket = server.dial().await;
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{form}",
        client.target("/send", &[]),
        form.len() + 1
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    drop(socket);
    witness.no_event().await;
}

#[tokio::test]
async fn item_53_a_hub_that_is_not_listed_can_be_called() {
    let (server, _) = server().await;
    for transport in ALL {
        let mut client = server.over(transport, HUB).await;
        assert_eq!(client.result("demo", "Named", json!([])).await, true);
        client.result("demo", "TestGuid", json!([])).await;
        client.no_event().await;
    }
}

#[tokio::test]
async fn a_send_needs_no_receive_request_and_knows_its_own_request() {
    let (server, _) = server().await;
    for transport in ALL {
        let client = server.negotiated_over(transport, HUB, Some("ann")).await;
        let target = client.target("/send", &[("tag", "a+b")]);
        let form = format!("data={}", call("Request", &json!([])));
        let headers = [("X-User", "ann"), ("X-Test", "of the send")];
        let answer = server.post(&target, &headers, form.as_bytes()).await.json();
        let expected = json!({
            "connectionId": client.id, "transport": transport, "tag": "a+b", "user": "ann",
            "header": "of the send",
        });
        assert_eq!(answer["R"], expected);
        // Another user is refused.
        assert_eq!(raw(&client, &form).await.status, 403);
    }
}
