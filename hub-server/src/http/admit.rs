//! Who may reach what a request lists (`classic-signalr.md` 2.5 row 4, 13.4).

use http::StatusCode;
use hub_core::{ConnectionId, Identity, PersistentId, Request};

use super::query::Receive;
use crate::config::Transport;
use crate::connection::persistent::Refusal;
use crate::hubs::admit::admits;
use crate::node::Node;
use crate::server::Served;

/// The listed hubs that the sender may reach. A request that lists none is let pass.
///
/// # Errors
/// The status to answer with if none of those that are listed is left.
pub(crate) async fn admitted(
    node: &Node,
    served: &Served,
    listed: Option<Vec<usize>>,
    request: &Request,
    identity: &Identity,
) -> Result<Option<Vec<usize>>, StatusCode> {
    let Some(listed) = listed else {
        return Ok(None);
    };
    if let Some(connection) = &served.mount.connection {
        return match connection.authorize(request, identity).await {
            true => Ok(Some(listed)),
            false => Err(refused(identity)),
        };
    }
    let asked = listed.len();
    let admitted = reachable(node, listed, request, identity).await;
    if asked > 0 && admitted.is_empty() {
        return Err(refused(identity));
    }
    Ok(Some(admitted))
}

/// Those of these hubs that the sender may reach.
pub(crate) async fn reachable(
    node: &Node,
    hubs: Vec<usize>,
    request: &Request,
    identity: &Identity,
) -> Vec<usize> {
    let mut admitted = Vec::with_capacity(hubs.len());
    for hub in hubs {
        let Some(registered) = node.hubs.get(hub) else {
            continue;
        };
        if admits(registered, request, identity).await {
            admitted.push(hub);
        }
    }
    admitted
}

/// Whether there is a place for who asks to receive. Since it was told that it may come others may have come. A server that
/// is closed takes on nobody, and takes nobody back whom it has told to go; for a poll it has a word of its own.
pub(crate) fn has_place(
    node: &Node,
    id: &ConnectionId,
    receive: Receive,
    transport: Transport,
) -> bool {
    let known = node.registry.find(id);
    if node.is_closed() {
        let stays = known.is_some_and(|connection| !connection.is_parting());
        return stays || transport == Transport::LongPolling;
    }
    receive != Receive::Connect || known.is_some() || node.admits()
}

/// The persistent id that a request brings.
///
/// # Errors
/// How to answer one that is not taken.
pub(crate) async fn persistent_id(
    node: &Node,
    served: &Served,
    request: &Request,
    identity: &Identity,
) -> Result<Option<PersistentId>, (StatusCode, String)> {
    let text = request.query("persistentId");
    let Some(text) = text.filter(|text| !text.is_empty() && served.connection.is_none()) else {
        return Ok(None);
    };
    let (ids, user) = (&node.persistent_ids, identity.name.as_deref());
    let admitted = ids.admit(&*node.log, Some(&text), user).await;
    admitted.map(Some).map_err(status)
}

/// How a request is answered whose persistent id is not taken.
pub(crate) fn status(refusal: Refusal) -> (StatusCode, String) {
    let status = match refusal {
        Refusal::Unreadable => StatusCode::BAD_REQUEST,
        Refusal::Forged | Refusal::OtherUser => StatusCode::FORBIDDEN,
        Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, refusal.to_string())
}

fn refused(identity: &Identity) -> StatusCode {
    if identity.is_authenticated() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::UNAUTHORIZED
    }
}
