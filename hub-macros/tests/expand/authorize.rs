#[hub(authorize = "admin", authorize(users("x")))]
#[doc = "Between them."]
#[hub(name = "chat", authorize(require_outgoing = false))]
impl Chat {
    #[hub(authorize)]
    #[hub(authorize(check = policy::<u8>::may, roles("a", "b",)), name = "post")]
    async fn send(&self) {}
    #[hub(authorize(check = Self::may))]
    async fn own(&self) {}
    #[hub(authorize(check = <Policy as May>::may, users("ann", "bob")))]
    async fn other(&self) {}
    async fn open(&self) {}
    fn may(_: &Identity, _: &Request) -> bool {
        true
    }
}

#[hub(authorize(roles("op"), users("ann"), require_outgoing = true, check = ::policy::may))]
#[hub(authorize)]
trait Contract {
    #[hub(authorize = "admin")]
    async fn send(&self);
    #[hub(authorize(check = Self::may))]
    async fn own(&self);
}
