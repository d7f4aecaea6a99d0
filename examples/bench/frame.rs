//! WebSocket frames by hand: a client's masked ones are written, a server's are read.

use std::io;

/// Any key will do: a server unmasks with whatever it is given.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The request that turns a connection into a WebSocket.
pub(crate) fn upgrade(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// The length of the response head at the start of `input`, once all of it is there.
pub(crate) fn upgraded(input: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    if input.starts_with(b"HTTP/1.1 101 ") {
        return Ok(Some(end + 4));
    }
    let head = String::from_utf8_lossy(input.split_at(end).0).into_owned();
    Err(io::Error::other(format!(
        "the server refused the WebSocket: {head}"
    )))
}

/// Appends one masked frame.
pub(crate) fn write(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short), _) if short < 126 => out.push(0x80 | short),
        (_, Ok(long)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&long.to_be_bytes());
        }
        _ => panic!("the benchmark sends no frame of 64 KiB"),
    }
    out.extend_from_slice(&MASK);
    out.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

/// One frame of the server: its opcode, its payload, and what follows it.
pub(crate) type Frame<'a> = (u8, &'a [u8], &'a [u8]);

/// Splits the first frame off `input`, once all of it is there.
pub(crate) fn read(input: &[u8]) -> io::Result<Option<Frame<'_>>> {
    let (first, length, rest) = match *input {
        [first, length @ 0..126, ref rest @ ..] => (first, u64::from(length), rest),
        [first, 126, a, b, ref rest @ ..] => (first, u64::from(u16::from_be_bytes([a, b])), rest),
        [first, 127, a, b, c, d, e, f, g, h, ref rest @ ..] => {
            (first, u64::from_be_bytes([a, b, c, d, e, f, g, h]), rest)
        }
        [_, 128..=255, ..] => return Err(io::Error::other("the server masks its frames")),
        _ => return Ok(None),
    };
    if first & 0xf0 != 0x80 {
        return Err(io::Error::other("the server fragments or compresses"));
    }
    let length = usize::try_from(length).map_err(io::Error::other)?;
    Ok(rest
        .split_at_checked(length)
        .map(|(payload, rest)| (first & 0x0f, payload, rest)))
}

/// One frame written many times, in which only a number of eight digits changes: the mask's work is done once.
#[derive(Debug)]
pub(crate) struct Stamp {
    frame: Vec<u8>,
    spots: Vec<(usize, [u8; 8])>,
}

impl Stamp {
    /// `payload` says where the number goes by `$$$$$$$$`.
    pub(crate) fn new(payload: &str) -> Self {
        let mut frame = Vec::new();
        write(TEXT, payload.as_bytes(), &mut frame);
        let header = frame.len() - payload.len();
        let spots = spots(payload.as_bytes())
            .map(|at| {
                let mut keys = MASK.iter().copied().cycle().skip(at % 4);
                (
                    header + at,
                    std::array::from_fn(|_| keys.next().unwrap_or_default()),
                )
            })
            .collect();
        Self { frame, spots }
    }

    pub(crate) fn write(&self, number: Number, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        for (at, keys) in &self.spots {
            let masked = u64::from_ne_bytes(number.0) ^ u64::from_ne_bytes(*keys);
            if let Some(digits) = out.get_mut(start + at..start + at + 8) {
                digits.copy_from_slice(&masked.to_ne_bytes());
            }
        }
    }
}

/// A text expected many times, in which only a number of eight digits changes.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    text: Vec<u8>,
    spots: Vec<usize>,
}

impl Expected {
    /// `text` says where the number goes by `$$$$$$$$`.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            spots: spots(text.as_bytes()).collect(),
            text: text.as_bytes().to_vec(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The number in a text that is like it.
    pub(crate) fn number(&self, text: &[u8]) -> Option<Number> {
        let at = *self.spots.first()?;
        Number::read(text.get(at..at + 8)?)
    }

    /// The text with this number in it.
    pub(crate) fn with(&mut self, number: Number) -> &[u8] {
        for at in &self.spots {
            if let Some(digits) = self.text.get_mut(*at..at + 8) {
                digits.copy_from_slice(&number.0);
            }
        }
        &self.text
    }
}

fn spots(text: &[u8]) -> impl Iterator<Item = usize> {
    text.windows(8)
        .enumerate()
        .filter(|(_, eight)| *eight == b"$$$$$$$$")
        .map(|(at, _)| at)
}

/// A counter that is its own text: eight digits, so that a frame's length never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number([u8; 8]);

impl Number {
    pub(crate) const FIRST: Self = Self(*b"10000000");

    /// Reads one that is a text's eight digits.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let digits = <[u8; 8]>::try_from(text).ok()?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then_some(Self(digits))
    }

    /// Returns the number and steps to the one after it.
    pub(crate) fn take(&mut self) -> Self {
        let taken = *self;
        for digit in self.0.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                break;
            }
            *digit = b'0';
        }
        taken
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_writes_what_a_server_would_unmask() {
        let mut number = Number::FIRST;
        assert_eq!(number.take().to_string(), "10000000");
        for payload in [
            "$$$$$$$$",
            "abc$$$$$$$$x",
            "{\"I\":$$$$$$$$,\"A\":[\"E$$$$$$$$\"]}",
        ] {
            let mut frame = Vec::new();
            Stamp::new(payload).write(number, &mut frame);
            let text = &frame[6..];
            let text: Vec<u8> = text
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, key)| byte ^ key)
                .collect();
            assert_eq!(text, payload.replace("$$$$$$$$", "10000001").into_bytes());
            assert_eq!(Expected::new(payload).with(number), text);
        }
    }

    #[test]
    fn a_number_carries() {
        let mut number = Number(*b"10000999");
        number.take();
        assert_eq!(number.to_string(), "10001000");
    }

    #[test]
    fn a_frame_is_read_when_all_of_it_is_there() {
        let mut bytes = vec![0x81, 126, 0, 200];
        bytes.extend([b'x'; 200]);
        assert!(read(&bytes[..203]).unwrap().is_none());
        bytes.push(0x81);
        let (opcode, payload, rest) = read(&bytes).unwrap().unwrap();
        assert_eq!((opcode, payload.len(), rest), (TEXT, 200, &[0x81][..]));
        assert!(read(&[0x81, 0x80, 0, 0, 0, 0]).is_err());
    }
}
