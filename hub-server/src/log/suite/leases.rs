//! Leases are taken, put, let go, and run out; ids are bound to users.

use tokio::time::{Duration, advance};

use super::Cases;
use super::checked::{Checked, key, lease, owner_id};

pub(super) fn add(cases: &mut Cases) {
    cases.add("who takes first finds nothing", |log| async move {
        assert_eq!(log.take(&key(1)).await.1, None);
    });
    cases.add("fences rise with every take", rising);
    for (held, how) in [(true, "held"), (false, "let go")] {
        cases.add(
            format!("a lease that was {how} is found as it was put"),
            move |log| found(log, held),
        );
        cases.add(
            format!("a lease that was {how} can be put anew"),
            move |log| anew(log, held),
        );
        cases.add(
            format!("who took earlier can't put a lease that was {how}"),
            move |log| fenced(log, held),
        );
        cases.add(
            format!("who took earlier can't end a lease that was {how}"),
            move |log| fenced_end(log, held),
        );
        cases.add(
            format!("a lease that was {how} ends when it is told to"),
            move |log| ended(log, held),
        );
    }
    cases.add("nobody puts what nobody took", |log| async move {
        for fence in [0, 1, u64::MAX] {
            log.fenced(&key(1), fence, Some(lease(&["q"], 0, 10))).await;
            log.fenced(&key(1), fence, None).await;
        }
    });
    cases.add(
        "the holder may end a lease and put another",
        |log| async move {
            let fence = log.take(&key(1)).await.0;
            log.put(&key(1), fence, Some(lease(&["q"], 0, 10)), true)
                .await;
            log.put(&key(1), fence, None, true).await;
            log.put(&key(1), fence, Some(lease(&["p"], 3, 10)), true)
                .await;
            assert_eq!(log.take(&key(1)).await.1, Some(lease(&["p"], 3, 10)));
        },
    );
    cases.add("keys don't touch each other", apart);
    cases.add("one client has a lease for each hub", hubs);
    for millis in [1, 999, 1_000, 59_999, 60_000, 86_400_000] {
        cases.add(
            format!("a lease of {millis} ms is there until then"),
            move |log| edge(log, millis, false),
        );
        cases.add(format!("a lease of {millis} ms is over then"), move |log| {
            edge(log, millis, true)
        });
        cases.add(
            format!("a sweep tells of a lease of {millis} ms then, and once"),
            move |log| swept(log, millis),
        );
    }
    cases.add("a lease of no time is over at once", |log| async move {
        let fence = log.take(&key(1)).await.0;
        log.put(&key(1), fence, Some(lease(&["q"], 0, 0)), false)
            .await;
        assert_eq!(log.take(&key(1)).await.1, None);
    });
    cases.add("a held lease does not run out", |log| async move {
        let fence = log.take(&key(1)).await.0;
        log.put(&key(1), fence, Some(lease(&["q"], 0, 10)), true)
            .await;
        assert!(log.wait(1_000).await.is_empty());
        assert!(log.take(&key(1)).await.1.is_some());
    });
    cases.add("who takes a lease stops its time", |log| async move {
        let fence = log.take(&key(1)).await.0;
        log.put(&key(1), fence, Some(lease(&["q"], 0, 10)), false)
            .await;
        advance(Duration::from_secs(9)).await;
        assert!(log.take(&key(1)).await.1.is_some());
        assert!(log.wait(1_000).await.is_empty());
        assert!(log.take(&key(1)).await.1.is_some());
    });
    cases.add(
        "a lease that is let go again has all its time",
        |log| async move {
            let fence = log.take(&key(1)).await.0;
            for _ in 0..3 {
                log.put(&key(1), fence, Some(lease(&["q"], 0, 10)), false)
                    .await;
                advance(Duration::from_secs(9)).await;
            }
            assert!(log.take(&key(1)).await.1.is_some());
        },
    );
    cases.add(
        "a lease that is over is told once, also if somebody came for it",
        told,
    );
    cases.add(
        "a sweep tells of all that are over, and of no others",
        several,
    );
    cases.add(
        "a lease that was told is gone, and can be taken anew",
        |log| async move {
            let fence = log.take(&key(1)).await.0;
            log.put(&key(1), fence, Some(lease(&["q"], 0, 10)), false)
                .await;
            assert_eq!(log.wait(10).await, [key(1)]);
            log.fenced(&key(1), fence, Some(lease(&["q"], 0, 10))).await;
            let (newer, found) = log.take(&key(1)).await;
            assert_eq!(found, None);
            assert!(newer > fence);
            log.put(&key(1), newer, Some(lease(&["q"], 0, 10)), true)
                .await;
        },
    );
    cases.add("a hundred leases of many queues come back", many);
    cases.add("takes of many tasks leave one holder", tasks);
    bindings(cases);
}

fn bindings(cases: &mut Cases) {
    for (first, then, same) in [
        (None, None, true),
        (None, Some("ann"), true),
        (Some("ann"), Some("ann"), true),
        (Some("ann"), Some("ANN"), true),
        (Some("ann"), Some("bob"), false),
        (Some("ann"), None, false),
        (Some("日本"), Some("日本"), true),
        (Some("a\0b"), Some("a"), false),
    ] {
        cases.add(
            format!("an id that {first:?} brought is {then:?}'s: {same}"),
            move |log| async move {
                assert!(log.0.bind(&owner_id(1), first).await.unwrap());
                assert_eq!(log.0.bind(&owner_id(1), then).await.unwrap(), same);
                // Whoever asked has not changed it.
                assert!(log.0.bind(&owner_id(1), first.or(then)).await.unwrap());
            },
        );
    }
    cases.add("ids are bound one by one", |log| async move {
        for (owner, user) in [(1, "ann"), (2, "bob"), (3, "ann")] {
            assert!(log.0.bind(&owner_id(owner), Some(user)).await.unwrap());
        }
        assert!(!log.0.bind(&owner_id(2), Some("ann")).await.unwrap());
        assert!(log.0.bind(&owner_id(3), Some("ann")).await.unwrap());
    });
    cases.add(
        "an id stays bound when its lease is over",
        |log| async move {
            assert!(log.0.bind(&owner_id(1), Some("ann")).await.unwrap());
            let fence = log.take(&key(1)).await.0;
            log.put(&key(1), fence, Some(lease(&["q"], 0, 10)), false)
                .await;
            log.wait(100).await;
            assert!(!log.0.bind(&owner_id(1), Some("bob")).await.unwrap());
        },
    );
}

async fn rising(log: Checked) {
    let mut last = 0;
    for n in 0..20 {
        let fence = log.take(&key(1)).await.0;
        assert!(n == 0 || fence > last);
        last = fence;
        log.take(&key(2)).await;
    }
}

async fn found(log: Checked, held: bool) {
    let fence = log.take(&key(1)).await.0;
    let put = lease(&["a", "ü", "", "x.y"], 17, 60);
    log.put(&key(1), fence, Some(put.clone()), held).await;
    assert_eq!(log.take(&key(1)).await.1, Some(put.clone()));
    // And stays, whoever looks.
    assert_eq!(log.take(&key(1)).await.1, Some(put));
}

async fn anew(log: Checked, held: bool) {
    let fence = log.take(&key(1)).await.0;
    for after in [5, 7, 6] {
        let put = lease(&["q"], after, 60);
        log.put(&key(1), fence, Some(put), held).await;
    }
    assert_eq!(log.take(&key(1)).await.1, Some(lease(&["q"], 6, 60)));
}

async fn fenced(log: Checked, held: bool) {
    let first = log.take(&key(1)).await.0;
    log.put(&key(1), first, Some(lease(&["q"], 1, 60)), held)
        .await;
    let second = log.take(&key(1)).await.0;
    log.fenced(&key(1), first, Some(lease(&["q"], 9, 60))).await;
    log.put(&key(1), second, Some(lease(&["q"], 2, 60)), held)
        .await;
    log.fenced(&key(1), first, Some(lease(&["q"], 9, 60))).await;
    assert_eq!(log.take(&key(1)).await.1, Some(lease(&["q"], 2, 60)));
    log.fenced(&key(1), second, Some(lease(&["q"], 9, 60)))
        .await;
}

async fn fenced_end(log: Checked, held: bool) {
    let first = log.take(&key(1)).await.0;
    log.put(&key(1), first, Some(lease(&["q"], 1, 60)), held)
        .await;
    log.take(&key(1)).await;
    log.fenced(&key(1), first, None).await;
    assert_eq!(log.take(&key(1)).await.1, Some(lease(&["q"], 1, 60)));
}

async fn ended(log: Checked, held: bool) {
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], 1, 60)), held)
        .await;
    log.put(&key(1), fence, None, held).await;
    // Ended is not over: there is nothing to tell.
    assert!(log.wait(100).await.is_empty());
    assert_eq!(log.take(&key(1)).await.1, None);
}

async fn apart(log: Checked) {
    let mut fences = Vec::new();
    for owner in 0..10 {
        let fence = log.take(&key(owner)).await.0;
        let put = lease(&["q"], u64::from(owner), 60);
        log.put(&key(owner), fence, Some(put), true).await;
        fences.push(fence);
    }
    log.put(&key(3), fences[3], None, false).await;
    for owner in 0..10 {
        let expected = (owner != 3).then(|| lease(&["q"], u64::from(owner), 60));
        assert_eq!(log.take(&key(owner)).await.1, expected);
    }
}

async fn hubs(log: Checked) {
    let elsewhere = |name: &str| hub_core::LeaseKey {
        hub: name.into(),
        ..key(1)
    };
    for (name, after) in [("", 1), ("chat", 2), ("Chat", 3), ("a.b", 4)] {
        let fence = log.take(&elsewhere(name)).await.0;
        log.put(
            &elsewhere(name),
            fence,
            Some(lease(&["q"], after, 60)),
            true,
        )
        .await;
    }
    for (name, after) in [("", 1), ("chat", 2), ("Chat", 3), ("a.b", 4)] {
        let found = log.take(&elsewhere(name)).await.1;
        assert_eq!(found, Some(lease(&["q"], after, 60)), "{name:?}");
    }
}

async fn edge(log: Checked, millis: u64, over: bool) {
    let fence = log.take(&key(1)).await.0;
    let mut put = lease(&["q"], 1, 0);
    put.ttl = Duration::from_millis(millis);
    log.put(&key(1), fence, Some(put.clone()), false).await;
    let wait = if over { millis } else { millis - 1 };
    advance(Duration::from_millis(wait)).await;
    assert_eq!(log.take(&key(1)).await.1, (!over).then_some(put));
}

async fn swept(log: Checked, millis: u64) {
    let fence = log.take(&key(1)).await.0;
    let mut put = lease(&["q"], 1, 0);
    put.ttl = Duration::from_millis(millis);
    log.put(&key(1), fence, Some(put), false).await;
    advance(Duration::from_millis(millis - 1)).await;
    assert!(log.sweep().await.is_empty());
    advance(Duration::from_millis(1)).await;
    assert_eq!(log.sweep().await, [key(1)]);
    assert!(log.sweep().await.is_empty());
    assert_eq!(log.take(&key(1)).await.1, None);
    assert!(log.sweep().await.is_empty());
}

async fn told(log: Checked) {
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], 0, 10)), false)
        .await;
    advance(Duration::from_secs(11)).await;
    assert!(log.is_over(&key(1)).await);
    assert!(!log.is_over(&key(1)).await, "it is over once");
    let (fence, found) = log.take(&key(1)).await;
    assert_eq!(found, None);
    log.put(&key(1), fence, Some(lease(&["q"], 5, 10)), true)
        .await;
    assert_eq!(log.sweep().await, [key(1)]);
    assert!(log.sweep().await.is_empty());
    assert_eq!(log.take(&key(1)).await.1, Some(lease(&["q"], 5, 10)));
}

async fn several(log: Checked) {
    for owner in 0..20 {
        let fence = log.take(&key(owner)).await.0;
        let put = lease(&["q"], 0, 10 * u64::from(owner % 4) + 10);
        log.put(&key(owner), fence, Some(put), owner % 5 == 0).await;
    }
    for turn in 0..5 {
        advance(Duration::from_secs(10)).await;
        let mut over = log.sweep().await;
        over.sort_unstable_by(|a, b| a.owner.cmp(&b.owner));
        let expected = (0..20).filter(|owner| owner % 4 == turn && owner % 5 != 0);
        assert_eq!(over, expected.map(key).collect::<Vec<_>>());
    }
}

async fn many(log: Checked) {
    let names: Vec<String> = (0..50).map(|n| format!("queue {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for owner in 0..100 {
        let fence = log.take(&key(owner)).await.0;
        let put = lease(&names, u64::from(owner), 60);
        log.put(&key(owner), fence, Some(put), owner % 2 == 0).await;
    }
    for owner in 0..100 {
        let found = log.take(&key(owner)).await.1;
        assert_eq!(found, Some(lease(&names, u64::from(owner), 60)));
    }
}

async fn tasks(log: Checked) {
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let log = log.clone();
            tokio::spawn(async move {
                let fence = log.take(&key(1)).await.0;
                let put = lease(&["q"], n, 60);
                let _ = log.0.put(&key(1), fence, Some(put), true).await;
                fence
            })
        })
        .collect();
    let mut fences = Vec::new();
    for task in tasks {
        fences.push(task.await.unwrap());
    }
    fences.sort_unstable();
    let count = fences.len();
    fences.dedup();
    assert_eq!(fences.len(), count, "each has a fence of its own");
    let last = fences.pop().unwrap();
    for fence in fences {
        log.fenced(&key(1), fence, None).await;
    }
    log.put(&key(1), last, None, true).await;
}
