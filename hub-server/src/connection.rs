//! Connections: what a node knows of each client, how the log's tail reaches them, and how they come, stay and end.

pub(crate) mod busy;
pub(crate) mod claim;
pub(crate) mod downlink;
pub(crate) mod expiry;
pub(crate) mod frames;
pub(crate) mod heartbeat;
pub(crate) mod inbound;
pub(crate) mod indexes;
pub(crate) mod lifetime;
pub(crate) mod link;
pub(crate) mod measured;
pub(crate) mod owners;
pub(crate) mod parting;
pub(crate) mod persistent;
pub(crate) mod presence;
pub(crate) mod pressure;
pub(crate) mod properties;
pub(crate) mod pump;
pub(crate) mod registry;
pub(crate) mod resume;
pub(crate) mod sessions;
