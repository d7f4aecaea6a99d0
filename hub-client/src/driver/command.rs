//! A call on its way from a handle to the link, and its answer on the way back.

use bytes::{Bytes, BytesMut};
use hub_core::{
    Args, Call, CallError, ClassicClient, Failure, InvocationId, Message, Payload, Protocol,
    ProtocolError,
};
use serde::ser::Error;
use smol_str::SmolStr;
use tokio::sync::oneshot;

use crate::calls::Waiter;

/// Where a call's result goes.
pub(super) type Reply = oneshot::Sender<Result<Payload, CallError>>;

impl Waiter for Reply {
    fn gave_up(&self) -> bool {
        self.is_closed()
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
}

impl Command {
    /// A call, and where its result will appear. Fails when `args` is no JSON array.
    pub(crate) fn new(
        hub: &str,
        method: &str,
        args: &Payload,
    ) -> Result<(Self, oneshot::Receiver<Result<Payload, CallError>>), CallError> {
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
        };
        let (reply, result) = oneshot::channel();
        Ok((Self { what, reply }, result))
    }

    /// Says that there is no connection.
    pub(super) fn refuse(self) {
        // A caller that gave up is fine, here and below.
        let _ = self.reply.send(Err(CallError::NotConnected));
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
            state: None,
            streams: Vec::new(),
        });
        let mut frame = BytesMut::new();
        ClassicClient.write(&call, &mut frame);
        frame.freeze()
    }
}

/// Hands a call's end to its caller; no value is JSON's null.
pub(super) fn answer(reply: Reply, outcome: Result<Option<Payload>, Failure>) {
    let result = match outcome {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Payload::of(&()).map_err(CallError::Decode),
        Err(failure) => Err(CallError::Hub {
            message: failure.message,
            data: failure.data,
            public: failure.public,
        }),
    };
    let _ = reply.send(result);
}
