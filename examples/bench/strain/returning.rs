//! [`Returning`]: clients that have come back, and have yet to have what they missed.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{
    frame::Number,
    swarm::{Load, Swarm},
    wire::{Delivery, unexpected},
};

/// Nothing more than is due may come for so long.
const QUIET: Duration = Duration::from_millis(200);

pub(super) struct Returning {
    delivery: Delivery,
    /// What each expects next, and how many messages it has yet to have.
    clients: Vec<(Number, usize)>,
    /// How many of them have yet to have some.
    left: usize,
    /// When the last message arrived that was due.
    last: Instant,
}

impl Returning {
    pub(super) fn new(delivery: Delivery, clients: Vec<(Number, usize)>) -> Self {
        let left = clients.iter().filter(|(_, due)| *due > 0).count();
        Self {
            delivery,
            clients,
            left,
            last: Instant::now(),
        }
    }

    /// How many have yet to have some.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Waits until all have all, as long as that may take, and gives when that was. Then nothing more may come.
    pub(super) fn wait(
        &mut self,
        swarm: &mut Swarm,
        until: Instant,
    ) -> io::Result<Option<Instant>> {
        while self.left > 0 && Instant::now() < until {
            swarm.turn(self)?;
        }
        if self.left > 0 {
            return Ok(None);
        }
        let last = self.last;
        let start = Instant::now();
        while start.elapsed() < QUIET {
            swarm.turn(self)?;
        }
        Ok(Some(last))
    }
}

impl Load for Returning {
    fn text(&mut self, peer: usize, text: &[u8], now: Instant, _: &mut Vec<u8>) -> io::Result<()> {
        let no_such = || io::Error::other("no such connection");
        let (next, due) = self.clients.get_mut(peer).ok_or_else(no_such)?;
        let count = self.delivery.take(text, next)?;
        if count == 0 {
            return Ok(());
        }
        let left = due.checked_sub(count);
        *due = left.ok_or_else(|| unexpected(text, *next))?;
        self.last = now;
        self.left -= usize::from(*due == 0);
        Ok(())
    }

    fn patience(&self) -> Duration {
        QUIET / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(number: u32) -> Vec<u8> {
        let (_, delivery) = Delivery::of_queue();
        let mut text = br#"{"C":"d-1","M":["#.to_vec();
        text.extend(delivery.example(number));
        text.extend(b"]}");
        text
    }

    #[test]
    fn who_has_all_is_back_and_one_more_is_an_error() {
        let (_, delivery) = Delivery::of_queue();
        let clients = vec![(Number::FIRST, 2), (Number::FIRST, 1), (Number::FIRST, 0)];
        let mut returning = Returning::new(delivery, clients);
        let mut out = Vec::new();
        let mut has = |peer, number: u32| {
            let had = returning.text(peer, &payload(number), Instant::now(), &mut out);
            had.map(|()| returning.left())
        };
        assert_eq!(has(0, 10_000_000).unwrap(), 2);
        assert_eq!(has(1, 10_000_000).unwrap(), 1);
        has(1, 10_000_001).unwrap_err();
        has(2, 10_000_000).unwrap_err();
        has(0, 10_000_000).unwrap_err();
        assert_eq!(has(0, 10_000_001).unwrap(), 0);
    }
}
