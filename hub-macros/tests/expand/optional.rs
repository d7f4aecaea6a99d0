#[hub]
impl Chat {
    async fn send(&self, first: Option<u8>, room: String, text: Option<String>) {}
}
