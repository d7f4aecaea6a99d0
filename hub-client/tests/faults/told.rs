//! What a client tells about itself, and whether it may.

use hub_client::{ClientEvent, ClientEvents, CloseReason, LinkError, State};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Why a script failed.
pub(crate) type Wrong = String;

/// Hears everything from a client's start to its end.
pub(crate) fn listen(mut events: ClientEvents, on: &Handle) -> JoinHandle<Vec<ClientEvent>> {
    on.spawn(async move {
        let mut all = Vec::new();
        while let Some(event) = events.next().await {
            all.push(event);
        }
        all
    })
}

/// Checks the order: of the seven transitions (`classic-signalr.md` 10.5) a client that was connected has four left, a loss
/// comes before each try to come back, and the end is told once and last. Gives why it ended.
pub(crate) fn check(
    all: &[ClientEvent],
    first: State,
    loses_links: bool,
    restarts: bool,
) -> Result<CloseReason, Wrong> {
    let mut state = first;
    let mut lost = false;
    let mut closed = None;
    for event in all {
        if let Some(reason) = &closed {
            return Err(format!("{event:?} after {reason:?}"));
        }
        match event {
            ClientEvent::StateChanged { from, to } => {
                let may = match (from, to) {
                    (State::Connected, State::Reconnecting) => lost,
                    (State::Reconnecting, State::Connected) => !lost,
                    (State::Connected | State::Reconnecting, State::Disconnected) => !lost,
                    _ => false,
                };
                if !may || *from != state {
                    return Err(format!("{event:?} while {state:?}"));
                }
                state = *to;
                lost = false;
            }
            ClientEvent::Lost(error) => {
                // A machine that stalls is silent, too.
                let silent = matches!(error, LinkError::Silent(_));
                if state != State::Connected || lost || !(loses_links || silent) {
                    return Err(format!("{event:?} while {state:?}"));
                }
                lost = true;
            }
            ClientEvent::Slow if state == State::Connected => {}
            ClientEvent::Gap { .. } if restarts => {}
            ClientEvent::Closed(reason) if state == State::Disconnected => {
                closed = Some(reason.clone());
            }
            _ => return Err(format!("{event:?} while {state:?}")),
        }
    }
    closed.ok_or_else(|| format!("no end: {all:?}"))
}

/// How many numbers there are to an era: from one start of the server to the next.
pub(crate) const ERA: u64 = 1_000_000;

/// From where on in an era numbers only show that the client hears.
pub(crate) const MARKERS: u64 = ERA / 2;

/// Checks what was heard: all in order, nothing twice, and nothing left out between what came of an era and its beginning.
/// `sent` is how many numbers each era had; all of the last one have to be there if `complete`.
pub(crate) fn heard(numbers: &[u64], sent: &[u64], complete: bool) -> Result<(), Wrong> {
    let (markers, counted): (Vec<u64>, Vec<u64>) =
        numbers.iter().partition(|number| *number % ERA >= MARKERS);
    let wrong = || Err(format!("heard {numbers:?} of {sent:?}"));
    let mut expected = Vec::new();
    let mut newest = 0;
    for (era, sent) in (0..).zip(sent) {
        let of_era = |number: &&u64| **number / ERA == era;
        newest = counted.iter().filter(of_era).count() as u64;
        if newest > *sent {
            return wrong();
        }
        expected.extend((0..newest).map(|number| era * ERA + number));
    }
    if counted != expected || !markers.is_sorted_by(|one, other| one < other) {
        return wrong();
    }
    if complete && Some(&newest) != sent.last() {
        return wrong();
    }
    Ok(())
}
