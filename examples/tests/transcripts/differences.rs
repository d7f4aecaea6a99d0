//! Where this server differs from the original on purpose; the table in `ARCHITECTURE.md` has the same by scenario.

use std::ops::RangeInclusive;

/// Lines of a recording that are otherwise here.
pub struct Difference {
    pub file: &'static str,
    pub lines: RangeInclusive<usize>,
    pub here: Here,
    /// For people, and for the table in `ARCHITECTURE.md`.
    #[allow(dead_code, reason = "read by people")]
    pub why: &'static str,
}

/// What is expected here.
pub enum Here {
    /// The event does not come, or the client does not do it.
    Nothing,
    /// The event with another value of this key, given as JSON. `sooner` marks an answer that comes before it did there.
    With(&'static str, &'static str),
    /// The event with other words in its text or body.
    Instead(&'static [(&'static str, &'static str)]),
    /// The payload with these of [`MISSED`], messages of the hub `conformance` from the connection itself.
    Missed(RangeInclusive<usize>),
    /// The payload with messages of these numbers, each like its first one.
    Numbers(RangeInclusive<usize>),
    /// The event, and after it another.
    And(&'static str),
    /// The client asks with this cursor, for what the original's means.
    Cursor(&'static str),
}

const REPLACED: &str =
    "a replaced request gets nothing that is meant for its successor; there it may";
const ONE_NUMBER: &str = "messages come in the order in which they were sent, whatever their topic";
const NO_TOPICS: &str =
    "a cursor is one number: it has no topics that could be missing, and be silent then";
const BEYOND: &str = "a cursor beyond the end is one of another process: it begins at the end, and hubs hear of the gap";
const JOINED_WHERE: &str =
    "a join that is read again from the log begins where it happened: nothing between is lost";
const NOT_SILENT: &str =
    "a group that its token restores is not silent because the cursor did not list it";
const KEPT: &str = "exactly 1,000 messages of a topic are kept";
const LEFT_OUT: &str = "who is left out of a message gets no empty payload in its place";
const WITH_CURSOR: &str = "the first keep-alive after a reconnect brings the newest cursor";
const AT_ONCE: &str =
    "what is asked between two polls (join, leave, abort) is done at once, not at the next poll";
const TOLD: &str =
    "a poll with a cursor of another process is a return with a gap, of which hubs hear";
const EXACT: &str = "30 s are 30 s; there it is looked at every 5 s";
const BEAT: &str = "no difference: 6.07 s after 6 s, it may be before or after a heartbeat";
const CURSOR: &str = "no difference: the same case in this server's cursors";
const NULL: &str = "null is no result, also of a method that returns any JSON";
const TYPES: &str = "candidates are told with Rust's types";
const SAME: &str = "methods of one name differ in how many arguments they take";
const VARIANT: &str = "a Rust enum has only its variants";
const OTHER_CASE: &str =
    "a struct all of whose members may be missing finds none by a name in another case";
const ARRAY: &str = "serde reads a struct from an array of its members, too";
const STRICT: &str =
    "calls are JSON, without Json.NET's quotes, bare names, comments, commas and rests";
const CALLBACK: &str =
    "the name of a callback is checked for every transport: what is sent is a script";
const CHALLENGED: &str =
    "the endpoint asks for credentials itself, and all its answers have this header";

const LIVE_LAST: &[(&str, &str)] = &[
    ("\"live\"", "\"?\""),
    ("missed 3, to me", "live"),
    ("\"?\"", "\"missed 3, to me\""),
];
const MISSED_3: &[(&str, &str)] = &[(
    "live:",
    r#"missed 3, to me"]},{"H":"conformance","M":"message","A":["<connection-id>","live:"#,
)];
const ONE_TOPIC: &str = r#"{"dir":"ws_recv","ch":"ws10","text":"{\"C\":\"<cursor-12>\",\"M\":[{\"H\":\"conformance\",\"M\":\"message\",\"A\":[\"<connection-id>\",\"live: one topic missing\"]}]}"}"#;
const MISSED_IN_B: &str = r#"{"dir":"ws_recv","ch":"ws2","text":"{\"C\":\"<cursor-4>\",\"M\":[{\"H\":\"conformance\",\"M\":\"groupMessage\",\"A\":[\"b\",\"missed in b\"]}]}"}"#;
const BACK: &str = r#"{"dir":"ws_recv","ch":"ws4","text":"{\"C\":\"<cursor-6>\",\"M\":[{\"H\":\"conformance\",\"M\":\"groupMessage\",\"A\":[\"a\",\"back?\"]}]}"}"#;
const BACK_2: &str = r#"{"dir":"ws_recv","ch":"ws4","text":"{\"C\":\"<cursor-7>\",\"M\":[{\"H\":\"conformance\",\"M\":\"groupMessage\",\"A\":[\"a\",\"back? 2\"]}]}"}"#;
const FOREIGN: &str = r#"{"dir":"ws_recv","ch":"ws4","text":"{\"C\":\"<cursor-8>\",\"M\":[{\"H\":\"conformance\",\"M\":\"groupMessage\",\"A\":[\"a\",\"foreign\"]}]}"}"#;
const ONE_MORE: &[(&str, &str)] = &[(
    r#""connected","reconnected""#,
    r#""connected","reconnected","reconnected""#,
)];
const NEWEST: &str = r#""data: {\"C\":\"<cursor-3>\",\"M\":[]}\n\n""#;
const NO_RESULT: &[(&str, &str)] = &[("\"R\":null,", "")];
const INT: &[(&str, &str)] = &[("Int32", "i32")];
const PROGRESS: &[(&str, &str)] = &[("Int32", "i32"), ("Task`1", "&'static str")];
const NO_SAME: &[(&str, &str)] = &[(
    "Potential candidates are: \\nSame(a:Int32):String\\nSame(a:String):String",
    "No method found with that name.",
)];
const NO_COLOR: &[(&str, &str)] = &[(
    r#""R":9,"I":"27""#,
    r#""I":"27","E":"Error converting value""#,
)];
const NO_PERSON: &[(&str, &str)] = &[
    ("\"Ann\"", "null"),
    ("7", "0"),
    ("\"Favourite\":2", "\"Favourite\":0"),
];
const NOBODY: &str =
    r#""{\"R\":{\"Name\":null,\"Age\":0,\"Favourite\":0,\"Numbers\":null},\"I\":\"32\"}""#;
const CHALLENGE: &str = r#"{"X-Content-Type-Options":"nosniff","WWW-Authenticate":"Basic"}"#;

/// What `ws-reconnect-cursors` sends, in order.
pub const MISSED: &[&str] = &[
    "seen 1",
    "missed 1",
    "missed 2",
    "missed 3, to me",
    "live: no cursor",
    "live: an empty cursor",
    "live: a cursor of another process",
    "live: a scale-out cursor",
    "live: no cursor at all",
    "live: prefix in lower case",
    "live: a key that was never handed out",
    "live: ids beyond the end",
    "live: one topic missing",
    "live: entries in another order",
    "live: a foreign topic added",
    "live: everything from the beginning",
    "live: ids padded to 20 digits",
    "live: an id in lower case",
];

const fn d(
    file: &'static str,
    line: usize,
    last: usize,
    here: Here,
    why: &'static str,
) -> Difference {
    Difference {
        file,
        lines: line..=last,
        here,
        why,
    }
}

#[rustfmt::skip] // A table.
pub const DIFFERENCES: &[Difference] = &[
    // Delivery: what comes, and when.
    d("fallback", 9, 9, Here::Nothing, REPLACED),
    d("ws-old-protocol", 15, 15, Here::Nothing, REPLACED),
    d("ws-reconnect", 32, 32, Here::Instead(LIVE_LAST), ONE_NUMBER),
    d("ws-cursor-malformed", 65, 65, Here::Instead(MISSED_3), ONE_NUMBER),
    d("ws-reconnect-cursors", 69, 69, Here::Cursor("d-<prefix>-FFFF"), BEYOND),
    d("ws-reconnect-cursors", 71, 71, Here::Nothing, BEYOND),
    d("ws-reconnect-cursors", 77, 77, Here::Cursor("<cursor-2>"), NO_TOPICS),
    d("ws-reconnect-cursors", 79, 79, Here::Missed(1..=11), NO_TOPICS),
    d("ws-reconnect-cursors", 81, 81, Here::And(ONE_TOPIC), NO_TOPICS),
    d("ws-reconnect-cursors", 86, 86, Here::Missed(1..=12), ONE_NUMBER),
    d("ws-reconnect-cursors", 87, 87, Here::Nothing, ONE_NUMBER),
    d("ws-reconnect-cursors", 95, 95, Here::Missed(1..=13), ONE_NUMBER),
    d("ws-reconnect-cursors", 96, 96, Here::Nothing, ONE_NUMBER),
    d("ws-reconnect-cursors", 108, 108, Here::Missed(0..=14), ONE_NUMBER),
    d("ws-reconnect-cursors", 109, 109, Here::Nothing, ONE_NUMBER),
    d("ws-reconnect-cursors", 117, 117, Here::Missed(1..=15), ONE_NUMBER),
    d("ws-reconnect-cursors", 118, 118, Here::Nothing, ONE_NUMBER),
    d("ws-reconnect-cursors", 126, 126, Here::Missed(11..=16), ONE_NUMBER),
    d("ws-reconnect-cursors", 134, 134, Here::Nothing, ONE_NUMBER),
    d("ws-reconnect-cursors", 135, 135, Here::Missed(1..=17), ONE_NUMBER),
    d("ws-reconnect-cursors", 108, 108, Here::Instead(&[("\"S\":1,", "")]), CURSOR),
    d("ws-groups-old-token", 21, 21, Here::And(MISSED_IN_B), JOINED_WHERE),
    d("ws-groups-reconnect", 35, 35, Here::And(BACK), NOT_SILENT),
    d("ws-groups-reconnect", 37, 37, Here::And(BACK_2), NOT_SILENT),
    d("ws-groups-reconnect", 43, 43, Here::And(FOREIGN), NOT_SILENT),
    d("raw-filter", 17, 17, Here::Nothing, LEFT_OUT),
    d("raw-filter", 20, 20, Here::Nothing, LEFT_OUT),
    d("raw-filter", 25, 25, Here::Nothing, LEFT_OUT),
    d("raw-filter", 30, 30, Here::Nothing, LEFT_OUT),
    d("ws-targets", 29, 29, Here::Nothing, LEFT_OUT),
    d("ws-targets", 51, 51, Here::Nothing, LEFT_OUT),
    d("longpolling-timeout", 27, 27, Here::With("text", NEWEST), WITH_CURSOR),
    d("ws-buffer-overflow", 15, 15, Here::Numbers(600..=1_599), KEPT),
    d("longpolling-join-between", 15, 15, Here::With("sooner", "true"), AT_ONCE),
    d("longpolling-variants", 58, 58, Here::Instead(ONE_MORE), TOLD),
    d("longpolling-variants", 62, 62, Here::Instead(ONE_MORE), TOLD),
    d("longpolling-variants", 68, 68, Here::Instead(ONE_MORE), TOLD),
    d("longpolling-variants", 62, 62, Here::Instead(&[("\"],", "\",\"disconnected:true\"],")]), AT_ONCE),
    d("longpolling-variants", 65, 66, Here::Nothing, AT_ONCE),
    d("ws-group-add-unknown", 13, 13, Here::With("at_ms", "30220"), EXACT),
    d("longpolling-lost", 22, 23, Here::Nothing, BEAT),
    d("ws-targets-more", 37, 37, Here::Nothing, LEFT_OUT),
    d("ws-targets-more", 39, 39, Here::Nothing, LEFT_OUT),
    // Cursors of the client's own making, in the words of this server.
    d("http-cursor-malformed", 23, 23, Here::Cursor("d-<prefix>-G"), CURSOR),
    d("ws-cursor-malformed", 20, 20, Here::Cursor("d-<prefix>-"), CURSOR),
    d("ws-cursor-malformed", 40, 40, Here::Cursor("d-1-1"), CURSOR),
    d("ws-cursor-malformed", 59, 59, Here::Cursor("d-<prefix>-11111111111111111"), CURSOR),
    d("ws-cursor-malformed", 63, 63, Here::Cursor("<cursor-2>"), CURSOR),
    d("ws-reconnect-cursors", 55, 55, Here::Cursor("d-1-1"), CURSOR),
    d("ws-reconnect-cursors", 62, 62, Here::Cursor("d-1-1"), CURSOR),
    d("ws-reconnect-cursors", 84, 84, Here::Cursor("<cursor-2>"), CURSOR),
    d("ws-reconnect-cursors", 93, 93, Here::Cursor("<cursor-2>"), CURSOR),
    d("ws-reconnect-cursors", 106, 106, Here::Cursor("d-<prefix>-0"), CURSOR),
    d("ws-reconnect-cursors", 115, 115, Here::Cursor("d-<prefix>-00000000000000000001"), CURSOR),
    d("ws-reconnect-cursors", 123, 123, Here::Cursor("d-<prefix>-b"), CURSOR),
    // Calls: what is read, and what is answered.
    d("http-results", 13, 13, Here::Instead(NO_RESULT), NULL),
    d("http-results", 63, 63, Here::Instead(NO_RESULT), NULL),
    d("ws-results-detailed", 18, 18, Here::Instead(NO_RESULT), NULL),
    d("ws-results-generic", 18, 18, Here::Instead(NO_RESULT), NULL),
    d("http-results", 41, 41, Here::Instead(INT), TYPES),
    d("ws-results-detailed", 46, 46, Here::Instead(INT), TYPES),
    d("ws-results-detailed", 50, 50, Here::Instead(INT), TYPES),
    d("ws-results-detailed", 94, 94, Here::Instead(&[("Int32", "i32"), ("Void", "()")]), TYPES),
    d("ws-progress", 17, 17, Here::Instead(PROGRESS), TYPES),
    d("ws-progress", 19, 19, Here::Instead(PROGRESS), TYPES),
    d("ws-argument-types", 96, 96, Here::Instead(INT), TYPES),
    d("ws-argument-types", 100, 100, Here::Instead(&[("Int32[]", "Vec<i32>"), ("Int32", "usize")]), TYPES),
    d("ws-argument-types", 108, 108, Here::Instead(&[("Int32", "i32"), ("String", "&'static str")]), TYPES),
    d("ws-argument-types", 112, 112, Here::Instead(NO_SAME), SAME),
    d("ws-argument-types", 114, 114, Here::Instead(NO_SAME), SAME),
    d("ws-argument-types", 64, 64, Here::Instead(NO_COLOR), VARIANT),
    d("ws-argument-types", 66, 66, Here::Instead(NO_PERSON), OTHER_CASE),
    d("ws-argument-types", 74, 74, Here::With("text", NOBODY), ARRAY),
    d("ws-invocation-forms", 46, 46, Here::Nothing, STRICT),
    d("ws-invocation-forms", 48, 48, Here::Nothing, STRICT),
    d("ws-invocation-forms", 50, 50, Here::Nothing, STRICT),
    d("ws-invocation-forms", 56, 56, Here::Nothing, STRICT),
    d("ws-invocation-forms", 58, 58, Here::Nothing, STRICT),
    d("jsonp-longpolling", 21, 21, Here::With("status", "500"), CALLBACK),
    d("jsonp-longpolling", 23, 23, Here::With("status", "500"), CALLBACK),
    d("jsonp-longpolling", 25, 26, Here::Nothing, CALLBACK),
    d("user-identity", 3, 3, Here::With("headers", CHALLENGE), CHALLENGED),
];
