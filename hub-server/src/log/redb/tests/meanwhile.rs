//! Reading from the file while the writer lets go.

use super::disk::Disk;
use super::*;

/// The newest number that is kept is read, or a gap told; and nothing that was let go is taken for damage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_let_go_while_somebody_reads_is_not_damaged() {
    let disk = Disk::new();
    let options = little().queue(20, 1 << 20);
    let log = Arc::new(on_with(&disk, &options).unwrap());
    let q = queue("q");
    let writer = tokio::spawn({
        let (log, q) = (log.clone(), q.clone());
        async move {
            for number in 0..400 {
                log.append(vec![said(&q, number * 7 + 1)]).await.unwrap();
            }
        }
    });
    let (mut last, mut next, mut reads) = (0, 0, 0);
    while !writer.is_finished() {
        let (found, gaps) = heard(&log, &q, last).await;
        assert!(!gaps.contains(&GapCause::Damaged), "{gaps:?}");
        let numbers: Vec<u64> = found.iter().map(|(_, number)| number / 7).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "after {last}: {numbers:?}, {gaps:?}"
        );
        // Whoever has no gap misses nothing.
        let first = numbers.first().copied().unwrap_or(next);
        assert!(
            first == next || !gaps.is_empty(),
            "after {last}: {numbers:?} in place of {next}"
        );
        // From the oldest on now and then, and after something that is about to go.
        (last, next) = match (reads % 3, found.first()) {
            (1 | 2, Some((order, number))) => (*order, number / 7 + 1),
            _ => (0, 0),
        };
        reads += 1;
    }
    writer.await.unwrap();
    assert_eq!(heard(&log, &q, 0).await.1, [GapCause::Trimmed]);
}
