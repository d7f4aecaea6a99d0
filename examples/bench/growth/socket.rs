//! One WebSocket that waits: what sets a scene, and a client that comes back.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{classic, frame};

/// Whatever takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Socket {
    stream: TcpStream,
    input: Vec<u8>,
    /// All that was read, whatever for.
    pub(super) bytes: u64,
}

impl Socket {
    /// Connects, and sends a request for the upgrade.
    pub(super) fn open(server: SocketAddr, upgrade: &[u8]) -> io::Result<Self> {
        let mut socket = Self {
            stream: dial(server)?,
            input: Vec::new(),
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

    /// A client without negotiation.
    pub(super) fn bare(server: SocketAddr) -> io::Result<Self> {
        let mut socket = Self::open(server, &frame::upgrade("/signalr"))?;
        classic::greeting(&socket.text()?)?;
        Ok(socket)
    }

    /// The next text.
    pub(super) fn text(&mut self) -> io::Result<Vec<u8>> {
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

    /// Calls a method of the hub that grows, and waits until it has ended.
    pub(super) fn call(&mut self, method: &str, args: &str) -> io::Result<()> {
        let call = format!(r#"{{"H":"growth","M":"{method}","A":{args},"I":"x"}}"#);
        let mut out = Vec::new();
        frame::write(frame::TEXT, call.as_bytes(), &mut out);
        self.stream.write_all(&out)?;
        loop {
            let text = self.text()?;
            if text == br#"{"I":"x"}"# {
                return Ok(());
            }
            // Beside answers there are keep-alives, and tokens of groups.
            if !text.starts_with(br#"{"C":"#) && text != b"{}" {
                let text = String::from_utf8_lossy(&text);
                return Err(io::Error::other(format!("{method} was answered {text}")));
            }
        }
    }

    /// Reads until what has arrived ends with a text that has this in it, and gives all texts.
    pub(super) fn until(mut self, last: &str) -> io::Result<Vec<u8>> {
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

/// A request over HTTP, on a connection of its own, and the body of its answer.
pub(super) fn ask(server: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
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
