//! One WebSocket that waits: what sets a scene, and a client that comes back.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::{
    classic::{self, Visitor},
    frame::{self, Number, Stamp},
    wire::outcome,
};

/// Whatever takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Socket {
    stream: TcpStream,
    input: Vec<u8>,
    /// Whose methods it calls.
    hub: &'static str,
    /// All that was read, whatever for.
    pub(crate) bytes: u64,
}

impl Socket {
    /// Connects, and sends a request for the upgrade.
    pub(crate) fn open(server: SocketAddr, hub: &'static str, upgrade: &[u8]) -> io::Result<Self> {
        let mut socket = Self {
            stream: dial(server)?,
            input: Vec::new(),
            hub,
            bytes: 0,
        };
        socket.stream.write_all(upgrade)?;
        let head = loop {
            if let Some(head) = frame::upgraded(&socket.input)? {
                break head;
            }
            socket.more()?;
        };
        socket.input.drain(..head);
        Ok(socket)
    }

    /// A client without negotiation, which is on every hub.
    pub(crate) fn bare(server: SocketAddr, hub: &'static str) -> io::Result<Self> {
        let mut socket = Self::open(server, hub, &frame::upgrade("/signalr"))?;
        classic::greeting(&socket.text()?)?;
        Ok(socket)
    }

    /// One with negotiation, which is on one hub only.
    pub(crate) fn on(server: SocketAddr, hub: &'static str) -> io::Result<Self> {
        let visitor = Visitor::of(&ask(server, &classic::negotiate(hub))?, hub)?;
        let mut socket = Self::open(server, hub, &visitor.connect())?;
        classic::greeting(&socket.text()?)?;
        classic::started(&ask(server, &visitor.start())?)?;
        Ok(socket)
    }

    /// The next text.
    pub(crate) fn text(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some((opcode, payload, rest)) = frame::read(&self.input)? {
                let (payload, end) = (payload.to_vec(), self.input.len() - rest.len());
                self.input.drain(..end);
                match opcode {
                    frame::TEXT => return Ok(payload),
                    frame::CLOSE => return Err(io::Error::other("the server closed a WebSocket")),
                    _ => continue,
                }
            }
            self.more()?;
        }
    }

    /// Calls a method that has no result, and waits until it has ended.
    pub(crate) fn call(&mut self, method: &str, args: &str) -> io::Result<()> {
        let answer = self.answer(method, args)?;
        if answer == br#"{"I":"x"}"# {
            return Ok(());
        }
        Err(wrong(method, &answer))
    }

    /// Calls a method whose result is a number.
    pub(crate) fn number(&mut self, method: &str, args: &str) -> io::Result<u64> {
        let answer = self.answer(method, args)?;
        let number = serde_json::from_slice::<Value>(&answer)
            .ok()
            .and_then(|answer| answer.get("R")?.as_u64());
        number.ok_or_else(|| wrong(method, &answer))
    }

    /// Makes a call that was written before, and waits until it has ended well.
    pub(crate) fn stamped(&mut self, call: &Stamp, number: Number) -> io::Result<()> {
        let mut out = Vec::new();
        call.write(number, &mut out);
        let answer = self.ask(&out)?;
        match outcome(&answer) {
            Some((answered, true)) if answered == number => Ok(()),
            _ => Err(wrong("a call", &answer)),
        }
    }

    fn answer(&mut self, method: &str, args: &str) -> io::Result<Vec<u8>> {
        let hub = self.hub;
        let call = format!(r#"{{"H":"{hub}","M":"{method}","A":{args},"I":"x"}}"#);
        let mut out = Vec::new();
        frame::write(frame::TEXT, call.as_bytes(), &mut out);
        self.ask(&out)
    }

    /// Sends a call, and reads up to an answer.
    fn ask(&mut self, call: &[u8]) -> io::Result<Vec<u8>> {
        self.stream.write_all(call)?;
        loop {
            let text = self.text()?;
            // Beside answers there are keep-alives, and tokens of groups.
            if !text.starts_with(br#"{"C":"#) && text != b"{}" {
                return Ok(text);
            }
        }
    }

    /// Reads until what has arrived ends with a text that has this in it, and gives all texts.
    pub(crate) fn until(mut self, last: &str) -> io::Result<Vec<u8>> {
        // The last message stands at the end of its frame.
        let reach = 2 * last.len() + 512;
        loop {
            let from = self.input.len().saturating_sub(reach);
            let tail = self.input.get(from..).unwrap_or_default();
            let mut places = tail.windows(last.len());
            if places.any(|text| text == last.as_bytes()) && tail.ends_with(b"]}") {
                return Ok(self.input);
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut scratch = [0; 64 * 1024];
        match self.stream.read(&mut scratch)? {
            0 => Err(io::Error::other("the server closed a connection")),
            count => {
                self.bytes += count as u64;
                self.input.extend_from_slice(scratch.split_at(count).0);
                Ok(())
            }
        }
    }
}

fn wrong(method: &str, answer: &[u8]) -> io::Error {
    let answer = String::from_utf8_lossy(answer);
    io::Error::other(format!("{method} was answered {answer}"))
}

/// A request over HTTP, on a connection of its own, and the body of its answer.
pub(crate) fn ask(server: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = dial(server)?;
    stream.write_all(request)?;
    let (mut input, mut scratch) = (Vec::new(), [0; 4096]);
    loop {
        if let Some((body, _)) = classic::answer(&input)? {
            return Ok(body.to_vec());
        }
        match stream.read(&mut scratch)? {
            0 => return Err(io::Error::other("the server did not answer")),
            count => input.extend_from_slice(scratch.split_at(count).0),
        }
    }
}

fn dial(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
