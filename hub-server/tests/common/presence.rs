//! A hub with presence, and clients that keep a list of who is there.

use std::collections::{BTreeMap, BTreeSet};

use hub_server::{
    Builder, Context, HubError, HubHandle, HubServer, PresenceDiff, PresenceOptions, PresencePage,
    PresenceStats, PresenceView, hub,
};
use serde_json::{Value, json};

use super::hubs::ByHeader;
use super::over::Over;
use super::{Client, Server, Socket};

pub struct Chat;

#[hub(name = "chat")]
impl Chat {
    /// Who is on the hub, or in a room; the caller is told of what changes.
    async fn watch(&self, cx: &Context, room: Option<String>) -> Result<PresencePage, HubError> {
        let presence = match room {
            Some(room) => cx.presence().group(room),
            None => cx.presence(),
        };
        Ok(presence.watch(cx.connection_id()).await?)
    }

    async fn unwatch(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.presence().unwatch(cx.connection_id()).await?)
    }

    fn list(&self, cx: &Context, after: Option<u64>) -> Result<PresencePage, HubError> {
        Ok(match after {
            None => cx.presence().list()?,
            Some(after) => cx.presence().page(after)?,
        })
    }

    fn stats(&self, cx: &Context) -> Result<PresenceStats, HubError> {
        Ok(cx.presence().stats()?)
    }

    async fn join(&self, cx: &Context, room: String) -> Result<(), HubError> {
        Ok(cx.join(room).await?)
    }

    async fn leave(&self, cx: &Context, room: String) -> Result<(), HubError> {
        Ok(cx.leave(room).await?)
    }

    async fn mood(&self, cx: &Context, mood: Value) -> Result<(), HubError> {
        let told = cx.presence_update(&mood).await;
        told.map_err(|error| HubError::new(error.to_string()))
    }

    fn id(&self, cx: &Context) -> String {
        cx.connection_id().to_string()
    }
}

pub fn builder(options: PresenceOptions) -> Builder {
    HubServer::builder()
        .hub(Chat)
        .authenticate(ByHeader)
        .presence("CHAT", options)
}

/// On a real socket.
pub async fn start(options: PresenceOptions) -> (Server, HubHandle) {
    let server = builder(options).build().unwrap();
    let hub = server.handle("chat").unwrap();
    (Server::tcp_of(server).await, hub)
}

/// A client on a WebSocket without negotiation.
pub struct Bare {
    pub socket: Socket,
    pub id: String,
    calls: u32,
}

pub async fn bare(server: &Server, user: &str) -> Bare {
    let target = server.target("", &[("connectionData", r#"[{"name":"chat"}]"#)]);
    let headers = [("X-User", user)];
    let headers = if user.is_empty() { &[] } else { &headers[..] };
    let mut socket = server.upgrade(&target, headers).await.unwrap();
    socket.frame().await;
    let mut client = Bare {
        socket,
        id: String::new(),
        calls: 0,
    };
    let id = client.ask("id", json!([])).await;
    client.id = id.as_str().unwrap().to_owned();
    client
}

/// A client of any wire.
#[allow(async_fn_in_trait, reason = "test support")]
pub trait Hears {
    async fn event(&mut self) -> Value;
    async fn ask(&mut self, method: &str, args: Value) -> Value;
}

impl Hears for Bare {
    async fn event(&mut self) -> Value {
        self.socket.event().await
    }

    async fn ask(&mut self, method: &str, args: Value) -> Value {
        self.calls += 1;
        let id = self.calls.to_string();
        let call = json!({"H": "chat", "M": method, "A": args, "I": id});
        self.socket.send(&call).await;
        let answer = self.socket.answer(&id).await;
        answer.get("E").unwrap_or(&answer["R"]).clone()
    }
}

impl Hears for Client<'_> {
    async fn event(&mut self) -> Value {
        self.event().await
    }

    async fn ask(&mut self, method: &str, args: Value) -> Value {
        self.result("chat", method, args).await
    }
}

impl Hears for Over<'_> {
    async fn event(&mut self) -> Value {
        self.event().await
    }

    async fn ask(&mut self, method: &str, args: Value) -> Value {
        self.result("chat", method, args).await
    }
}

/// Who is there, as a client that watches knows it.
pub struct Watcher<C> {
    pub client: C,
    pub view: PresenceView,
    /// The last diff.
    pub last: Option<PresenceDiff>,
    names: BTreeMap<String, String>,
}

impl<C: Hears> Watcher<C> {
    pub async fn of(mut client: C, room: Option<&str>) -> Self {
        let page = client.ask("watch", json!([room])).await;
        let page: PresencePage = serde_json::from_value(page).unwrap();
        Self {
            client,
            view: PresenceView::new(page),
            last: None,
            names: BTreeMap::new(),
        }
    }

    /// Calls a connection by this name.
    pub fn name(&mut self, id: &str, name: &str) {
        self.names.insert(id.to_owned(), name.to_owned());
    }

    /// One more event, which follows what came before; as texts: `+a`, `-a`, `~a`, `b<a`, with users.
    pub async fn heard(&mut self) -> Vec<String> {
        let event = self.client.event().await;
        assert_eq!(event[0], "presence", "{event}");
        let diff: PresenceDiff = serde_json::from_value(event[1].clone()).unwrap();
        self.last = Some(diff.clone());
        let before = self.view.version();
        let changes = diff.changes.iter().flatten();
        let new = changes.filter(|it| before.is_none_or(|own| it.version > own));
        let texts = new.map(|change| self.text(&json!(change))).collect();
        assert!(self.view.apply(diff), "{event}");
        texts
    }

    /// The next changes are these.
    pub async fn hears(&mut self, expected: &[&str]) {
        let mut heard = Vec::new();
        while heard.len() < expected.len() {
            heard.extend(self.heard().await);
        }
        assert_eq!(heard, expected);
    }

    /// Nothing was told before now: the next change is one that this client makes.
    pub async fn hears_nothing(&mut self, own: &str, mood: u64) {
        self.client.ask("mood", json!([mood])).await;
        self.hears(&[&format!("~{own}")]).await;
    }

    fn text(&self, change: &Value) -> String {
        let name = |id: &Value| {
            let id = id.as_str().unwrap();
            self.names.get(id).map_or(id, |name| name).to_owned()
        };
        let mut text = if let Some(leave) = change.get("leave") {
            format!("-{}", name(leave))
        } else if let Some(join) = change.get("join") {
            format!("+{}", name(&join["conn"]))
        } else if let Some(was) = change.get("was") {
            format!("{}<{}", name(&change["update"]["conn"]), name(was))
        } else {
            format!("~{}", name(&change["update"]["conn"]))
        };
        for (key, sign) in [("userJoin", " ++"), ("userLeave", " --")] {
            if let Some(user) = change[key].as_str() {
                text += sign;
                text += user;
            }
        }
        text
    }

    /// Who is there.
    pub fn members(&self) -> BTreeSet<String> {
        let members = self.view.members().keys();
        members.map(ToString::to_string).collect()
    }
}
