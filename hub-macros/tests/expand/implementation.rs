#[hub(discover)]
impl contract::Chat for Room {
    async fn send(&self) {}
}
