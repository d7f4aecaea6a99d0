//! The dashboard, which is a hub and a page.

use std::sync::Arc;

use super::Builder;
use crate::build_error::BuildError;
use crate::dashboard::{Board, Dashboard, HUB};
use crate::hubs::table::HubTable;
use crate::mount::Mount;
use crate::node::Node;

impl Builder {
    /// Serves a [`Dashboard`]: its hub, `dashboard`, beside the others, and its page at `/dashboard` below the first mount of
    /// hubs (`/signalr/dashboard`), unless it has a path of its own.
    #[must_use]
    pub fn dashboard(mut self, dashboard: Dashboard) -> Self {
        let board = Arc::new(Board::new(dashboard));
        self.hubs.push(board.clone());
        self.board = Some(board);
        self
    }
}

/// Gives it its place, and puts its question around its hub.
///
/// # Errors
/// When there is no place for it.
pub(super) fn place(
    board: Option<&Arc<Board>>,
    mounts: &[Mount],
    hubs: &mut HubTable,
) -> Result<(), BuildError> {
    let Some(board) = board else { return Ok(()) };
    if let Some(path) = board.path().filter(|path| !path.starts_with('/')) {
        return Err(BuildError::Path(path.to_owned()));
    }
    if mounts.iter().all(|mount| mount.connection.is_some()) {
        let why = "The dashboard is a client of a hub: it needs a mount of hubs.";
        return Err(BuildError::Setting(why));
    }
    board.warn();
    hubs.guard(HUB, board.clone());
    Ok(())
}

/// Tells it of its node, once there is one.
pub(super) fn settle(node: &Arc<Node>) {
    if let Some(board) = &node.board {
        board.belongs_to(node);
    }
}
