//! HTTP and WebSockets over plain sockets: nothing between the test and what the server wrote.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    pub reason: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(known, value)| (known.eq_ignore_ascii_case(name)).then_some(&**value))
    }
}

#[derive(Debug)]
pub enum Arrival {
    Head(Head),
    /// A part of a body.
    Data(Vec<u8>),
    /// A whole WebSocket message, or a control frame.
    Frame(u8, Vec<u8>),
    /// The body is complete.
    Complete,
    /// The connection has ended otherwise.
    Cut,
}

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A TCP connection with one request on it. A thread reads what comes.
pub struct Wire {
    stream: TcpStream,
    arrivals: Receiver<(Instant, Arrival)>,
}

impl Wire {
    /// Connects and sends the request.
    pub fn send(server: SocketAddr, request: &[u8], has_body: bool) -> io::Result<Self> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        let reader = BufReader::new(stream.try_clone()?);
        let (sender, arrivals) = mpsc::channel();
        std::thread::spawn(move || read(reader, has_body, &sender));
        stream.write_all(request)?;
        Ok(Self { stream, arrivals })
    }

    /// What came next, waiting at most so long.
    pub fn next(&self, patience: Duration) -> Option<(Instant, Arrival)> {
        match self.arrivals.recv_timeout(patience) {
            Ok(arrival) => Some(arrival),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some((Instant::now(), Arrival::Cut)),
        }
    }

    /// Sends a message in so many frames. The server may have gone already.
    pub fn frames(&mut self, opcode: u8, payload: &[u8], frames: usize) {
        let size = payload.len().div_ceil(frames).max(1);
        let mut parts: Vec<&[u8]> = payload.chunks(size).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let last = parts.len() - 1;
        for (n, part) in parts.into_iter().enumerate() {
            let opcode = if n == 0 { opcode } else { 0 };
            let fin = if n == last { 0x80 } else { 0 };
            let _ = self.stream.write_all(&masked(fin | opcode, part));
        }
    }

    /// Ends the connection without a word.
    pub fn drop_it(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// A client's frame; the mask is zero, which masks nothing.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ ..=125 => frame.push(0x80 | length as u8),
        length @ ..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn read(mut reader: BufReader<TcpStream>, has_body: bool, to: &Sender<(Instant, Arrival)>) {
    let send = |arrival| drop(to.send((Instant::now(), arrival)));
    let ended = head(&mut reader).and_then(|head| {
        let status = head.status;
        let length = head.header("content-length").and_then(|n| n.parse().ok());
        let chunked = head.header("transfer-encoding") == Some("chunked");
        send(Arrival::Head(head));
        match (status, length) {
            (101, _) => messages(&mut reader, &send),
            _ if !has_body || status == 204 || status == 304 => Ok(()),
            (_, Some(length)) => {
                let mut body = vec![0; length];
                reader.read_exact(&mut body)?;
                send(Arrival::Data(body));
                Ok(())
            }
            _ if chunked => chunks(&mut reader, &send),
            _ => {
                let mut body = Vec::new();
                reader.read_to_end(&mut body)?;
                send(Arrival::Data(body));
                Ok(())
            }
        }
    });
    send(match ended {
        Ok(()) => Arrival::Complete,
        Err(_) => Arrival::Cut,
    });
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn head(reader: &mut impl BufRead) -> io::Result<Head> {
    let status = line(reader)?;
    let mut parts = status.splitn(3, ' ').skip(1);
    let code = parts.next().and_then(|code| code.parse().ok());
    let reason = parts.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let header = line(reader)?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    Ok(Head {
        status: code.ok_or(io::ErrorKind::InvalidData)?,
        reason,
        headers,
    })
}

fn chunks(reader: &mut impl BufRead, send: &impl Fn(Arrival)) -> io::Result<()> {
    loop {
        let size = usize::from_str_radix(&line(reader)?, 16);
        let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk)?;
        line(reader)?;
        if size == 0 {
            return Ok(());
        }
        send(Arrival::Data(chunk));
    }
}

/// Reads messages until the connection ends, which it always does by an error.
fn messages(reader: &mut impl Read, send: &impl Fn(Arrival)) -> io::Result<()> {
    let (mut whole, mut kind) = (Vec::new(), TEXT);
    loop {
        let mut start = [0; 2];
        reader.read_exact(&mut start)?;
        let (opcode, fin) = (start[0] & 0x0F, start[0] & 0x80 != 0);
        let length = match start[1] {
            126 => {
                let mut length = [0; 2];
                reader.read_exact(&mut length)?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                reader.read_exact(&mut length)?;
                u64::from_be_bytes(length)
            }
            length => u64::from(length),
        };
        let mut payload = Vec::new();
        let read = reader.take(length).read_to_end(&mut payload)?;
        if read as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if opcode >= CLOSE {
            send(Arrival::Frame(opcode, payload));
            continue;
        }
        if opcode != 0 {
            kind = opcode;
        }
        whole.append(&mut payload);
        if fin {
            send(Arrival::Frame(kind, std::mem::take(&mut whole)));
        }
    }
}
