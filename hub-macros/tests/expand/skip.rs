#[hub]
impl Chat {
    const LIMIT: usize = 1;
    fn new() -> Self {
        Self
    }
    #[hub(skip)]
    fn helper(&mut self, text: &str) {}
    async fn send(&self) {}
}
