//! [`Flood`]: clients that publish, each to itself, and keep books: of each call its answer, of each message that was taken its
//! arrival, in order and once; of what was refused nothing may arrive.

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};

use crate::{
    frame::{Number, Stamp},
    measure::Tally,
    swarm::{Load, Swarm},
    wire::{Delivery, outcome, unexpected},
};

/// Calls under way of each publisher when as much is done as can be.
const UNDER_WAY: usize = 16;

/// Whoever has so many bytes that its socket does not take sends nothing more, nor does whoever has so many calls without an answer:
/// kernels would take a million of them on both sides together.
const HELD: (usize, usize) = (64 * 1024, 2_048);

pub(super) struct Flood {
    /// A call that waits until its message is on its way, and one that does not wait.
    post: Stamp,
    try_post: Stamp,
    delivery: Delivery,
    publishers: Vec<Publisher>,
    next: Number,
    /// Whether each answer is followed by another call.
    goes_on: bool,
    pub(super) counts: Counts,
    pub(super) tally: Tally,
}

/// What became of what was to be published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u64,
    /// Calls that were not made, since the socket was full, or too many were not answered.
    pub(super) held_back: u64,
    pub(super) taken: u64,
    pub(super) refused: u64,
    pub(super) arrived: u64,
}

#[derive(Default)]
struct Publisher {
    /// Calls without an answer: when they were made, and whether their message has arrived.
    open: BTreeMap<Number, (Instant, bool)>,
    /// When those were called whose message has been taken, and not arrived.
    on_its_way: BTreeMap<Number, Instant>,
    /// The last that has arrived.
    last: Option<Number>,
}

impl Flood {
    pub(super) fn new(publishers: usize) -> Self {
        let (post, delivery) = Delivery::of_self("post");
        let (try_post, _) = Delivery::of_self("tryPost");
        Self {
            post,
            try_post,
            delivery,
            publishers: (0..publishers).map(|_| Publisher::default()).collect(),
            next: Number::FIRST,
            goes_on: false,
            counts: Counts::default(),
            tally: Tally::default(),
        }
    }

    /// As much as can be done: each publisher has some calls under way, and calls again with each answer. Gives how many messages a second that were.
    pub(super) fn capacity(&mut self, swarm: &mut Swarm, time: Duration) -> io::Result<f64> {
        self.goes_on = true;
        swarm.start(self)?;
        let (start, before) = (Instant::now(), self.counts.arrived);
        while start.elapsed() < time {
            swarm.turn(self)?;
        }
        let rate = (self.counts.arrived - before) as f64 / start.elapsed().as_secs_f64();
        self.goes_on = false;
        self.settle(swarm, time)?;
        Ok(rate)
    }

    /// Calls so often a second, whatever has been answered; `each` hears of every second. Every other publisher does not let the server
    /// wait either, if they are `hasty`.
    pub(super) fn publish(
        &mut self,
        swarm: &mut Swarm,
        rate: f64,
        time: Duration,
        hasty: bool,
        mut each: impl FnMut(u64, Counts),
    ) -> io::Result<()> {
        let (start, count) = (Instant::now(), self.publishers.len());
        let (mut done, mut seconds, mut turn) = (0, 0, 0);
        while start.elapsed() < time {
            swarm.turn(self)?;
            let due = (start.elapsed().as_secs_f64() * rate) as usize;
            let batch = due.saturating_sub(done).div_ceil(count);
            while done < due {
                let some = batch.min(due - done);
                self.call(swarm, turn % count, some, hasty && turn % 2 == 1)?;
                (done, turn) = (done + some, turn + 1);
            }
            if start.elapsed().as_secs() > seconds {
                seconds += 1;
                each(seconds, self.counts);
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        swarm: &mut Swarm,
        index: usize,
        some: usize,
        hasty: bool,
    ) -> io::Result<()> {
        let Some(publisher) = self.publishers.get_mut(index) else {
            return Ok(());
        };
        let stamp = if hasty { &self.try_post } else { &self.post };
        let (next, counts, now) = (&mut self.next, &mut self.counts, Instant::now());
        swarm.send(index, |out| {
            for _ in 0..some {
                if out.len() >= HELD.0 || publisher.open.len() >= HELD.1 {
                    counts.held_back += 1;
                    continue;
                }
                let number = next.take();
                stamp.write(number, out);
                publisher.open.insert(number, (now, false));
                counts.calls += 1;
            }
        })
    }

    /// Waits until everything has been answered and has arrived, as long as that may take; an error if it has not.
    pub(super) fn settle(&mut self, swarm: &mut Swarm, time: Duration) -> io::Result<()> {
        let start = Instant::now();
        while !self.is_settled() {
            if start.elapsed() > time {
                let open: usize = self.publishers.iter().map(|it| it.open.len()).sum();
                let lost: usize = self.publishers.iter().map(|it| it.on_its_way.len()).sum();
                return Err(io::Error::other(format!(
                    "after {time:?} {open} calls are not answered, and {lost} messages have not arrived"
                )));
            }
            swarm.turn(self)?;
        }
        Ok(())
    }

    fn is_settled(&self) -> bool {
        let all = |it: &Publisher| it.open.is_empty() && it.on_its_way.is_empty();
        self.publishers.iter().all(all)
    }

    /// Calls once.
    fn again(&mut self, peer: usize, now: Instant, out: &mut Vec<u8>) {
        if let Some(publisher) = self.publishers.get_mut(peer) {
            let number = self.next.take();
            self.post.write(number, out);
            publisher.open.insert(number, (now, false));
            self.counts.calls += 1;
        }
    }

    fn answered(&mut self, peer: usize, number: Number, well: bool, text: &[u8]) -> io::Result<()> {
        let publisher = self.publishers.get_mut(peer);
        let call = publisher.and_then(|it| Some((it.open.remove(&number)?, it)));
        let ((called, arrived), publisher) = call.ok_or_else(|| unexpected(text, number))?;
        match (well, arrived) {
            (true, true) => self.counts.taken += 1,
            (true, false) => {
                self.counts.taken += 1;
                publisher.on_its_way.insert(number, called);
            }
            (false, false) => self.counts.refused += 1,
            (false, true) => {
                return Err(io::Error::other(format!(
                    "{number} was refused, and arrived"
                )));
            }
        }
        Ok(())
    }

    fn arrived(
        &mut self,
        peer: usize,
        number: Number,
        now: Instant,
        text: &[u8],
    ) -> io::Result<()> {
        let publisher = self
            .publishers
            .get_mut(peer)
            .ok_or_else(|| unexpected(text, number))?;
        if publisher.last.is_some_and(|last| last >= number) {
            return Err(io::Error::other(format!("{number} arrived late, or twice")));
        }
        publisher.last = Some(number);
        let called = match publisher.open.get_mut(&number) {
            Some((called, arrived)) => {
                *arrived = true;
                Some(*called)
            }
            None => publisher.on_its_way.remove(&number),
        };
        let called = called.ok_or_else(|| unexpected(text, number))?;
        self.counts.arrived += 1;
        self.tally.add(called, now);
        Ok(())
    }
}

impl Load for Flood {
    fn start(&mut self, peer: usize, now: Instant, out: &mut Vec<u8>) {
        for _ in 0..UNDER_WAY {
            self.again(peer, now, out);
        }
    }

    fn text(
        &mut self,
        peer: usize,
        text: &[u8],
        now: Instant,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        if let Some((number, well)) = outcome(text) {
            self.answered(peer, number, well, text)?;
            if self.goes_on {
                self.again(peer, now, out);
            }
            return Ok(());
        }
        for number in self.delivery.numbers(text)? {
            self.arrived(peer, number, now, text)?;
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Books(Flood);

    impl Books {
        /// Of a client that has made so many calls.
        fn of(calls: usize) -> Self {
            let mut flood = Flood::new(1);
            (0..calls).for_each(|_| flood.again(0, Instant::now(), &mut Vec::new()));
            Self(flood)
        }

        fn hear(&mut self, text: &[u8]) -> io::Result<()> {
            self.0.text(0, text, Instant::now(), &mut Vec::new())
        }

        fn answer(&mut self, number: u32) -> io::Result<()> {
            self.hear(format!(r#"{{"I":"{number}"}}"#).as_bytes())
        }

        fn refuse(&mut self, number: u32) -> io::Result<()> {
            self.hear(format!(r#"{{"I":"{number}","E":"full"}}"#).as_bytes())
        }

        fn message(&mut self, number: u32) -> io::Result<()> {
            let item = self.0.delivery.example(number);
            self.hear(&[&br#"{"C":"d-1","M":["#[..], &item, b"]}"].concat())
        }
    }

    #[test]
    fn books_are_settled_when_all_is_answered_and_what_was_taken_has_arrived() {
        let mut books = Books::of(3);
        books.message(10_000_000).unwrap();
        books.answer(10_000_000).unwrap();
        books.refuse(10_000_001).unwrap();
        books.answer(10_000_002).unwrap();
        assert!(!books.0.is_settled(), "one has not arrived");
        books.message(10_000_002).unwrap();
        assert!(books.0.is_settled());
        let counts = Counts {
            calls: 3,
            held_back: 0,
            taken: 2,
            refused: 1,
            arrived: 2,
        };
        assert_eq!(books.0.counts, counts);
    }

    #[test]
    fn what_was_refused_arrives_twice_or_was_never_sent_is_an_error() {
        let mut books = Books::of(3);
        books.refuse(10_000_000).unwrap();
        books.message(10_000_000).unwrap_err();
        books.message(10_000_002).unwrap();
        books.message(10_000_002).unwrap_err();
        books.message(10_000_001).unwrap_err();
        books.refuse(10_000_002).unwrap_err();
        books.answer(10_000_000).unwrap_err();
        books.message(10_000_003).unwrap_err();
    }
}
