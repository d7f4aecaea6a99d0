#[hub]
impl Chat {
    async fn send(&self, cx: &Context, room: String) {}
}
