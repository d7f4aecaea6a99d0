#[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
impl contract::Chat for Room {
    async fn send(&self) {}
}
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
    impl ::hub_core::__private::Hub for Room {
        fn spec(&self) -> &'static ::hub_core::__private::HubSpec {
            <Self as contract::Chat>::__HUB.spec
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
            (<Self as contract::Chat>::__HUB.call)(self, cx, method, args)
        }
        fn connected<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as contract::Chat>::__HUB.connected)(self, cx)
        }
        fn reopened<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as contract::Chat>::__HUB.reopened)(self, cx)
        }
        fn reconnected<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            resumed: ::hub_core::__private::Resumed,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as contract::Chat>::__HUB.reconnected)(self, cx, resumed)
        }
        fn disconnected<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            stopped: bool,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as contract::Chat>::__HUB.disconnected)(self, cx, stopped)
        }
        fn closed<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            reason: ::hub_core::__private::Closed,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as contract::Chat>::__HUB.closed)(self, cx, reason)
        }
        fn pressure<'call>(
            &'call self,
            cx: &'call ::hub_core::__private::Context,
            pressure: ::hub_core::__private::Pressure,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as contract::Chat>::__HUB.pressure)(self, cx, pressure)
        }
        fn expired<'call>(
            &'call self,
            gone: ::hub_core::__private::Expired,
        ) -> ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        > {
            (<Self as contract::Chat>::__HUB.expired)(self, gone)
        }
    }
    ::hub_core::__private::inventory::submit! {
        ::hub_core::__private::HubRegistration { spec : < Room as contract::Chat >
        ::__HUB.spec, make : || -> ::hub_core::__private::Arc < dyn
        ::hub_core::__private::Hub > { ::hub_core::__private::Arc::new(< Room as
        ::hub_core::__private::Default > ::default()) }, }
    }
};
