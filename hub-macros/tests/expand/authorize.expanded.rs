#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
///Between them.
impl Chat {
    async fn send(&self) {}
    async fn own(&self) {}
    async fn other(&self) {}
    async fn open(&self) {}
    fn may(_: &Identity, _: &Request) -> bool {
        true
    }
}
const _: () = {
    static __HUB_SPEC: ::hub_core::__private::HubSpec = ::hub_core::__private::HubSpec {
        name: "chat",
        methods: &[
            ::hub_core::__private::MethodSpec {
                name: "post",
                params: &[],
                optional: 0usize,
                returns: "()",
                authorize: &[
                    ::hub_core::__private::Authorize::AUTHENTICATED,
                    ::hub_core::__private::Authorize::AUTHENTICATED
                        .roles(&["a", "b"])
                        .check(policy::<u8>::may),
                ],
            },
            ::hub_core::__private::MethodSpec {
                name: "own",
                params: &[],
                optional: 0usize,
                returns: "()",
                authorize: &[
                    ::hub_core::__private::Authorize::AUTHENTICATED.check(<Chat>::may),
                ],
            },
            ::hub_core::__private::MethodSpec {
                name: "other",
                params: &[],
                optional: 0usize,
                returns: "()",
                authorize: &[
                    ::hub_core::__private::Authorize::AUTHENTICATED
                        .users(&["ann", "bob"])
                        .check(<Policy as May>::may),
                ],
            },
            ::hub_core::__private::MethodSpec {
                name: "open",
                params: &[],
                optional: 0usize,
                returns: "()",
                authorize: &[],
            },
        ],
        authorize: &[
            ::hub_core::__private::Authorize::AUTHENTICATED.roles(&["admin"]),
            ::hub_core::__private::Authorize::AUTHENTICATED.users(&["x"]),
            ::hub_core::__private::Authorize::AUTHENTICATED.require_outgoing(false),
        ],
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
                        let value = Self::send(self).await;
                        ::hub_core::__private::Reply::of(&value)
                    })
                }
                1usize => {
                    ::hub_core::__private::Box::pin(async move {
                        let value = Self::own(self).await;
                        ::hub_core::__private::Reply::of(&value)
                    })
                }
                2usize => {
                    ::hub_core::__private::Box::pin(async move {
                        let value = Self::other(self).await;
                        ::hub_core::__private::Reply::of(&value)
                    })
                }
                3usize => {
                    ::hub_core::__private::Box::pin(async move {
                        let value = Self::open(self).await;
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
trait Contract: ::hub_core::__private::Send + ::hub_core::__private::Sync + 'static {
    fn send(
        &self,
    ) -> impl ::hub_core::__private::Future<Output = ()> + ::hub_core::__private::Send;
    fn own(
        &self,
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
            methods: &[
                ::hub_core::__private::MethodSpec {
                    name: "send",
                    params: &[],
                    optional: 0usize,
                    returns: "()",
                    authorize: &[
                        ::hub_core::__private::Authorize::AUTHENTICATED.roles(&["admin"]),
                    ],
                },
                ::hub_core::__private::MethodSpec {
                    name: "own",
                    params: &[],
                    optional: 0usize,
                    returns: "()",
                    authorize: &[
                        ::hub_core::__private::Authorize::AUTHENTICATED
                            .check(<Self>::may),
                    ],
                },
            ],
            authorize: &[
                ::hub_core::__private::Authorize::AUTHENTICATED
                    .roles(&["op"])
                    .users(&["ann"])
                    .check(::policy::may)
                    .require_outgoing(true),
                ::hub_core::__private::Authorize::AUTHENTICATED,
            ],
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
                ::hub_core::__private::Box::pin(async move {
                    let value = <Self as Contract>::send(self).await;
                    ::hub_core::__private::Reply::of(&value)
                })
            }
            1usize => {
                ::hub_core::__private::Box::pin(async move {
                    let value = <Self as Contract>::own(self).await;
                    ::hub_core::__private::Reply::of(&value)
                })
            }
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
impl ContractProxy {
    /// Calls `send` on the hub `contract`.
    async fn send(
        &self,
    ) -> ::hub_core::__private::Result<(), ::hub_core::__private::CallError> {
        let args = ::hub_core::__private::arguments(&[]);
        ::hub_core::__private::invoke::<
            (),
        >(&*self.client, <Self as ::hub_core::__private::Proxy>::HUB, "send", args)
            .await
    }
    /// Calls `own` on the hub `contract`.
    async fn own(
        &self,
    ) -> ::hub_core::__private::Result<(), ::hub_core::__private::CallError> {
        let args = ::hub_core::__private::arguments(&[]);
        ::hub_core::__private::invoke::<
            (),
        >(&*self.client, <Self as ::hub_core::__private::Proxy>::HUB, "own", args)
            .await
    }
}
