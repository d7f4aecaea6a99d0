//! How fast it is, against redb alone in the same run:
//!
//!     cargo test --release -p hub-server --features redb --lib -- --ignored --nocapture rate

use std::time::Instant;

use super::*;
use ::redb::{Database, Durability, TableDefinition};

const TASKS: usize = 64;
const TIME: Duration = Duration::from_secs(3);
const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("t");

/// Rows a second, in batches of as many as there are tasks.
fn bare(dir: &Path) -> f64 {
    let open = Database::create(dir.join("bare.redb")).unwrap();
    let (start, mut rows) = (Instant::now(), 0);
    while start.elapsed() < TIME {
        let mut transaction = open.begin_write().unwrap();
        transaction.set_durability(Durability::Immediate).unwrap();
        let mut table = transaction.open_table(TABLE).unwrap();
        for _ in 0..TASKS {
            table.insert(rows, [7; 256].as_slice()).unwrap();
            rows += 1;
        }
        drop(table);
        transaction.commit().unwrap();
    }
    rows as f64 / start.elapsed().as_secs_f64()
}

/// Receipts a second, and how long the slowest of a hundred takes.
async fn log(dir: &Path) -> (f64, Duration) {
    let options = LogOptions::default().queue(10_000_000, 1 << 34);
    let log = Arc::new(RedbLog::open_with(dir.join("log"), options).unwrap());
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move {
                let text = Payload::of(&"x".repeat(254)).unwrap();
                let mut took = Vec::new();
                while start.elapsed() < TIME {
                    let append = Append::new(queue("q"), Body::Value(text.clone()));
                    let asked = Instant::now();
                    log.append(vec![append]).await.unwrap();
                    took.push(asked.elapsed());
                    // The tail is handed on, as a pump does.
                    while futures_util::FutureExt::now_or_never(log.next()).is_some() {}
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.unwrap());
    }
    let rate = took.len() as f64 / start.elapsed().as_secs_f64();
    took.sort_unstable();
    (rate, took[took.len() * 99 / 100])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn rate() {
    let dir = std::env::temp_dir().join(format!("hub-rate-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&dir).unwrap();
    for _ in 0..3 {
        let bare = bare(&dir);
        let (log, p99) = log(&dir).await;
        println!(
            "bare redb {bare:.0}/s, log {log:.0}/s, ratio {:.2}, p99 {p99:?}",
            log / bare
        );
        std::fs::remove_dir_all(dir.join("log")).unwrap();
        std::fs::remove_file(dir.join("bare.redb")).unwrap();
    }
    std::fs::remove_dir_all(dir).unwrap();
}
