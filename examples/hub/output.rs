//! What is printed: lines for people, or objects for programs.

use std::error::Error;
use std::io::Write;

use serde_json::{Value, json};

pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints the one or the other. Who reads no more ends the program.
    pub(crate) fn line(&self, text: impl FnOnce() -> String, object: impl FnOnce() -> Value) {
        let line = if self.json {
            object().to_string()
        } else {
            text()
        };
        if writeln!(std::io::stdout(), "{line}").is_err() {
            std::process::exit(0);
        }
    }

    /// Something to know beside the result; never among what a program reads.
    pub(crate) fn note(&self, text: &str) {
        eprintln!("{text}");
    }

    /// An error with all that caused it.
    pub(crate) fn error(&self, error: &dyn Error) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            let more = deeper.to_string();
            // Some say all that their causes do.
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = deeper.source();
        }
        if self.json {
            self.line(String::new, || json!({ "error": text }));
        } else {
            eprintln!("error: {text}");
        }
    }
}
