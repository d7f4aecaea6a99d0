//! Which recordings are played and why others are not.

use hub_client::Transport;

use crate::player::play;
use crate::reading::conversations;

/// Recordings without a conversation of a client such as ours.
const OTHERS: &[(&str, &str)] = &[
    ("cors", "a browser's: which origins may ask"),
    ("error-rows", "requests that no client makes"),
    (
        "fallback",
        "a client that leaves a transport which works; `classic` has those that have to",
    ),
    ("frame-basic", "foreverFrame, which only old browsers have"),
    ("frame-ids", "foreverFrame, which only old browsers have"),
    ("http-methods", "methods that no client uses"),
    ("jsonp-disabled", "JSONP, which is a browser's"),
    ("jsonp-names", "JSONP, which is a browser's"),
    ("jsonp-no-keepalive", "JSONP, which is a browser's"),
    (
        "negotiate-versions",
        "other clients' versions of the protocol",
    ),
    ("ping", "what browsers ask to keep a session alive"),
    ("proxy-script", "a browser's script"),
    ("raw-echo", "a persistent connection, which has no hubs"),
    ("raw-filter", "a persistent connection, which has no hubs"),
    ("raw-groups", "a persistent connection, which has no hubs"),
    (
        "raw-multisend",
        "a persistent connection, which has no hubs",
    ),
    ("raw-others", "a persistent connection, which has no hubs"),
    ("raw-values", "a persistent connection, which has no hubs"),
    ("redirection-and-status", "played by `statuses`"),
    ("redirects", "played by `redirects`"),
    ("ws-old-protocol", "an old client, which has no start"),
    (
        "ws-reconnect-unknown",
        "a client that comes back and never came",
    ),
];

#[test]
fn every_recording_is_played_or_is_of_others() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/conformance/transcripts"
    );
    let files = std::fs::read_dir(folder).expect("the recordings");
    let files = files.map(|file| file.expect("a file").file_name());
    let mut count = 0;
    for file in files.map(|file| file.into_string().expect("a plain name")) {
        let name = file.trim_end_matches(".jsonl");
        let played = NAMES.contains(&name);
        let other = OTHERS.iter().any(|(other, _)| *other == name);
        assert!(played != other, "{file} is in no list, or in both");
        count += 1;
    }
    assert_eq!(NAMES.len() + OTHERS.len(), count);
}

/// Plays a recording on each transport. On the recorded one, this comes of it: events, answered calls, reports of progress,
/// and lost links.
async fn played(name: &str, text: &str, conversations_in_it: usize, expected: [usize; 4]) {
    let all = conversations(name, text);
    assert_eq!(all.len(), conversations_in_it);
    let mut sum = [0; 4];
    for on in [
        Transport::WebSockets,
        Transport::ServerSentEvents,
        Transport::LongPolling,
    ] {
        for conversation in &all {
            let played = play(conversation, on).await;
            if conversation.transport.unwrap_or(Transport::WebSockets) == on {
                for (sum, played) in sum.iter_mut().zip(played.counts()) {
                    *sum += played;
                }
            }
        }
    }
    assert_eq!(sum, expected);
}

macro_rules! recordings {
    ($($test:ident: $name:literal, $conversations:literal, $expected:expr;)*) => {
        const NAMES: &[&str] = &[$($name),*];

        $(
        #[tokio::test]
        async fn $test() {
            let text = include_str!(concat!(
                "../../../examples/conformance/transcripts/",
                $name,
                ".jsonl"
            ));
            played($name, text, $conversations, $expected).await;
        }
        )*
    };
}

// How many conversations of clients are in each, and what comes of them on the transport that they were recorded on.
recordings! {
    authorization: "authorization", 3, [0, 3, 0, 0];
    authorization_403: "authorization-403", 1, [0, 1, 0, 0];
    http_bad_sends: "http-bad-sends", 1, [0, 4, 0, 0];
    http_cursor_malformed: "http-cursor-malformed", 1, [1, 1, 0, 0];
    http_results: "http-results", 2, [0, 48, 0, 0];
    jsonp_longpolling: "jsonp-longpolling", 1, [0, 1, 0, 0];
    keepalive_off: "keepalive-off", 3, [0, 1, 0, 2];
    life_of_a_js_client: "life-of-a-js-client", 1, [2, 3, 0, 1];
    longpolling_basic: "longpolling-basic", 1, [34, 7, 0, 0];
    longpolling_delay: "longpolling-delay", 1, [0, 0, 0, 0];
    longpolling_groups: "longpolling-groups", 1, [2, 3, 0, 0];
    longpolling_join_between: "longpolling-join-between", 1, [0, 1, 0, 0];
    longpolling_lost: "longpolling-lost", 2, [0, 7, 0, 0];
    longpolling_timeout: "longpolling-timeout", 1, [1, 1, 0, 0];
    longpolling_variants: "longpolling-variants", 1, [1, 2, 0, 0];
    negotiate_connection_data: "negotiate-connection-data", 3, [0, 0, 0, 0];
    negotiate_paths: "negotiate-paths", 2, [0, 0, 0, 0];
    odd_paths: "odd-paths", 3, [3, 6, 0, 0];
    onconnected_fails: "onconnected-fails", 4, [0, 0, 0, 0];
    request_values: "request-values", 1, [0, 6, 0, 0];
    shutdown: "shutdown", 3, [0, 0, 0, 3];
    sse_basic: "sse-basic", 1, [13, 5, 2, 0];
    sse_keepalive: "sse-keepalive", 1, [6, 1, 0, 0];
    sse_reconnect: "sse-reconnect", 1, [2, 2, 0, 1];
    token_purposes: "token-purposes", 1, [0, 1, 0, 0];
    unescaped_query: "unescaped-query", 1, [0, 1, 0, 0];
    user_identity: "user-identity", 2, [0, 2, 0, 0];
    ws_abort: "ws-abort", 6, [0, 6, 0, 2];
    ws_argument_types: "ws-argument-types", 1, [0, 53, 0, 0];
    ws_basic: "ws-basic", 1, [1, 4, 0, 0];
    ws_buffer_overflow: "ws-buffer-overflow", 1, [0, 0, 0, 0];
    ws_close_codes: "ws-close-codes", 4, [0, 0, 0, 0];
    ws_close_then_abort: "ws-close-then-abort", 2, [0, 3, 0, 0];
    ws_concurrent: "ws-concurrent", 1, [0, 8, 0, 0];
    ws_cursor_malformed: "ws-cursor-malformed", 1, [1, 1, 0, 0];
    ws_frames: "ws-frames", 1, [0, 1, 0, 0];
    ws_group_add_unknown: "ws-group-add-unknown", 1, [0, 1, 0, 0];
    ws_groups: "ws-groups", 1, [1, 10, 0, 0];
    ws_groups_old_token: "ws-groups-old-token", 1, [0, 2, 0, 0];
    ws_groups_reconnect: "ws-groups-reconnect", 1, [2, 2, 0, 1];
    ws_hubs: "ws-hubs", 1, [4, 4, 0, 0];
    ws_invocation_forms: "ws-invocation-forms", 1, [0, 11, 0, 0];
    ws_keepalive: "ws-keepalive", 2, [20, 1, 0, 0];
    ws_large: "ws-large", 10, [0, 7, 0, 1];
    ws_lost_client: "ws-lost-client", 2, [0, 14, 0, 1];
    ws_many: "ws-many", 1, [35, 1, 0, 0];
    ws_no_reply: "ws-no-reply", 1, [0, 6, 0, 0];
    ws_onconnected_messages: "ws-onconnected-messages", 2, [5, 2, 0, 0];
    ws_progress: "ws-progress", 1, [0, 4, 3, 0];
    ws_progress_more: "ws-progress-more", 1, [0, 3, 4, 0];
    ws_reconnect: "ws-reconnect", 1, [5, 3, 0, 1];
    ws_reconnect_after_restart: "ws-reconnect-after-restart", 1, [1, 3, 0, 1];
    ws_reconnect_cursors: "ws-reconnect-cursors", 1, [1, 1, 0, 0];
    ws_replaced: "ws-replaced", 1, [0, 0, 0, 0];
    ws_result_types: "ws-result-types", 1, [0, 26, 0, 0];
    ws_results_detailed: "ws-results-detailed", 1, [1, 45, 0, 0];
    ws_results_generic: "ws-results-generic", 1, [0, 43, 0, 0];
    ws_signal_names: "ws-signal-names", 2, [11, 18, 0, 0];
    ws_start_variants: "ws-start-variants", 1, [0, 1, 0, 0];
    ws_state: "ws-state", 1, [0, 8, 0, 0];
    ws_state_more: "ws-state-more", 1, [2, 10, 3, 0];
    ws_targets: "ws-targets", 3, [12, 14, 0, 0];
    ws_targets_more: "ws-targets-more", 3, [19, 19, 0, 0];
    ws_unlisted_hub: "ws-unlisted-hub", 3, [2, 12, 1, 0];
    ws_unserializable: "ws-unserializable", 1, [0, 1, 0, 1];
}
