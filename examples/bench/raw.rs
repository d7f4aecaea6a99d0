//! The two servers to compare with: plain tokio-tungstenite, an echo plus a broadcast of one shared message.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Error, Message, protocol::WebSocketConfig},
};

/// How a raw server is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    /// What people usually write: default buffers, one `send().await` per message.
    Default,
    /// The practical limit: a small read buffer, and one flush for everything that is ready.
    Tuned,
}

/// A busy connection lets the others have their turn after this many messages.
const BATCH: usize = 64;

type Socket = WebSocketStream<TcpStream>;

#[derive(Clone, Debug, Default)]
struct Everyone(Arc<Mutex<HashMap<u64, UnboundedSender<Message>>>>);

pub(crate) async fn serve(style: Style, listener: TcpListener) -> io::Result<()> {
    let everyone = Everyone::default();
    let mut id = 0;
    loop {
        let (stream, _) = listener.accept().await?;
        id += 1;
        tokio::spawn(connection(style, stream, id, everyone.clone()));
    }
}

async fn connection(style: Style, stream: TcpStream, id: u64, everyone: Everyone) {
    let config = match style {
        Style::Default => WebSocketConfig::default(),
        Style::Tuned => WebSocketConfig::default().read_buffer_size(4096),
    };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(socket) = accept_async_with_config(stream, Some(config)).await else {
        return;
    };
    let inbox = everyone.join(id);
    // A client that goes away without a closing handshake is how every round ends.
    let _ = match style {
        Style::Default => plain(socket, inbox, &everyone).await,
        Style::Tuned => tuned(socket, inbox, &everyone).await,
    };
    everyone.leave(id);
}

async fn plain(
    mut socket: Socket,
    mut inbox: UnboundedReceiver<Message>,
    everyone: &Everyone,
) -> Result<(), Error> {
    loop {
        tokio::select! {
            received = socket.next() => match received.transpose()? {
                None => return Ok(()),
                Some(message) => if let Some(echo) = everyone.handle(message) {
                    socket.send(echo).await?;
                },
            },
            Some(message) = inbox.recv() => socket.send(message).await?,
        }
    }
}

async fn tuned(
    mut socket: Socket,
    mut inbox: UnboundedReceiver<Message>,
    everyone: &Everyone,
) -> Result<(), Error> {
    loop {
        tokio::select! {
            received = socket.next() => match received.transpose()? {
                None => return Ok(()),
                Some(message) => if let Some(echo) = everyone.handle(message) {
                    socket.feed(echo).await?;
                },
            },
            Some(message) = inbox.recv() => socket.feed(message).await?,
        }
        for _ in 0..BATCH {
            match socket.next().now_or_never() {
                Some(None) => return Ok(()),
                Some(Some(received)) => {
                    if let Some(echo) = everyone.handle(received?) {
                        socket.feed(echo).await?;
                    }
                }
                None => break,
            }
        }
        for _ in 0..BATCH {
            let Ok(message) = inbox.try_recv() else { break };
            socket.feed(message).await?;
        }
        socket.flush().await?;
    }
}

impl Everyone {
    fn join(&self, id: u64) -> UnboundedReceiver<Message> {
        let (sender, receiver) = unbounded_channel();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, sender);
        receiver
    }

    fn leave(&self, id: u64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    /// Broadcasts the message, or hands it back to be echoed.
    fn handle(&self, message: Message) -> Option<Message> {
        let Message::Text(text) = &message else {
            return None;
        };
        if !text.starts_with('B') {
            return Some(message);
        }
        for sender in self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            // The text is shared, not copied. A receiver that is gone is about to leave.
            let _ = sender.send(message.clone());
        }
        None
    }
}
