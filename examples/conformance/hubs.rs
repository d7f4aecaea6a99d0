//! The hubs.

mod auth;
mod conformance;
mod connected;
mod demo;
mod echo;
mod foo;
mod groups;
mod request;
mod status;

use hub_server::Builder;

pub(crate) fn all(builder: Builder) -> Builder {
    builder
        .hub(conformance::Conformance::default())
        .hub(auth::AuthHub)
        .hub(demo::Demo)
        .hub(echo::EchoHub)
        .hub(echo::Bench)
        .hub(foo::Foo)
        .hub(groups::GroupChat)
        .hub(groups::GroupJoiningHub)
        .hub(connected::OnConnectedBufferHub)
        .hub(connected::ConnectionDataVerifierHub)
        .hub(request::RedirectTestHub)
        .hub(status::StatusHub)
}
