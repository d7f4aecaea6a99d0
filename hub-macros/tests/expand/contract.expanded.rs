/// What clients call.
pub trait Chat: Debug + ::hub_core::__private::Send + ::hub_core::__private::Sync + 'static {
    /// Sends.
    fn send(
        &self,
        cx: &Context,
        room: String,
        text: Option<String>,
    ) -> impl ::hub_core::__private::Future<
        Output = Result<u8, HubError>,
    > + ::hub_core::__private::Send;
    #[deprecated]
    fn now(&self) -> u64;
    fn load(
        &self,
        progress: Progress<u8>,
    ) -> impl ::hub_core::__private::Future<Output = ()> + ::hub_core::__private::Send {
        async move {
            drop(progress);
        }
    }
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
            name: "Lobby",
            methods: &[
                ::hub_core::__private::MethodSpec {
                    name: "send",
                    params: &[
                        ::hub_core::__private::ParamSpec {
                            name: "room",
                            ty: "String",
                        },
                        ::hub_core::__private::ParamSpec {
                            name: "text",
                            ty: "Option<String>",
                        },
                    ],
                    optional: 1usize,
                    returns: "u8",
                    authorize: &[],
                },
                ::hub_core::__private::MethodSpec {
                    name: "now",
                    params: &[],
                    optional: 0usize,
                    returns: "u64",
                    authorize: &[],
                },
                ::hub_core::__private::MethodSpec {
                    name: "load",
                    params: &[],
                    optional: 0usize,
                    returns: "()",
                    authorize: &[],
                },
            ],
            authorize: &[],
        },
        call: Self::__hub_call,
        connected: |hub, cx| ::hub_core::__private::Box::pin(Self::on_opened(hub, cx)),
        reopened: |hub, cx| ::hub_core::__private::Box::pin(Self::on_reopened(hub, cx)),
        reconnected: |hub, cx, resumed| ::hub_core::__private::Box::pin(
            Self::on_reconnected(hub, cx, resumed),
        ),
        disconnected: |hub, cx, stopped| ::hub_core::__private::Box::pin(
            Self::on_disconnected(hub, cx, stopped),
        ),
        closed: |hub, cx, reason| ::hub_core::__private::Box::pin(
            Self::on_closed(hub, cx, reason),
        ),
        pressure: |hub, cx, pressure| ::hub_core::__private::Box::pin(
            Self::on_pressure(hub, cx, pressure),
        ),
        expired: |hub, gone| ::hub_core::__private::Box::pin(Self::on_expired(hub, gone)),
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
            0usize => {
                let arg0 = match args.next::<String>("room") {
                    ::hub_core::__private::Ok(value) => value,
                    ::hub_core::__private::Err(error) => {
                        return ::hub_core::__private::refuse(error);
                    }
                };
                let arg1 = match args.next_or_none::<String>("text") {
                    ::hub_core::__private::Ok(value) => value,
                    ::hub_core::__private::Err(error) => {
                        return ::hub_core::__private::refuse(error);
                    }
                };
                ::hub_core::__private::Box::pin(async move {
                    match <Self as Chat>::send(self, cx, arg0, arg1).await {
                        ::hub_core::__private::Ok(value) => {
                            ::hub_core::__private::Reply::of(&value)
                        }
                        ::hub_core::__private::Err(error) => {
                            ::hub_core::__private::Err(
                                ::hub_core::__private::Into::into(error),
                            )
                        }
                    }
                })
            }
            1usize => {
                ::hub_core::__private::Box::pin(async move {
                    let value = <Self as Chat>::now(self);
                    ::hub_core::__private::Reply::of(&value)
                })
            }
            2usize => {
                ::hub_core::__private::Box::pin(async move {
                    let value = <Self as Chat>::load(
                            self,
                            ::hub_core::__private::Context::progress(cx),
                        )
                        .await;
                    ::hub_core::__private::Reply::of(&value)
                })
            }
            _ => ::hub_core::__private::refuse(::hub_core::__private::no_such_method()),
        }
    }
}
/// Calls the hub `Lobby` through a client: [`Chat`] as its callers see it.
#[allow(dead_code, unreachable_pub)]
pub struct ChatProxy {
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
impl ::hub_core::__private::Clone for ChatProxy {
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
impl ::hub_core::__private::fmt::Debug for ChatProxy {
    fn fmt(
        &self,
        f: &mut ::hub_core::__private::fmt::Formatter<'_>,
    ) -> ::hub_core::__private::fmt::Result {
        f.debug_struct("ChatProxy").finish_non_exhaustive()
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
impl ::hub_core::__private::Proxy for ChatProxy {
    const HUB: &'static str = "Lobby";
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
impl ChatProxy {
    /// Sends.
    pub async fn send(
        &self,
        room: String,
        text: Option<String>,
    ) -> ::hub_core::__private::Result<u8, ::hub_core::__private::CallError> {
        let args = ::hub_core::__private::arguments(&[&room, &text]);
        ::hub_core::__private::invoke::<
            u8,
        >(&*self.client, <Self as ::hub_core::__private::Proxy>::HUB, "send", args)
            .await
    }
    #[deprecated]
    /// Calls `now` on the hub `Lobby`.
    pub async fn now(
        &self,
    ) -> ::hub_core::__private::Result<u64, ::hub_core::__private::CallError> {
        let args = ::hub_core::__private::arguments(&[]);
        ::hub_core::__private::invoke::<
            u64,
        >(&*self.client, <Self as ::hub_core::__private::Proxy>::HUB, "now", args)
            .await
    }
    /// Calls `load` on the hub `Lobby`.
    pub async fn load(
        &self,
    ) -> ::hub_core::__private::Result<(), ::hub_core::__private::CallError> {
        let args = ::hub_core::__private::arguments(&[]);
        ::hub_core::__private::invoke::<
            (),
        >(&*self.client, <Self as ::hub_core::__private::Proxy>::HUB, "load", args)
            .await
    }
    /// As [`load`](Self::load), and gives `report` each report of its progress, in order.
    pub async fn load_with_progress(
        &self,
        report: impl ::hub_core::__private::FnMut(
            <Progress<u8> as ::hub_core::__private::Reports>::Report,
        ) + ::hub_core::__private::Send,
    ) -> ::hub_core::__private::Result<(), ::hub_core::__private::CallError> {
        let args = ::hub_core::__private::arguments(&[]);
        ::hub_core::__private::invoke_with_progress::<
            (),
            _,
        >(
                &*self.client,
                <Self as ::hub_core::__private::Proxy>::HUB,
                "load",
                args,
                report,
            )
            .await
    }
}
