//! Calls of `Events`, the method that tells a connection's life.

use std::time::{Duration, Instant};

use crate::answer;
use crate::channel::{Channel, PATIENCE};
use crate::payloads::Dress;
use crate::recording::Event;
use crate::replay::Replay;
use crate::wire::{TEXT, Wire};

/// How long `Events` is asked again: events run by themselves, and lost clients are noticed at a heartbeat.
const EVENTS: Duration = Duration::from_secs(4);

/// After how long.
const AGAIN: Duration = Duration::from_millis(20);

impl Replay {
    /// The answer to `Events` on a WebSocket: what a hub was told by itself may take a moment, so it is asked again.
    pub fn events_by_socket(&mut self, event: &Event) {
        self.settle_channel(event, event.channel());
        let begun = Instant::now();
        let expected = self.known.fill(event.text("text"));
        let channel = self.channel(event);
        while channel.until(PATIENCE, |channel| !channel.got.others.is_empty()) {
            let (_, got) = channel.got.others.front().expect("there is one");
            if *got == expected || begun.elapsed() > EVENTS {
                break;
            }
            channel.got.others.pop_front();
            std::thread::sleep(AGAIN);
            let question = channel.events.clone().expect("it was asked");
            channel.wire.frames(TEXT, question.as_bytes(), 1);
        }
        self.expect(event, Dress::WebSocket);
    }

    /// As [`events_by_socket`](Self::events_by_socket), for an answer by HTTP that was not the expected one.
    pub fn events_by_http(&mut self, event: &Event) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let channel = self.channels.get_mut(event.channel()).expect("it is known");
            let compared = answer::compare(event, channel, &mut self.known);
            let Some(question) = channel.events.clone().filter(|_| compared.is_err()) else {
                return compared;
            };
            if begun.elapsed() > EVENTS {
                return compared;
            }
            std::thread::sleep(AGAIN);
            let wire = Wire::send(self.application.address, question.as_bytes(), true);
            let wire = wire.map_err(|error| error.to_string())?;
            let mut again = Channel::new(wire, channel.begun_ms, false, None);
            again.until(PATIENCE, |channel| channel.ended.is_some());
            again.events = Some(question);
            again.begun = channel.begun;
            *channel = again;
        }
    }
}

/// A call of `Events` as it was sent, if it is one.
pub fn asks_for_events(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let asks = text.contains("\"M\":\"Events\"") || text.contains("%22M%22%3A%22Events%22");
    asks.then(|| text.to_owned())
}
