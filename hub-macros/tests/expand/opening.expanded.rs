#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Chat {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        Ok(())
    }
    fn on_reopened(&self) {}
    async fn on_closed(&self, cx: &Context, reason: Closed) {}
    async fn on_expired(&self, gone: Expired) -> Result<(), MyError> {
        Ok(())
    }
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
                match Self::on_opened(self, cx).await {
                    ::hub_core::__private::Ok(()) => ::hub_core::__private::Ok(()),
                    ::hub_core::__private::Err(error) => {
                        ::hub_core::__private::Err(
                            ::hub_core::__private::Into::into(error),
                        )
                    }
                }
            })
        }
        fn reopened<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            ::hub_core::__private::Box::pin(async move {
                Self::on_reopened(self);
                ::hub_core::__private::Ok(())
            })
        }
        fn closed<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            reason: ::hub_core::__private::Closed,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            ::hub_core::__private::Box::pin(async move {
                Self::on_closed(self, cx, reason).await;
                ::hub_core::__private::Ok(())
            })
        }
        fn expired<'call>(
            &'call self,
            gone: ::hub_core::__private::Expired,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            ::hub_core::__private::Box::pin(async move {
                match Self::on_expired(self, gone).await {
                    ::hub_core::__private::Ok(()) => ::hub_core::__private::Ok(()),
                    ::hub_core::__private::Err(error) => {
                        ::hub_core::__private::Err(
                            ::hub_core::__private::Into::into(error),
                        )
                    }
                }
            })
        }
    }
};
