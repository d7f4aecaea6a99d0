//! The chat hub: rooms are groups, and who is in them is kept here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use chat_contract::{Chat, ChatClient};
use hub_server::{ConnectionId, Context, HubError, hub};

/// Longer names and texts are refused.
const MAX_NAME: usize = 40;
const MAX_TEXT: usize = 4_000;

/// Rooms, and who is in them under which name.
#[derive(Default)]
pub(crate) struct ChatHub {
    rooms: Mutex<BTreeMap<String, Room>>,
}

#[derive(Default)]
struct Room {
    people: BTreeMap<ConnectionId, String>,
    messages: u64,
}

impl Room {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.people.values().cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The name that a connection has taken.
#[derive(Clone)]
struct Name(String);

impl ChatHub {
    fn rooms(&self) -> MutexGuard<'_, BTreeMap<String, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes somebody out of a room; gives the name it had there. The last one closes the room.
    fn take_out(&self, room: &str, who: &ConnectionId) -> Option<String> {
        let mut rooms = self.rooms();
        let name = rooms.get_mut(room)?.people.remove(who);
        if rooms.get(room).is_some_and(|room| room.people.is_empty()) {
            rooms.remove(room);
        }
        name
    }
}

fn check(what: &str, text: &str, max: usize) -> Result<(), HubError> {
    if text.trim().is_empty() {
        return Err(HubError::new(format!("say {what} first")));
    }
    if text.chars().count() > max {
        return Err(HubError::new(format!("at most {max} characters, please")));
    }
    Ok(())
}

#[hub]
impl Chat for ChatHub {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        let greeting = "Welcome! Pick a name and a room.".to_owned();
        cx.clients()
            .caller()
            .welcome(cx.connection_id().to_string(), greeting)
            .await
    }

    async fn on_disconnected(&self, cx: &Context, _stopped: bool) -> Result<(), HubError> {
        let rooms: Vec<String> = self.rooms().keys().cloned().collect();
        for room in rooms {
            if let Some(name) = self.take_out(&room, cx.connection_id()) {
                cx.clients().group(&room).left(room, name).await?;
            }
        }
        Ok(())
    }

    async fn join(
        &self,
        cx: &Context,
        room: String,
        user: String,
    ) -> Result<Vec<String>, HubError> {
        check("which room", &room, MAX_NAME)?;
        check("your name", &user, MAX_NAME)?;
        cx.join(&room).await?;
        cx.items().set(Name(user.clone()));
        let (names, new) = {
            let mut rooms = self.rooms();
            let entered = rooms.entry(room.clone()).or_default();
            let before = entered
                .people
                .insert(cx.connection_id().clone(), user.clone());
            (entered.names(), before.is_none())
        };
        if new {
            cx.clients()
                .others_in_group(&room)
                .joined(room, user)
                .await?;
        }
        Ok(names)
    }

    async fn leave(&self, cx: &Context, room: String) -> Result<(), HubError> {
        cx.leave(&room).await?;
        match self.take_out(&room, cx.connection_id()) {
            Some(name) => cx.clients().group(&room).left(room, name).await,
            None => Ok(()),
        }
    }

    async fn send(&self, cx: &Context, room: String, text: String) -> Result<u64, HubError> {
        check("something", &text, MAX_TEXT)?;
        let (name, number) = {
            let mut rooms = self.rooms();
            let not_here = || HubError::new("join the room first");
            let here = rooms.get_mut(&room).ok_or_else(not_here)?;
            let name = here
                .people
                .get(cx.connection_id())
                .cloned()
                .ok_or_else(not_here)?;
            here.messages += 1;
            (name, here.messages)
        };
        let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        cx.clients()
            .group(&room)
            .message(room, name, text, u64::try_from(at)?)
            .await?;
        Ok(number)
    }

    async fn announce(&self, cx: &Context, text: String) -> Result<(), HubError> {
        check("something", &text, MAX_TEXT)?;
        let name = cx
            .items()
            .get::<Name>()
            .map_or_else(|| "somebody".to_owned(), |name| name.0);
        cx.clients().all().announcement(name, text).await
    }

    async fn rename(&self, cx: &Context, user: String) -> Result<(), HubError> {
        check("your name", &user, MAX_NAME)?;
        let Some(Name(old)) = cx.items().get::<Name>() else {
            return Err(HubError::new("join a room first"));
        };
        cx.items().set(Name(user.clone()));
        for room in self.rooms().values_mut() {
            if let Some(name) = room.people.get_mut(cx.connection_id()) {
                name.clone_from(&user);
            }
        }
        cx.clients().others().renamed(old, user).await
    }

    async fn people(&self, room: String) -> Result<Vec<String>, HubError> {
        Ok(self.rooms().get(&room).map(Room::names).unwrap_or_default())
    }
}
