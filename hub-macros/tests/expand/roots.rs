#[hub_for_server]
impl Chat {}

#[hub_client_for_client]
trait Client {}

#[hub(crate = my::own)]
impl Other {}
