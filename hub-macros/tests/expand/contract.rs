/// What clients call.
#[hub(name = "Lobby")]
pub trait Chat: Debug {
    /// Sends.
    async fn send(&self, cx: &Context, room: String, text: Option<String>) -> Result<u8, HubError>;
    #[deprecated]
    fn now(&self) -> u64;
    async fn load(&self, progress: Progress<u8>) {
        drop(progress);
    }
}
