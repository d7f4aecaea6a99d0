//! Persistent connections: messages without hubs, each at a path of its own.

mod echo;
mod examine;
mod groups;
pub(crate) mod quiet;

use hub_server::{Builder, Mount, PersistentConnection};

use crate::auth::basic;
use crate::detours;

pub(crate) fn mounts(builder: Builder) -> Builder {
    builder
        .mount(at("/echo", echo::Echo))
        .mount(at("/jsonp/echo", echo::Echo).jsonp(true))
        .mount(at("/basicauth/echo", echo::ToAll).authenticate(basic))
        .mount(at("/multisend", echo::MultiSend))
        .mount(at("/preserialize", echo::Preserialized))
        .mount(at("/filter", groups::Filter))
        .mount(at("/groups", groups::Groups))
        .mount(at("/add-group", groups::AddGroup))
        .mount(at("/examine-request", examine::Headers))
        .mount(at("/examine-reconnect", examine::Reconnect))
        .mount(at("/protected", quiet::Protected))
        .mount(at(detours::REDIRECTION, quiet::Ignoring))
        .mount(at(detours::STATUS_CODE, quiet::Ignoring))
}

pub(crate) fn at(path: &str, connection: impl PersistentConnection) -> Mount {
    Mount::connection(path, connection).bare_websockets(false)
}
