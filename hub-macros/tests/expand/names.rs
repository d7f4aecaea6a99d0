#[hub(name = "Lobby")]
impl Chat<'static> {
    #[hub(name = "Send")]
    async fn send_one(&self, room: String) {}
    #[hub(name = "send")]
    async fn send_two(&self, room: String, text: String) {}
}
