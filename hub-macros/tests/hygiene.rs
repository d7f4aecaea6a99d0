//! Generated code needs nothing of its surroundings: here there is no prelude, and every name that it could lean on means
//! something else.
#![no_implicit_prelude]
#![deny(warnings, missing_docs, clippy::pedantic, clippy::nursery)]
#![allow(
    clippy::missing_const_for_fn,
    clippy::redundant_pub_crate,
    clippy::unused_async,
    clippy::unused_self,
    unreachable_pub,
    dead_code,
    reason = "the hubs here do nothing"
)]

pub extern crate hub_core;
extern crate hub_macros;
extern crate serde;

// The twins' roots: crates that re-export `__private`.
extern crate hub_core as hub_client;
extern crate hub_core as hub_server;

use ::std::string::String;

mod shadows {
    #![expect(dead_code, reason = "they only stand in the way")]
    pub(crate) struct Option;
    pub(crate) struct Some;
    pub(crate) struct None;
    pub(crate) struct Ok;
    pub(crate) struct Err;
    pub(crate) struct Box;
    pub(crate) struct Arc;
    pub(crate) struct Context;
    pub(crate) struct Closed;
    pub(crate) struct Expired;
    pub(crate) struct Reply;
    pub(crate) struct Args;
    pub(crate) struct Authorize;
    pub(crate) struct Identity;
    pub(crate) struct Request;
    pub(crate) trait Send {}
    pub(crate) trait Sync {}
    pub(crate) trait Future {}
    pub(crate) trait Into {}
    pub(crate) trait Default {}
    pub(crate) trait Clone {}
    pub(crate) trait Hub {}
    pub(crate) trait Proxy {}
    pub(crate) mod hub_core {}
    pub(crate) mod std {}
    pub(crate) mod core {}
    pub(crate) mod serde {}
}

macro_rules! everything {
    ($module:ident, $hub:ident, $hub_client:ident $(, $root:path)?) => {
        /// All that the attributes generate.
        pub mod $module {
            #[allow(unused_imports, reason = "names that stand in the way")]
            use crate::shadows::*;

            type Result<T> = ::std::result::Result<T, ::hub_core::HubError>;

            /// A hub.
            #[derive(::std::default::Default, ::std::fmt::Debug)]
            pub struct Plain;

            #[::hub_macros::$hub($(crate = $root,)? discover, authorize(users("ann"), check = Self::may))]
            impl Plain {
                const fn may(_: &::hub_core::Identity, _: &::hub_core::Request) -> bool {
                    true
                }

                /// Everything that a method may have.
                ///
                /// # Errors
                /// Never.
                pub async fn all(
                    &self,
                    cx: &::hub_core::Context,
                    args: super::String,
                    value: ::std::option::Option<u8>,
                    progress: ::hub_core::Progress<u8>,
                ) -> Result<u8> {
                    let _ = (cx, args, value, progress);
                    ::std::result::Result::Ok(1)
                }

                /// Not async, and named like a local.
                #[must_use]
                pub fn sync(&self, cx: u8, method: u8, error: u8) -> u8 {
                    cx + method + error
                }

                async fn on_connected(&self) {}

                async fn on_reconnected(&self, _: &::hub_core::Context) -> Result<()> {
                    ::std::result::Result::Ok(())
                }

                fn on_reopened(&self) {}

                fn on_closed(&self, _reason: ::hub_core::Closed) {}

                async fn on_expired(&self, _: ::hub_core::Expired) -> Result<()> {
                    ::std::result::Result::Ok(())
                }
            }

            /// A contract.
            #[::hub_macros::$hub($(crate = $root,)? authorize)]
            pub trait Contract {
                /// With arguments named like locals.
                async fn all(
                    &self,
                    cx: &::hub_core::Context,
                    client: u8,
                    value: ::std::option::Option<super::String>,
                ) -> Result<u8>;
                /// Without documented errors.
                #[hub(authorize(roles("a", "b"), check = Plain::may))]
                async fn nothing(&self);
                /// With an argument named as callers hand in what hears of the progress.
                async fn long(&self, report: u8, progress: ::hub_core::Progress<super::String>);
            }

            /// Keeps the contract.
            #[derive(::std::default::Default, ::std::fmt::Debug)]
            pub struct Kept;

            #[::hub_macros::$hub($(crate = $root,)? discover)]
            impl Contract for Kept {
                async fn all(
                    &self,
                    _cx: &::hub_core::Context,
                    client: u8,
                    _value: ::std::option::Option<super::String>,
                ) -> Result<u8> {
                    ::std::result::Result::Ok(client)
                }

                async fn nothing(&self) {}

                async fn long(&self, _report: u8, _: ::hub_core::Progress<super::String>) {}
            }

            /// Callbacks.
            #[::hub_macros::$hub_client($(crate = $root)?)]
            pub trait Callbacks {
                /// With arguments named like locals.
                async fn message(&self, args: super::String, method: u8) -> Result<()>;
                /// Without arguments.
                async fn ping(&self) -> Result<()>;
            }

            impl Callbacks for Plain {
                async fn message(&self, _args: super::String, _method: u8) -> Result<()> {
                    ::std::result::Result::Ok(())
                }

                async fn ping(&self) -> Result<()> {
                    ::std::result::Result::Ok(())
                }
            }

            /// What was generated is there.
            #[must_use]
            pub fn names() -> (&'static str, &'static str, &'static [&'static str]) {
                let events = CallbacksEvents(Plain);
                (
                    ::hub_core::Hub::spec(&Plain).name,
                    <ContractProxy as ::hub_core::Proxy>::HUB,
                    ::hub_core::EventRouter::methods(&events),
                )
            }
        }
    };
}

everything!(plain, hub, hub_client);
everything!(server, hub_for_server, hub_client_for_server);
everything!(client, hub_for_client, hub_client_for_client);
everything!(renamed, hub, hub_client, crate::re::exported);

/// Another crate's re-export.
pub mod re {
    pub use crate::hub_core as exported;
}

#[::std::prelude::v1::test]
fn every_root_works_without_a_prelude() {
    for names in [
        plain::names(),
        server::names(),
        client::names(),
        renamed::names(),
    ] {
        ::std::assert_eq!(names.0, "plain");
        ::std::assert_eq!(names.1, "contract");
        ::std::assert_eq!(names.2, ["message", "ping"]);
    }
}
