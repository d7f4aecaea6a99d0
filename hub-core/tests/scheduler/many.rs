//! Many keys, many tasks, on threads: nothing overlaps, nothing changes places, and every ticket ends (`delivery.md` g, 21).

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use hub_core::scheduler::{KeyedScheduler, Priority, Ticket, TicketError};
use pollster::block_on;

use crate::executor::{Pool, settings, yield_now};

const PRODUCERS: usize = 4;

/// So many tickets of one producer are out at once.
const OUT: usize = 20_000;

/// What is watched of one key.
#[derive(Default)]
struct Watched {
    running: AtomicBool,
    /// The last of each lane that ran, counted from 1.
    last: [AtomicUsize; 2],
    ran: AtomicUsize,
    overlaps: AtomicUsize,
    swaps: AtomicUsize,
}

impl Watched {
    async fn task(self: Arc<Self>, lane: usize, number: usize, panics: bool) -> usize {
        let enter = |running| {
            if self.running.swap(running, Ordering::SeqCst) == running {
                self.overlaps.fetch_add(1, Ordering::SeqCst);
            }
        };
        enter(true);
        if self.last[lane].swap(number, Ordering::SeqCst) >= number {
            self.swaps.fetch_add(1, Ordering::SeqCst);
        }
        if number.is_multiple_of(16) {
            yield_now().await;
        }
        self.ran.fetch_add(1, Ordering::SeqCst);
        enter(false);
        if panics {
            // Without the hook's line on the screen.
            resume_unwind(Box::new("on purpose"));
        }
        number
    }
}

/// A task that was submitted.
struct Out {
    ticket: Ticket<usize>,
    number: usize,
    panics: bool,
    cancelled: bool,
}

impl Out {
    fn settle(self) -> Counts {
        let panicked = || Err(TicketError::Panicked("on purpose".into()));
        let outcome = block_on(self.ticket);
        let expected = match (self.cancelled, self.panics) {
            (true, _) => Err(TicketError::Cancelled),
            (_, true) => panicked(),
            _ => Ok(self.number),
        };
        assert_eq!(outcome, expected);
        Counts {
            ended: 1,
            cancelled: usize::from(self.cancelled),
            panicked: usize::from(outcome == panicked()),
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    ended: usize,
    cancelled: usize,
    panicked: usize,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.ended += other.ended;
        self.cancelled += other.cancelled;
        self.panicked += other.panicked;
    }
}

/// Submits `tasks` to each of its keys; 1 % of them panic, 1 % are cancelled.
fn produce(
    scheduler: &KeyedScheduler<usize>,
    keys: &[(usize, Arc<Watched>)],
    tasks: usize,
) -> Counts {
    let mut counts = Counts::default();
    let mut out = VecDeque::new();
    // Of any seed: what is drawn decides how many, not whether it holds.
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64 ^ keys.first().map_or(0, |key| key.0 as u64);
    for number in 1..=tasks {
        for (key, watched) in keys {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            let (lane, priority) = if dice.is_multiple_of(4) {
                (0, Priority::High)
            } else {
                (1, Priority::Normal)
            };
            let panics = (dice >> 8).is_multiple_of(100);
            let task = watched.clone().task(lane, number, panics);
            let ticket = block_on(scheduler.submit(*key, priority, task)).unwrap();
            let cancelled = (dice >> 16).is_multiple_of(100) && ticket.cancel();
            out.push_back(Out {
                ticket,
                number,
                panics,
                cancelled,
            });
            if out.len() >= OUT {
                out.drain(..OUT / 2)
                    .for_each(|one| counts.add(&one.settle()));
            }
        }
    }
    out.into_iter().for_each(|one| counts.add(&one.settle()));
    counts
}

fn many(keys: usize, tasks: usize, threads: usize) -> Counts {
    let scheduler = settings().per_queue(64).build(Pool::of(threads));
    let watched: Vec<_> = (0..keys)
        .map(|key| (key, Arc::new(Watched::default())))
        .collect();
    let mut counts = Counts::default();
    thread::scope(|scope| {
        let shares = watched.chunks(keys.div_ceil(PRODUCERS));
        let producing: Vec<_> = shares
            .map(|share| scope.spawn(|| produce(&scheduler, share, tasks)))
            .collect();
        for one in producing {
            counts.add(&one.join().unwrap());
        }
    });
    let sum = |of: fn(&Watched) -> &AtomicUsize| -> usize {
        let each = watched.iter().map(|(_, watched)| of(watched));
        each.map(|count| count.load(Ordering::SeqCst)).sum()
    };
    assert_eq!((sum(|it| &it.overlaps), sum(|it| &it.swaps)), (0, 0));
    assert_eq!(counts.ended, keys * tasks);
    assert_eq!(sum(|it| &it.ran), keys * tasks - counts.cancelled);
    block_on(scheduler.shutdown(std::future::pending()));
    assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
    counts
}

#[test]
fn nothing_overlaps_or_changes_places() {
    let counts = many(500, 100, 3);
    assert!(counts.panicked > 0 && counts.cancelled > 0, "{counts:?}");
}

#[test]
#[ignore = "ten million tasks take minutes"]
fn ten_thousand_keys_of_a_thousand_tasks() {
    let counts = many(10_000, 1_000, 3);
    println!("{counts:?}");
    assert!(
        counts.panicked > 50_000 && counts.cancelled > 1_000,
        "{counts:?}"
    );
}
