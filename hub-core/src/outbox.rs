//! [`Outbox`]: what waits to be written to one connection, as bytes that are ready for the wire.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Frames from this size on are kept as they are and shared; smaller ones are copied together, so that one write takes
/// many of them.
const SHARED_FROM: usize = 4 * 1024;

/// Copied frames are handed out in chunks of at most this size.
const CHUNK: usize = 16 * 1024;

/// So many chunks of the send lane go out in a row while the post lane waits.
const BURST: u32 = 32;

/// The order in which frames leave: all control frames, then `Send` before `Post`, but at most 32 chunks in a row while
/// `Post` waits. Inside a lane first in is first out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lane {
    /// Keep-alives.
    Control,
    /// Frames that overtake.
    Send,
    /// Events and results: one lane, so that a result never overtakes the events before it.
    Post,
}

/// A frame did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the outbox is full")]
pub struct Full;

/// Bytes ready to be written, in lanes, bounded in frames and bytes. Empty, it holds no memory.
#[derive(Debug)]
pub struct Outbox {
    /// Lanes that few ever need, and nobody for long.
    control: Option<Box<Queue>>,
    send: Option<Box<Queue>>,
    post: Queue,
    frames: usize,
    bytes: usize,
    max_frames: usize,
    max_bytes: usize,
    burst: u32,
    /// The mark of the last frame of the post lane that was handed out.
    left: u64,
}

#[derive(Debug, Default)]
struct Queue {
    ready: VecDeque<Chunk>,
    tail: BytesMut,
    tail_frames: usize,
    /// How far the reader is with the last frame.
    mark: u64,
}

/// Whole frames.
#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    frames: usize,
    mark: u64,
}

impl Outbox {
    /// An outbox that holds at most so many frames and bytes.
    #[must_use]
    pub fn new(max_frames: usize, max_bytes: usize) -> Self {
        Self {
            control: None,
            send: None,
            post: Queue::default(),
            frames: 0,
            bytes: 0,
            max_frames,
            max_bytes,
            burst: 0,
            left: 0,
        }
    }

    /// Adds a frame that others share.
    ///
    /// # Errors
    /// When it does not fit; nothing was added.
    pub fn push(&mut self, lane: Lane, frame: &Bytes) -> Result<(), Full> {
        self.admit(frame.len())?;
        let queue = self.queue(lane);
        if frame.len() >= SHARED_FROM {
            queue.seal();
            queue.ready.push_back(Chunk {
                bytes: frame.clone(),
                frames: 1,
                mark: queue.mark,
            });
        } else {
            queue.append(frame.len(), |tail| tail.extend_from_slice(frame));
        }
        Ok(())
    }

    /// Adds a frame of this connection alone, whatever the limits say: answers and positions exist nowhere else. Their
    /// number is bounded by the calls that may run at once.
    pub fn push_own(&mut self, lane: Lane, write: impl FnOnce(&mut BytesMut)) {
        let mut written = 0;
        self.queue(lane).append(SHARED_FROM, |tail| {
            let before = tail.len();
            write(tail);
            written = tail.len() - before;
        });
        self.frames += 1;
        self.bytes += written;
    }

    /// With the last frame of the post lane the reader is so far.
    pub fn mark(&mut self, mark: u64) {
        let queue = &mut self.post;
        queue.mark = mark;
        // A large one is not in the tail.
        if queue.tail.is_empty()
            && let Some(last) = queue.ready.back_mut()
        {
            last.mark = mark;
        }
    }

    /// The reader is so far before anything is handed out.
    pub fn begin(&mut self, mark: u64) {
        self.post.mark = mark;
        self.left = mark;
    }

    /// How far the reader is with what was handed out of the post lane, by the marks.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Forgets what waits in a lane.
    pub fn forget(&mut self, lane: Lane) {
        let queue = std::mem::take(self.queue(lane));
        let sealed = queue.ready.iter().map(|chunk| chunk.frames).sum::<usize>();
        let bytes = queue.ready.iter().map(|chunk| chunk.bytes.len());
        self.frames -= sealed + queue.tail_frames;
        self.bytes -= bytes.sum::<usize>() + queue.tail.len();
    }

    /// Whether one more frame of so many bytes fits.
    #[must_use]
    pub fn takes(&self, len: usize) -> bool {
        // An empty outbox takes any frame, or a large one could never be sent.
        self.frames == 0 || self.frames < self.max_frames && self.bytes + len <= self.max_bytes
    }

    /// The next bytes to write: whole frames, many small ones or one large one.
    pub fn drain(&mut self) -> Option<Bytes> {
        let Chunk { bytes, frames, .. } = self.next()?;
        self.frames -= frames;
        self.bytes -= bytes.len();
        Some(bytes)
    }

    /// Forgets everything that waits.
    pub fn clear(&mut self) {
        *self = Self::new(self.max_frames, self.max_bytes);
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// How many bytes wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many of these bytes nobody else holds: they alone are free once they have left. A large frame that is for many waits in
    /// each of their outboxes, and is in memory once.
    #[must_use]
    pub fn own_bytes(&self) -> usize {
        let few = [&self.control, &self.send].into_iter().flatten();
        let queues = few.map(Box::as_ref).chain([&self.post]);
        queues.map(Queue::own_bytes).sum()
    }

    /// How many frames wait.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Whether something waits in a lane.
    #[must_use]
    pub fn waits(&self, lane: Lane) -> bool {
        let queue = match lane {
            Lane::Control => self.control.as_deref(),
            Lane::Send => self.send.as_deref(),
            Lane::Post => Some(&self.post),
        };
        queue.is_some_and(|queue| !queue.is_empty())
    }

    /// Whether it holds half of what it may, or more: the moment to stop reading what causes answers.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        self.frames >= self.max_frames / 2 || self.bytes >= self.max_bytes / 2
    }

    fn admit(&mut self, len: usize) -> Result<(), Full> {
        if !self.takes(len) {
            return Err(Full);
        }
        self.frames += 1;
        self.bytes += len;
        Ok(())
    }

    fn queue(&mut self, lane: Lane) -> &mut Queue {
        match lane {
            Lane::Control => self.control.get_or_insert_default(),
            Lane::Send => self.send.get_or_insert_default(),
            Lane::Post => &mut self.post,
        }
    }

    fn next(&mut self) -> Option<Chunk> {
        if let Some(next) = drained(&mut self.control) {
            return Some(next);
        }
        if (self.burst < BURST || self.post.is_empty())
            && let Some(next) = drained(&mut self.send)
        {
            self.burst += 1;
            return Some(next);
        }
        self.burst = 0;
        let next = self.post.next()?;
        self.left = next.mark;
        Some(next)
    }
}

/// The next chunk of a lane, which is let go with its last.
fn drained(lane: &mut Option<Box<Queue>>) -> Option<Chunk> {
    let next = lane.as_mut()?.next();
    if next.is_none() {
        *lane = None;
    }
    next
}

impl Queue {
    /// Copies a frame of about so many bytes behind the others.
    fn append(&mut self, len: usize, write: impl FnOnce(&mut BytesMut)) {
        self.make_room(len);
        write(&mut self.tail);
        self.tail_frames += 1;
    }

    /// A buffer that grew beyond a chunk by doubling would take twice the memory of the bytes in it: what waits for slow readers, who
    /// are what the limits are for.
    fn make_room(&mut self, len: usize) {
        let needed = self.tail.len() + len;
        if needed > CHUNK {
            self.seal();
        } else if needed > self.tail.capacity() && self.tail.capacity() > CHUNK / 2 {
            let mut whole = BytesMut::with_capacity(CHUNK);
            whole.extend_from_slice(&self.tail);
            self.tail = whole;
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            // The buffer's memory goes with the bytes: an idle connection keeps none.
            let bytes = std::mem::take(&mut self.tail).freeze();
            self.ready.push_back(Chunk {
                bytes,
                frames: std::mem::take(&mut self.tail_frames),
                mark: self.mark,
            });
        }
    }

    fn next(&mut self) -> Option<Chunk> {
        if let Some(next) = self.ready.pop_front() {
            return Some(next);
        }
        if self.tail.is_empty() {
            self.ready = VecDeque::new();
            return None;
        }
        Some(Chunk {
            bytes: std::mem::take(&mut self.tail).freeze(),
            frames: std::mem::take(&mut self.tail_frames),
            mark: self.mark,
        })
    }

    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.tail.is_empty()
    }

    fn own_bytes(&self) -> usize {
        let own = self.ready.iter().filter(|chunk| chunk.bytes.is_unique());
        own.map(|chunk| chunk.bytes.len()).sum::<usize>() + self.tail.len()
    }
}

#[cfg(test)]
mod tests;
