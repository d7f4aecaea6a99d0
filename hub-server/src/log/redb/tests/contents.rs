//! What those see and do who look after a log.

use super::disk::Disk;
use super::*;

fn held(log: &RedbLog) -> Vec<(String, String, usize, u32)> {
    let told = |it: QueueContents| {
        let (hub, queue) = (it.hub.to_string(), it.queue.as_str().to_owned());
        (hub, queue, it.entries, it.waiting)
    };
    log.contents().into_iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_purged_is_gone_for_good_told_as_a_gap_and_nothing_else_goes() {
    for options in [LogOptions::default(), little()] {
        let disk = Disk::new();
        let log = on_with(&disk, &options).unwrap();
        let fence = log.take(&key(1)).await.unwrap().fence;
        let owed = lease(&["q"], 0, 1_000);
        log.put(&key(1), fence, Some(owed), false).await.unwrap();
        for number in 1..=20 {
            let entries = vec![said(&queue("q"), number), said(&queue("other"), number)];
            log.append(entries).await.unwrap();
        }
        let q = |entries| ("chat".into(), "q".into(), entries, 1);
        let other = ("chat".into(), "other".into(), 20, 0);
        assert_eq!(held(&log), [other.clone(), q(20)]);
        let (hub, name) = (HubName::from("chat"), QueueName::new("q"));
        assert_eq!(log.purge(&hub, &name).await.unwrap(), 20);
        assert_eq!(log.purge(&hub, &name).await.unwrap(), 0);
        assert_eq!(log.purge(&hub, &QueueName::new("none")).await.unwrap(), 0);
        drop(log);
        let log = on_with(&disk, &options).unwrap();
        assert_eq!(held(&log), [other, q(0)]);
        log.append(vec![said(&queue("q"), 21)]).await.unwrap();
        let read = log
            .read(&[queue("q")], Cursor::at(log.epoch(), 0), ALL)
            .await;
        let page = read.unwrap();
        assert_eq!(page.entries.len(), 1);
        assert_eq!(page.entries[0].offset, 21);
        let gaps: Vec<_> = page.gaps.iter().map(|gap| gap.why).collect();
        assert_eq!(gaps, [GapCause::Trimmed]);
    }
}

/// What only laggards are owed is looked at in the file by parts.
#[tokio::test(start_paused = true)]
async fn a_long_queue_lets_go_as_much_as_it_says() {
    let disk = Disk::new();
    let options = little().queue(5_000, 1 << 30);
    let options = options.overflow(crate::log::Overflow::DropLaggards);
    let log = on_with(&disk, &options).unwrap();
    let q = queue("q");
    let fence = log.take(&key(1)).await.unwrap().fence;
    let put = Some(lease(&["q"], 0, 10_000));
    log.put(&key(1), fence, put, false).await.unwrap();
    for from in (0..5_000).step_by(500) {
        let entries = (from..from + 500).map(|n| said(&q, n)).collect();
        log.append(entries).await.unwrap();
    }
    for _ in 0..2 {
        log.sweep().await.unwrap();
        tokio::time::advance(Duration::from_secs(61)).await;
    }
    log.sweep().await.unwrap();
    log.append(vec![said(&q, 5_000)]).await.unwrap();
    let (found, gaps) = heard(&log, &q, 0).await;
    assert_eq!(gaps, [GapCause::Trimmed]);
    assert!((1..5_000).contains(&found.len()), "{}", found.len());
    assert_eq!(log.contents()[0].entries, found.len());
}
