//! What arrives on a connection, across all its links: a [`Session`] reads frames, and what they say is sorted into
//! events for callbacks, a place in the server's log to come back to, and [`Step`]s for the driver. No I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hub_core::{
    ClassicClient, Completion, Event, Item, Message, Position, ProtocolError, Session, SessionEvent,
};

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Step {
    /// The transport works (`S`).
    Init,
    /// A call reports how far it is.
    Report(Item),
    /// A call ended.
    Result(Completion),
    /// The server is going: reconnect (`T`).
    Leave,
    /// The server ended the connection (`E`).
    Closed(String),
    /// Nothing was heard for a while.
    Slow,
    /// Nothing was heard for too long.
    Silent(Duration),
}

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct Reception {
    session: Session,
    silence: Option<Duration>,
    cursor: Option<String>,
    groups: Option<String>,
    events: VecDeque<Event>,
    limit: usize,
}

impl Reception {
    /// Nothing received yet. While a call is open, frames are taken until `limit` events wait.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            session: session(),
            silence: None,
            cursor: None,
            groups: None,
            events: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    /// Begins anew to listen: on a new link, or after not having read for a while, when silence was not the server's.
    pub(crate) fn listen(&mut self, now: Instant, silence: Option<Duration>) {
        self.silence = silence;
        self.session = match silence {
            Some(allowed) => session().with_silence(now, allowed),
            None => session(),
        };
    }

    /// Takes a frame.
    pub(crate) fn receive(&mut self, now: Instant, frame: Bytes) -> Result<(), ProtocolError> {
        self.session.receive(now, frame)
    }

    /// What to do next, `None` when there is nothing.
    pub(crate) fn poll(&mut self) -> Option<Step> {
        loop {
            match self.session.poll_event()? {
                SessionEvent::Slow => return Some(Step::Slow),
                SessionEvent::Lost => return Some(Step::Silent(self.silence.unwrap_or_default())),
                SessionEvent::Message(message) => {
                    if let Some(step) = self.sort(message) {
                        return Some(step);
                    }
                }
                _ => {}
            }
        }
    }

    fn sort(&mut self, message: Message) -> Option<Step> {
        match message {
            Message::Event(event) => {
                self.events.push_back(event);
                None
            }
            Message::Complete(completion) => Some(Step::Result(completion)),
            Message::Position(position) => self.arrive(position),
            Message::Close { error, .. } => Some(Step::Closed(error.unwrap_or_default())),
            Message::Item(item) => Some(Step::Report(item)),
            _ => None,
        }
    }

    fn arrive(&mut self, position: Position) -> Option<Step> {
        // Absent means unchanged, also for the groups: an empty set has a token, too (`classic-signalr.md` 4.2).
        if position.cursor.is_some() {
            self.cursor = position.cursor;
        }
        if position.groups.is_some() {
            self.groups = position.groups;
        }
        if position.leave {
            return Some(Step::Leave);
        }
        position.init.then_some(Step::Init)
    }

    /// Looks at the time.
    pub(crate) fn on_deadline(&mut self, now: Instant) {
        self.session.on_deadline(now);
    }

    /// When to look at the time.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    /// The events that wait for the queue before the callbacks.
    pub(crate) fn events(&mut self) -> &mut VecDeque<Event> {
        &mut self.events
    }

    /// Whether to read on. Events that wait stop the reading, except while calls are open: a callback may be waiting
    /// for a result that stands behind events which wait for that callback.
    pub(crate) fn wants_more(&self, calls_open: bool) -> bool {
        self.events.is_empty() || (calls_open && self.events.len() < self.limit)
    }

    /// What to come back with: cursor and groups token.
    pub(crate) fn place(&self) -> (Option<&str>, Option<&str>) {
        (self.cursor.as_deref(), self.groups.as_deref())
    }
}

fn session() -> Session {
    Session::new(&ClassicClient)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reception() -> Reception {
        Reception::new(2)
    }

    fn take(reception: &mut Reception, frame: &'static str) -> Vec<Step> {
        reception
            .receive(Instant::now(), Bytes::from_static(frame.as_bytes()))
            .unwrap();
        std::iter::from_fn(|| reception.poll()).collect()
    }

    #[test]
    fn cursor_and_groups_are_kept_until_others_come() {
        let mut reception = reception();
        assert!(matches!(
            take(&mut reception, r#"{"C":"d-1","S":1,"M":[]}"#)[..],
            [Step::Init]
        ));
        assert_eq!(reception.place(), (Some("d-1"), None));
        take(&mut reception, r#"{"C":"d-2","G":"token","M":[]}"#);
        take(&mut reception, "{}");
        take(&mut reception, r#"{"I":"0"}"#);
        assert_eq!(reception.place(), (Some("d-2"), Some("token")));
        take(
            &mut reception,
            r#"{"C":"d-3","M":[{"H":"Chat","M":"message","A":[1]}]}"#,
        );
        assert_eq!(reception.place(), (Some("d-3"), Some("token")));
        assert_eq!(reception.events().len(), 1);
    }

    #[test]
    fn a_leaving_server_is_left_with_its_last_cursor() {
        let mut reception = reception();
        assert!(matches!(
            take(&mut reception, r#"{"C":"d-9","T":1,"M":[]}"#)[..],
            [Step::Leave]
        ));
        assert_eq!(reception.place().0, Some("d-9"));
    }

    #[test]
    fn a_terminal_error_is_a_close() {
        let steps = take(&mut reception(), r#"{"E":"no more"}"#);
        assert!(matches!(&steps[..], [Step::Closed(error)] if error == "no more"));
    }

    #[test]
    fn waiting_events_stop_the_reading_unless_a_call_is_open() {
        let mut reception = reception();
        let event = r#"{"C":"d","M":[{"H":"h","M":"m","A":[]}]}"#;
        assert!(reception.wants_more(false));
        take(&mut reception, event);
        assert!(!reception.wants_more(false));
        assert!(reception.wants_more(true));
        take(&mut reception, event);
        assert!(!reception.wants_more(true));
        reception.events().clear();
        assert!(reception.wants_more(false));
    }

    #[test]
    fn silence_counts_from_the_last_listen() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut reception = reception();
        reception.on_deadline(at(1000));
        assert!(reception.poll().is_none(), "null disables the watch");
        reception.listen(start, Some(Duration::from_secs(30)));
        assert_eq!(reception.deadline(), Some(at(20)));
        reception.listen(at(100), Some(Duration::from_secs(30)));
        reception.on_deadline(at(120));
        assert!(matches!(reception.poll(), Some(Step::Slow)));
        reception.on_deadline(at(130));
        assert!(matches!(reception.poll(), Some(Step::Silent(allowed)) if allowed.as_secs() == 30));
    }
}
