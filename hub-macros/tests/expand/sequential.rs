#[hub(sequential)]
impl Ledger {
    async fn book(&self, amount: i64) {}
}

#[hub(sequential, discover)]
impl Chat for ChatHub {}
