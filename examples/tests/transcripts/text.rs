//! Placeholders, and the comparison of what the original wrote with what came: byte for byte, but for what the protocol
//! leaves open.

use std::collections::HashMap;

/// What placeholders stand for in this run.
#[derive(Default)]
pub struct Known(HashMap<String, String>);

impl Known {
    pub fn set(&mut self, placeholder: &str, value: &str) {
        self.0.insert(placeholder.to_owned(), value.to_owned());
    }

    /// Puts the true values in place of placeholders; unknown ones stay.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            filled += before;
            let (name, tail) = after.split_once('>').unwrap_or((after, ""));
            if let Some(value) = self.0.get(&format!("<{name}>")) {
                filled += value;
            } else if let Some(repeat) = name.strip_prefix("repeat ") {
                let (what, count) = repeat.split_once(' ').expect("repeat WHAT COUNT");
                filled += &what.repeat(count.parse().expect("a count"));
            } else {
                filled.push('<');
                rest = after;
                continue;
            }
            rest = tail;
        }
        filled + rest
    }

    /// Compares a text, learning what placeholders are new.
    pub fn same(&mut self, expected: &str, got: &str) -> bool {
        let mut expected = self.fill(expected);
        let mut rest = got;
        loop {
            let Some((before, placeholder, after)) = unknown(&expected) else {
                return rest == expected;
            };
            let Some(tail) = rest.strip_prefix(before) else {
                return false;
            };
            let next = unknown(after).map_or(after, |(next, _, _)| next);
            let end = if next.is_empty() {
                tail.len()
            } else {
                tail.find(next).unwrap_or(tail.len())
            };
            let (value, tail) = tail.split_at(end);
            if placeholder != "<date>" {
                self.set(placeholder, value);
            }
            rest = tail;
            expected = self.fill(after);
        }
    }

    /// Compares what may be JSON, or have JSON inside.
    pub fn same_json(&mut self, expected: &str, got: &str) -> bool {
        let (expected, got) = (tokens(expected), tokens(got));
        if expected.len() != got.len() {
            return false;
        }
        let pairs = expected.iter().zip(&got).enumerate();
        for (n, (expected_token, token)) in pairs {
            // The value of which member, if it is one: `"E"`, `:`, value.
            let member = match n.checked_sub(2).map(|n| &expected[n..n + 2]) {
                Some([Token::String(name), Token::Other(":")]) => *name,
                _ => "",
            };
            let same = match (expected_token, token) {
                (Token::Other(e), Token::Other(g)) => e == g,
                (Token::String(e), Token::String(g)) => {
                    (member == "H" && e.eq_ignore_ascii_case(g))
                        || (member == "E" && same_error(e, g))
                        || self.same(e, g)
                }
                _ => false,
            };
            if !same {
                return false;
            }
        }
        true
    }
}

/// The first unknown placeholder in a text, with what is around it.
fn unknown(text: &str) -> Option<(&str, &str, &str)> {
    const NAMES: [&str; 5] = [
        "<connection-id",
        "<connection-token",
        "<cursor-",
        "<groups-token-",
        "<date>",
    ];
    let at = NAMES.iter().filter_map(|name| text.find(name)).min()?;
    let end = at + text[at..].find('>')? + 1;
    Some((&text[..at], &text[at..end], &text[end..]))
}

#[derive(Debug, PartialEq)]
enum Token<'a> {
    /// What is between quotation marks, as written.
    String(&'a str),
    /// What is between strings, blanks included.
    Other(&'a str),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('"') {
        if !before.is_empty() {
            tokens.push(Token::Other(before));
        }
        let mut escaped = false;
        let end = after.bytes().position(|byte| {
            let end = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            end
        });
        let Some(end) = end else {
            tokens.push(Token::Other(&rest[before.len()..]));
            return tokens;
        };
        tokens.push(Token::String(&after[..end]));
        rest = &after[end + 1..];
    }
    if !rest.is_empty() {
        tokens.push(Token::Other(rest));
    }
    tokens
}

/// Texts of the JSON library and of the platform. That there is one, and that it is not the generic sentence, counts.
const PLATFORM: [&str; 12] = [
    "Could not convert",
    "Error converting value",
    "Error reading ",
    "Input string ",
    "JSON integer ",
    "Cannot deserialize ",
    "Unexpected character ",
    "Object reference not set",
    "Exception of type",
    "The operation was canceled.",
    "Value cannot be null.",
    "Argument cannot be null or empty\\nParameter name: ",
];

fn same_error(expected: &str, got: &str) -> bool {
    let platform = PLATFORM.iter().any(|text| expected.starts_with(text));
    platform && !got.is_empty() && !got.starts_with("There was an error invoking Hub method")
}
