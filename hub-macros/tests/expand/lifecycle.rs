#[hub]
impl Chat {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        Ok(())
    }
    fn on_reconnected(&self, cx: &Context, resumed: Resumed) {}
    async fn on_disconnected(&self, stopped: bool) {}
}
