#[hub]
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
