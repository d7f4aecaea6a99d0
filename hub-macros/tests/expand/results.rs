#[hub]
impl Chat {
    async fn plain(&self) -> u8 {
        1
    }
    async fn fallible(&self) -> Result<Vec<u8>, Closed> {
        Err(Closed)
    }
    async fn alias(&self) -> io::Result<u8> {
        Ok(1)
    }
}
