//! A member of the load: one client that comes, publishes for a while, leaves in one of several ways, and comes back
//! under the same persistent id, on whatever wire.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::book::{Exit, Topic, Way};
use crate::dice::Dice;
use crate::gate::{Gate, Ledger, Weather};
use crate::wire::{AGAIN, Client, Ear, Failure, Wire};

/// What the members do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// They come and go, and publish.
    Busy,
    /// They come, and stay, and only listen.
    Quiet,
}

/// How long a client whose network is gone is left alone: its callbacks get all that had reached it.
const LAST_WORDS: Duration = Duration::from_secs(3);

pub(crate) struct Member {
    pub(crate) who: usize,
    pub(crate) server: SocketAddr,
    pub(crate) ledger: Ledger,
    pub(crate) dice: Dice,
    pub(crate) phase: watch::Receiver<Phase>,
    /// The wire of all lives, if it is not to be any.
    pub(crate) only: Option<Wire>,
    /// Counts who is connected.
    pub(crate) there: watch::Sender<usize>,
}

impl Member {
    /// Lives until the task is aborted.
    pub(crate) async fn run(mut self) {
        for life in 0.. {
            let away = self.dice.millis(0, 1_500);
            self.unless_quiet(away).await;
            let Ok(gate) = Gate::open(self.server, self.who, self.ledger.clone()).await else {
                continue;
            };
            let wire = self.wire();
            self.ledger.write(|book| book.rides(self.who, life, wire));
            let ear = Ear {
                ledger: self.ledger.clone(),
                who: self.who,
                life,
            };
            let dice = Dice::new(self.dice.below(u64::MAX));
            let Some(client) = Client::come(wire, &gate, ear, dice).await else {
                gate.turn(Weather::Cut { reset: false });
                // To the server it may have been there.
                self.ledger
                    .write(|book| book.left(self.who, life, Exit::Cut));
                sleep(AGAIN).await;
                continue;
            };
            self.ledger.write(|book| book.came(self.who, life));
            self.there.send_modify(|there| *there += 1);
            self.stay(&client).await;
            self.there.send_modify(|there| *there -= 1);
            self.leave(client, gate, life).await;
        }
    }

    /// The one that was asked for, or any.
    fn wire(&mut self) -> Wire {
        let any = Wire::any(&mut self.dice);
        self.only.unwrap_or(any)
    }

    /// Publishes until it is time to leave, or the connection is over.
    async fn stay(&mut self, client: &Client) {
        let long = self.dice.below(4) == 0;
        let stay = self.dice.millis(100, if long { 8_000 } else { 2_500 });
        let until = Instant::now() + stay;
        let (now, mut quiet) = (self.phase.clone(), self.phase.clone());
        let time = async {
            sleep_until(until).await;
            // Who is there when it gets quiet stays.
            if *now.borrow() == Phase::Quiet {
                std::future::pending::<()>().await;
            }
        };
        let quiet = async {
            let _ = quiet.wait_for(|phase| *phase == Phase::Quiet).await;
        };
        tokio::select! {
            () = time => {}
            () = client.over() => {}
            () = self.publish(client, quiet) => {}
        }
    }

    /// Publishes one message after another until it gets quiet, and then nothing for ever.
    async fn publish(&mut self, client: &Client, quiet: impl Future<Output = ()>) {
        let mut quiet = std::pin::pin!(quiet);
        loop {
            let pause = self.dice.millis(50, 550);
            tokio::select! {
                () = &mut quiet => break,
                () = sleep(pause) => {}
            }
            let (topic, way) = match self.dice.below(10) {
                0..6 => (Topic::Bar, Way::Everybody),
                6 => (Topic::Bar, Way::Away),
                _ => (Topic::Baz, Way::Away),
            };
            let who = self.who;
            let letter = self.ledger.write(|book| book.ask(who, topic, way));
            match client.call(letter, topic, way).await {
                Ok(place) => self.ledger.write(|book| book.promise(letter, place)),
                Err(Failure::Gone) => {}
                Err(Failure::Refused(error)) => {
                    let what = format!("{letter} was refused: {error}");
                    self.ledger.write(|book| book.strange.push(what));
                }
            }
        }
        std::future::pending().await
    }

    async fn leave(&mut self, client: Client, gate: Gate, life: u32) {
        let mut how = match self.dice.below(5) {
            0 => Exit::Closed,
            1 => Exit::Dropped,
            2 => Exit::Reset,
            3 => Exit::Cut,
            _ => Exit::Silent,
        };
        let weather = match how {
            Exit::Reset => Weather::Cut { reset: true },
            Exit::Silent => Weather::Silent,
            _ => Weather::Cut { reset: false },
        };
        match how {
            Exit::Closed => {
                if !client.close().await {
                    // Nobody heard it.
                    how = Exit::Cut;
                }
            }
            Exit::Dropped => {
                if !matches!(client, Client::Hub(_)) {
                    // The others say nothing as they go.
                    how = Exit::Cut;
                }
                drop(client);
                // Sometimes its goodbye gets through.
                sleep(self.dice.millis(0, 5)).await;
            }
            _ => {
                self.cry(&client).await;
                gate.turn(weather);
                tokio::spawn(async move {
                    sleep(LAST_WORDS).await;
                    drop((client, gate));
                });
                let who = self.who;
                return self.ledger.write(|book| book.left(who, life, how));
            }
        }
        gate.turn(weather);
        let who = self.who;
        self.ledger.write(|book| book.left(who, life, how));
    }

    /// Publishes something just before the network goes: the server may hear it when it writes what will not come through.
    async fn cry(&mut self, client: &Client) {
        if self.dice.below(2) == 0 {
            return;
        }
        let who = self.who;
        let letter = self
            .ledger
            .write(|book| book.ask(who, Topic::Bar, Way::Everybody));
        let call = client.call(letter, Topic::Bar, Way::Everybody);
        // Answered or not.
        let _ = tokio::time::timeout(self.dice.millis(0, 4), call).await;
    }

    /// Waits, but not longer than until it gets quiet.
    async fn unless_quiet(&mut self, time: Duration) {
        let quiet = self.phase.wait_for(|phase| *phase == Phase::Quiet);
        let _ = tokio::time::timeout(time, quiet).await;
    }
}
