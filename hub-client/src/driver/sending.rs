//! What goes to the server: in the link, or as requests beside it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use hub_core::CallError;

use super::{Command, Driver};
use crate::calls::Waiter;
use crate::error::LinkError;
use crate::posts::{Posted, Posts};
use crate::transport::Link;

impl Driver {
    /// Whether the results of open calls stand behind events that wait for callbacks.
    pub(super) fn results_behind_events(&self) -> bool {
        self.posts.is_none() && !self.calls.is_empty()
    }

    /// Whether another call may go.
    pub(super) fn takes_calls(&self, link: &dyn Link) -> bool {
        match &self.posts {
            Some(posts) => posts.has_room(),
            None => link.idle(),
        }
    }

    pub(super) fn call(&mut self, command: Command, link: &mut dyn Link) {
        if command.reply.gave_up() {
            return;
        }
        let (reply, call) = command.split();
        let id = self.calls.open(reply);
        let frame = call.frame(id.clone());
        match &mut self.posts {
            Some(posts) => posts.call(id, &frame),
            None => link.send(frame),
        }
    }

    /// Keeps a call for the next link, if the application wants that and there is room.
    pub(super) fn hold(&mut self, command: Command) {
        let room = self.settings.queue;
        if self.held.len() >= room {
            self.held.retain(|held| !held.reply.gave_up());
        }
        if self.held.len() < room {
            self.held.push_back(command);
        } else {
            command.refuse();
        }
    }

    /// Makes calls that were kept, as far as they can go.
    pub(super) fn call_held(&mut self, link: &mut dyn Link) {
        while self.takes_calls(link)
            && let Some(command) = self.held.pop_front()
        {
            self.call(command, link);
        }
    }

    /// Sends the next answer, if there is one and it can go.
    pub(super) fn send_answer(&mut self, link: &mut dyn Link) {
        match &mut self.posts {
            Some(posts) if posts.answers() => {
                if let Some(answer) = self.answers.next() {
                    posts.answer(&answer);
                }
            }
            Some(_) => {}
            None => {
                if link.idle()
                    && let Some(answer) = self.answers.next()
                {
                    link.send(answer);
                }
            }
        }
    }

    /// There is another link: all answers go once more.
    pub(super) fn answers_again(&mut self) {
        self.answers.again();
        if let Some(posts) = &mut self.posts {
            posts.give_answer_up();
        }
    }

    /// A request was answered. One that carried an answer and failed has to go again, and does when there is a new link.
    pub(super) fn posted(&mut self, posted: Posted) -> Result<(), LinkError> {
        match posted {
            Posted::Call(id, outcome) => {
                if let Some(reply) = self.calls.take(&id) {
                    match outcome {
                        Ok(completion) => reply.end(completion),
                        Err(error) => reply.fail(CallError::Send(error)),
                    }
                }
                Ok(())
            }
            Posted::Answer(Ok(())) => Ok(()),
            Posted::Answer(Err(error)) => Err(LinkError::Failed(Arc::new(error))),
        }
    }
}

/// The next request that is done.
pub(super) async fn next(posts: &mut Option<Posts>) -> Posted {
    poll_fn(|cx| match posts {
        Some(posts) => posts.poll(cx),
        None => Poll::Pending,
    })
    .await
}
