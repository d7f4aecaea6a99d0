//! A call on its way from a handle to the link, and its answer on the way back.

use bytes::{Bytes, BytesMut};
use hub_core::{
    Args, Call, CallError, ClassicClient, Completion, InvocationId, Message, Payload, Protocol,
    ProtocolError,
};
use serde::ser::Error;
use smol_str::SmolStr;
use tokio::sync::{mpsc, oneshot};

use crate::calls::Waiter;
use crate::hub_state::HubState;

type Result<T, E = CallError> = std::result::Result<T, E>;

/// Where a call's result goes, and its reports if somebody wants them.
pub(super) struct Reply {
    result: oneshot::Sender<Result<Payload>>,
    reports: Option<mpsc::UnboundedSender<Payload>>,
    /// What the method may change.
    state: HubState,
}

impl Waiter for Reply {
    fn gave_up(&self) -> bool {
        self.result.is_closed()
    }
}

// A caller that gave up meanwhile is fine.
impl Reply {
    pub(super) fn report(&self, value: Payload) {
        if let Some(reports) = &self.reports {
            let _ = reports.send(value);
        }
    }

    /// No value is JSON's null.
    pub(super) fn end(self, completion: Completion) {
        if let Some(changes) = &completion.state {
            self.state.change(changes);
        }
        let result = match completion.outcome {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Payload::of(&()).map_err(CallError::Decode),
            Err(failure) => Err(CallError::Hub {
                message: failure.message,
                data: failure.data,
                public: failure.public,
            }),
        };
        let _ = self.result.send(result);
    }

    pub(super) fn fail(self, error: CallError) {
        let _ = self.result.send(Err(error));
    }
}

/// What a handle asks the driver to call.
pub(crate) struct Command {
    what: What,
    pub(super) reply: Reply,
}

pub(super) struct What {
    hub: SmolStr,
    method: SmolStr,
    args: Args,
    state: Option<Payload>,
}

impl Command {
    /// A call, and where its result will appear. Fails when `args` is no JSON array.
    pub(crate) fn new(
        hub: &str,
        method: &str,
        args: &Payload,
        state: HubState,
    ) -> Result<(Self, oneshot::Receiver<Result<Payload>>)> {
        let args = Args::parse(args.as_bytes().clone()).map_err(|error| {
            CallError::Encode(match error {
                ProtocolError::Json(error) => error,
                error => Error::custom(error),
            })
        })?;
        let what = What {
            hub: SmolStr::new(hub),
            method: SmolStr::new(method),
            args,
            state: state.sent(),
        };
        let (reply, result) = oneshot::channel();
        let reply = Reply {
            result: reply,
            reports: None,
            state,
        };
        Ok((Self { what, reply }, result))
    }

    /// Where the call's reports will appear. They end when the result is there.
    pub(crate) fn reports(&mut self) -> mpsc::UnboundedReceiver<Payload> {
        // Not bounded: a caller that does not read must not stop the others, and no report may be lost.
        let (sender, reports) = mpsc::unbounded_channel();
        self.reply.reports = Some(sender);
        reports
    }

    /// Says that there is no connection.
    pub(super) fn refuse(self) {
        self.reply.fail(CallError::NotConnected);
    }

    pub(super) fn split(self) -> (Reply, What) {
        (self.reply, self.what)
    }
}

impl What {
    /// The call as it is written.
    pub(super) fn frame(self, id: InvocationId) -> Bytes {
        let call = Message::Call(Call {
            id: Some(id),
            hub: self.hub,
            method: self.method,
            args: self.args,
            state: self.state,
            streams: Vec::new(),
        });
        let mut frame = BytesMut::new();
        ClassicClient.write(&call, &mut frame);
        frame.freeze()
    }
}
