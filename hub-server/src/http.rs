//! HTTP: a path is one of negotiate, ping, start, connect, reconnect, abort, or a script; nothing else happens here.

pub(crate) mod admit;
pub(crate) mod asked;
pub(crate) mod auth;
pub(crate) mod credentials;
pub(crate) mod jsonp;
pub(crate) mod negotiate;
pub(crate) mod proxies;
pub(crate) mod query;
pub(crate) mod receive;
pub(crate) mod reply;
pub(crate) mod send;
pub(crate) mod service;
pub(crate) mod switched;
pub(crate) mod token;
pub(crate) mod upgrade;
