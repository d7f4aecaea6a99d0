//! [`EventStream`]: takes the frames out of a `text/event-stream` (`classic-signalr.md` 6.2). No I/O.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// What a server says first, so that everything on the way lets the head of its answer pass.
const PRELUDE: &[u8] = b"initialized";

/// A part of the stream is larger than the client takes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {0} bytes")]
pub(super) struct TooLarge(usize);

/// A stream of events of which each is a frame.
#[derive(Debug)]
pub(super) struct EventStream {
    /// The line that is not complete yet, from where on it was looked at.
    line: BytesMut,
    seen: usize,
    /// The data of the event that is not complete yet.
    data: Option<BytesMut>,
    frames: VecDeque<Bytes>,
    limit: usize,
}

impl EventStream {
    /// A stream whose events have `limit` bytes at most.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            line: BytesMut::new(),
            seen: 0,
            data: None,
            frames: VecDeque::new(),
            limit,
        }
    }

    /// Takes what has arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        self.line.extend_from_slice(bytes);
        while let Some(at) = self.end_of_line() {
            let mut line = self.line.split_to(at + 1);
            self.seen = 0;
            line.truncate(at - usize::from(line.get(at.wrapping_sub(1)) == Some(&b'\r')));
            self.take(&line)?;
        }
        self.seen = self.line.len();
        let held = self.line.len() + self.data.as_ref().map_or(0, BytesMut::len);
        // Some room for the name of the field.
        if held > self.limit.saturating_add(16) {
            return Err(TooLarge(self.limit));
        }
        Ok(())
    }

    /// The next frame.
    pub(super) fn frame(&mut self) -> Option<Bytes> {
        self.frames.pop_front()
    }

    fn end_of_line(&self) -> Option<usize> {
        let rest = self.line.get(self.seen..)?;
        let at = rest.iter().position(|byte| *byte == b'\n')?;
        Some(self.seen + at)
    }

    fn take(&mut self, line: &[u8]) -> Result<(), TooLarge> {
        if line.is_empty() {
            let data = self.data.take().filter(|data| &data[..] != PRELUDE);
            self.frames.extend(data.map(BytesMut::freeze));
        } else if let Some(data) = line.strip_prefix(b"data:") {
            let data = data.strip_prefix(b" ").unwrap_or(data);
            match &mut self.data {
                Some(lines) => {
                    lines.extend_from_slice(b"\n");
                    lines.extend_from_slice(data);
                }
                None => self.data = Some(BytesMut::from(data)),
            }
            if self.data.as_ref().map_or(0, BytesMut::len) > self.limit {
                return Err(TooLarge(self.limit));
            }
        }
        // Comments, ids and names of events say nothing here.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(chunks: &[&str]) -> Vec<String> {
        let mut stream = EventStream::new(100);
        for chunk in chunks {
            stream.push(chunk.as_bytes()).unwrap();
        }
        std::iter::from_fn(|| stream.frame())
            .map(|frame| String::from_utf8(frame.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn frames_are_found_wherever_the_chunks_end() {
        let text = "data: initialized\n\ndata: {\"C\":\"d\",\"S\":1,\"M\":[]}\r\n\r\ndata: {}\n\n: a word\nid: 7\n\n\
                    data:{\"M\":\ndata: []}\n\ndata: rest\n";
        let expected = ["{\"C\":\"d\",\"S\":1,\"M\":[]}", "{}", "{\"M\":\n[]}"];
        assert_eq!(frames(&[text]), expected);
        for at in 0..text.len() {
            let (one, two) = text.split_at(at);
            assert_eq!(frames(&[one, two]), expected, "{at}");
        }
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert_eq!(frames(&bytes), expected);
    }

    #[test]
    fn an_event_is_bounded_in_one_line_and_in_many() {
        let mut stream = EventStream::new(10);
        assert_eq!(stream.push(b"data: 1234567890\n\n"), Ok(()));
        assert_eq!(stream.push(b"data: 12345678901\n"), Err(TooLarge(10)));
        let mut stream = EventStream::new(10);
        assert_eq!(
            stream.push(b"data: 12345\ndata: 12345\n"),
            Err(TooLarge(10))
        );
        let mut stream = EventStream::new(10);
        assert_eq!(stream.push(&[b'x'; 27]), Err(TooLarge(10)));
    }
}
