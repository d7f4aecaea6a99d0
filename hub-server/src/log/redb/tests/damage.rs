//! Files that were damaged while nobody looked.

use super::disk::{Chance, Disk};
use super::*;

/// A file with a hundred entries in each of two queues, and the numbers with their orders.
fn filled() -> (Disk, [Vec<(u64, u64)>; 2]) {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let written = block_on(async {
        let mut written = [Vec::new(), Vec::new()];
        for number in 0..200 {
            let (at, name) = [(0, "a"), (1, "b")][number as usize % 2];
            let receipts = log.append(vec![said(&queue(name), number)]).await;
            written[at].push((receipts.unwrap()[0].order, number));
        }
        let fence = log.take(&key(1)).await.unwrap().fence;
        let owed = lease(&["a", "b"], 0, 1_000);
        log.put(&key(1), fence, Some(owed), true).await.unwrap();
        written
    });
    drop(log);
    (disk, written)
}

/// Opens what is left, and checks that nothing wrong comes out of it: gives how many entries are missing, if it opens.
fn survey(
    disk: &Disk,
    options: &LogOptions,
    written: &[Vec<(u64, u64)>; 2],
    what: &str,
) -> Option<usize> {
    let log = match opened(disk, options, what) {
        Ok(log) => log,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let mut missing = 0;
    block_on(async {
        for (name, written) in [("a", &written[0]), ("b", &written[1])] {
            let (found, gaps) = heard(&log, &queue(name), 0).await;
            let mut rest = written.iter();
            for entry in &found {
                assert!(
                    rest.any(|it| it == entry),
                    "{what}: {entry:?} was not written"
                );
            }
            missing += written.len() - found.len();
            if found.len() < written.len() {
                assert!(!gaps.is_empty(), "{what}: a loss that nobody is told of");
            }
        }
    });
    Some(missing)
}

#[test]
fn what_is_whole_comes_back_whole() {
    let (disk, written) = filled();
    for options in [LogOptions::default(), little()] {
        let whole = disk.altered(|_| {});
        assert_eq!(survey(&whole, &options, &written, "whole"), Some(0));
    }
}

#[test]
fn flipped_bits_are_gaps_or_errors_and_never_wrong_bodies() {
    flips(seeds(150), &LogOptions::default());
    flips(seeds(150), &little());
}

#[test]
fn files_that_were_cut_short_are_gaps_or_errors() {
    short(seeds(50), &LogOptions::default());
    short(seeds(50), &little());
}

#[test]
#[ignore = "takes a minute"]
fn two_thousand_damaged_files_are_gaps_or_errors() {
    for options in [LogOptions::default(), little()] {
        flips(seeds(750), &options);
        short(seeds(250), &options);
    }
}

fn flips(seeds: std::ops::Range<u64>, options: &LogOptions) {
    let (disk, written) = filled();
    let (mut gaps, mut refused) = (0, 0);
    for seed in seeds {
        let mut chance = Chance(seed);
        let altered = disk.altered(|bytes| {
            for _ in 0..=chance.below(4) {
                let at = chance.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << chance.below(8);
            }
        });
        match survey(&altered, options, &written, &format!("seed {seed}")) {
            Some(missing) => gaps += usize::from(missing > 0),
            None => refused += 1,
        }
    }
    println!("{gaps} with gaps, {refused} refused");
}

#[test]
fn a_flipped_bit_of_a_body_is_a_gap_of_its_queue_and_stays_told() {
    let (disk, written) = filled();
    // A body of number 98, which is long and in queue `a`, stands once or, where pages were copied, several times.
    let damaged = disk.altered(|bytes| {
        let head = b"[98,\"xxxx";
        let places: Vec<usize> = (0..bytes.len() - head.len())
            .filter(|&at| bytes[at..].starts_with(head))
            .collect();
        assert!(!places.is_empty());
        for at in places {
            bytes[at + 1_000] ^= 4;
        }
    });
    let expected: Vec<_> = written[0].iter().copied().filter(|it| it.1 != 98).collect();
    let order = written[0].iter().find(|it| it.1 == 98).unwrap().0;
    for _ in 0..2 {
        let log = on(&damaged).unwrap();
        block_on(async {
            let heard_all = heard(&log, &queue("a"), 0).await;
            assert_eq!(heard_all, (expected.clone(), vec![GapCause::Damaged]));
            let (_, before) = heard(&log, &queue("a"), order - 1).await;
            assert_eq!(before, [GapCause::Damaged]);
            let next = expected.iter().find(|it| it.0 > order).unwrap().0;
            assert!(heard(&log, &queue("a"), next).await.1.is_empty());
            assert!(heard(&log, &queue("b"), 0).await.1.is_empty());
            log.append(vec![said(&queue("b"), 1_000)]).await.unwrap();
        });
    }
}

fn short(seeds: std::ops::Range<u64>, options: &LogOptions) {
    let (disk, written) = filled();
    for seed in seeds {
        let mut chance = Chance(seed);
        let altered = disk.altered(|bytes| {
            let length = chance.below(bytes.len() as u64) as usize;
            bytes.truncate(length);
        });
        // Nothing at all is a new file.
        if altered.altered(|bytes| assert!(!bytes.is_empty())).is_off() {
            continue;
        }
        survey(&altered, options, &written, &format!("seed {seed}"));
    }
}

#[test]
fn foreign_files_are_refused() {
    for content in [&b"hello"[..], &[0; 5_000], &[0xFF; 100_000]] {
        let disk = Disk::new().altered(|bytes| bytes.extend_from_slice(content));
        assert!(on(&disk).is_err());
    }
}
