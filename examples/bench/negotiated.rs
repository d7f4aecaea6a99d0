//! Connects as classic clients in the field do them: negotiate over HTTP, the WebSocket with the token, the greeting, start
//! over the same HTTP connection; then both are closed.
//!
//! Such a client may come back, so the server keeps it for a while. What ends it, `/abort`, is sent after the round, so that
//! nobody is left for the next one; it is no part of what is measured.

use std::{
    io::{self, ErrorKind, Read, Write},
    mem,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Registry, Token, net::TcpStream};

use crate::{
    child::Server,
    classic::{self, Visitor},
    frame,
    measure::{Reading, Sample, Timing},
    swarm,
};

const HUB: &str = "bench";
/// Clients that are served before the first of them is closed.
const BATCH: usize = 250;
/// Clients that are on their way at once: as many as have their bare connections opened at once.
const OPENING: usize = 64;
/// How many goodbyes are said before the first answer is read.
const GOODBYES: usize = 64;
const SILENCE: Duration = Duration::from_secs(5);

/// One round.
pub(crate) fn round(server: &Server, timing: Timing) -> io::Result<Sample> {
    let mut gone = visit(server.address, BATCH)?;
    server.settle()?;
    let before = Reading::of(server)?;
    let (start, mut visits) = (Instant::now(), 0);
    while start.elapsed() < timing.round {
        gone.extend(visit(server.address, BATCH)?);
        visits += BATCH;
    }
    server.settle()?;
    let sample = before.sample(server, visits as u64)?;
    goodbye(server.address, &gone)?;
    Ok(sample)
}

/// So many clients come, are served, and close their sockets.
pub(crate) fn visit(server: SocketAddr, count: usize) -> io::Result<Vec<Visitor>> {
    let arrived = arrive(server, HUB, count, None)?;
    Ok(arrived.into_iter().map(|client| client.who).collect())
}

/// A client that is served, and its WebSocket.
pub(crate) struct Arrived {
    pub(crate) who: Visitor,
    /// The position that its greeting told it.
    pub(crate) cursor: String,
    pub(crate) stream: TcpStream,
    /// What has arrived after the greeting.
    pub(crate) input: Vec<u8>,
}

/// So many clients of a hub come and are served, with so much room on their WebSockets for what they don't read.
pub(crate) fn arrive(
    server: SocketAddr,
    hub: &'static str,
    count: usize,
    room: Option<usize>,
) -> io::Result<Vec<Arrived>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let (mut visits, mut done) = (Vec::with_capacity(count), 0);
    let mut scratch = vec![0; 16 * 1024];
    while done < count {
        while visits.len() < count && visits.len() - done < OPENING {
            let visit = Visit::begin(server, hub, room, visits.len(), poll.registry())?;
            visits.push(visit);
        }
        match poll.poll(&mut events, Some(SILENCE)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        if events.is_empty() {
            return Err(io::Error::other(format!("no answer for {SILENCE:?}")));
        }
        for event in &events {
            let Token(token) = event.token();
            let Some(visit) = visits.get_mut(token / 2) else {
                continue;
            };
            let before = visit.is_done();
            visit.turn(token % 2 == 1, poll.registry(), &mut scratch)?;
            done += usize::from(!before && visit.is_done());
        }
    }
    let arrived = visits
        .into_iter()
        .map(|visit| visit.arrived(poll.registry()));
    arrived.collect()
}

/// Tells the server that these do not come back.
pub(crate) fn goodbye(server: SocketAddr, gone: &[Visitor]) -> io::Result<()> {
    let mut stream = std::net::TcpStream::connect(server)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let (mut input, mut scratch) = (Vec::new(), [0; 4096]);
    for some in gone.chunks(GOODBYES) {
        let requests: Vec<u8> = some.iter().flat_map(Visitor::abort).collect();
        stream.write_all(&requests)?;
        for _ in some {
            let end = loop {
                if let Some((_, end)) = classic::answer(&input)? {
                    break end;
                }
                match stream.read(&mut scratch)? {
                    0 => return Err(io::Error::other("the server closed during goodbyes")),
                    count => input.extend_from_slice(scratch.split_at(count).0),
                }
            };
            input.drain(..end);
        }
    }
    Ok(())
}

/// A client on its way.
struct Visit {
    index: usize,
    server: SocketAddr,
    hub: &'static str,
    room: Option<usize>,
    phase: Phase,
    http: Line,
    socket: Option<Line>,
    who: Option<Visitor>,
    cursor: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Negotiating,
    Upgrading,
    Greeting,
    Starting,
    Done,
}

impl Visit {
    fn begin(
        server: SocketAddr,
        hub: &'static str,
        room: Option<usize>,
        index: usize,
        registry: &Registry,
    ) -> io::Result<Self> {
        let mut http = Line::open(server, 2 * index, None, registry)?;
        http.out = classic::negotiate(hub);
        http.flush()?;
        Ok(Self {
            index,
            server,
            hub,
            room,
            phase: Phase::Negotiating,
            http,
            socket: None,
            who: None,
            cursor: String::new(),
        })
    }

    /// What is left when it is done; its other connection ends.
    fn arrived(self, registry: &Registry) -> io::Result<Arrived> {
        let (Some(who), Some(mut socket)) = (self.who, self.socket) else {
            return Err(io::Error::other("a client did not arrive"));
        };
        registry.deregister(&mut socket.stream)?;
        Ok(Arrived {
            who,
            cursor: self.cursor,
            stream: socket.stream,
            input: socket.input,
        })
    }

    fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// One of its sockets is ready.
    fn turn(&mut self, socket: bool, registry: &Registry, scratch: &mut [u8]) -> io::Result<()> {
        let line = if socket {
            self.socket.as_mut()
        } else {
            Some(&mut self.http)
        };
        if let Some(line) = line {
            line.receive(scratch)?;
        }
        while self.step(registry)? {}
        self.http.flush()?;
        self.socket.as_mut().map_or(Ok(()), Line::flush)
    }

    /// Goes one step further, if what it takes has arrived.
    fn step(&mut self, registry: &Registry) -> io::Result<bool> {
        let heard = self.socket.as_mut().map(|line| &mut line.input);
        self.phase = match (self.phase, heard) {
            (Phase::Negotiating, _) => {
                let Some((body, end)) = classic::answer(&self.http.input)? else {
                    return Ok(false);
                };
                let who = Visitor::of(body, self.hub)?;
                self.http.input.drain(..end);
                let token = 2 * self.index + 1;
                let mut socket = Line::open(self.server, token, self.room, registry)?;
                socket.out = who.connect();
                (self.socket, self.who) = (Some(socket), Some(who));
                Phase::Upgrading
            }
            (Phase::Upgrading, Some(heard)) => {
                let Some(head) = frame::upgraded(heard)? else {
                    return Ok(false);
                };
                heard.drain(..head);
                Phase::Greeting
            }
            (Phase::Greeting, Some(heard)) => {
                let Some((frame::TEXT, text, rest)) = frame::read(heard)? else {
                    return Ok(false);
                };
                self.cursor = classic::greeting(text)?;
                let taken = heard.len() - rest.len();
                heard.drain(..taken);
                let start = self.who.as_ref().map(Visitor::start);
                self.http.out = start.unwrap_or_default();
                Phase::Starting
            }
            (Phase::Starting, _) => {
                let Some((body, _)) = classic::answer(&self.http.input)? else {
                    return Ok(false);
                };
                classic::started(body)?;
                Phase::Done
            }
            _ => return Ok(false),
        };
        Ok(true)
    }
}

/// A socket, what has arrived on it, and what it did not take yet.
struct Line {
    stream: TcpStream,
    input: Vec<u8>,
    out: Vec<u8>,
}

impl Line {
    fn open(
        server: SocketAddr,
        token: usize,
        room: Option<usize>,
        registry: &Registry,
    ) -> io::Result<Self> {
        let mut stream = swarm::dial(server, token, room)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, Token(token), interest)?;
        Ok(Self {
            stream,
            input: Vec::new(),
            out: Vec::new(),
        })
    }

    /// Reads all there is: the poll tells of new data only.
    fn receive(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(io::Error::other("the server closed a connection")),
                Ok(count) => self.input.extend_from_slice(scratch.split_at(count).0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.out) {
            Ok(count) if count == self.out.len() => drop(mem::take(&mut self.out)),
            Ok(count) => drop(self.out.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
