//! What is there when a log is opened again.

use super::disk::Disk;
use super::*;

#[tokio::test]
async fn queues_go_on_after_a_restart_and_live_topics_have_a_gap() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let (q, live) = (queue("q"), group("live"));
    log.watch(&live, Interest::Listen);
    let fence = log.take(&key(1)).await.unwrap().fence;
    log.put(&key(1), fence, Some(lease(&["q", "empty"], 0, 100)), true)
        .await
        .unwrap();
    let mut orders = Vec::new();
    for n in 0..10 {
        orders.push(log.append(vec![said(&q, n)]).await.unwrap()[0].order);
        log.append(vec![said(&live, n)]).await.unwrap();
    }
    let (epoch, end) = (log.epoch(), log.end());
    drop(log);
    let log = on(&disk).unwrap();
    assert_eq!(log.epoch(), epoch);
    assert!(log.end() > end);
    log.watch(&live, Interest::Listen);
    for (n, &order) in (1..).zip(&orders) {
        let expected: Vec<_> = orders.iter().copied().zip(0..).skip(n).collect();
        assert_eq!(heard(&log, &q, order).await, (expected, vec![]));
        assert_eq!(
            heard(&log, &live, order).await,
            (vec![], vec![GapCause::Expired])
        );
        assert_eq!(heard(&log, &queue("empty"), order).await, (vec![], vec![]));
    }
    // Who comes now has no gap, anywhere.
    let end = log.end();
    let order = log.append(vec![said(&live, 1)]).await.unwrap()[0].order;
    assert_eq!(heard(&log, &live, end).await, (vec![(order, 1)], vec![]));
    let receipt = log.append(vec![said(&q, 10)]).await.unwrap()[0];
    assert!(receipt.order > order);
    assert_eq!(receipt.offset, 11);
}

#[tokio::test(start_paused = true)]
async fn a_held_lease_runs_out_as_if_it_had_been_let_go_at_the_opening() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let fence = log.take(&key(1)).await.unwrap().fence;
    log.put(&key(1), fence, Some(lease(&["q"], 0, 1_000)), true)
        .await
        .unwrap();
    drop(log);
    let log = on(&disk).unwrap();
    tokio::time::advance(Duration::from_millis(999_999)).await;
    assert!(log.sweep().await.unwrap().is_empty());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(log.sweep().await.unwrap(), [key(1)]);
    drop(log);
    let log = on(&disk).unwrap();
    assert!(log.sweep().await.unwrap().is_empty());
    assert_eq!(log.take(&key(1)).await.unwrap().lease, None);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_let_go_is_never_longer_for_a_restart() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    for (owner, seconds) in [(1, 10), (2, 100_000)] {
        let fence = log.take(&key(owner)).await.unwrap().fence;
        log.put(&key(owner), fence, Some(lease(&["q"], 0, seconds)), false)
            .await
            .unwrap();
    }
    drop(log);
    // The wall clock stands for what tokio's does not: almost no time has passed.
    let log = on(&disk).unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(log.sweep().await.unwrap(), [key(1)]);
    tokio::time::advance(Duration::from_secs(99_990)).await;
    assert_eq!(log.sweep().await.unwrap(), [key(2)]);
}

#[tokio::test]
async fn fences_of_an_earlier_log_are_refused_and_new_ones_are_higher() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let old = log.take(&key(1)).await.unwrap().fence;
    log.put(&key(1), old, Some(lease(&["q"], 0, 100)), true)
        .await
        .unwrap();
    drop(log);
    let log = on(&disk).unwrap();
    let refused = log
        .put(&key(1), old, Some(lease(&["q"], 9, 100)), true)
        .await;
    assert!(matches!(refused, Err(LogError::Fenced)));
    let taken = log.take(&key(1)).await.unwrap();
    assert!(taken.fence > old);
    assert_eq!(taken.lease, Some(lease(&["q"], 0, 100)));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_is_owed_is_gone_from_the_file_too() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let fence = log.take(&key(1)).await.unwrap().fence;
    log.put(&key(1), fence, Some(lease(&["owed"], 0, 100_000)), true)
        .await
        .unwrap();
    for n in 0..50 {
        log.append(vec![said(&queue("owed"), n), said(&queue("other"), n)])
            .await
            .unwrap();
    }
    for _ in 0..100 {
        tokio::time::advance(Duration::from_secs(5)).await;
        log.sweep().await.unwrap();
    }
    // A queue that begins anew after it was let go.
    let order = log.append(vec![said(&queue("other"), 99)]).await.unwrap()[0].order;
    drop(log);
    let log = on(&disk).unwrap();
    assert_eq!(heard(&log, &queue("owed"), 0).await.0.len(), 50);
    let (found, gaps) = heard(&log, &queue("other"), 0).await;
    assert_eq!((found, gaps), (vec![(order, 99)], vec![GapCause::Expired]));
    assert!(heard(&log, &queue("other"), order - 1).await.1.is_empty());
}

#[tokio::test]
async fn a_queue_beyond_its_limit_is_the_same_after_a_restart() {
    let disk = Disk::new();
    let options = LogOptions::default().queue(20, 1 << 20);
    let open =
        || RedbLog::open_on(disk.opener(), Path::new("disk"), &options, clock::wall()).unwrap();
    let log = open();
    for n in 0..50 {
        log.append(vec![said(&queue("q"), n)]).await.unwrap();
    }
    let before = heard(&log, &queue("q"), 0).await;
    assert_eq!((before.0.len(), &before.1), (20, &vec![GapCause::Trimmed]));
    drop(log);
    assert_eq!(heard(&open(), &queue("q"), 0).await, before);
}

#[tokio::test]
async fn what_a_hub_holds_is_known_after_a_restart() {
    let disk = Disk::new();
    // The fourth is one too many, wherever the first three are.
    let entry = |n: u64| said(&queue(&n.to_string()), n);
    let bytes = crate::log::kept::ring::weight(&entry(1).body);
    let options = little().hub_bytes(3 * bytes);
    let refuses = options.clone().overflow(crate::log::Overflow::RejectNew);
    let log = on_with(&disk, &refuses).unwrap();
    for n in 1..4 {
        log.append(vec![entry(n)]).await.unwrap();
    }
    drop(log);
    let log = on_with(&disk, &refuses).unwrap();
    let refused = log.append(vec![entry(4)]).await;
    assert!(matches!(refused, Err(LogError::Full { .. })), "{refused:?}");
    drop(log);
    let log = on_with(&disk, &options).unwrap();
    log.append(vec![entry(4)]).await.unwrap();
    let trimmed = (vec![], vec![GapCause::Trimmed]);
    assert_eq!(heard(&log, &queue("1"), 0).await, trimmed);
    for n in 2..5 {
        assert_eq!(heard(&log, &queue(&n.to_string()), 0).await.0.len(), 1);
    }
}

#[tokio::test]
async fn orders_are_safe_before_they_are_given_out() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let q = queue("q");
    log.append(vec![said(&q, 1)]).await.unwrap();
    // As after hundreds of queued messages: what the file has reserved is nearly used up.
    {
        let mut state = log.shared.kept.lock();
        state.end = state.reserved - 3;
    }
    let order = log.append(vec![said(&q, 2)]).await.unwrap()[0].order;
    drop(log);
    let log = on(&disk).unwrap();
    assert!(log.end() > order);
    assert!(log.append(vec![said(&q, 3)]).await.unwrap()[0].order > order);
}

#[test]
fn a_directory_belongs_to_one_log_at_a_time() {
    let dir = std::env::temp_dir().join(format!("hub-log-{}", uuid::Uuid::new_v4()));
    let first = RedbLog::open(&dir).unwrap();
    let second = RedbLog::open(&dir).err().unwrap();
    assert!(matches!(second, OpenError::InUse(_)), "{second:?}");
    assert!(second.to_string().contains("in use"), "{second}");
    drop(first);
    RedbLog::open(&dir).unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_place_that_can_not_be_written_is_told() {
    let refused = RedbLog::open("/dev/null/nowhere").err().unwrap();
    assert!(matches!(refused, OpenError::Unavailable(..)), "{refused:?}");
}
