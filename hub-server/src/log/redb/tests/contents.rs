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
