/// What the server calls.
pub(crate) trait Client: ::hub_core::__private::Send + ::hub_core::__private::Sync + 'static {
    fn message(
        &self,
        user: String,
        text: Option<String>,
    ) -> impl ::hub_core::__private::Future<
        Output = Result<(), HubError>,
    > + ::hub_core::__private::Send;
    fn sent(
        &self,
    ) -> impl ::hub_core::__private::Future<
        Output = Result<(), HubError>,
    > + ::hub_core::__private::Send;
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
impl Client for ::hub_core::__private::Audience {
    async fn message(&self, user: String, text: Option<String>) -> Result<(), HubError> {
        let args = ::hub_core::__private::arguments(&[&user, &text]);
        ::hub_core::__private::send(self, "message", args)
            .await
            .map_err(::hub_core::__private::Into::into)
    }
    async fn sent(&self) -> Result<(), HubError> {
        let args = ::hub_core::__private::arguments(&[]);
        ::hub_core::__private::send(self, "send", args)
            .await
            .map_err(::hub_core::__private::Into::into)
    }
}
/// Hands events to a handler, a [`Client`], by their names.
#[allow(dead_code, unreachable_pub)]
pub(crate) struct ClientEvents<T>(
    /// The handler.
    pub(crate) T,
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
impl<T: ::hub_core::__private::Clone> ::hub_core::__private::Clone for ClientEvents<T> {
    fn clone(&self) -> Self {
        Self(::hub_core::__private::Clone::clone(&self.0))
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
impl<T: ::hub_core::__private::fmt::Debug> ::hub_core::__private::fmt::Debug
for ClientEvents<T> {
    fn fmt(
        &self,
        f: &mut ::hub_core::__private::fmt::Formatter<'_>,
    ) -> ::hub_core::__private::fmt::Result {
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
impl<T: Client> ::hub_core::__private::EventRouter for ClientEvents<T> {
    fn methods(&self) -> &'static [&'static str] {
        &["message", "send"]
    }
    fn route<'call>(
        &'call self,
        method: &str,
        mut args: ::hub_core::__private::Args,
    ) -> ::hub_core::__private::Option<
        ::hub_core::__private::BoxFuture<
            'call,
            ::hub_core::__private::Result<(), ::hub_core::__private::HubError>,
        >,
    > {
        if method.eq_ignore_ascii_case("message") {
            if !(1usize..=2usize).contains(&args.len()) {
                return ::hub_core::__private::refuse_event(
                    ::hub_core::__private::wrong_arguments("message", args.len()),
                );
            }
            let arg0 = match args.next::<String>("user") {
                ::hub_core::__private::Ok(value) => value,
                ::hub_core::__private::Err(error) => {
                    return ::hub_core::__private::refuse_event(error);
                }
            };
            let arg1 = match args.next_or_none::<String>("text") {
                ::hub_core::__private::Ok(value) => value,
                ::hub_core::__private::Err(error) => {
                    return ::hub_core::__private::refuse_event(error);
                }
            };
            return ::hub_core::__private::Some(
                ::hub_core::__private::Box::pin(async move {
                    <T as Client>::message(&self.0, arg0, arg1)
                        .await
                        .map_err(::hub_core::__private::Into::into)
                }),
            );
        }
        if method.eq_ignore_ascii_case("send") {
            if !(0usize..=0usize).contains(&args.len()) {
                return ::hub_core::__private::refuse_event(
                    ::hub_core::__private::wrong_arguments("send", args.len()),
                );
            }
            return ::hub_core::__private::Some(
                ::hub_core::__private::Box::pin(async move {
                    <T as Client>::sent(&self.0)
                        .await
                        .map_err(::hub_core::__private::Into::into)
                }),
            );
        }
        ::hub_core::__private::None
    }
}
