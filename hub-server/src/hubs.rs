//! Hubs: which there are, how calls reach them and how they send.

pub(crate) mod admit;
pub(crate) mod answer;
pub(crate) mod asks;
pub(crate) mod deliver;
pub(crate) mod dispatch;
pub(crate) mod handle;
pub(crate) mod live;
mod names;
mod past;
mod queue;
pub(crate) mod raw;
pub(crate) mod table;
