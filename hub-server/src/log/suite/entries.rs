//! What is written comes back as it was, in an order of its own.

use std::collections::HashSet;
use std::sync::Arc;

use hub_core::{
    Ack, Append, Body, Command, Event, GroupName, InvocationId, Item, NodeId, Payload, Receipt,
};

use super::Cases;
use super::checked::{ALL, Checked, event, group, hub, kinds, queue, said, said_also};

const NAMES: [&str; 14] = [
    "",
    " ",
    ".",
    "a.b",
    "a\0b",
    "a/../b",
    "a:b|c,d\\e",
    "\u{2028}\r\n\t",
    "äöüß",
    "日本語",
    "🦀👩‍👩‍👧",
    "%2F%00",
    "'; --",
    "\u{7f}\u{1}\u{10ffff}",
];

const SIZES: [usize; 7] = [0, 1, 255, 256, 4_096, 20_000, 60_000];

pub(super) fn add(cases: &mut Cases) {
    for at in 0..7 {
        let (kind, topic) = kinds("a")[at].clone();
        let it = topic.clone();
        cases.add(
            format!("orders of {kind} are contiguous in one append and rise"),
            move |log| orders(log, it.clone()),
        );
        let it = topic.clone();
        cases.add(format!("offsets of {kind} have no holes"), move |log| {
            offsets(log, it.clone())
        });
        cases.add(
            format!("an entry of {kind} comes back with all that it was written with"),
            move |log| whole(log, topic.clone()),
        );
    }
    for name in NAMES {
        cases.add(format!("the name {name:?} is one of its own"), move |log| {
            named(log, name)
        });
    }
    let long = "n".repeat(10_000);
    cases.add("a name of 10,000 bytes is one of its own", move |log| {
        let long = long.clone();
        async move { named(log, &long).await }
    });
    for size in SIZES {
        cases.add(
            format!("a payload of {size} bytes comes back"),
            move |log| payload(log, size),
        );
    }
    cases.add("bodies of every kind come back", bodies);
    cases.add("an append of nothing gives no receipts", nothing);
    cases.add(
        "one append may write into many topics, live and kept",
        many_topics,
    );
    cases.add(
        "an append of a thousand entries is contiguous, as another's is",
        crowds,
    );
    cases.add("the end is the last order that was given out", end);
    cases.add("appends of many tasks get orders of their own", tasks);
    cases.add("the epoch stays what it is", |log| async move {
        let epoch = log.0.epoch();
        log.say(&queue("q"), 1).await;
        assert_eq!(log.0.epoch(), epoch);
    });
}

async fn orders(log: Checked, topic: hub_core::Topic) {
    log.listen(std::slice::from_ref(&topic));
    let mut last = 0;
    for count in [1, 5, 1, 2] {
        let entries = (0..count).map(|n| said(&topic, n)).collect();
        let receipts = log.append(entries).await;
        assert!(receipts[0].order > last);
        last = receipts.last().unwrap().order;
    }
}

async fn offsets(log: Checked, topic: hub_core::Topic) {
    log.listen(&[topic.clone(), group("another")]);
    let mut expected = 0;
    for count in [1_u64, 3, 2] {
        let mut entries: Vec<Append> = (0..count).map(|n| said(&topic, n)).collect();
        entries.insert(0, said(&group("another"), 0));
        for receipt in &log.append(entries).await[1..] {
            expected += 1;
            assert_eq!(receipt.offset, expected);
        }
    }
    let page = log.read(std::slice::from_ref(&topic), 0, ALL).await;
    let offsets: Vec<u64> = page.entries.iter().map(|entry| entry.offset).collect();
    assert_eq!(offsets, (1..=expected).collect::<Vec<_>>());
}

async fn whole(log: Checked, topic: hub_core::Topic) {
    let also = group("also");
    log.listen(&[topic.clone(), also.clone()]);
    let append = Append {
        except: Arc::from(["c1".into(), "ü".into()]),
        ..said_also(&topic, std::slice::from_ref(&also), 7)
    };
    let receipt = log.append(vec![append.clone()]).await[0];
    let page = log.read(std::slice::from_ref(&topic), 0, ALL).await;
    let entry = &page.entries[0];
    assert_eq!(entry.topic, topic);
    assert_eq!((entry.order, entry.offset), (receipt.order, receipt.offset));
    assert_eq!(*entry.also, [also]);
    assert_eq!(*entry.except, *append.except);
    assert!(entry.excepts(&"ü".into()) && !entry.excepts(&"u".into()));
    same(&entry.body, &append.body);
}

fn same(read: &Body, written: &Body) {
    match (read, written) {
        (Body::Event(read), Body::Event(written)) => assert_eq!(read, written),
        (Body::Progress(read), Body::Progress(written)) => assert_eq!(read, written),
        (Body::Value(read), Body::Value(written)) => assert_eq!(read, written),
        (Body::Command(read), Body::Command(written)) => assert_eq!(read, written),
        _ => panic!("{written:?} came back as {read:?}"),
    }
}

async fn named(log: Checked, name: &str) {
    let others = [group("other"), queue("other")];
    for (n, (_, topic)) in (0..).zip(kinds(name)) {
        log.listen(&[topic]);
        if n < 2 {
            log.listen(&others[n..=n]);
        }
    }
    for (n, (_, topic)) in (0..).zip(kinds(name)) {
        log.append(vec![
            said(&topic, n),
            said(&others[0], 99),
            said(&others[1], 99),
        ])
        .await;
    }
    for (n, (kind, topic)) in (0..).zip(kinds(name)) {
        assert_eq!(log.heard(&[topic], 0).await, (vec![n], vec![]), "{kind}");
    }
}

async fn payload(log: Checked, size: usize) {
    let topics = [group("a"), queue("a")];
    log.listen(&topics);
    let text: String = ('a'..='z').cycle().take(size).collect();
    let body = event(Payload::of(&text).unwrap());
    let entries = topics.iter();
    log.append(
        entries
            .map(|topic| Append::new(topic.clone(), body.clone()))
            .collect(),
    )
    .await;
    let page = log.read(&topics, 0, ALL).await;
    assert_eq!(page.entries.len(), 2);
    for entry in page.entries {
        same(&entry.body, &body);
    }
}

async fn bodies(log: Checked) {
    let topics = [group("a"), queue("a")];
    log.listen(&topics);
    let value = |text: &str| Payload::of(text).unwrap();
    let ack = Ack {
        node: NodeId(u64::MAX),
        number: 3,
    };
    let room = || GroupName::from("room");
    let bodies = [
        Body::Event(Event {
            hub: "Chat".into(),
            method: "mEthod".into(),
            args: Payload::empty_array(),
            state: Some(value("state")),
            tag: None,
        }),
        Body::Progress(Item {
            id: InvocationId::new("17"),
            value: value("half"),
            state: None,
        }),
        Body::Progress(Item {
            id: InvocationId::new(""),
            value: value(""),
            state: Some(value("s")),
        }),
        Body::Value(Payload::of(&serde_json::Value::Null).unwrap()),
        Body::Command(Command::Join(hub(), room(), ack)),
        Body::Command(Command::Leave(hub(), room(), ack)),
        Body::Command(Command::Abort),
        Body::Command(Command::Claim(NodeId(0))),
        Body::Command(Command::Acknowledge(9)),
    ];
    for topic in topics {
        let entries = bodies.iter();
        log.append(
            entries
                .map(|body| Append::new(topic.clone(), body.clone()))
                .collect(),
        )
        .await;
        let page = log.read(std::slice::from_ref(&topic), 0, ALL).await;
        assert_eq!(page.entries.len(), bodies.len());
        for (entry, body) in page.entries.iter().zip(&bodies) {
            same(&entry.body, body);
        }
    }
}

async fn nothing(log: Checked) {
    assert!(log.append(Vec::new()).await.is_empty());
    let topic = queue("q");
    log.say(&topic, 1).await;
    assert_eq!(log.heard(&[topic], 0).await.0, [1]);
}

async fn many_topics(log: Checked) {
    let topics: Vec<_> = ["a", "b", "c"]
        .iter()
        .flat_map(|name| {
            kinds(name)
                .into_iter()
                .filter(|(kind, _)| *kind != "a node")
        })
        .map(|(_, topic)| topic)
        .collect();
    log.listen(&topics);
    let entries = (0..).zip(&topics).map(|(n, topic)| said(topic, n));
    log.append(entries.collect()).await;
    let (heard, gaps) = log.heard(&topics, 0).await;
    assert_eq!(heard, (0..topics.len() as u64).collect::<Vec<_>>());
    assert!(gaps.is_empty());
}

async fn crowds(log: Checked) {
    let topic = queue("q");
    let crowd = |from| (from..from + 1_000).map(|n| said(&topic, n)).collect();
    let first = log.append(crowd(0)).await;
    let second = log.append(crowd(1_000)).await;
    assert!(second[0].order > first[999].order);
    let heard = log.heard(std::slice::from_ref(&topic), 0).await.0;
    assert_eq!(heard, (0..2_000).collect::<Vec<_>>());
}

async fn end(log: Checked) {
    let topics = [group("a"), queue("a")];
    log.listen(&topics);
    for topic in &topics {
        let receipt = log.say(topic, 1).await;
        log.tail(receipt.order).await;
        assert_eq!(log.0.end(), receipt.order);
        let after_it = log.heard(std::slice::from_ref(topic), log.0.end()).await;
        assert_eq!(after_it, (vec![], vec![]));
    }
}

async fn tasks(log: Checked) {
    let topics = [group("a"), queue("a"), queue("b")];
    log.listen(&topics);
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            let (log, topics) = (log.clone(), topics.clone());
            tokio::spawn(async move {
                let mut receipts: Vec<Receipt> = Vec::new();
                for n in 0..5_usize {
                    let topic = &topics[(task + n) % 3];
                    receipts.extend(log.append(vec![said(topic, 0), said(topic, 1)]).await);
                }
                assert!(receipts.is_sorted_by(|a, b| a.order < b.order));
                receipts
            })
        })
        .collect();
    let mut orders = HashSet::new();
    for task in tasks {
        for receipt in task.await.unwrap() {
            assert!(orders.insert(receipt.order), "{} twice", receipt.order);
        }
    }
    assert_eq!(orders.len(), 200);
    let page = log.read(&topics[1..], 0, ALL).await;
    assert!(
        page.entries
            .iter()
            .all(|entry| orders.contains(&entry.order))
    );
    // What was appended at once stands together.
    for pair in page.entries.chunks(2) {
        assert_eq!(pair[0].order + 1, pair[1].order);
        assert_eq!(pair[0].topic, pair[1].topic);
    }
}
