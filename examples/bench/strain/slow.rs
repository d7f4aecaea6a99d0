//! [`Slow`]: a client that reads a byte a second, and is shown out for that.

use std::{
    io::{self, ErrorKind, Read},
    thread,
    time::{Duration, Instant},
};

use crate::{
    classic::Visitor,
    frame::{self, Number},
    negotiated::Arrived,
    wire::Delivery,
};

/// How long the end of a socket may take that the server has closed: where nothing was read for long, the kernel asks only now and
/// then whether it may send the rest.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Slow {
    client: Arrived,
    /// What it expects next, and how many messages it has had.
    next: Number,
    had: usize,
}

impl Slow {
    pub(super) fn new(client: Arrived) -> Self {
        Self {
            client,
            next: Number::FIRST,
            had: 0,
        }
    }

    /// Reads one byte, if there is one.
    pub(super) fn sip(&mut self) -> io::Result<()> {
        self.read(&mut [0]).map(drop)
    }

    /// Reads what there is; whether that was the end of the socket.
    fn gulp(&mut self) -> io::Result<bool> {
        let mut scratch = [0; 16 * 1024];
        loop {
            match self.read(&mut scratch)? {
                Some(0) => return Ok(true),
                Some(_) => {}
                None => return Ok(false),
            }
        }
    }

    /// Checks what was read, up to a frame that is not all there.
    fn check(&mut self, delivery: &mut Delivery) -> io::Result<()> {
        let mut input = &*self.client.input;
        while let Some((opcode, text, rest)) = frame::read(input)? {
            input = rest;
            if opcode != frame::TEXT || text == b"{}" {
                continue;
            }
            self.had += delivery.take(text, &mut self.next)?;
            if let Some(cursor) = cursor(text) {
                self.client.cursor = cursor;
            }
        }
        Ok(())
    }

    /// What was read; `None` if there is nothing now, 0 bytes at the end.
    fn read(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        match self.client.stream.read(into) {
            Ok(count) => {
                self.client.input.extend_from_slice(into.split_at(count).0);
                Ok(Some(count))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Some(0)),
            Err(error) => Err(error),
        }
    }

    pub(super) fn who(&self) -> &Visitor {
        &self.client.who
    }

    /// With which it comes back.
    pub(super) fn cursor(&self) -> &str {
        &self.client.cursor
    }

    /// What it expects then, and how many messages it has had.
    pub(super) fn stands(&self) -> (Number, usize) {
        (self.next, self.had)
    }
}

/// All of them read at last whatever is left to the ends of their sockets, and check it.
pub(super) fn read_out(all: &mut [Slow], delivery: &mut Delivery) -> io::Result<()> {
    let start = Instant::now();
    let mut left: Vec<&mut Slow> = all.iter_mut().collect();
    while !left.is_empty() {
        let mut on = Vec::new();
        for slow in left {
            match slow.gulp()? {
                true => slow.check(delivery)?,
                false => on.push(slow),
            }
        }
        left = on;
        if start.elapsed() > PATIENCE {
            let text = format!("the sockets of {} slow clients did not end", left.len());
            return Err(io::Error::other(text));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The position that a payload tells.
fn cursor(text: &[u8]) -> Option<String> {
    let cursor = text.strip_prefix(br#"{"C":""#)?;
    let end = cursor.iter().position(|byte| *byte == b'"')?;
    String::from_utf8(cursor.get(..end)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_tells_its_position() {
        assert_eq!(cursor(br#"{"C":"d-1-2","M":[]}"#).unwrap(), "d-1-2");
        assert_eq!(cursor(br#"{"I":"1"}"#), None);
    }
}
