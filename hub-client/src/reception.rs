//! What arrives on a connection, across all its links: a [`Session`] reads frames, and what they say is sorted into
//! events for callbacks, a place in the server's log to come back to, and [`Step`]s for the driver. No I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hub_core::{
    ClassicClient, Completion, Event, Item, Message, Missed, Position, ProtocolError, Session,
    SessionEvent, Tag,
};

use crate::place::Place;

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

/// What goes on to the callbacks, in this order.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// An event, for the first time.
    Event {
        event: Event,
        /// Whether it was kept for this client while that was away, and comes beside the others.
        kept: bool,
    },
    /// Some that will never come. They belong before what follows.
    Gap(Vec<Missed>),
    /// What follows is of this log.
    Log(u64),
}

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct Reception {
    session: Session,
    silence: Option<Duration>,
    cursor: Option<String>,
    groups: Option<String>,
    /// The events of a frame whose cursor is still to come.
    frame: Vec<Event>,
    events: VecDeque<Arrival>,
    limit: usize,
    /// Which log the server has.
    epoch: Option<u64>,
    /// The last event's place in it.
    last: u64,
}

impl Reception {
    /// Nothing received yet. While a call is open, frames are taken until `limit` events wait.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            session: session(),
            silence: None,
            cursor: None,
            groups: None,
            frame: Vec::new(),
            events: VecDeque::new(),
            limit: limit.max(1),
            epoch: None,
            last: 0,
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
        self.session.heard(now);
        self.session.receive(frame)
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
                self.frame.push(event);
                None
            }
            Message::Complete(completion) => Some(Step::Result(completion)),
            Message::Position(position) => self.arrive(position),
            Message::Close { error, .. } => Some(Step::Closed(error.unwrap_or_default())),
            Message::Item(item) => Some(Step::Report(item)),
            _ => None,
        }
    }

    /// The end of a frame.
    fn arrive(&mut self, position: Position) -> Option<Step> {
        let place = position.cursor.as_deref().and_then(Place::parse);
        let epoch = place.map(|place| place.epoch);
        let mut missed = position.missed;
        if let Some(epoch) = epoch.filter(|epoch| self.epoch != Some(*epoch)) {
            if self.epoch.is_some() && missed.iter().all(|missed| missed.hub.is_some()) {
                missed.push(another_log());
            }
            (self.epoch, self.last) = (Some(epoch), 0);
            self.events.push_back(Arrival::Log(epoch));
        }
        if !missed.is_empty() {
            self.events.push_back(Arrival::Gap(missed));
        }
        let replayed = place.and_then(|place| place.replayed);
        for event in std::mem::take(&mut self.frame) {
            let of_replay = |tag: Tag| replayed.is_some_and(|replayed| tag.order <= replayed);
            let kept = event.tag.is_some_and(of_replay);
            if kept || self.is_new(&event) {
                self.events.push_back(Arrival::Event { event, kept });
            }
        }
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

    /// Whether an event was not there before, by its place in the log.
    fn is_new(&mut self, event: &Event) -> bool {
        let Some(tag) = event.tag else { return true };
        let new = tag.order > self.last;
        if new {
            self.last = tag.order;
        } else {
            tracing::warn!(hub = %event.hub, method = %event.method, "an event came twice");
        }
        new
    }

    /// Looks at the time.
    pub(crate) fn on_deadline(&mut self, now: Instant) {
        self.session.on_deadline(now);
    }

    /// When to look at the time.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    /// What waits for the queue before the callbacks.
    pub(crate) fn events(&mut self) -> &mut VecDeque<Arrival> {
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

/// The gap between two logs, also where the server does not say so.
fn another_log() -> Missed {
    Missed {
        hub: None,
        of: "log".into(),
        name: None,
        why: "epochChanged".into(),
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

    fn arrived(reception: &mut Reception) -> Vec<String> {
        let told = |arrival| match arrival {
            Arrival::Event { event, .. } => event.method.to_string(),
            Arrival::Gap(missed) => format!("gap of {}: {}", missed[0].of, missed[0].why),
            Arrival::Log(epoch) => format!("log {epoch:X}"),
        };
        reception.events().drain(..).map(told).collect()
    }

    #[test]
    fn a_gap_comes_before_the_events_of_its_frame_and_a_log_before_both() {
        let mut reception = reception();
        take(
            &mut reception,
            r#"{"C":"d-A-5","X":[{"T":"all","W":"trimmed","H":"h"}],"M":[{"H":"h","M":"a","A":[],"O":"5"}]}"#,
        );
        assert_eq!(
            arrived(&mut reception),
            ["log A", "gap of all: trimmed", "a"]
        );
        take(
            &mut reception,
            r#"{"C":"d-B-1","X":[{"T":"log","W":"epochChanged"}],"M":[{"H":"h","M":"b","A":[],"O":"1"}]}"#,
        );
        // Another log counts anew.
        assert_eq!(
            arrived(&mut reception),
            ["log B", "gap of log: epochChanged", "b"]
        );
        // So it does where the server does not say it, and beside other gaps.
        for (frame, of) in [
            (r#"{"C":"d-C-1","M":[]}"#, "log"),
            (
                r#"{"C":"d-D-1","X":[{"T":"all","W":"trimmed","H":"h"}],"M":[]}"#,
                "all",
            ),
        ] {
            take(&mut reception, frame);
            let Some(Arrival::Gap(missed)) = reception.events().drain(..).nth(1) else {
                panic!("no gap");
            };
            assert_eq!(missed[0].of, of);
            assert_eq!(missed.last(), Some(&another_log()));
        }
    }

    #[test]
    fn an_event_that_was_there_does_not_come_again_unless_it_was_kept() {
        let mut reception = reception();
        for frame in [
            r#"{"C":"d-A-F","M":[{"H":"h","M":"a","A":[],"O":"9"},{"H":"h","M":"b","A":[],"O":"F"}]}"#,
            r#"{"C":"d-A-F","M":[{"H":"h","M":"a","A":[],"O":"9"},{"H":"h","M":"b","A":[],"O":"F"}]}"#,
            r#"{"C":"d-A-F.3","M":[{"H":"h","M":"kept","A":[],"O":"3"}]}"#,
            r#"{"C":"d-A-F.3","M":[{"H":"h","M":"b","A":[],"O":"F"}]}"#,
            r#"{"C":"d-A-100000000000000","M":[{"H":"h","M":"c","A":[],"O":"FFFFFFFFFFFFFFE"}]}"#,
            r#"{"C":"d-A-100000000000000","M":[{"H":"h","M":"d","A":[],"O":"FFFFFFFFFFFFFFF"}]}"#,
            r#"{"C":"d-A-100000000000000","M":[{"H":"h","M":"untagged","A":[]}]}"#,
        ] {
            take(&mut reception, frame);
        }
        assert_eq!(
            arrived(&mut reception),
            ["log A", "a", "b", "kept", "c", "d", "untagged"]
        );
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
