#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Chat {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        Ok(())
    }
    fn on_reconnected(&self, cx: &Context, resumed: Resumed) {}
    async fn on_disconnected(&self, stopped: bool) {}
}
const _: () = {
    static __HUB_SPEC: ::hub_core::__private::HubSpec = ::hub_core::__private::HubSpec {
        name: "chat",
        methods: &[],
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
                _ => {
                    ::hub_core::__private::refuse(
                        ::hub_core::__private::no_such_method(),
                    )
                }
            }
        }
        fn connected<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            ::hub_core::__private::Box::pin(async move {
                match Self::on_connected(self, cx).await {
                    ::hub_core::__private::Ok(()) => ::hub_core::__private::Ok(()),
                    ::hub_core::__private::Err(error) => {
                        ::hub_core::__private::Err(
                            ::hub_core::__private::Into::into(error),
                        )
                    }
                }
            })
        }
        fn reconnected<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            resumed: ::hub_core::__private::Resumed,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            ::hub_core::__private::Box::pin(async move {
                Self::on_reconnected(self, cx, resumed);
                ::hub_core::__private::Ok(())
            })
        }
        fn disconnected<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            stopped: bool,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            ::hub_core::__private::Box::pin(async move {
                Self::on_disconnected(self, stopped).await;
                ::hub_core::__private::Ok(())
            })
        }
    }
};
