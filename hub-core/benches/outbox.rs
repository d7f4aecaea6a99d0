//! What it costs that frames wait for a socket: pushed, copied together or shared, and drained.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use bytes::{BufMut, Bytes};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use hub_core::{Lane, Outbox};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// A broadcast of 100 characters, framed.
const SMALL: usize = 170;
/// Frames of this size are shared, not copied.
const LARGE: usize = 8 * 1024;

fn pushed_and_drained(bencher: Bencher<'_, '_>, frames: usize, size: usize) {
    let frame = Bytes::from(vec![b'x'; size]);
    let mut outbox = Outbox::new(100_000, 1 << 30);
    bencher.counter(ItemsCount::new(frames)).bench_local(|| {
        for mark in 0..frames {
            outbox.push(Lane::Post, black_box(&frame)).unwrap();
            outbox.mark(mark as u64);
        }
        while let Some(chunk) = outbox.drain() {
            black_box(chunk);
        }
    });
}

#[divan::bench(args = [1, 16, 256])]
fn small_frames(bencher: Bencher<'_, '_>, frames: usize) {
    pushed_and_drained(bencher, frames, SMALL);
}

#[divan::bench(args = [1, 16, 256])]
fn large_frames(bencher: Bencher<'_, '_>, frames: usize) {
    pushed_and_drained(bencher, frames, LARGE);
}

/// Answers, which are written where they wait.
#[divan::bench(args = [1, 16])]
fn answers(bencher: Bencher<'_, '_>, answers: usize) {
    let mut outbox = Outbox::new(100_000, 1 << 30);
    bencher.counter(ItemsCount::new(answers)).bench_local(|| {
        for _ in 0..answers {
            outbox.push_own(Lane::Post, |out| out.put_slice(black_box(&[b'x'; 90])));
        }
        while let Some(chunk) = outbox.drain() {
            black_box(chunk);
        }
    });
}
