/// What the server calls.
#[hub_client]
pub(crate) trait Client {
    async fn message(&self, user: String, text: Option<String>) -> Result<(), HubError>;
    #[hub(name = "send")]
    async fn sent(&self) -> Result<(), HubError>;
}
