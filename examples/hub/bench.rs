//! `hub bench`: what callers of a method wait for, and how many calls go through.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hub_client::HubClient;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::options::Bench;
use crate::output::Output;

/// What one caller saw.
#[derive(Default)]
struct Seen {
    took: Vec<Duration>,
    /// How often each error.
    errors: BTreeMap<String, u64>,
}

pub(crate) async fn run(options: &Bench, output: &Output) -> Result<(), Box<dyn Error>> {
    let mut clients = Vec::new();
    for n in 1..=options.clients {
        clients.push(options.server.client().hub(&options.hub).connect().await?);
        if n % 100 == 0 {
            output.note(&format!("{n} of {} clients are connected", options.clients));
        }
    }
    let end = Instant::now() + options.seconds;
    let what = Arc::new((
        options.hub.clone(),
        options.method.clone(),
        options.args.clone(),
    ));
    let mut callers = JoinSet::new();
    let began = Instant::now();
    for client in &clients {
        for _ in 0..options.depth {
            callers.spawn(call(client.clone(), Arc::clone(&what), end));
        }
    }
    let mut all = Seen::default();
    while let Some(seen) = callers.join_next().await {
        let seen = seen?;
        all.took.extend(seen.took);
        for (error, times) in seen.errors {
            *all.errors.entry(error).or_default() += times;
        }
    }
    let took = began.elapsed();
    for client in &clients {
        client.close().await;
    }
    let none = all.took.is_empty();
    report(all, took, output);
    match none {
        true => Err("no call had a result".into()),
        false => Ok(()),
    }
}

async fn call(client: HubClient, what: Arc<(String, String, Vec<Value>)>, end: Instant) -> Seen {
    let (hub, method, args) = &*what;
    let mut seen = Seen::default();
    loop {
        let began = Instant::now();
        if began >= end {
            return seen;
        }
        match client.invoke::<Value>(hub, method, args).await {
            Ok(_) => seen.took.push(began.elapsed()),
            Err(error) => {
                *seen.errors.entry(error.to_string()).or_default() += 1;
                // Without a link calls fail at once.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of seconds' work")]
fn report(mut seen: Seen, took: Duration, output: &Output) {
    seen.took.sort_unstable();
    let calls = seen.took.len();
    let rate = calls as f64 / took.as_secs_f64();
    let at = |part: usize| {
        let at = (calls.saturating_sub(1)) * part / 1000;
        seen.took
            .get(at)
            .map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    let shares = [
        ("p50", 500),
        ("p90", 900),
        ("p99", 990),
        ("p99.9", 999),
        ("max", 1000),
    ];
    output.line(
        || {
            let shares = shares.map(|(name, part)| format!("{name} {:.2} ms", at(part)));
            format!("{calls} calls, {rate:.0} a second; {}", shares.join(", "))
        },
        || {
            let shares: BTreeMap<_, _> = shares
                .iter()
                .map(|(name, part)| (*name, at(*part)))
                .collect();
            json!({ "calls": calls, "perSecond": rate, "ms": shares, "errors": seen.errors })
        },
    );
    for (error, times) in &seen.errors {
        output.note(&format!("{times} times: {error}"));
    }
}
