//! `redirectTestHub`: what a call sees of the request that carries it.

use hub_server::{Context, hub};

pub(crate) struct RedirectTestHub;

#[hub]
impl RedirectTestHub {
    #[hub(name = "EchoReturn")]
    fn echo_return(&self, message: String) -> String {
        message
    }

    #[hub(name = "GetQueryStringValue")]
    fn query_string_value(&self, cx: &Context, key: String) -> Option<String> {
        cx.request().query(&key)
    }

    #[hub(name = "GetAccessToken")]
    fn access_token(&self, cx: &Context) -> Option<String> {
        let request = cx.request();
        request.query("access_token").or_else(|| {
            let header = request.header("Authorization")?;
            header.strip_prefix("Bearer ").map(ToOwned::to_owned)
        })
    }
}
