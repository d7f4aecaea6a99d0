#[hub]
impl Chat {
    async fn load(&self, progress: Progress<u8>) {}
}
