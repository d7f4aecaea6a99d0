#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Chat {
    async fn send(&self, first: Option<u8>, room: String, text: Option<String>) {}
}
const _: () = {
    static __HUB_SPEC: ::hub_core::__private::HubSpec = ::hub_core::__private::HubSpec {
        name: "chat",
        methods: &[
            ::hub_core::__private::MethodSpec {
                name: "send",
                params: &[
                    ::hub_core::__private::ParamSpec {
                        name: "first",
                        ty: "Option<u8>",
                    },
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
                    let arg0 = match args.next::<Option<u8>>("first") {
                        ::hub_core::__private::Ok(value) => value,
                        ::hub_core::__private::Err(error) => {
                            return ::hub_core::__private::refuse(error);
                        }
                    };
                    let arg1 = match args.next::<String>("room") {
                        ::hub_core::__private::Ok(value) => value,
                        ::hub_core::__private::Err(error) => {
                            return ::hub_core::__private::refuse(error);
                        }
                    };
                    let arg2 = match args.next_or_none::<String>("text") {
                        ::hub_core::__private::Ok(value) => value,
                        ::hub_core::__private::Err(error) => {
                            return ::hub_core::__private::refuse(error);
                        }
                    };
                    ::hub_core::__private::Box::pin(async move {
                        let value = Self::send(self, arg0, arg1, arg2).await;
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
