//! `hub listen`.

use std::error::Error;

use futures_util::StreamExt;
use futures_util::stream::{SelectAll, select_all};
use hub_client::{ClientEvent, ClientEvents, HubClient, HubEvent, HubEvents, State};
use serde_json::{Value, json};

use crate::options::{Called, Listen};
use crate::output::Output;

pub(crate) async fn run(options: &Listen, output: &Output) -> Result<(), Box<dyn Error>> {
    let mut builder = options.server.client();
    let mut all = Vec::new();
    for hub in &options.hubs {
        let (with, events) = builder.hub_events(hub);
        builder = with;
        all.push(events);
    }
    let client = builder.connect().await?;
    let mut told = client.client_events();
    let id = client.connection_id();
    output.note(&format!("connected as {id} over {}", client.transport()));
    let heard = hear(options, &client, &mut select_all(all), &mut told, output).await;
    // Whatever came of it: the server need not wait for this client.
    client.close().await;
    heard
}

async fn hear(
    options: &Listen,
    client: &HubClient,
    events: &mut SelectAll<HubEvents>,
    told: &mut ClientEvents,
    output: &Output,
) -> Result<(), Box<dyn Error>> {
    for Called { method, args } in &options.call {
        let hub = options.hubs.first().map_or("", String::as_str);
        client.invoke::<Value>(hub, method, args).await?;
    }
    let mut left = options.count.unwrap_or(u64::MAX);
    while left > 0 {
        tokio::select! {
            Some(event) = events.next() => {
                print(&event, output);
                left -= 1;
            }
            told = told.next() => match told {
                Some(ClientEvent::Closed(reason)) => return Err(reason.into()),
                Some(told) => tell(&told, output),
                None => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    Ok(())
}

fn print(event: &HubEvent, output: &Output) {
    let HubEvent {
        hub, method, args, ..
    } = event;
    let args: Vec<Value> = args.read().unwrap_or_default();
    output.line(
        || {
            let args: Vec<String> = args.iter().map(Value::to_string).collect();
            format!("{hub}.{method}({})", args.join(", "))
        },
        || json!({ "hub": hub.as_str(), "event": method, "args": args }),
    );
}

fn tell(event: &ClientEvent, output: &Output) {
    match event {
        ClientEvent::StateChanged {
            to: State::Connected,
            ..
        } => output.note("connected again"),
        ClientEvent::Lost(why) => output.note(&format!("{why}; reconnecting")),
        ClientEvent::Slow => output.note("the server has been silent for a while"),
        ClientEvent::Gap { missed } => {
            let missed: Vec<String> = missed
                .iter()
                .map(|it| format!("{} ({})", it.of, it.why))
                .collect();
            output.note(&format!("missed for good: {}", missed.join(", ")));
        }
        _ => {}
    }
}
