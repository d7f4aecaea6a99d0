#[hub]
impl Chat {
    async fn send_all(&self, room: String, r#type: Vec<u8>) {}
}
