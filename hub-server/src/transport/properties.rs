//! Session properties as clients of XSockets' protocols read and write them: `set_<name>`, `get_<name>` (`delivery.md` c).

use hub_core::{Args, Context, Packet, Payload};

use crate::connection::properties::Property;
use crate::hubs::table::Registered;
use crate::node::Node;

/// What a topic asks of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Set,
    Get,
}

/// The property that a topic is about, unless the hub has a method of that name.
pub(super) fn of_topic<'a>(
    node: &'a Node,
    hub: &Registered,
    topic: &str,
) -> Option<(What, &'a Property)> {
    if node.properties.is_empty() || hub.has(topic) {
        return None;
    }
    let (verb, name) = topic.split_once('_')?;
    let what = match verb {
        _ if verb.eq_ignore_ascii_case("set") => What::Set,
        _ if verb.eq_ignore_ascii_case("get") => What::Get,
        _ => return None,
    };
    Some((what, node.properties.find(name)?))
}

/// Does it; gives the value that was asked for.
///
/// # Errors
/// What to tell the client.
pub(super) async fn change(
    cx: &Context,
    what: What,
    property: &Property,
    packet: &Packet,
) -> Result<Option<Payload>, &'static str> {
    if what == What::Get {
        return Ok((property.get)(cx.items()));
    }
    // One value, read as an argument of a method would be.
    let args = Args::parse(packet.published().as_bytes().clone()).ok();
    let storing = args.and_then(|args| (property.store)(cx, args.lenient()).ok());
    let storing = storing.ok_or("that is no value for this property")?;
    storing.await.map_err(|error| {
        tracing::warn!(connection = %cx.connection_id(), %error, "a property was not kept");
        "the property could not be kept"
    })?;
    Ok(None)
}
