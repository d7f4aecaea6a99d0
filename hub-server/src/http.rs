//! HTTP: a path is one of negotiate, ping, start, connect, reconnect, abort, or a script; nothing else happens here.

pub(crate) mod auth;
pub(crate) mod negotiate;
pub(crate) mod proxies;
pub(crate) mod query;
pub(crate) mod receive;
pub(crate) mod service;
pub(crate) mod token;
