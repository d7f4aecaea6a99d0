//! A library that warns of everything gets no warning for generated code.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unnameable_types,
    elided_lifetimes_in_paths
)]
#![forbid(unsafe_code)]

use hub_core::{Context, HubError, Identity, Progress, Request, hub, hub_client};

/// What the server calls.
#[hub_client]
pub trait Client {
    /// Says something.
    async fn message(&self, text: String) -> Result<(), HubError>;
}

fn inside(_: &Identity, request: &Request) -> bool {
    request.path.starts_with("/inside/")
}

/// What clients call.
#[hub(authorize(check = inside), authorize(users("ann"), require_outgoing = false))]
pub trait Chat {
    /// Says something.
    async fn send(&self, cx: &Context, text: String, sink: Progress<u8>) -> Result<(), HubError>;
    /// Is going.
    #[deprecated]
    #[hub(authorize = "admin")]
    async fn old(&self) -> u8 {
        1
    }
}

/// Traits whose authors document nothing: what is generated is documented all the same.
pub mod silent {
    #[allow(missing_docs)]
    #[hub_core::hub]
    pub trait Silent {
        async fn one(&self);
    }

    #[allow(missing_docs)]
    #[hub_core::hub_client]
    pub trait SilentClient {
        async fn one(&self) -> Result<(), hub_core::HubError>;
    }
}

/// A hub.
#[derive(Debug, Default)]
pub struct Room;

#[hub(discover)]
impl Chat for Room {
    async fn send(&self, cx: &Context, text: String, _: Progress<u8>) -> Result<(), HubError> {
        cx.clients().all().message(text).await
    }
}

/// Another hub.
#[derive(Debug, Default)]
pub struct Plain;

#[hub(discover, authorize)]
/// Between attributes.
#[hub(name = "plainer", authorize = "admin")]
impl Plain {
    fn may(_: &Identity, _: &Request) -> bool {
        true
    }

    /// Asks for itself.
    #[hub(authorize(check = Self::may))]
    #[hub(authorize(roles("op")))]
    pub fn own(&self) {}

    /// Is going.
    #[deprecated]
    pub fn old(&self) {}
}

pub(crate) mod inner {
    //! Visibility follows the trait's.
    #[hub_core::hub]
    pub(crate) trait Hidden {
        async fn one(&self, value: u8);
    }

    #[hub_core::hub_client]
    trait Private {
        async fn one(&self, value: u8) -> Result<(), hub_core::HubError>;
    }
}

fn main() {}
