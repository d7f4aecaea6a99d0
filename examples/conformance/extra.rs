//! More hubs and routes, for the conversations that were recorded from the original server.

mod failing;
mod forbidden;
mod probe;
mod raw;
mod values;

use axum::Router;
use axum::routing::any;
use hub_server::{Builder, HubService, Mount};

use crate::auth::basic;
use crate::raw::{at, quiet::Protected};

pub(crate) fn add(builder: Builder) -> Builder {
    let no_proxy = Mount::at("/noproxy").bare_websockets(false);
    builder
        .hub(failing::Failing)
        .hub(failing::FailingAsync)
        .hub(forbidden::Forbidden)
        .hub(probe::Probe::default())
        .mount(at("/basicauth/protected", Protected).authenticate(basic))
        .mount(at("/bad", raw::Bad))
        .mount(at("/obj", raw::Obj))
        .mount(at("/sync-error", raw::SyncError))
        .mount(no_proxy.javascript_proxies(false))
}

/// The switch that lets the clients go, while the process goes on listening.
pub(crate) fn routes(service: HubService) -> Router {
    let shutdown = move || {
        service.shutdown();
        std::future::ready(())
    };
    Router::new().route("/__shutdown", any(shutdown))
}
