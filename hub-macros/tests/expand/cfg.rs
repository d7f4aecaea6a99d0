#[hub]
impl Chat {
    #[cfg(feature = "extra")]
    async fn extra(&self) {}
    async fn send(&self) {}
}
