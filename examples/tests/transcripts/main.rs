//! Conversations with the original server, replayed against the conformance application over real sockets.
//!
//! `examples/conformance/transcripts/*.jsonl` were recorded from the original server, one scenario a file. Each test starts
//! the application with the scenario's settings, does what the client did, and compares what the server does. What differs
//! on purpose is in `differences`. Beyond that these do not count, since the protocol promises nothing of them: cursors
//! and tokens as text, how messages are cut into payloads, whether an answer or the payload that its method caused comes
//! first, the casing of `H`, texts of the JSON library and of the platform, what a host adds to errors of its own.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod answer;
#[path = "../common/application.rs"]
mod application;
mod channel;
mod differences;
mod event;
mod events;
mod payloads;
mod recording;
mod replay;
mod request;
mod script;
mod text;
mod wire;

#[test]
fn every_recording_is_replayed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/transcripts");
    let files = std::fs::read_dir(folder).expect("the recordings");
    let files = files.map(|file| file.expect("a file").file_name());
    for file in files.map(|file| file.into_string().expect("a plain name")) {
        let name = file.trim_end_matches(".jsonl");
        assert!(NAMES.contains(&name), "{file} has no test");
    }
}

macro_rules! recordings {
    ($($test:ident: $name:literal;)*) => {
        const NAMES: &[&str] = &[$($name),*];

        $(
        #[test]
        fn $test() {
            let text = include_str!(concat!("../../conformance/transcripts/", $name, ".jsonl"));
            replay::run($name, text);
        }
        )*
    };
}

recordings! {
    authorization: "authorization";
    authorization_403: "authorization-403";
    cors: "cors";
    error_rows: "error-rows";
    fallback: "fallback";
    frame_basic: "frame-basic";
    frame_ids: "frame-ids";
    http_bad_sends: "http-bad-sends";
    http_cursor_malformed: "http-cursor-malformed";
    http_methods: "http-methods";
    http_results: "http-results";
    jsonp_disabled: "jsonp-disabled";
    jsonp_longpolling: "jsonp-longpolling";
    jsonp_names: "jsonp-names";
    jsonp_no_keepalive: "jsonp-no-keepalive";
    keepalive_off: "keepalive-off";
    life_of_a_js_client: "life-of-a-js-client";
    longpolling_basic: "longpolling-basic";
    longpolling_delay: "longpolling-delay";
    longpolling_groups: "longpolling-groups";
    longpolling_join_between: "longpolling-join-between";
    longpolling_lost: "longpolling-lost";
    longpolling_timeout: "longpolling-timeout";
    longpolling_variants: "longpolling-variants";
    negotiate_connection_data: "negotiate-connection-data";
    negotiate_paths: "negotiate-paths";
    negotiate_versions: "negotiate-versions";
    odd_paths: "odd-paths";
    onconnected_fails: "onconnected-fails";
    ping: "ping";
    proxy_script: "proxy-script";
    raw_echo: "raw-echo";
    raw_filter: "raw-filter";
    raw_groups: "raw-groups";
    raw_multisend: "raw-multisend";
    raw_others: "raw-others";
    raw_values: "raw-values";
    redirection_and_status: "redirection-and-status";
    redirects: "redirects";
    request_values: "request-values";
    shutdown: "shutdown";
    sse_basic: "sse-basic";
    sse_keepalive: "sse-keepalive";
    sse_reconnect: "sse-reconnect";
    token_purposes: "token-purposes";
    unescaped_query: "unescaped-query";
    user_identity: "user-identity";
    ws_abort: "ws-abort";
    ws_argument_types: "ws-argument-types";
    ws_basic: "ws-basic";
    ws_buffer_overflow: "ws-buffer-overflow";
    ws_close_codes: "ws-close-codes";
    ws_close_then_abort: "ws-close-then-abort";
    ws_concurrent: "ws-concurrent";
    ws_cursor_malformed: "ws-cursor-malformed";
    ws_frames: "ws-frames";
    ws_group_add_unknown: "ws-group-add-unknown";
    ws_groups: "ws-groups";
    ws_groups_old_token: "ws-groups-old-token";
    ws_groups_reconnect: "ws-groups-reconnect";
    ws_hubs: "ws-hubs";
    ws_invocation_forms: "ws-invocation-forms";
    ws_keepalive: "ws-keepalive";
    ws_large: "ws-large";
    ws_lost_client: "ws-lost-client";
    ws_many: "ws-many";
    ws_no_reply: "ws-no-reply";
    ws_old_protocol: "ws-old-protocol";
    ws_onconnected_messages: "ws-onconnected-messages";
    ws_progress: "ws-progress";
    ws_progress_more: "ws-progress-more";
    ws_reconnect: "ws-reconnect";
    ws_reconnect_after_restart: "ws-reconnect-after-restart";
    ws_reconnect_cursors: "ws-reconnect-cursors";
    ws_reconnect_unknown: "ws-reconnect-unknown";
    ws_replaced: "ws-replaced";
    ws_result_types: "ws-result-types";
    ws_results_detailed: "ws-results-detailed";
    ws_results_generic: "ws-results-generic";
    ws_signal_names: "ws-signal-names";
    ws_start_variants: "ws-start-variants";
    ws_state: "ws-state";
    ws_state_more: "ws-state-more";
    ws_targets: "ws-targets";
    ws_targets_more: "ws-targets-more";
    ws_unlisted_hub: "ws-unlisted-hub";
    ws_unserializable: "ws-unserializable";
}
