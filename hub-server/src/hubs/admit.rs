//! Whether somebody may reach a hub (`classic-signalr.md` 13.4).

use hub_core::{Admission, BoxFuture, Identity, Next, Request};

use super::table::Registered;

/// Filters are asked first; what the hub asks for counts whatever they say.
pub(crate) async fn admits(
    registered: &Registered,
    request: &Request,
    identity: &Identity,
) -> bool {
    if let Some(filters) = &registered.filters {
        let admission = Admission {
            hub: registered.name.clone(),
            spec: registered.spec,
            request: request.clone(),
            identity: identity.clone(),
        };
        let end = |_| -> BoxFuture<'_, _> { Box::pin(std::future::ready(true)) };
        if !Next::new(filters, end).run(admission).await {
            return false;
        }
    }
    let mut rules = registered.authorize.iter();
    rules.all(|rule| rule.allows_receiving(identity, request))
}
