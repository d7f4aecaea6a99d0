#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Chat {}
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
    }
    ::hub_core::__private::inventory::submit! {
        ::hub_core::__private::HubRegistration { spec : & __HUB_SPEC, make : || ->
        ::hub_core::__private::Arc < dyn ::hub_core::__private::Hub > {
        ::hub_core::__private::Arc::new(< Chat as ::hub_core::__private::Default >
        ::default()) }, }
    }
};
