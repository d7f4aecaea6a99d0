#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Chat {
    async fn plain(&self) -> u8 {
        1
    }
    async fn fallible(&self) -> Result<Vec<u8>, Closed> {
        Err(Closed)
    }
    async fn alias(&self) -> io::Result<u8> {
        Ok(1)
    }
}
const _: () = {
    static __HUB_SPEC: ::hub_core::__private::HubSpec = ::hub_core::__private::HubSpec {
        name: "chat",
        methods: &[
            ::hub_core::__private::MethodSpec {
                name: "plain",
                params: &[],
                optional: 0usize,
                returns: "u8",
                authorize: &[],
            },
            ::hub_core::__private::MethodSpec {
                name: "fallible",
                params: &[],
                optional: 0usize,
                returns: "Vec<u8>",
                authorize: &[],
            },
            ::hub_core::__private::MethodSpec {
                name: "alias",
                params: &[],
                optional: 0usize,
                returns: "u8",
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
                        let value = Self::plain(self).await;
                        ::hub_core::__private::Reply::of(&value)
                    })
                }
                1usize => {
                    ::hub_core::__private::Box::pin(async move {
                        match Self::fallible(self).await {
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
                2usize => {
                    ::hub_core::__private::Box::pin(async move {
                        match Self::alias(self).await {
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
                _ => {
                    ::hub_core::__private::refuse(
                        ::hub_core::__private::no_such_method(),
                    )
                }
            }
        }
    }
};
