//! Terms, names and properties after a restart, whatever the wall clock did.

use std::sync::Arc;

use hub_core::{Ack, DedupeId, NodeId, Properties, Recipients, Terms};
use tokio::time::advance;

use super::disk::Disk;
use super::*;

/// A log on this disk, opened at this time of the wall clock, in seconds.
fn at(disk: &Disk, seconds: u64) -> RedbLog {
    let options = LogOptions::default();
    RedbLog::open_on(disk.opener(), Path::new("disk"), &options, seconds * 1_000).unwrap()
}

fn with(number: u64, terms: Terms) -> Append {
    Append {
        terms,
        ..said(&queue("q"), number)
    }
}

fn mortal(number: u64, seconds: u64) -> Append {
    let mut terms = Terms::default();
    terms.expires_in = Some(Duration::from_secs(seconds));
    with(number, terms)
}

fn named(number: u64, id: &str) -> Append {
    let mut terms = Terms::default();
    terms.dedupe = DedupeId::new(id);
    with(number, terms)
}

async fn left(log: &RedbLog) -> (usize, u64) {
    let topics = [queue("q")];
    let read = log.read(&topics, Cursor::at(log.epoch(), 0), ALL);
    let page = read.await.unwrap();
    assert!(page.gaps.is_empty());
    (page.entries.len(), page.expired)
}

/// The hour at which the clock stands first.
const NOON: u64 = 1_000_000;

#[tokio::test(start_paused = true)]
async fn an_entry_expires_after_a_restart_as_before() {
    let disk = Disk::new();
    let log = at(&disk, NOON);
    log.append(vec![mortal(1, 100), mortal(2, 50), said(&queue("q"), 3)])
        .await
        .unwrap();
    drop(log);
    for (seconds, there) in [(0, 3), (49, 3), (51, 2), (99, 2), (101, 1)] {
        let log = at(&disk, NOON + seconds);
        assert_eq!(left(&log).await, (there, 3 - there as u64), "{seconds}");
    }
    // Time does not go back: the file has seen the later hour.
    assert_eq!(left(&at(&disk, NOON)).await, (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_lengthens_nothing_by_more_than_five_seconds() {
    for back in [1, 3_600, NOON] {
        let disk = Disk::new();
        let log = at(&disk, NOON);
        let fence = log.take(&key(1)).await.unwrap().fence;
        let owed = lease(&["q"], 0, 100);
        log.put(&key(1), fence, Some(owed), false).await.unwrap();
        log.append(vec![mortal(1, 100)]).await.unwrap();
        // Nothing is written but what the sweeps write, one every five seconds.
        for _ in 0..12 {
            advance(Duration::from_secs(5)).await;
            assert!(log.sweep().await.unwrap().is_empty());
        }
        advance(Duration::from_millis(4_900)).await;
        drop(log);
        let log = at(&disk, NOON - back);
        advance(Duration::from_millis(35_000)).await;
        assert_eq!(left(&log).await, (1, 0), "{back}: too early");
        assert!(log.sweep().await.unwrap().is_empty(), "{back}: too early");
        advance(Duration::from_secs(5)).await;
        assert_eq!(left(&log).await, (0, 1), "{back}: too late");
        assert_eq!(log.sweep().await.unwrap(), [key(1)], "{back}: too late");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_is_known_after_a_restart_for_as_long_as_before() {
    let disk = Disk::new();
    let log = at(&disk, NOON);
    let receipts = log.append(vec![said(&queue("q"), 0), named(1, "a")]);
    let first = receipts.await.unwrap()[1];
    drop(log);
    for (seconds, known) in [(0, true), (299, true), (301, false)] {
        let log = at(&disk, NOON + seconds);
        let again = log.append(vec![named(2, "a")]).await.unwrap()[0];
        assert_eq!(again.duplicate, known, "{seconds}");
        if known {
            assert_eq!((again.order, again.offset), (first.order, first.offset));
        }
    }
    assert_eq!(left(&at(&disk, NOON)).await.0, 3);
}

#[tokio::test]
async fn a_name_is_not_known_if_its_entry_was_not_written() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    disk.set_full(true);
    assert!(
        log.append(vec![named(1, "a"), named(2, "a")])
            .await
            .is_err()
    );
    disk.set_full(false);
    let receipts = log.append(vec![named(3, "a"), named(4, "a")]);
    let receipts = receipts.await.unwrap();
    assert!(!receipts[0].duplicate && receipts[1].duplicate);
    drop(log);
    let (found, gaps) = heard(&on(&disk).unwrap(), &queue("q"), 0).await;
    assert_eq!((found, gaps), (vec![(receipts[0].order, 3)], vec![]));
}

#[tokio::test]
async fn what_an_entry_and_a_lease_are_made_of_survives() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let mut terms = Terms::default();
    terms.only = Some(Recipients {
        owners: Arc::from([key(1).owner]),
        users: Arc::from(["ann".into()]),
    });
    let ack = Some(Ack {
        node: NodeId(3),
        number: 4,
    });
    let entry = Append {
        ack,
        ..with(1, terms.clone())
    };
    log.append(vec![entry]).await.unwrap();
    let fence = log.take(&key(1)).await.unwrap().fence;
    let value = |text: &str| Payload::of(text).unwrap();
    let put = Lease {
        properties: Properties::from([("a".into(), value("1")), ("ü".into(), value(""))]),
        ..lease(&["q"], 7, 100)
    };
    log.put(&key(1), fence, Some(put.clone()), false)
        .await
        .unwrap();
    drop(log);
    let log = on(&disk).unwrap();
    let topics = [queue("q")];
    let page = log.read(&topics, Cursor::at(log.epoch(), 0), ALL).await;
    let entry = page.unwrap().entries.remove(0);
    assert_eq!((&entry.only, entry.ack), (&terms.only, ack));
    assert_eq!(
        log.append(vec![said(&queue("q"), 2)]).await.unwrap()[0].waiting,
        1
    );
    assert_eq!(log.take(&key(1)).await.unwrap().lease, Some(put));
}

#[tokio::test]
async fn a_file_of_another_form_is_refused() {
    let disk = Disk::new();
    drop(on(&disk).unwrap());
    let sealed = |form: u64| {
        let mut row = super::super::bytes::Row::default();
        row.number(form);
        row.number(9);
        row.seal(&[u64::MAX])
    };
    // Another seal, too.
    let older = [3_u64, 9, 9].map(u64::to_le_bytes).concat();
    for (form, row) in [(99, sealed(99)), (3, older)] {
        let file = File::new(disk.opener());
        file.with(|open| {
            let write = open.begin_write().unwrap();
            let mut table = write.open_table(file::ABOUT).unwrap();
            table.insert(0, row.as_slice()).unwrap();
            drop(table);
            write.commit().unwrap();
            Ok(())
        })
        .unwrap();
        file.close();
        let refused = on(&disk).err().unwrap();
        let OpenError::Foreign { form: said, .. } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(said, form);
    }
}
