//! [`Parts`]: an entry as protocols write it, each made when it is first asked for and shared by all who receive it.
//!
//! Most entries are written by one protocol or, being commands, by none: a chain as long as what was made, each link
//! set once, takes no lock and no room for the rest.

use std::sync::OnceLock;

use crate::protocol::Part;

#[derive(Debug, Default)]
pub(crate) struct Parts(OnceLock<Box<Made>>);

#[derive(Debug)]
struct Made {
    slot: usize,
    part: Part,
    more: Parts,
}

impl Parts {
    /// The part of this slot, made now if nobody has.
    pub(crate) fn get_or_make(&self, slot: usize, make: impl Fn() -> Part) -> &Part {
        let mut parts = self;
        loop {
            let made = parts.0.get_or_init(|| {
                Box::new(Made {
                    slot,
                    part: make(),
                    more: Self::default(),
                })
            });
            if made.slot == slot {
                return &made.part;
            }
            parts = &made.more;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_part_is_made_once_per_slot_by_whoever_comes_first() {
        let (parts, makes, gate) = (Parts::default(), AtomicUsize::new(0), Barrier::new(8));
        let get = |slot: usize| {
            gate.wait();
            let part = parts.get_or_make(slot, || {
                makes.fetch_add(1, Ordering::Relaxed);
                Part::from(vec![u8::try_from(slot).unwrap()])
            });
            part.as_ptr() as usize
        };
        let got: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| scope.spawn(move || (n % 4, get(n % 4))))
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert_eq!(makes.into_inner(), 4);
        for (slot, place) in got {
            let part = parts.get_or_make(slot, || unreachable!());
            assert_eq!((part[0] as usize, part.as_ptr() as usize), (slot, place));
        }
    }
}
