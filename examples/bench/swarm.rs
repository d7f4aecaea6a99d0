//! The load generator: many WebSocket connections on one thread, hand-built frames, non-blocking sockets.

use std::{
    io::{self, ErrorKind, Read, Write},
    mem,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};
use socket2::{Domain, Socket, Type};

use crate::{frame, wire::Dialect};

/// What a scenario sends and what it expects.
pub(crate) trait Load {
    /// A connection may send its first message now.
    fn start(&mut self, _peer: usize, _now: Instant, _out: &mut Vec<u8>) {}

    /// A text has arrived; what the connection sends in return goes into `out`.
    fn text(&mut self, peer: usize, text: &[u8], now: Instant, out: &mut Vec<u8>)
    -> io::Result<()>;

    /// Everything that was ready has been read; what the first connection sends goes into `out`.
    fn tick(&mut self, _out: &mut Vec<u8>) {}

    /// How long `tick` may wait while nothing arrives.
    fn patience(&self) -> Duration {
        Duration::from_millis(100)
    }
}

/// Connections to one server.
#[derive(Debug)]
pub(crate) struct Swarm {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    peers: Vec<Peer>,
    dialect: Dialect,
    open: usize,
    /// Since when nothing has arrived.
    quiet: Option<Instant>,
}

#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    phase: Phase,
    /// Whether the first text says that the connection works.
    greeted: bool,
    /// The start of a frame that has not arrived in full.
    partial: Vec<u8>,
    /// What the socket did not take yet.
    out: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Upgrading,
    Greeting,
    Open,
}

/// Connections being opened at once; fewer than any server's backlog.
const OPENING: usize = 64;
/// One source address has some 28,000 ports, and the benchmark is not the only one to use them.
const CONNECTIONS_PER_ADDRESS: usize = 2000;
/// A server that says nothing for so long has lost something.
const SILENCE: Duration = Duration::from_secs(5);

impl Swarm {
    /// Opens `count` connections, and returns when every one of them is ready to be used.
    pub(crate) fn connect(server: SocketAddr, dialect: Dialect, count: usize) -> io::Result<Self> {
        let upgrades = (0..count).map(|_| frame::upgrade(dialect.path()));
        let mut swarm = Self::new(dialect)?;
        swarm.open(server, upgrades, OPENING, dialect.greets(), &mut Nothing)?;
        Ok(swarm)
    }

    /// One without connections.
    pub(crate) fn new(dialect: Dialect) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            scratch: vec![0; 64 * 1024],
            peers: Vec::new(),
            dialect,
            open: 0,
            quiet: None,
        })
    }

    /// Opens a connection with each of these requests, so many at once, and returns when all of them can be used. What comes
    /// meanwhile is for `load`; whoever comes back is not greeted.
    pub(crate) fn open(
        &mut self,
        server: SocketAddr,
        upgrades: impl IntoIterator<Item = Vec<u8>>,
        at_once: usize,
        greeted: bool,
        load: &mut impl Load,
    ) -> io::Result<()> {
        let mut upgrades = upgrades.into_iter().peekable();
        while upgrades.peek().is_some() || self.open < self.peers.len() {
            while self.peers.len() - self.open < at_once
                && let Some(upgrade) = upgrades.next()
            {
                self.add(server, upgrade, greeted)?;
            }
            self.turn(load)?;
        }
        Ok(())
    }

    /// What one of them sends goes into the buffer that `write` is given, which holds what its socket did not take yet.
    pub(crate) fn send(
        &mut self,
        index: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<()> {
        let Some(peer) = self.peers.get_mut(index) else {
            return Ok(());
        };
        write(&mut peer.out);
        peer.flush()
    }

    fn add(&mut self, server: SocketAddr, upgrade: Vec<u8>, greeted: bool) -> io::Result<()> {
        let index = self.peers.len();
        let mut stream = dial(server, index, None)?;
        self.poll.registry().register(
            &mut stream,
            Token(index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let mut peer = Peer {
            stream,
            phase: Phase::Upgrading,
            greeted,
            partial: Vec::new(),
            out: upgrade,
        };
        peer.flush()?;
        self.peers.push(peer);
        Ok(())
    }

    /// Lets every connection send its first message.
    pub(crate) fn start(&mut self, load: &mut impl Load) -> io::Result<()> {
        for (index, peer) in self.peers.iter_mut().enumerate() {
            load.start(index, Instant::now(), &mut peer.out);
            peer.flush()?;
        }
        Ok(())
    }

    /// Waits until something is ready, and handles all that is.
    pub(crate) fn turn(&mut self, load: &mut impl Load) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(load.patience())) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result?,
        }
        if self.events.is_empty() {
            if self.quiet.get_or_insert_with(Instant::now).elapsed() > SILENCE {
                return Err(io::Error::other(format!(
                    "nothing arrived for {SILENCE:?}, and something should have"
                )));
            }
        } else {
            self.quiet = None;
        }
        for event in &self.events {
            let Token(index) = event.token();
            let Some(peer) = self.peers.get_mut(index) else {
                continue;
            };
            let opening = peer.phase != Phase::Open;
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                peer.receive(index, self.dialect, &mut self.scratch, load)?;
            }
            peer.flush()?;
            self.open += usize::from(opening && peer.phase == Phase::Open);
        }
        if let Some(first) = self.peers.first_mut() {
            load.tick(&mut first.out);
            first.flush()?;
        }
        Ok(())
    }
}

/// Connection number `index` to a server, non-blocking, with so much room for what is not read.
pub(crate) fn dial(server: SocketAddr, index: usize, room: Option<usize>) -> io::Result<TcpStream> {
    let address = u8::try_from(1 + index / CONNECTIONS_PER_ADDRESS).map_err(io::Error::other)?;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, address), 0)).into())?;
    if let Some(room) = room {
        socket.set_recv_buffer_size(room)?;
    }
    socket.connect(&server.into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    // Closing resets the connection: no port is left waiting for the next round.
    socket.set_linger(Some(Duration::ZERO))?;
    Ok(TcpStream::from_std(socket.into()))
}

impl Peer {
    /// Reads all there is: the poll tells of new data only.
    fn receive(
        &mut self,
        index: usize,
        dialect: Dialect,
        scratch: &mut [u8],
        load: &mut impl Load,
    ) -> io::Result<()> {
        loop {
            let count = match self.stream.read(scratch) {
                Ok(0) => return Err(io::Error::other("the server closed a connection")),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            let read = scratch.split_at(count).0;
            if self.partial.is_empty() {
                let rest = self.frames(index, dialect, read, now, load)?;
                self.partial.extend_from_slice(rest);
            } else {
                let mut joined = mem::take(&mut self.partial);
                joined.extend_from_slice(read);
                let rest = self.frames(index, dialect, &joined, now, load)?;
                self.partial.extend_from_slice(rest);
            }
            if count < scratch.len() {
                return Ok(());
            }
        }
    }

    /// Handles every frame in `input` and returns what is left.
    fn frames<'a>(
        &mut self,
        index: usize,
        dialect: Dialect,
        mut input: &'a [u8],
        now: Instant,
        load: &mut impl Load,
    ) -> io::Result<&'a [u8]> {
        if self.phase == Phase::Upgrading {
            let Some(head) = frame::upgraded(input)? else {
                return Ok(input);
            };
            input = input.split_at(head).1;
            self.phase = if self.greeted {
                Phase::Greeting
            } else {
                Phase::Open
            };
        }
        while let Some((opcode, payload, rest)) = frame::read(input)? {
            input = rest;
            match opcode {
                frame::TEXT if self.phase == Phase::Greeting => {
                    if !payload.windows(6).any(|six| six == br#""S":1,"#) {
                        return Err(unexpected(payload));
                    }
                    self.phase = Phase::Open;
                }
                frame::TEXT if dialect.idle(payload) => {}
                frame::TEXT => load.text(index, payload, now, &mut self.out)?,
                frame::PING => frame::write(frame::PONG, payload, &mut self.out),
                frame::PONG => {}
                frame::CLOSE => return Err(io::Error::other("the server closed a WebSocket")),
                _ => return Err(unexpected(payload)),
            }
        }
        Ok(input)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.out) {
            Ok(count) if count == self.out.len() => self.out.clear(),
            // The rest follows when the poll says that the socket takes more.
            Ok(count) => drop(self.out.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// While connections open, no message is due.
pub(crate) struct Nothing;

impl Load for Nothing {
    fn text(&mut self, _: usize, text: &[u8], _: Instant, _: &mut Vec<u8>) -> io::Result<()> {
        Err(unexpected(text))
    }
}

fn unexpected(payload: &[u8]) -> io::Error {
    io::Error::other(format!(
        "nothing was expected, received {}",
        String::from_utf8_lossy(payload)
    ))
}
