#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Chat {
    async fn wrong(&self, text: &str, room: &str) {}
    async fn right(&self) {}
}
const _: () = {
    static __HUB_SPEC: ::hub_core::__private::HubSpec = ::hub_core::__private::HubSpec {
        name: "chat",
        methods: &[
            ::hub_core::__private::MethodSpec {
                name: "right",
                params: &[],
                optional: 0usize,
                returns: "()",
                authorize: &[],
            },
        ],
        authorize: &[],
    };
    #[automatically_derived]
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    impl ::hub_core::__private::Hub for Chat {
        fn spec(&self) -> &'static ::hub_core::__private::HubSpec {
            &__HUB_SPEC
        }
        fn call<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            method: usize,
            mut args: ::hub_core::__private::Args,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<
                ::hub_core::__private::Reply,
                ::hub_core::__private::HubError,
            >,
        > {
            if !::hub_core::__private::fits(&__HUB_SPEC, method, &args) {
                return ::hub_core::__private::refuse(
                    ::hub_core::__private::no_such_method(),
                );
            }
            match method {
                0usize => {
                    ::hub_core::__private::Box::pin(async move {
                        let value = Self::right(self).await;
                        ::hub_core::__private::Reply::of(&value)
                    })
                }
                _ => {
                    ::hub_core::__private::refuse(
                        ::hub_core::__private::no_such_method(),
                    )
                }
            }
        }
    }
};
::core::compile_error! {
    "hub arguments are owned: use `String`"
}
::core::compile_error! {
    "hub arguments are owned: use `String`"
}
trait Client: ::hub_core::__private::Send + ::hub_core::__private::Sync + 'static {
    fn wrong(
        &self,
        text: &str,
    ) -> impl ::hub_core::__private::Future<
        Output = Result<(), HubError>,
    > + ::hub_core::__private::Send;
    fn right(
        &self,
    ) -> impl ::hub_core::__private::Future<
        Output = Result<(), HubError>,
    > + ::hub_core::__private::Send;
}
#[automatically_derived]
#[allow(
    unused,
    deprecated,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl Client for ::hub_core::__private::Audience {
    async fn right(&self) -> Result<(), HubError> {
        let args = ::hub_core::__private::arguments(&[]);
        ::hub_core::__private::send(self, "right", args)
            .await
            .map_err(::hub_core::__private::Into::into)
    }
    async fn wrong(&self, text: &str) -> Result<(), HubError> {
        loop {}
    }
}
/// Hands events to a handler, a [`Client`], by their names.
#[allow(dead_code, unreachable_pub)]
struct ClientEvents<T>(
    /// The handler.
    T,
);
#[automatically_derived]
#[allow(
    unused,
    deprecated,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl<T: ::hub_core::__private::Clone> ::hub_core::__private::Clone for ClientEvents<T> {
    fn clone(&self) -> Self {
        Self(::hub_core::__private::Clone::clone(&self.0))
    }
}
#[automatically_derived]
#[allow(
    unused,
    deprecated,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl<T: ::hub_core::__private::fmt::Debug> ::hub_core::__private::fmt::Debug
for ClientEvents<T> {
    fn fmt(
        &self,
        f: &mut ::hub_core::__private::fmt::Formatter<'_>,
    ) -> ::hub_core::__private::fmt::Result {
        f.debug_tuple("ClientEvents").field(&self.0).finish()
    }
}
#[automatically_derived]
#[allow(
    unused,
    deprecated,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl<T: Client> ::hub_core::__private::EventRouter for ClientEvents<T> {
    fn methods(&self) -> &'static [&'static str] {
        &["right"]
    }
    fn route<'call>(
        &'call self,
        method: &str,
        mut args: ::hub_core::__private::Args,
    ) -> ::hub_core::__private::Option<
        ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        >,
    > {
        if method.eq_ignore_ascii_case("right") {
            if !(0usize..=0usize).contains(&args.len()) {
                return ::hub_core::__private::refuse_event(
                    ::hub_core::__private::wrong_arguments("right", args.len()),
                );
            }
            return ::hub_core::__private::Some(
                ::hub_core::__private::Box::pin(async move {
                    <T as Client>::right(&self.0)
                        .await
                        .map_err(::hub_core::__private::Into::into)
                }),
            );
        }
        ::hub_core::__private::None
    }
}
::core::compile_error! {
    "hub arguments are owned: use `String`"
}
trait Contract<T>: ::hub_core::__private::Send + ::hub_core::__private::Sync + 'static {
    fn send(
        &self,
        text: T,
    ) -> impl ::hub_core::__private::Future<Output = ()> + ::hub_core::__private::Send;
    /// A connection that listed this hub has started. Does nothing unless the hub writes it.
    ///
    /// # Errors
    /// None unless the hub writes it.
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    fn on_connected(
        &self,
        cx: &::hub_core::__private::Context,
    ) -> impl ::hub_core::__private::Future<
        Output = ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
    > + ::hub_core::__private::Send {
        ::hub_core::__private::ready(::hub_core::__private::Ok(()))
    }
    /// `on_connected` by another name, which it calls unless the hub writes it.
    ///
    /// # Errors
    /// None unless the hub writes it.
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    fn on_opened(
        &self,
        cx: &::hub_core::__private::Context,
    ) -> impl ::hub_core::__private::Future<
        Output = ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
    > + ::hub_core::__private::Send {
        Self::on_connected(self, cx)
    }
    /// A client that is known again has started, and something was kept for it. Does what `on_connected` does unless the hub writes it.
    ///
    /// # Errors
    /// None unless the hub writes it.
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    fn on_reopened(
        &self,
        cx: &::hub_core::__private::Context,
    ) -> impl ::hub_core::__private::Future<
        Output = ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
    > + ::hub_core::__private::Send {
        Self::on_opened(self, cx)
    }
    /// A connection came back. Does nothing unless the hub writes it.
    ///
    /// # Errors
    /// None unless the hub writes it.
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    fn on_reconnected(
        &self,
        cx: &::hub_core::__private::Context,
        resumed: ::hub_core::__private::Resumed,
    ) -> impl ::hub_core::__private::Future<
        Output = ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
    > + ::hub_core::__private::Send {
        ::hub_core::__private::ready(::hub_core::__private::Ok(()))
    }
    /// A connection has ended: `stopped` by its client, or lost. Does nothing unless the hub writes it.
    ///
    /// # Errors
    /// None unless the hub writes it.
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    fn on_disconnected(
        &self,
        cx: &::hub_core::__private::Context,
        stopped: bool,
    ) -> impl ::hub_core::__private::Future<
        Output = ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
    > + ::hub_core::__private::Send {
        ::hub_core::__private::ready(::hub_core::__private::Ok(()))
    }
    /// `on_disconnected` with the reason, which it calls without it unless the hub writes it.
    ///
    /// # Errors
    /// None unless the hub writes it.
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    fn on_closed(
        &self,
        cx: &::hub_core::__private::Context,
        reason: ::hub_core::__private::Closed,
    ) -> impl ::hub_core::__private::Future<
        Output = ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
    > + ::hub_core::__private::Send {
        Self::on_disconnected(self, cx, reason.is_stopped())
    }
    /// A client reads slowly, or no longer does. Does nothing unless the hub writes it.
    ///
    /// # Errors
    /// None unless the hub writes it.
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    fn on_pressure(
        &self,
        cx: &::hub_core::__private::Context,
        pressure: ::hub_core::__private::Pressure,
    ) -> impl ::hub_core::__private::Future<
        Output = ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
    > + ::hub_core::__private::Send {
        ::hub_core::__private::ready(::hub_core::__private::Ok(()))
    }
    /// What was kept for a client that is away is gone: its time is over. Does nothing unless the hub writes it.
    ///
    /// # Errors
    /// None unless the hub writes it.
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    fn on_expired(
        &self,
        gone: ::hub_core::__private::Expired,
    ) -> impl ::hub_core::__private::Future<
        Output = ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
    > + ::hub_core::__private::Send {
        ::hub_core::__private::ready(::hub_core::__private::Ok(()))
    }
    #[doc(hidden)]
    const __HUB: ::hub_core::__private::Contract<Self> = ::hub_core::__private::Contract {
        spec: &::hub_core::__private::HubSpec {
            name: "contract",
            methods: &[],
            authorize: &[],
        },
        call: Self::__hub_call,
        connected: |hub, cx| ::hub_core::__private::refuse(
            ::hub_core::__private::no_such_method(),
        ),
        reopened: |hub, cx| ::hub_core::__private::refuse(
            ::hub_core::__private::no_such_method(),
        ),
        reconnected: |hub, cx, resumed| ::hub_core::__private::refuse(
            ::hub_core::__private::no_such_method(),
        ),
        disconnected: |hub, cx, stopped| ::hub_core::__private::refuse(
            ::hub_core::__private::no_such_method(),
        ),
        closed: |hub, cx, reason| ::hub_core::__private::refuse(
            ::hub_core::__private::no_such_method(),
        ),
        pressure: |hub, cx, pressure| ::hub_core::__private::refuse(
            ::hub_core::__private::no_such_method(),
        ),
        expired: |hub, gone| ::hub_core::__private::refuse(
            ::hub_core::__private::no_such_method(),
        ),
    };
    #[doc(hidden)]
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    fn __hub_call<'call>(
        &'call self,
        cx: &'call ::hub_core::__private::Context,
        method: usize,
        mut args: ::hub_core::__private::Args,
    ) -> ::hub_core::__private::BoxFuture<
        'call,
        ::hub_core::__private::Result<
            ::hub_core::__private::Reply,
            ::hub_core::__private::HubError,
        >,
    > {
        if !::hub_core::__private::fits(Self::__HUB.spec, method, &args) {
            return ::hub_core::__private::refuse(
                ::hub_core::__private::no_such_method(),
            );
        }
        match method {
            _ => ::hub_core::__private::refuse(::hub_core::__private::no_such_method()),
        }
    }
}
/// Calls the hub `contract` through a client: [`Contract`] as its callers see it.
#[allow(dead_code, unreachable_pub)]
struct ContractProxy {
    client: ::hub_core::__private::Arc<dyn ::hub_core::__private::Invoke>,
}
#[automatically_derived]
#[allow(
    unused,
    deprecated,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl ::hub_core::__private::Clone for ContractProxy {
    fn clone(&self) -> Self {
        Self {
            client: ::hub_core::__private::Clone::clone(&self.client),
        }
    }
}
#[automatically_derived]
#[allow(
    unused,
    deprecated,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl ::hub_core::__private::fmt::Debug for ContractProxy {
    fn fmt(
        &self,
        f: &mut ::hub_core::__private::fmt::Formatter<'_>,
    ) -> ::hub_core::__private::fmt::Result {
        f.debug_struct("ContractProxy").finish_non_exhaustive()
    }
}
#[automatically_derived]
#[allow(
    unused,
    deprecated,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl ::hub_core::__private::Proxy for ContractProxy {
    const HUB: &'static str = "contract";
    fn over(
        client: ::hub_core::__private::Arc<dyn ::hub_core::__private::Invoke>,
    ) -> Self {
        Self { client }
    }
}
#[automatically_derived]
#[allow(
    unused,
    deprecated,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl ContractProxy {}
::core::compile_error! {
    "a contract has one form on the wire: remove the parameters and name the types"
}
