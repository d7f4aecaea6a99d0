//! [`Wire`]: how one life of a client reaches the server, and [`Client`]: what a life can do, whatever its wire.

use hub_client::{CallError, HubClient, RetryPolicy, State};
use tokio::time::Duration;

use crate::book::{Book, Exit, Letter, Place, Stamp, Topic, Way};
use crate::dice::Dice;
use crate::gate::{Gate, Ledger};
use crate::http::Http;
use crate::packets::Packets;

/// A server that is being started again is asked this often.
pub(crate) const AGAIN: Duration = Duration::from_millis(100);

/// How one life of a client reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// `HubClient`.
    WebSockets,
    ServerSentEvents,
    LongPolling,
    /// Lines over TCP, with `qos=1`.
    Text,
    /// `XSocketsNET` on a WebSocket, with `qos=1`.
    Packets,
}

impl Wire {
    pub(crate) const ALL: [Self; 5] = [
        Self::WebSockets,
        Self::ServerSentEvents,
        Self::LongPolling,
        Self::Text,
        Self::Packets,
    ];

    pub(crate) fn any(dice: &mut Dice) -> Self {
        match dice.below(5) {
            0 => Self::ServerSentEvents,
            1 => Self::LongPolling,
            2 => Self::Text,
            3 => Self::Packets,
            _ => Self::WebSockets,
        }
    }

    /// As the original calls it, or XSockets.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WebSockets => "webSockets",
            Self::ServerSentEvents => "serverSentEvents",
            Self::LongPolling => "longPolling",
            Self::Text => "PuttyProtocol",
            Self::Packets => "XSocketsNET",
        }
    }

    /// Whether what is on its way when a life ends like this may be lost by its client's own word. By a goodbye, except
    /// where each message is acknowledged: there nothing else counts. And on serverSentEvents by any end, if the next life
    /// brings no cursor: nobody can say on it what has come, so that what has left counts (`delivery.md` a.5).
    pub(crate) fn lets_go(self, how: Exit) -> bool {
        match self {
            Self::WebSockets => matches!(how, Exit::Closed | Exit::Dropped),
            Self::LongPolling => how == Exit::Closed,
            Self::ServerSentEvents => true,
            Self::Text | Self::Packets => false,
        }
    }

    /// Whether what leaves counts as what has come, also when nobody is there any more.
    pub(crate) fn counts_what_left(self) -> bool {
        self == Self::ServerSentEvents
    }

    /// Whether a life that ended like this has made sure that the server knows what has come; where each message is
    /// acknowledged, that is written down by itself.
    pub(crate) fn proves(self, how: Exit) -> bool {
        self == Self::WebSockets && how == Exit::Closed
    }
}

/// Whose callbacks write down what they get.
#[derive(Clone)]
pub(crate) struct Ear {
    pub(crate) ledger: Ledger,
    pub(crate) who: usize,
    pub(crate) life: u32,
}

impl Ear {
    pub(crate) fn got(&self, topic: Topic, text: &str) {
        self.ledger
            .write(|book| book.got(self.who, self.life, topic, text));
    }

    /// Everything that came so far was written down before this.
    pub(crate) fn stamp(&self) -> Stamp {
        self.ledger.write(Book::stamp)
    }

    pub(crate) fn proven(&self, upto: Stamp) {
        self.ledger
            .write(|book| book.proven(self.who, self.life, upto));
    }

    pub(crate) fn strange(&self, what: &str) {
        let what = format!("client {} in life {}: {what}", self.who, self.life);
        self.ledger.write(|book| book.strange.push(what));
    }

    /// The same GUID in every life.
    pub(crate) fn persistent_id(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.who + 1)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The call may have done its work or not.
    Gone,
    /// The server says that it did not.
    Refused(String),
}

/// A life that is connected.
pub(crate) enum Client {
    Hub(HubClient),
    Http(Http),
    Packets(Packets),
}

impl Client {
    /// Comes; nothing if the server can't be reached.
    pub(crate) async fn come(wire: Wire, gate: &Gate, ear: Ear, dice: Dice) -> Option<Self> {
        match wire {
            Wire::WebSockets => by_hub_client(gate, ear).await.map(Self::Hub),
            Wire::ServerSentEvents | Wire::LongPolling => {
                Http::come(wire, gate, ear).await.map(Self::Http)
            }
            Wire::Text | Wire::Packets => {
                let packets = Packets::come(wire, gate, ear, dice).await;
                packets.map(Self::Packets)
            }
        }
    }

    /// Publishes one message; gives its place, if the server tells that.
    pub(crate) async fn call(
        &self,
        letter: Letter,
        topic: Topic,
        way: Way,
    ) -> Result<Option<Place>, Failure> {
        match self {
            Self::Hub(client) => by_hub(client, letter, topic, way).await,
            Self::Http(client) => client.call(letter, topic, way).await,
            Self::Packets(client) => client.call(letter, topic, way).await,
        }
    }

    /// Is ready when the connection has ended for good.
    pub(crate) async fn over(&self) {
        match self {
            Self::Hub(client) => {
                let mut states = client.states();
                let _ = states.wait_for(|state| *state == State::Disconnected).await;
            }
            Self::Http(client) => client.over().await,
            Self::Packets(client) => client.over().await,
        }
    }

    /// Says goodbye; whether it was heard.
    pub(crate) async fn close(self) -> bool {
        match self {
            Self::Hub(client) => {
                client.close().await;
                true
            }
            Self::Http(client) => client.close().await,
            Self::Packets(client) => client.close().await,
        }
    }
}

async fn by_hub_client(gate: &Gate, ear: Ear) -> Option<HubClient> {
    let url = format!("http://{}/signalr", gate.authority);
    let builder = HubClient::builder(&url)
        .query("persistentId", ear.persistent_id())
        .retry(RetryPolicy::every(AGAIN).jitter(0.5));
    let builder = Topic::ALL.into_iter().fold(builder, |builder, topic| {
        let ear = ear.clone();
        builder.on("foo", topic.name(), move |(text,): (String,)| {
            ear.got(topic, &text);
            std::future::ready(())
        })
    });
    builder.connect().await.ok()
}

async fn by_hub(
    client: &HubClient,
    letter: Letter,
    topic: Topic,
    way: Way,
) -> Result<Option<Place>, Failure> {
    let text = letter.to_string();
    let place: Result<Option<String>, CallError> = match way {
        Way::Everybody => {
            let done: Result<(), _> = client.invoke("foo", "Bar", (text,)).await;
            done.map(|()| None)
        }
        Way::Away => client.invoke("foo", "Keep", (topic.name(), text)).await,
    };
    match place {
        Ok(place) => Ok(place.as_deref().and_then(parse)),
        Err(CallError::Reconnecting | CallError::Disconnected | CallError::NotConnected) => {
            Err(Failure::Gone)
        }
        Err(error) => Err(Failure::Refused(error.to_string())),
    }
}

/// Reads `<epoch>:<offset>`.
pub(crate) fn parse(place: &str) -> Option<Place> {
    let (epoch, offset) = place.split_once(':')?;
    Some((u64::from_str_radix(epoch, 16).ok()?, offset.parse().ok()?))
}
