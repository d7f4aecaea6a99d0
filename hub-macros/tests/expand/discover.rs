#[hub(discover)]
impl Chat {}
