//! One event of a recording. The tests of the client read recordings with this file, too.

use serde_json::Value;

/// One event, and the line of the recording that it stands on.
#[derive(Debug, Clone)]
pub struct Event {
    pub line: usize,
    pub value: Value,
}

impl Event {
    pub fn text(&self, key: &str) -> &str {
        self.value[key].as_str().unwrap_or_default()
    }

    pub fn dir(&self) -> &str {
        self.text("dir")
    }

    pub fn channel(&self) -> &str {
        self.text("ch")
    }

    pub fn at_ms(&self) -> u64 {
        self.value["at_ms"].as_u64().expect("a time")
    }

    pub fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    /// Whether it is something that the client does.
    pub fn is_the_clients(&self) -> bool {
        match self.dir() {
            "request" | "ws_send" | "drop" => true,
            "ws_close" => self.text("by") == "client",
            _ => false,
        }
    }

    /// Ordered pairs, if there are such.
    pub fn pairs(&self, key: &str) -> Option<Vec<(&str, &str)>> {
        let pairs = self.value.get(key)?.as_array()?;
        Some(
            pairs
                .iter()
                .map(|pair| (text(&pair[0]), text(&pair[1])))
                .collect(),
        )
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
