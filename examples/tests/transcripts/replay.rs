//! Plays the client's part of a recording, and compares the server's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::application::Application;
use crate::channel::{Channel, PATIENCE};
use crate::events::asks_for_events;
use crate::payloads::Dress;
use crate::recording::{Event, Recording};
use crate::request;
use crate::text::Known;
use crate::wire::{BINARY, CLOSE, PING, TEXT, Wire};

/// From which gap on the recording waited to see that nothing comes.
const SILENCE_MS: u64 = 200;

/// How long this test looks at such a silence.
const LOOK: Duration = Duration::from_millis(50);

/// How much earlier and later than recorded something may come that depends on a timeout of the server: its heartbeat
/// has a phase of its own.
const EARLIER_MS: u64 = 1_600;
const LATER_MS: u64 = 5_000;

pub struct Replay {
    recording: Recording,
    pub application: Application,
    pub known: Known,
    pub channels: BTreeMap<String, Channel>,
}

pub fn run(name: &'static str, text: &str) {
    let recording = Recording::parse(name, text);
    let application = Application::start(&recording.flags);
    let mut replay = Replay {
        recording,
        application,
        known: Known::default(),
        channels: BTreeMap::new(),
    };
    replay.started();
    let events = std::mem::take(&mut replay.recording.events);
    let last = events.iter().rposition(Event::is_the_clients);
    let (mut before_ms, begun) = (0, Instant::now());
    for (n, event) in events.iter().enumerate() {
        let gap = event.at_ms().saturating_sub(before_ms);
        if event.is_the_clients() {
            replay.settle(event);
            if replay.recording.timed && gap >= SILENCE_MS {
                let until = begun + Duration::from_millis(event.at_ms());
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
            }
            if gap >= SILENCE_MS {
                replay.silence(event, &events[n..]);
            }
        }
        replay.step(event, &events[n..], Some(n) > last);
        before_ms = event.at_ms();
    }
    replay.end(events.last().expect("there are events"));
}

impl Replay {
    fn started(&mut self) {
        let host = self.application.address.to_string();
        self.known.set("<host>", &host);
    }

    #[track_caller]
    fn fail(&self, event: &Event, why: &str) -> ! {
        let (name, line, value) = (self.recording.name, event.line, &event.value);
        panic!("{name}.jsonl:{line}: {why}\nat {value}");
    }

    pub fn channel(&mut self, event: &Event) -> &mut Channel {
        let known = self.channels.contains_key(event.channel());
        if !known {
            self.fail(event, "there is no such channel");
        }
        self.channels.get_mut(event.channel()).expect("it is known")
    }

    /// Waits until all channels have what is expected so far, and compares.
    fn settle(&mut self, event: &Event) {
        let names: Vec<String> = self.channels.keys().cloned().collect();
        for name in names {
            self.settle_channel(event, &name);
        }
    }

    pub fn settle_channel(&mut self, event: &Event, name: &str) {
        let channel = self.channels.get_mut(name).expect("it is known");
        if let Err(why) = channel.settle(&mut self.known) {
            self.fail(event, &format!("{name}: {why}"));
        }
        if let Some(cursor) = channel.got.cursor() {
            let prefix = cursor.strip_prefix("d-").and_then(|c| c.split('-').next());
            let prefix = prefix.unwrap_or_default();
            self.known.set("<prefix>", prefix);
            self.known
                .set("<prefix, lower case>", &prefix.to_lowercase());
        }
    }

    /// The recording waited here, and nothing came.
    fn silence(&mut self, event: &Event, rest: &[Event]) {
        std::thread::sleep(LOOK);
        let names: Vec<String> = self.channels.keys().cloned().collect();
        for name in names {
            let channel = self.channels.get_mut(&name).expect("it is known");
            channel.drain();
            self.settle_channel(event, &name);
            let channel = &self.channels[&name];
            if let Some(why) = channel.too_much() {
                self.fail(event, &format!("{name}: {why}, before this"));
            }
            let mut rest = rest.iter().filter(|other| other.channel() == name);
            let answered = rest.any(|other| other.dir() == "response" && !other.has("sooner"));
            if answered && channel.head.is_some() {
                self.fail(event, &format!("{name}: it was answered before this"));
            }
        }
    }

    fn step(&mut self, event: &Event, rest: &[Event], tail: bool) {
        let text = self.known.fill(event.text("text"));
        match event.dir() {
            "request" => {
                let channel = self.ask(event, rest);
                self.channels.insert(event.channel().to_owned(), channel);
            }
            "response" => self.response(event),
            "ws_open" => self.opened(event),
            "ws_send" => {
                let (opcode, payload) = match event.text("opcode") {
                    "" => (TEXT, text.into_bytes()),
                    "ping" => (PING, text.into_bytes()),
                    "binary" => (BINARY, request::base64(&text)),
                    other => self.fail(event, other),
                };
                let frames = event.value["fragments"].as_u64().unwrap_or(1);
                let frames = usize::try_from(frames).expect("few");
                let channel = self.channel(event);
                channel.events = asks_for_events(&payload);
                channel.wire.frames(opcode, &payload, frames);
            }
            "ws_recv" if event.text("opcode") == "pong" => {
                let text = format!("pong {text}");
                let line = event.line;
                self.channel(event).wanted.others.push_back((line, text));
            }
            "ws_recv" if text.starts_with("{\"R\":[") && self.channel(event).events.is_some() => {
                self.events_by_socket(event);
            }
            "ws_recv" => self.expect(event, Dress::WebSocket),
            "sse_line" => self.expect(event, Dress::ServerSentEvents),
            "chunk" => {
                let dress = self.channel(event).dress;
                self.expect(event, dress.unwrap_or(Dress::LongPoll));
            }
            "ws_close" if event.text("by") == "client" => {
                let code = event.value["close_code"].as_u64();
                let code = code.map(|code| u16::try_from(code).expect("a code").to_be_bytes());
                let mut payload = code.map(Vec::from).unwrap_or_default();
                payload.extend(event.text("close_reason").bytes());
                let channel = self.channel(event);
                channel.closing = true;
                channel.wire.frames(CLOSE, &payload, 1);
            }
            "ws_close" => self.closed(event),
            "drop" => {
                let channel = self.channel(event);
                channel.dropped = true;
                channel.wire.drop_it();
            }
            "end" => self.ended(event, tail),
            "note" if event.text("text").contains("stopped and started again") => {
                self.settle(event);
                self.application.kill();
                self.application = Application::start(&self.recording.flags);
                self.started();
            }
            "note" => {}
            other => self.fail(event, other),
        }
    }

    fn ask(&self, event: &Event, rest: &[Event]) -> Channel {
        let request = request::encode(event, &self.known);
        let has_body = event.text("method") != "HEAD";
        let wire = Wire::send(self.application.address, &request, has_body);
        let wire = wire.unwrap_or_else(|error| self.fail(event, &error.to_string()));
        let mut answers = rest.iter().filter(|e| e.channel() == event.channel());
        let streams = answers.any(|e| e.dir() == "response" && e.has("streaming"));
        let dress = match event.channel() {
            name if name.starts_with("sse") => Dress::ServerSentEvents,
            name if name.starts_with("frame") => Dress::ForeverFrame,
            _ => Dress::LongPoll,
        };
        let dress = streams.then_some(dress);
        let mut channel = Channel::new(wire, event.at_ms(), event.has("upgrade"), dress);
        channel.events = asks_for_events(&request);
        channel
    }

    fn response(&mut self, event: &Event) {
        let channel = self.channel(event);
        let streams = event.has("streaming");
        let came = channel.until(PATIENCE + timeout(event, channel), |channel| {
            channel.head.is_some() && (streams || channel.ended.is_some())
        });
        if !came {
            self.fail(event, "there was no answer");
        }
        if let Err(why) = self.events_by_http(event) {
            self.fail(event, &why);
        }
        self.on_time(event);
    }

    fn opened(&mut self, event: &Event) {
        let channel = self.channel(event);
        channel.until(PATIENCE, |channel| channel.head.is_some());
        let status = channel.head.as_ref().map(|head| head.status);
        if status != Some(101) {
            self.fail(event, &format!("the answer was {status:?}"));
        }
    }

    pub fn expect(&mut self, event: &Event, dress: Dress) {
        let text = event.text("text");
        let timed = self.recording.timed;
        let line = event.line;
        let channel = self.channel(event);
        let is_keep_alive = channel.wanted.add(dress, line, text, Instant::now());
        if timed && is_keep_alive {
            // Whether they come is asked when the channel is at its end.
            let at = channel.begun + timeout(event, channel);
            channel.until(at.saturating_duration_since(Instant::now()), |_| false);
        } else if timed {
            channel.until(PATIENCE + timeout(event, channel), |c| c.got.has(&c.wanted));
            self.on_time(event);
        }
    }

    /// In recordings of timeouts: not much earlier or later than there.
    fn on_time(&self, event: &Event) {
        if !self.recording.timed {
            return;
        }
        let channel = &self.channels[event.channel()];
        let recorded = event.at_ms().saturating_sub(channel.begun_ms);
        let took = channel.newest.duration_since(channel.begun).as_millis();
        let took = u64::try_from(took).expect("not that long");
        if took + EARLIER_MS < recorded || took > recorded + LATER_MS {
            self.fail(event, &format!("it came after {took} ms, not {recorded}"));
        }
    }

    fn closed(&mut self, event: &Event) {
        let patience = PATIENCE + timeout(event, self.channel(event));
        let channel = self.channel(event);
        channel.until(patience, |channel| channel.close.is_some());
        let code = event.value["close_code"].as_u64().unwrap_or(1005);
        let expected = (u16::try_from(code).ok(), event.text("close_reason"));
        let close = channel.close.as_ref();
        let got = close.map(|(code, reason)| (Some(*code), &**reason));
        if got != Some(expected) {
            let why = format!("closed with {got:?}, ended {:?}", channel.ended);
            self.fail(event, &why);
        }
        self.on_time(event);
    }

    /// The server's side of a channel has ended. At the end of a recording that is the recorder's doing.
    fn ended(&mut self, event: &Event, tail: bool) {
        let how = event.text("how");
        let channel = self.channel(event);
        let caused = channel.close.is_some() || how == "complete";
        if channel.dropped || (tail && !caused) {
            return;
        }
        let patience = PATIENCE + timeout(event, channel);
        channel.until(patience, |channel| channel.ended.is_some());
        let complete = channel.ended;
        if complete != Some(how == "complete") {
            self.fail(event, &format!("it ended: {complete:?}, true is complete"));
        }
        self.settle_channel(event, event.channel());
        self.over(event, event.channel());
        self.on_time(event);
    }

    /// Nothing more may have come on this channel, and as many keep-alives as recorded: one more or less, as the
    /// heartbeat happens to beat.
    fn over(&mut self, event: &Event, name: &str) {
        let timed = self.recording.timed;
        let channel = self.channels.get_mut(name).expect("it is known");
        if channel.closing {
            // The answer to what was still asked may be before the close frame, or not come.
            channel.got.others.clear();
        }
        let counts = (&channel.wanted, &channel.got);
        let counts = (counts.0.keep_alives.len(), counts.1.keep_alives.len());
        let empty = (channel.wanted.empty_payloads, channel.got.empty_payloads);
        if let Some(why) = channel.too_much() {
            self.fail(event, &format!("{name}: {why}"));
        }
        if empty.0 != empty.1 {
            let why = format!("{name}: empty payloads, recorded and got: {empty:?}");
            self.fail(event, &why);
        }
        if timed && counts.0.abs_diff(counts.1) > 1 {
            self.fail(
                event,
                &format!("{name}: keep-alives, recorded and got: {counts:?}"),
            );
        }
    }

    /// Lets the application go, which ends what is still open: nothing more may come.
    fn end(&mut self, event: &Event) {
        self.settle(event);
        self.application.terminate();
        let names: Vec<String> = self.channels.keys().cloned().collect();
        for name in names {
            let channel = self.channels.get_mut(&name).expect("it is known");
            if channel.dress.is_none() && !channel.upgrade {
                continue;
            }
            if !channel.dropped && !channel.until(PATIENCE, |c| c.ended.is_some()) {
                self.fail(event, &format!("{name}: it did not end"));
            }
            let over = |(_, member): &(usize, String)| !member.ends_with(" T 1");
            channel.got.members.retain(over);
            self.over(event, &name);
        }
        self.application.ended();
    }
}

/// How long the recording took from the request to this event.
fn timeout(event: &Event, channel: &Channel) -> Duration {
    Duration::from_millis(event.at_ms().saturating_sub(channel.begun_ms))
}
