#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Ledger {
    async fn book(&self, amount: i64) {}
}
const _: () = {
    static __HUB_SPEC: ::hub_core::__private::HubSpec = ::hub_core::__private::HubSpec {
        name: "ledger",
        methods: &[
            ::hub_core::__private::MethodSpec {
                name: "book",
                params: &[
                    ::hub_core::__private::ParamSpec {
                        name: "amount",
                        ty: "i64",
                    },
                ],
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
    impl ::hub_core::__private::Hub for Ledger {
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
                    let arg0 = match args.next::<i64>("amount") {
                        ::hub_core::__private::Ok(value) => value,
                        ::hub_core::__private::Err(error) => {
                            return ::hub_core::__private::refuse(error);
                        }
                    };
                    ::hub_core::__private::Box::pin(async move {
                        let value = Self::book(self, arg0).await;
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
        fn order(&self) -> ::hub_core::__private::CallOrder {
            ::hub_core::__private::CallOrder::Sequential
        }
    }
};
#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Chat for ChatHub {}
const _: () = {
    #[automatically_derived]
    #[allow(
        unused,
        deprecated,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery
    )]
    impl ::hub_core::__private::Hub for ChatHub {
        fn spec(&self) -> &'static ::hub_core::__private::HubSpec {
            <Self as Chat>::__HUB.spec
        }
        fn call<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            method: usize,
            args: ::hub_core::__private::Args,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<
                ::hub_core::__private::Reply,
                ::hub_core::__private::HubError,
            >,
        > {
            (<Self as Chat>::__HUB.call)(self, cx, method, args)
        }
        fn order(&self) -> ::hub_core::__private::CallOrder {
            ::hub_core::__private::CallOrder::Sequential
        }
        fn connected<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as Chat>::__HUB.connected)(self, cx)
        }
        fn reopened<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as Chat>::__HUB.reopened)(self, cx)
        }
        fn reconnected<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            resumed: ::hub_core::__private::Resumed,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as Chat>::__HUB.reconnected)(self, cx, resumed)
        }
        fn disconnected<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            stopped: bool,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as Chat>::__HUB.disconnected)(self, cx, stopped)
        }
        fn closed<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            reason: ::hub_core::__private::Closed,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as Chat>::__HUB.closed)(self, cx, reason)
        }
        fn pressure<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            pressure: ::hub_core::__private::Pressure,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as Chat>::__HUB.pressure)(self, cx, pressure)
        }
        fn expired<'call>(
            &'call self,
            gone: ::hub_core::__private::Expired,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as Chat>::__HUB.expired)(self, gone)
        }
    }
    ::hub_core::__private::inventory::submit! {
        ::hub_core::__private::HubRegistration { spec : < ChatHub as Chat > ::__HUB.spec,
        make : || -> ::hub_core::__private::Arc < dyn ::hub_core::__private::Hub > {
        ::hub_core::__private::Arc::new(< ChatHub as ::hub_core::__private::Default >
        ::default()) }, }
    }
};
