#[hub]
impl<S: Store> Chat<S>
where
    S: 'static,
{
    async fn send(&self) {}
}
