//! What a recorder hears of transactions.

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::disk::Disk;
use super::*;
use crate::log::redb::jobs::Job;

#[test]
fn how_much_a_transaction_had_is_told() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let recorder = DebuggingRecorder::new();
    let job = |number| {
        let entries = vec![said(&queue("q"), number)];
        let drafts = entries.iter().map(entry::draft).collect();
        Job::Append(entries, drafts, tokio::sync::oneshot::channel().0)
    };
    metrics::with_local_recorder(&recorder, || {
        for count in [3, 1] {
            log.shared.process((0..count).map(job).collect(), Vec::new);
        }
        let (sweep, _swept) = tokio::sync::oneshot::channel();
        log.shared.process(vec![Job::Sweep(sweep)], Vec::new);
    });
    let told = recorder.snapshotter().snapshot().into_vec();
    let value = |name: &str| {
        let mut of = told.iter().filter(|(key, ..)| key.key().name() == name);
        &of.next().unwrap().3
    };
    let DebugValue::Histogram(batches) = value("commit_batch_size") else {
        panic!("no histogram")
    };
    let batches: Vec<f64> = batches.iter().map(|size| size.into_inner()).collect();
    assert_eq!(batches, [3.0, 1.0]);
    let gauge = |name: &str| match value(name) {
        DebugValue::Gauge(value) => value.into_inner(),
        other => panic!("{other:?}"),
    };
    assert_eq!(gauge("queue_entries"), 4.0);
    assert!(gauge("queue_bytes") > 4.0 * 256.0);
    // All of it is in memory, too.
    assert_eq!(gauge("queue_bytes"), log.in_memory() as f64);
    assert_eq!((gauge("leases"), gauge("sweep_backlog")), (0.0, 0.0));
}
