//! What is said to those who asked the writer for something.

use hub_core::{Append, LeaseKey, LogError, Receipt, Taken};

use super::entry::Draft;
use super::jobs::Reply;
use crate::log::kept::State;
use crate::log::kept::plan::Placed;

/// What is answered once it is written.
pub(super) enum Answer {
    Append(Vec<Append>, Vec<Draft>, Vec<Placed>, Reply<Vec<Receipt>>),
    /// It can't be written, whatever the disk does.
    Refused(LogError, Reply<Vec<Receipt>>),
    Take(Taken, Reply<Taken>),
    Put(Result<(), LogError>, Reply<()>),
    Sweep(Vec<LeaseKey>, Reply<Vec<LeaseKey>>),
    Bind(bool, Reply<bool>),
    Reserve(Reply<()>),
}

/// What is to be said to whoever asked; entries are in memory from now on.
pub(super) fn tell(
    state: &mut State,
    answer: Answer,
    failed: Option<&str>,
) -> Box<dyn FnOnce() + Send> {
    fn say<T: Send + 'static>(
        reply: Reply<T>,
        answer: Result<T, LogError>,
    ) -> Box<dyn FnOnce() + Send> {
        Box::new(move || drop(reply.send(answer)))
    }
    let unavailable = |text: &str| LogError::Unavailable(text.into());
    match (answer, failed) {
        (Answer::Append(entries, _, placed, reply), None) => {
            let entries = entries.into_iter().zip(placed);
            let receipts = entries.map(|(entry, placed)| state.append(entry, placed));
            say(reply, Ok(receipts.collect()))
        }
        (Answer::Refused(why, reply), _) => say(reply, Err(why)),
        (Answer::Take(taken, reply), None) => say(reply, Ok(taken)),
        (Answer::Put(put, reply), None) => say(reply, put),
        (Answer::Sweep(over, reply), None) => say(reply, Ok(over)),
        (Answer::Bind(bound, reply), None) => say(reply, Ok(bound)),
        (Answer::Reserve(reply), None) => say(reply, Ok(())),
        (Answer::Append(.., reply), Some(text)) => say(reply, Err(unavailable(text))),
        (Answer::Take(_, reply), Some(text)) => say(reply, Err(unavailable(text))),
        // Fenced is fenced, whatever the disk does.
        (Answer::Put(put, reply), Some(text)) => {
            say(reply, put.and_then(|()| Err(unavailable(text))))
        }
        (Answer::Sweep(_, reply), Some(text)) => say(reply, Err(unavailable(text))),
        (Answer::Bind(_, reply), Some(text)) => say(reply, Err(unavailable(text))),
        (Answer::Reserve(reply), Some(text)) => say(reply, Err(unavailable(text))),
    }
}
