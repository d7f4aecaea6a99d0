//! The paths at which everything is served, and the layers around them.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use hub_server::{Builder, HubServer, HubService, Mount, RedbLog};

use crate::auth::basic;
use crate::options::{Options, Settings};
use crate::{answers, cors, detours, extra, hubs, raw};

/// The hub service, to be stopped by, and the application around it.
pub(crate) fn build(options: &Options) -> Result<(HubService, Router), Box<dyn Error>> {
    let mut builder = raw::mounts(hub_mounts(hubs::all(settings(&options.settings))));
    if options.extra {
        builder = extra::add(builder);
    }
    if let Some(dir) = &options.data {
        builder = builder.log(Arc::new(RedbLog::open(dir)?));
    }
    let service = builder.build()?.into_service();
    let mut app = answers::routes();
    if options.extra {
        app = app.merge(extra::routes(service.clone()));
    }
    let app = app
        .fallback_service(service.clone())
        .layer(from_fn(detours::take))
        .layer(from_fn(cors::allow));
    Ok((service, app))
}

fn settings(settings: &Settings) -> Builder {
    let mut builder = HubServer::builder();
    // First, because it also sets the keep-alive.
    if let Some(timeout) = settings.disconnect_timeout {
        builder = builder.disconnect_timeout(timeout);
    }
    if let Some(every) = settings.keep_alive {
        builder = builder.keep_alive(every);
    }
    if let Some(timeout) = settings.connection_timeout {
        builder = builder.connection_timeout(timeout);
    }
    if let Some(delay) = settings.long_poll_delay {
        builder = builder.long_poll_delay(delay);
    }
    match settings.key {
        Some(key) => builder.key(key),
        None => builder,
    }
}

/// The routes to the hubs.
fn hub_mounts(builder: Builder) -> Builder {
    let negotiated = |path| Mount::at(path).bare_websockets(false);
    builder
        .mount(negotiated("/signalr").detailed_errors(true))
        .mount(negotiated("/signalr2/test"))
        .mount(negotiated("/jsonp/signalr").jsonp(true))
        .mount(negotiated("/basicauth/signalr").authenticate(basic))
        .mount(Mount::at("/bare").detailed_errors(true))
}
