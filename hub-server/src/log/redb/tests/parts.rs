//! One transaction whose requests come in parts, while it is on its way.

use tokio::sync::oneshot::{Receiver, channel};

use super::disk::Disk;
use super::*;
use crate::log::options::Overflow;
use crate::log::redb::jobs::Job;

type Asked = Receiver<Result<Vec<Receipt>, LogError>>;

/// Requests for one entry each, and where their answers come.
fn asked(topic: &Topic, numbers: impl Iterator<Item = u64>) -> (Vec<Job>, Vec<Asked>) {
    let one = |number| {
        let entries = vec![said(topic, number)];
        let drafts = entries.iter().map(entry::draft).collect();
        let (reply, answer) = channel();
        (Job::Append(entries, drafts, reply), answer)
    };
    numbers.map(one).unzip()
}

/// Numbers 1 to 6, in three parts of two; `between` is called before the second.
fn in_parts(log: &RedbLog, topic: &Topic, between: impl Fn()) -> Vec<Asked> {
    let (first, mut answers) = asked(topic, 1..=2);
    let (second, more) = asked(topic, 3..=4);
    answers.extend(more);
    let (third, more) = asked(topic, 5..=6);
    answers.extend(more);
    let mut parts = vec![third, second];
    log.shared.process(first, || {
        between();
        parts.pop().unwrap_or_default()
    });
    answers
}

#[tokio::test]
async fn what_a_later_part_pushes_out_is_gone_from_the_file_too() {
    let disk = Disk::new();
    let options = LogOptions::default().queue(3, 1 << 20);
    let log = on_with(&disk, &options).unwrap();
    let q = queue("q");
    let mut kept = Vec::new();
    for answer in in_parts(&log, &q, || ()) {
        kept.push(answer.await.unwrap().unwrap()[0].order);
    }
    let kept: Vec<_> = kept[3..].iter().copied().zip(4..).collect();
    let expected = (kept, vec![GapCause::Trimmed]);
    assert_eq!(heard(&log, &q, 0).await, expected);
    drop(log);
    let log = on_with(&disk, &options).unwrap();
    assert_eq!(heard(&log, &q, 0).await, expected);
    drop(log);
    let log = on_with(&disk, &LogOptions::default()).unwrap();
    let order = log.append(vec![said(&q, 8)]).await.unwrap()[0];
    assert_eq!(order.offset, 7, "six were counted");
    assert_eq!(heard(&log, &q, 0).await.0.len(), 4);
}

#[tokio::test]
async fn who_has_no_room_in_a_later_part_is_refused_alone() {
    let disk = Disk::new();
    let options = LogOptions::default()
        .queue(3, 1 << 20)
        .overflow(Overflow::RejectNew);
    let log = on_with(&disk, &options).unwrap();
    let q = queue("q");
    let mut kept = Vec::new();
    for (number, answer) in (1..).zip(in_parts(&log, &q, || ())) {
        match answer.await.unwrap() {
            Ok(receipts) => kept.push((receipts[0].order, number)),
            Err(error) => assert!(matches!(error, LogError::Full { .. }), "{error}"),
        }
    }
    assert_eq!(kept.len(), 3);
    drop(log);
    let log = on_with(&disk, &options).unwrap();
    assert_eq!(heard(&log, &q, 0).await, (kept, vec![]));
}

#[tokio::test]
async fn a_disk_that_fails_in_between_fails_all_parts() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let q = queue("q");
    for answer in in_parts(&log, &q, || disk.set_full(true)) {
        let refused = answer.await.unwrap();
        assert!(matches!(refused, Err(LogError::Unavailable(_))));
    }
    assert_eq!(heard(&log, &q, 0).await, (vec![], vec![]));
    disk.set_full(false);
    let receipt = log.append(vec![said(&q, 9)]).await.unwrap()[0];
    let expected = (vec![(receipt.order, 9)], vec![]);
    assert_eq!(heard(&log, &q, 0).await, expected);
    drop(log);
    let log = on(&disk).unwrap();
    assert_eq!(heard(&log, &q, 0).await, expected);
}
