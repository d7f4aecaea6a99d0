#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Chat {}
const _: () = {
    static __HUB_SPEC: ::hub_server::__private::HubSpec = ::hub_server::__private::HubSpec {
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
    impl ::hub_server::__private::Hub for Chat {
        fn spec(&self) -> &'static ::hub_server::__private::HubSpec {
            &__HUB_SPEC
        }
        fn call<'call>(
            &'call self,
            cx: &'call ::hub_server::__private::Context,
            method: usize,
            mut args: ::hub_server::__private::Args,
        ) -> ::hub_server::__private::BoxFuture<
            'call,
            ::hub_server::__private::Result<
                ::hub_server::__private::Reply,
                ::hub_server::__private::HubError,
            >,
        > {
            if !::hub_server::__private::fits(&__HUB_SPEC, method, &args) {
                return ::hub_server::__private::refuse(
                    ::hub_server::__private::no_such_method(),
                );
            }
            match method {
                _ => {
                    ::hub_server::__private::refuse(
                        ::hub_server::__private::no_such_method(),
                    )
                }
            }
        }
    }
};
trait Client: ::hub_client::__private::Send + ::hub_client::__private::Sync + 'static {}
#[automatically_derived]
#[allow(
    unused,
    deprecated,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl Client for ::hub_client::__private::Audience {}
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
impl<T: ::hub_client::__private::Clone> ::hub_client::__private::Clone
for ClientEvents<T> {
    fn clone(&self) -> Self {
        Self(::hub_client::__private::Clone::clone(&self.0))
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
impl<T: ::hub_client::__private::fmt::Debug> ::hub_client::__private::fmt::Debug
for ClientEvents<T> {
    fn fmt(
        &self,
        f: &mut ::hub_client::__private::fmt::Formatter<'_>,
    ) -> ::hub_client::__private::fmt::Result {
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
impl<T: Client> ::hub_client::__private::EventRouter for ClientEvents<T> {
    fn methods(&self) -> &'static [&'static str] {
        &[]
    }
    fn route<'call>(
        &'call self,
        method: &str,
        mut args: ::hub_client::__private::Args,
    ) -> ::hub_client::__private::Option<
        ::hub_client::__private::BoxFuture<
            'call,
            ::hub_client::__private::Result<(), ::hub_client::__private::HubError>,
        >,
    > {
        ::hub_client::__private::None
    }
}
#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl Other {}
const _: () = {
    static __HUB_SPEC: my::own::__private::HubSpec = my::own::__private::HubSpec {
        name: "other",
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
    impl my::own::__private::Hub for Other {
        fn spec(&self) -> &'static my::own::__private::HubSpec {
            &__HUB_SPEC
        }
        fn call<'call>(
            &'call self,
            cx: &'call my::own::__private::Context,
            method: usize,
            mut args: my::own::__private::Args,
        ) -> my::own::__private::BoxFuture<
            'call,
            my::own::__private::Result<
                my::own::__private::Reply,
                my::own::__private::HubError,
            >,
        > {
            if !my::own::__private::fits(&__HUB_SPEC, method, &args) {
                return my::own::__private::refuse(my::own::__private::no_such_method());
            }
            match method {
                _ => my::own::__private::refuse(my::own::__private::no_such_method()),
            }
        }
    }
};
