//! A member of the load: one client that comes, publishes for a while, leaves in one of several ways, and comes back
//! under the same persistent id.

use std::net::SocketAddr;
use std::time::Duration;

use hub_client::{CallError, HubClient, RetryPolicy, State};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::book::{Exit, Letter, Place, Topic, Way};
use crate::dice::Dice;
use crate::gate::{Gate, Ledger, Weather};

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

/// A server that is being started again is asked this often.
const AGAIN: Duration = Duration::from_millis(100);

pub(crate) struct Member {
    pub(crate) who: usize,
    pub(crate) server: SocketAddr,
    pub(crate) ledger: Ledger,
    pub(crate) dice: Dice,
    pub(crate) phase: watch::Receiver<Phase>,
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
            let Ok(client) = self.come(&gate, life).await else {
                gate.turn(Weather::Cut { reset: false });
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

    async fn come(&self, gate: &Gate, life: u32) -> Result<HubClient, hub_client::ConnectError> {
        let id = format!("00000000-0000-4000-8000-{:012x}", self.who + 1);
        let builder = HubClient::builder(&gate.url)
            .query("persistentId", &id)
            .retry(RetryPolicy::every(AGAIN).jitter(0.5));
        let builder = Topic::ALL.into_iter().fold(builder, |builder, topic| {
            let (ledger, who) = (self.ledger.clone(), self.who);
            builder.on("foo", topic.name(), move |(text,): (String,)| {
                ledger.write(|book| book.got(who, life, topic, &text));
                std::future::ready(())
            })
        });
        builder.connect().await
    }

    /// Publishes until it is time to leave, or the connection is over.
    async fn stay(&mut self, client: &HubClient) {
        let long = self.dice.below(4) == 0;
        let stay = self.dice.millis(100, if long { 8_000 } else { 2_500 });
        let (until, mut states) = (Instant::now() + stay, client.states());
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
        let over = states.wait_for(|state| *state == State::Disconnected);
        tokio::select! {
            () = time => {}
            _ = over => {}
            () = self.publish(client, quiet) => {}
        }
    }

    /// Publishes one message after another until it gets quiet, and then nothing for ever.
    async fn publish(&mut self, client: &HubClient, quiet: impl Future<Output = ()>) {
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
            match call(client, letter, topic, way).await {
                Ok(place) => self.ledger.write(|book| book.promise(letter, place)),
                Err(
                    CallError::Reconnecting | CallError::Disconnected | CallError::NotConnected,
                ) => {}
                Err(error) => {
                    let what = format!("{letter} was refused: {error}");
                    self.ledger.write(|book| book.strange.push(what));
                }
            }
        }
        std::future::pending().await
    }

    async fn leave(&mut self, client: HubClient, gate: Gate, life: u32) {
        let how = match self.dice.below(5) {
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
            Exit::Closed => client.close().await,
            Exit::Dropped => {
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
    async fn cry(&mut self, client: &HubClient) {
        if self.dice.below(2) == 0 {
            return;
        }
        let who = self.who;
        let letter = self
            .ledger
            .write(|book| book.ask(who, Topic::Bar, Way::Everybody));
        let call = call(client, letter, Topic::Bar, Way::Everybody);
        // Answered or not.
        let _ = tokio::time::timeout(self.dice.millis(0, 4), call).await;
    }

    /// Waits, but not longer than until it gets quiet.
    async fn unless_quiet(&mut self, time: Duration) {
        let quiet = self.phase.wait_for(|phase| *phase == Phase::Quiet);
        let _ = tokio::time::timeout(time, quiet).await;
    }
}

async fn call(
    client: &HubClient,
    letter: Letter,
    topic: Topic,
    way: Way,
) -> Result<Option<Place>, CallError> {
    let text = letter.to_string();
    match way {
        Way::Everybody => {
            let done: Result<(), _> = client.invoke("foo", "Bar", (text,)).await;
            done.map(|()| None)
        }
        Way::Away => {
            let args = (topic.name(), text);
            let place: Option<String> = client.invoke("foo", "Keep", args).await?;
            Ok(place.as_deref().and_then(parse))
        }
    }
}

/// Reads `<epoch>:<offset>`.
fn parse(place: &str) -> Option<Place> {
    let (epoch, offset) = place.split_once(':')?;
    Some((u64::from_str_radix(epoch, 16).ok()?, offset.parse().ok()?))
}
