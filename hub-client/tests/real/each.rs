//! The same test over each transport.

/// Makes a test of each function for each transport, which it is given.
macro_rules! over_each_transport {
    ($($test:ident),+ $(,)?) => {
        over_each_transport!(@ web_sockets, WebSockets, $($test),+);
        over_each_transport!(@ server_sent_events, ServerSentEvents, $($test),+);
        over_each_transport!(@ long_polling, LongPolling, $($test),+);
    };
    (@ $module:ident, $transport:ident, $($test:ident),+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test(hub_client::Transport::$transport).await;
                }
            )+
        }
    };
}
pub(crate) use over_each_transport;
