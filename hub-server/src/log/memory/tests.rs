use super::*;
use crate::log::kept::ring::{ENTRY_OVERHEAD, weight};
use hub_core::{ConnectionId, Event, GapCause, HubName, Payload, WhenFull};

fn topic(name: &str) -> Topic {
    Topic::Group(HubName::from("chat"), name.into())
}

fn event(topic: &Topic) -> Append {
    let event = Event {
        hub: "chat".into(),
        method: "m".into(),
        args: Payload::empty_array(),
        state: None,
        tag: None,
    };
    Append::new(topic.clone(), hub_core::Body::Event(event))
}

fn log() -> MemoryLog {
    MemoryLog::new(10, 1 << 20, Duration::from_secs(100))
}

const ALL: Limit = Limit {
    entries: 1_000,
    upto: u64::MAX,
};

async fn orders(
    log: &MemoryLog,
    topics: &[Topic],
    after: u64,
    limit: Limit,
) -> (Vec<u64>, Vec<GapCause>, bool) {
    let page = log
        .read(topics, Cursor::at(log.epoch(), after), limit)
        .await
        .unwrap();
    let causes = page.gaps.iter().map(|gap| gap.why).collect();
    (
        page.entries.iter().map(|entry| entry.order).collect(),
        causes,
        page.more,
    )
}

#[tokio::test]
async fn topics_are_read_merged_by_order_in_pages() {
    let (log, a, b) = (log(), topic("a"), topic("b"));
    log.watch(&a, Interest::Listen);
    log.watch(&b, Interest::Listen);
    for topic in [&a, &b, &a, &a, &b] {
        log.append(vec![event(topic)]).await.unwrap();
    }
    let both = [a.clone(), b];
    assert_eq!(orders(&log, &both, 0, ALL).await.0, [1, 2, 3, 4, 5]);
    assert_eq!(
        orders(&log, &both, 1, Limit { entries: 2, ..ALL }).await,
        (vec![2, 3], vec![], true)
    );
    assert_eq!(
        orders(&log, &both, 1, Limit { upto: 3, ..ALL }).await,
        (vec![2, 3], vec![], false)
    );
    assert_eq!(orders(&log, &[a], 1, ALL).await.0, [3, 4]);
}

#[tokio::test]
async fn what_was_trimmed_is_a_gap_item_39() {
    let (log, a) = (log(), topic("a"));
    log.watch(&a, Interest::Listen);
    for _ in 0..12 {
        log.append(vec![event(&a)]).await.unwrap();
    }
    let topics = [a];
    assert_eq!(
        orders(&log, &topics, 1, ALL).await,
        ((3..=12).collect(), vec![GapCause::Trimmed], false)
    );
    assert_eq!(
        orders(&log, &topics, 2, ALL).await,
        ((3..=12).collect(), vec![], false)
    );
}

#[tokio::test]
async fn bytes_are_bounded_too() {
    let log = MemoryLog::new(1_000, ENTRY_OVERHEAD * 3, Duration::from_secs(100));
    let a = topic("a");
    log.watch(&a, Interest::Listen);
    for _ in 0..10 {
        log.append(vec![event(&a)]).await.unwrap();
    }
    assert_eq!(orders(&log, &[a], 7, ALL).await.1, [GapCause::Trimmed]);
}

#[tokio::test(start_paused = true)]
async fn topics_outlive_their_listeners_and_are_forgotten_later_item_42() {
    let (log, a, b) = (log(), topic("a"), topic("b"));
    log.watch(&a, Interest::Listen);
    log.watch(&a, Interest::Leave);
    assert_eq!(
        log.append(vec![event(&a)]).await.unwrap(),
        [Receipt::at(1, 1)]
    );
    tokio::time::advance(Duration::from_secs(99)).await;
    log.watch(&b, Interest::Listen);
    assert_eq!(orders(&log, std::slice::from_ref(&a), 0, ALL).await.0, [1]);
    tokio::time::advance(Duration::from_secs(12)).await;
    log.watch(&b, Interest::Listen);
    assert_eq!(
        orders(&log, std::slice::from_ref(&a), 0, ALL).await,
        (vec![], vec![GapCause::Expired], false)
    );
    assert_eq!(
        log.append(vec![event(&a)]).await.unwrap(),
        [Receipt::at(2, 0)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_topic_that_is_listened_to_again_is_still_a_gap() {
    let (log, a, b) = (log(), topic("a"), topic("b"));
    log.watch(&a, Interest::Listen);
    log.watch(&b, Interest::Listen);
    log.append(vec![event(&a), event(&b)]).await.unwrap();
    log.watch(&a, Interest::Leave);
    tokio::time::advance(Duration::from_secs(150)).await;
    log.watch(&b, Interest::Listen);
    log.append(vec![event(&a)]).await.unwrap();
    log.watch(&a, Interest::Listen);
    log.append(vec![event(&a)]).await.unwrap();
    let topics = [a, b];
    assert_eq!(
        orders(&log, &topics, 1, ALL).await,
        (vec![2, 4], vec![GapCause::Expired], false)
    );
    // What came between was not kept.
    assert_eq!(
        orders(&log, &topics, 2, ALL).await,
        (vec![4], vec![GapCause::Expired], false)
    );
    assert_eq!(
        orders(&log, &topics, 3, ALL).await,
        (vec![4], vec![], false)
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_after_topics_were_forgotten_has_missed_nothing() {
    let (log, a, b, new) = (log(), topic("a"), topic("b"), topic("new"));
    log.watch(&a, Interest::Listen);
    log.append(vec![event(&a)]).await.unwrap();
    log.watch(&a, Interest::Leave);
    tokio::time::advance(Duration::from_secs(150)).await;
    log.watch(&b, Interest::Listen);
    // Nothing was said since `a` was forgotten, so this is also where it ended.
    log.watch(&new, Interest::Listen);
    log.watch(&a, Interest::Listen);
    let topics = [a, new];
    assert_eq!(orders(&log, &topics, 1, ALL).await, (vec![], vec![], false));
    log.append(vec![event(&topics[1])]).await.unwrap();
    assert_eq!(
        orders(&log, &topics, 1, ALL).await,
        (vec![2], vec![], false)
    );
    // Who was there before may have missed something in either, as far as is known.
    let expired = vec![GapCause::Expired, GapCause::Expired];
    assert_eq!(
        orders(&log, &topics, 0, ALL).await,
        (vec![2], expired, false)
    );
}

#[tokio::test]
async fn a_cursor_of_another_log_is_a_gap() {
    let log = log();
    let foreign = Cursor::at(Epoch(log.epoch().0 + 1), 0);
    assert_eq!(
        log.read(&[], foreign, ALL).await.unwrap().gaps[0].why,
        GapCause::EpochChanged
    );
    let beyond = Cursor::at(log.epoch(), 1);
    assert_eq!(
        log.read(&[], beyond, ALL).await.unwrap().gaps[0].why,
        GapCause::EpochChanged
    );
}

#[tokio::test]
async fn the_tail_hands_out_everything_in_order_and_ends_when_closed() {
    let (log, a) = (log(), topic("a"));
    log.watch(&a, Interest::Listen);
    log.append(vec![event(&a), event(&topic("nobody listens")), event(&a)])
        .await
        .unwrap();
    log.close();
    let mut orders = Vec::new();
    while let Ok(Notice::Appended(entry)) = log.next().await {
        orders.push(entry.order);
    }
    assert_eq!(orders, [1, 3]);
    assert!(log.append(vec![event(&a)]).await.is_err());
}

#[tokio::test]
async fn what_is_refused_takes_no_room_from_what_is_written_with_it() {
    let body = weight(&event(&topic("any")).body);
    let options = LogOptions::default().hub_bytes(3 * body);
    let log = MemoryLog::with(&options.overflow(crate::log::Overflow::RejectNew));
    let queued = |name: &str| event(&Topic::Queue("chat".into(), name.into()));
    let state = log.0.lock();
    let mut plan = Plan::after(0);
    let too_many: Vec<Append> = ["a", "b", "a", "b"].map(queued).into();
    assert!(state.plan(&mut plan, &too_many).is_err());
    assert_eq!(plan.end, 0);
    let rest = too_many.get(1..).unwrap();
    assert_eq!(state.plan(&mut plan, rest).unwrap().len(), 3);
    assert!(state.plan(&mut plan, &[queued("c")]).is_err());
}

#[tokio::test]
async fn what_a_newer_one_stands_for_goes_without_a_gap_and_what_may_be_dropped_with_one_of_its_own()
 {
    let trimmed = async |first: Append, second: Append| {
        let (log, a) = (
            MemoryLog::new(2, 1 << 20, Duration::from_secs(100)),
            topic("a"),
        );
        log.watch(&a, Interest::Listen);
        for append in [first, second, event(&a)] {
            log.append(vec![append]).await.unwrap();
        }
        let (left, gaps, _) = orders(&log, &[a], 0, ALL).await;
        assert_eq!(left, [2, 3]);
        gaps
    };
    let when_full = |when_full| Append {
        when_full,
        ..event(&topic("a"))
    };
    let of = |key: &str| when_full(WhenFull::Coalesce(key.into()));
    assert_eq!(trimmed(of("k"), of("k")).await, []);
    assert_eq!(trimmed(of("k"), of("l")).await, [GapCause::Trimmed]);
    assert_eq!(
        trimmed(of("k"), when_full(WhenFull::Wait)).await,
        [GapCause::Trimmed]
    );
    let not_for_all = Append {
        except: [ConnectionId::from("c")].into(),
        ..of("k")
    };
    assert_eq!(
        trimmed(of("k"), not_for_all.clone()).await,
        [GapCause::Trimmed]
    );
    assert_eq!(trimmed(not_for_all, of("k")).await, []);
    let droppable = when_full(WhenFull::DropOldest);
    assert_eq!(
        trimmed(droppable.clone(), of("k")).await,
        [GapCause::Dropped]
    );
    assert_eq!(
        trimmed(event(&topic("a")), droppable).await,
        [GapCause::Trimmed]
    );
}

#[tokio::test]
async fn a_log_that_is_to_keep_little_keeps_a_tenth_and_all_again_later() {
    let (log, a, queue) = (log(), topic("a"), Topic::Queue("chat".into(), "q".into()));
    log.watch(&a, Interest::Listen);
    let (live, kept) = (event(&a), event(&queue));
    let fill = async || {
        for _ in 0..10 {
            log.append(vec![live.clone(), kept.clone()]).await.unwrap();
        }
    };
    fill().await;
    log.shrink(true);
    let (left, gaps, _) = orders(&log, std::slice::from_ref(&a), 0, ALL).await;
    assert_eq!((left, gaps), (vec![19], vec![GapCause::Trimmed]));
    fill().await;
    assert_eq!(orders(&log, std::slice::from_ref(&a), 0, ALL).await.0, [39]);
    assert_eq!(
        orders(&log, &[queue], 0, ALL).await.0.len(),
        20,
        "that is owed"
    );
    log.shrink(false);
    fill().await;
    assert_eq!(orders(&log, &[a], 0, ALL).await.0.len(), 10);
}

#[tokio::test]
async fn a_log_says_what_it_has_in_memory() {
    let (log, a, queue) = (log(), topic("a"), Topic::Queue("chat".into(), "q".into()));
    assert_eq!(log.in_memory(), 0);
    log.watch(&a, Interest::Listen);
    let (live, kept) = (event(&a), event(&queue));
    let each = weight(&live.body);
    for n in 1..=20 {
        log.append(vec![live.clone(), kept.clone()]).await.unwrap();
        assert_eq!(log.in_memory(), (n.min(10) + n) * each, "{n}");
    }
    log.shrink(true);
    assert_eq!(log.in_memory(), 21 * each, "one is live");
}
