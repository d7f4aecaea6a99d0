//! Somebody who must not be disturbed, whatever others send; and the panics of the server's own code.

use std::sync::{Mutex, Once};

use serde_json::json;

use super::{Client, Server};

static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Records panics of the server's own code from now on; those of tests and of their hubs are their own matter.
pub fn watch_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            if !place.contains("/tests/") {
                PANICS.lock().unwrap().push(place);
            }
            usual(panic);
        }));
    });
}

/// Others were not disturbed, newcomers are welcome, and nothing panicked.
pub async fn undisturbed(server: &Server, bystander: &mut Client<'_>) {
    assert_eq!(
        bystander.result("conformance", "Add", json!([40, 2])).await,
        42
    );
    let mut newcomer = server.client(&["conformance"]).await;
    newcomer
        .result(
            "conformance",
            "SendTo",
            json!([bystander.id, "still there?"]),
        )
        .await;
    assert_eq!(
        bystander.event().await,
        json!(["message", newcomer.id, "still there?"])
    );
    assert!(
        bystander.socket.events.is_empty(),
        "{:?}",
        bystander.socket.events
    );
    assert_eq!(*PANICS.lock().unwrap(), [""; 0]);
}
