//! One connection of the client: what it sent, what came, and what of it was expected.

use std::time::{Duration, Instant};

use crate::payloads::{Dress, Said};
use crate::text::Known;
use crate::wire::{Arrival, CLOSE, Head, PING, PONG, TEXT, Wire};

/// How long anything may take that does not depend on a timeout of the server.
pub const PATIENCE: Duration = Duration::from_secs(15);

pub struct Channel {
    pub wire: Wire,
    pub begun: Instant,
    /// The recording's time of the request.
    pub begun_ms: u64,
    pub upgrade: bool,
    /// Set when the answer is a stream of payloads.
    pub dress: Option<Dress>,
    pub head: Option<Head>,
    pub body: Vec<u8>,
    pub wanted: Said,
    pub got: Said,
    /// The server's close frame: code and reason.
    pub close: Option<(u16, String)>,
    /// Whether the client sent a close frame.
    pub closing: bool,
    /// Whether the client has gone without a word.
    pub dropped: bool,
    /// How the server's side ended: whether complete.
    pub ended: Option<bool>,
    pub newest: Instant,
    /// The newest call, if it is one of `Events`.
    pub events: Option<String>,
}

impl Channel {
    pub fn new(wire: Wire, begun_ms: u64, upgrade: bool, dress: Option<Dress>) -> Self {
        Self {
            wire,
            begun: Instant::now(),
            begun_ms,
            upgrade,
            dress,
            head: None,
            body: Vec::new(),
            wanted: Said::default(),
            got: Said::default(),
            close: None,
            closing: false,
            dropped: false,
            ended: None,
            newest: Instant::now(),
            events: None,
        }
    }

    /// Waits until the condition holds; tells whether it does.
    pub fn until(&mut self, patience: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        while !done(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.ended.is_some() || !self.step(left) {
                return done(self);
            }
        }
        true
    }

    /// Takes in what has come already.
    pub fn drain(&mut self) {
        while self.ended.is_none() && self.step(Duration::ZERO) {}
    }

    /// Takes in the next thing; false if none came in time.
    fn step(&mut self, patience: Duration) -> bool {
        let Some((at, arrival)) = self.wire.next(patience) else {
            return false;
        };
        self.newest = at;
        match arrival {
            Arrival::Head(head) => {
                self.upgrade = self.upgrade && head.status == 101;
                self.head = Some(head);
            }
            Arrival::Data(bytes) => match self.dress {
                Some(dress) => self.got.add_bytes(dress, &bytes, at),
                None => self.body.extend(bytes),
            },
            Arrival::Frame(CLOSE, payload) => self.closed(&payload),
            Arrival::Frame(PING, payload) => self.wire.frames(PONG, &payload, 1),
            Arrival::Frame(TEXT, payload) => {
                let text = String::from_utf8(payload).expect("UTF-8");
                self.got.add(Dress::WebSocket, 0, &text, at);
            }
            Arrival::Frame(PONG, payload) => {
                let text = format!("pong {}", String::from_utf8_lossy(&payload));
                self.got.others.push_back((0, text));
            }
            Arrival::Frame(other, _) => panic!("a frame with opcode {other}"),
            Arrival::Complete => self.ended = Some(true),
            Arrival::Cut => self.ended = Some(false),
        }
        true
    }

    fn closed(&mut self, payload: &[u8]) {
        let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
        self.close = Some((code.unwrap_or(1005), reason.into_owned()));
        if !self.closing {
            self.wire.frames(CLOSE, payload, 1);
        }
    }

    /// Waits for everything that the recording has so far, and compares it.
    pub fn settle(&mut self, known: &mut Known) -> Result<(), String> {
        let came = self.until(PATIENCE, |channel| channel.got.has(&channel.wanted));
        if !came {
            let (wanted, got, ended) = (&self.wanted, &self.got, self.ended);
            return Err(format!("{wanted:?} was expected, {got:?} came, {ended:?}"));
        }
        let taken = self.got.take(&mut self.wanted, known);
        taken.map_err(|differs| {
            let (line, expected, got) = (differs.line, differs.expected, differs.got);
            format!("line {line}: expected {expected:?}, got {got:?}")
        })
    }

    /// What came and was not expected.
    pub fn too_much(&self) -> Option<String> {
        let (got, wanted) = (&self.got, &self.wanted);
        (!got.is_empty()).then(|| format!("more came than was recorded: {got:?}, after {wanted:?}"))
    }
}
