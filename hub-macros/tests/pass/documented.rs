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

use hub_core::{Context, HubError, Progress, hub, hub_client};

/// What the server calls.
#[hub_client]
pub trait Client {
    /// Says something.
    async fn message(&self, text: String) -> Result<(), HubError>;
}

/// What clients call.
#[hub]
pub trait Chat {
    /// Says something.
    async fn send(&self, cx: &Context, text: String, sink: Progress<u8>) -> Result<(), HubError>;
    /// Is going.
    #[deprecated]
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

#[hub(discover)]
impl Plain {
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
