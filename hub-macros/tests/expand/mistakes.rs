#[hub(discover)]
impl Chat {
    async fn wrong(&self, text: &str, room: &str) {}
    async fn right(&self) {}
}

#[hub_client]
trait Client {
    async fn wrong(&self, text: &str) -> Result<(), HubError>;
    async fn right(&self) -> Result<(), HubError>;
}

#[hub]
trait Contract<T> {
    async fn send(&self, text: T);
}
