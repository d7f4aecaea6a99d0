//! Runs a script: the client in a runtime of its own, so that its tasks can be counted, and everything else elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub_client::{CallError, CloseReason, ConnectError, HubClient, RetryPolicy, State};
use hub_core::{Acks, HubError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::proxy::{Proxy, Weather};
use crate::script::{End, Outcome, Script, Start, Step};
use crate::told::{self, ERA, MARKERS, Wrong};
use crate::world::{CounterClient, CounterClientEvents, DISCONNECT, Server};

/// For everything that has to happen, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// For a whole script.
const LONGEST: Duration = Duration::from_secs(240);

#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<u64>>>);

impl Ear {
    fn numbers(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }
}

impl CounterClient for Ear {
    async fn number(&self, number: u64) -> Result<(), HubError> {
        self.0.lock().unwrap().push(number);
        Ok(())
    }
}

pub(crate) fn run(script: &Script, elsewhere: Handle) -> Result<(), Wrong> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let whole = async {
        let world = World::start(script, elsewhere).await;
        let ran = timeout(LONGEST, world.run()).await;
        ran.unwrap_or_else(|_| Err("it hangs".to_owned()))
    };
    let ran = catch_unwind(AssertUnwindSafe(|| runtime.block_on(whole)));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.unwrap_or_else(|| "it panics".to_owned()))
    })
}

pub(crate) struct World<'a> {
    pub(crate) script: &'a Script,
    pub(crate) elsewhere: Handle,
    pub(crate) server: Option<Server>,
    proxy: Proxy,
    ear: Ear,
    /// How many numbers each server sent.
    sent: Vec<u64>,
    calls: Vec<JoinHandle<Result<(), Wrong>>>,
    /// What the server in place asks, and with which number.
    pub(crate) asks: Vec<(u64, JoinHandle<Acks>)>,
    /// How many asks there were.
    pub(crate) asked: u64,
}

impl<'a> World<'a> {
    async fn start(script: &'a Script, elsewhere: Handle) -> Self {
        let server = elsewhere.spawn(Server::start()).await.unwrap();
        let proxy = elsewhere.spawn(Proxy::start(server.addr)).await.unwrap();
        Self {
            script,
            elsewhere,
            server: Some(server),
            proxy,
            ear: Ear::default(),
            sent: vec![0],
            calls: Vec::new(),
            asks: Vec::new(),
            asked: 0,
        }
    }

    async fn run(mut self) -> Result<(), Wrong> {
        let connected = self.connect().await;
        let outcome = self.script.predicts(connected.is_ok());
        match connected {
            Ok(client) if outcome != Outcome::NeverConnected => {
                // A start that is cut may have gone on being cut. (Nothing of the client runs between these two.)
                let (first, events) = (client.state(), client.client_events());
                let listening = told::listen(events, &self.elsewhere);
                self.connected(client, first, listening, outcome).await?;
            }
            Err(error) if outcome == Outcome::NeverConnected => {
                let may = match self.script.start {
                    Start::Silent => matches!(error, ConnectError::TimedOut { .. }),
                    Start::Refusing => matches!(error, ConnectError::Unreachable { .. }),
                    _ => true,
                };
                if !may {
                    return Err(format!("connect ended with {error:?}"));
                }
            }
            other => return Err(format!("connect ended with {other:?}")),
        }
        self.nothing_is_left().await
    }

    async fn connect(&mut self) -> Result<HubClient, ConnectError> {
        match self.script.start {
            Start::Clear => {}
            Start::Trickling => self.proxy.weather(Weather::Trickling),
            Start::Refusing => self.proxy.lead(None),
            Start::Silent => self.proxy.weather(Weather::Silent),
            Start::Cutting(after) => self.proxy.cut_next(after),
        }
        let client = HubClient::builder(format!("http://{}/signalr", self.proxy.addr))
            .transports([self.script.transport])
            .retry(RetryPolicy::every(Duration::from_millis(20)))
            .http_timeout(Duration::from_secs(5))
            .events("counter", CounterClientEvents(self.ear.clone()))
            .on_ask("counter", "asked", |(number,): (u64,)| async move {
                Ok(2 * number)
            })
            .connect()
            .await;
        self.proxy.cut_next([u64::MAX >> 1; 2]);
        self.proxy.weather(Weather::Clear);
        client
    }

    async fn connected(
        &mut self,
        client: HubClient,
        first: State,
        listening: JoinHandle<Vec<hub_client::ClientEvent>>,
        outcome: Outcome,
    ) -> Result<(), Wrong> {
        self.join(&client).await?;
        for step in &self.script.steps {
            self.step(*step, &client).await?;
        }
        self.end(client, outcome).await?;
        self.forget_asks();
        for call in std::mem::take(&mut self.calls) {
            match timeout(PATIENCE, call).await {
                Ok(Ok(ended)) => ended?,
                Ok(Err(error)) if error.is_cancelled() => {}
                other => return Err(format!("a call does not end: {other:?}")),
            }
        }
        let all = timeout(PATIENCE, listening).await;
        let all = all.map_err(|_| "its events do not end")?.unwrap();
        let (loses, restarts) = (self.script.loses_links(), self.script.restarts());
        let reason = told::check(&all, first, loses, restarts)?;
        let expected = match outcome {
            Outcome::GaveUp => {
                matches!(reason, CloseReason::GaveUp { after, .. } if after == DISCONNECT)
            }
            _ => matches!(reason, CloseReason::Client),
        };
        if !expected {
            return Err(format!("it ended with {reason:?} and not {outcome:?}"));
        }
        told::heard(
            &self.ear.numbers(),
            &self.sent,
            outcome == Outcome::Connected,
        )
    }

    /// Joins the group, as often as it takes where the start is cut, and waits until the client knows of it: over HTTP the
    /// answer to the call may come before the token.
    async fn join(&self, client: &HubClient) -> Result<(), Wrong> {
        let id = client.connection_id().to_string();
        let joins = async {
            while client
                .invoke::<()>("counter", "join", ("g",))
                .await
                .is_err()
            {
                sleep(Duration::from_millis(10)).await;
            }
            let to_group = MARKERS.next_multiple_of(3) + 1;
            self.server.as_ref().unwrap().send(&id, to_group).await;
            while self.ear.numbers().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let joined = timeout(PATIENCE, joins).await;
        joined.map_err(|_| "it can't join".to_owned())
    }

    async fn step(&mut self, step: Step, client: &HubClient) -> Result<(), Wrong> {
        match step {
            Step::Send(count) => self.send(count, client).await,
            Step::Call => self.call(client),
            Step::Ask => self.ask(client),
            Step::Wait(ms) => sleep(Duration::from_millis(ms)).await,
            Step::Cut { reset } => self.proxy.cut(reset),
            Step::CutAgain(after) => {
                self.proxy.cut_next(after);
                self.proxy.cut(false);
            }
            Step::Silence => self.proxy.silence(),
            Step::Trickle => self.proxy.weather(Weather::Trickling),
            Step::Delay(ms) => {
                let wait = Duration::from_millis(ms);
                self.proxy.weather(Weather::Slow(wait));
            }
            Step::Clear => self.proxy.weather(Weather::Clear),
            Step::Refuse(ms) => {
                let to = self.server.as_ref().map(|server| server.addr);
                self.proxy.lead(None);
                self.proxy.cut(false);
                sleep(Duration::from_millis(ms)).await;
                self.proxy.lead(to);
            }
            Step::Restart => return self.restart(client).await,
        }
        Ok(())
    }

    async fn send(&mut self, count: u64, client: &HubClient) {
        let first = (self.sent.len() as u64 - 1) * ERA;
        let server = self.server.as_ref().unwrap();
        let id = client.connection_id().to_string();
        let sent = self.sent.last_mut().unwrap();
        for _ in 0..count {
            server.send(&id, first + *sent).await;
            *sent += 1;
        }
    }

    fn call(&mut self, client: &HubClient) {
        let client = client.clone();
        let number = self.calls.len() as u64;
        self.calls.push(self.elsewhere.spawn(async move {
            match client.invoke::<u64>("counter", "double", (number,)).await {
                Ok(double) if double == 2 * number => Ok(()),
                Err(
                    CallError::Reconnecting
                    | CallError::NotConnected
                    | CallError::Send(_)
                    | CallError::Disconnected,
                ) => Ok(()),
                other => Err(format!("a call ended with {other:?}")),
            }
        }));
    }

    async fn restart(&mut self, client: &HubClient) -> Result<(), Wrong> {
        let id = client.connection_id().to_string();
        self.proxy.lead(None);
        let old = self.server.take().unwrap();
        self.forget_asks();
        let start = async move {
            old.stop().await;
            Server::start().await
        };
        let new = self.elsewhere.spawn(start).await.unwrap();
        self.proxy.lead(Some(new.addr));
        self.server = Some(new);
        self.sent.push(0);
        // A client knows the new server's log when it has heard something of it. What comes before that is lost to it.
        let first = (self.sent.len() as u64 - 1) * ERA;
        let hears = async {
            for marker in first + MARKERS.. {
                self.server.as_ref().unwrap().send(&id, marker).await;
                sleep(Duration::from_millis(30)).await;
                if self.ear.numbers().last() > Some(&first) {
                    return;
                }
            }
        };
        let heard = timeout(PATIENCE, hears).await;
        heard.map_err(|_| {
            format!(
                "it hears nothing of the new server and is {:?}",
                client.state()
            )
        })
    }

    /// Ends as the script says, and leaves no client.
    async fn end(&mut self, client: HubClient, outcome: Outcome) -> Result<(), Wrong> {
        match self.script.end {
            End::Well => {
                self.proxy.cut_next([u64::MAX >> 1; 2]);
                self.proxy.weather(Weather::Clear);
                if self.script.ends_silence() {
                    self.proxy.cut(false);
                }
                self.all_arrives(&client).await?;
                self.answers().await?;
                sleep(Duration::from_millis(50)).await;
                timeout(PATIENCE, client.close())
                    .await
                    .map_err(|_| "close does not return")?;
            }
            End::Closed => timeout(PATIENCE, client.close())
                .await
                .map_err(|_| "close does not return")?,
            End::Dropped => {
                for call in &self.calls {
                    call.abort();
                }
                let mut states = client.states();
                drop(client);
                let over = states.wait_for(|state| *state == State::Disconnected);
                let over = timeout(PATIENCE, over).await;
                over.map_err(|_| "it goes on without a handle")?.unwrap();
            }
            End::Refused | End::Stopped => {
                self.proxy.lead(None);
                if self.script.end == End::Refused {
                    self.proxy.cut(false);
                } else if let Some(server) = self.server.take() {
                    self.elsewhere.spawn(server.stop()).await.unwrap();
                }
                if self.script.ends_silence() {
                    self.proxy.cut(false);
                }
                let mut states = client.states();
                let over = states.wait_for(|state| *state == State::Disconnected);
                let over = timeout(PATIENCE, over).await;
                over.map_err(|_| format!("it is not {outcome:?}"))?.unwrap();
            }
        }
        Ok(())
    }

    async fn all_arrives(&self, client: &HubClient) -> Result<(), Wrong> {
        let arrives = async {
            while told::heard(&self.ear.numbers(), &self.sent, true).is_err()
                || client.state() != State::Connected
            {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(PATIENCE, arrives).await.is_ok() {
            return Ok(());
        }
        told::heard(&self.ear.numbers(), &self.sent, true)?;
        Err(format!("it is {:?}", client.state()))
    }

    /// No task of the client and no socket.
    async fn nothing_is_left(self) -> Result<(), Wrong> {
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let none = async {
            while tasks() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let none = timeout(Duration::from_secs(20), none).await;
        none.map_err(|_| format!("{} tasks are left", tasks()))?;
        let Self {
            proxy, elsewhere, ..
        } = self;
        let end = elsewhere.spawn(async move { proxy.end(Duration::from_secs(20)).await });
        match end.await.unwrap() {
            0 => Ok(()),
            sockets => Err(format!("{sockets} sockets are left")),
        }
    }
}
