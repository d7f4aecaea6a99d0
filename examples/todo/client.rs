//! The shared to-do list in a terminal.
//!
//!     cargo run -p examples --bin todo-client -- --url http://127.0.0.1:8080

mod list;
mod replica;

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub_client::{CallError, ClientEvent, HubClient};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::list::{Change, Item, List};
use crate::replica::Replica;

const HELP: &str = "\
A to-do list that is shared with everybody at the same server (run `todo` first).

usage: todo-client [--url URL]

  --url URL  where the server is (http://127.0.0.1:8080)
  --help     this text

Then type, a line each:
  add TEXT     something to do
  done ID      it is done
  undone ID    it is not
  remove ID    take it off the list
  list         show the list
  check        ask everybody which version they have
  quit         or the end of the input";

#[derive(Deserialize)]
struct Snapshot {
    position: String,
    version: u64,
    items: Vec<Item>,
}

/// What somebody says to have of the list.
#[derive(Deserialize)]
struct Had {
    who: String,
    version: Option<u64>,
    problem: Option<String>,
}

/// What this client knows of the list.
type Shared = Arc<Mutex<Replica>>;

fn lock(replica: &Mutex<Replica>) -> MutexGuard<'_, Replica> {
    replica.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection, which keeps the replica in step by itself.
async fn connect(url: &str, replica: &Shared) -> Result<HubClient, Box<dyn Error>> {
    let [heard, taken, asked] = [(); 3].map(|()| Arc::clone(replica));
    let client = HubClient::builder(format!("{}/signalr", url.trim_end_matches('/')))
        .on(
            "todo",
            "changed",
            move |(version, change): (u64, Change)| {
                let heard = Arc::clone(&heard);
                async move {
                    for change in lock(&heard).hear(version, change) {
                        say(&change);
                    }
                }
            },
        )
        .on_ask("todo", "version", move |[]: [(); 0]| {
            let version = lock(&asked).list().version;
            async move { Ok(version) }
        })
        .resync("todo", move |client| {
            let taken = Arc::clone(&taken);
            async move {
                let now: Snapshot = client.invoke("todo", "snapshot", ()).await?;
                let mut replica = lock(&taken);
                replica.replace(now.version, now.items);
                show(replica.list());
                Ok::<_, CallError>(now.position)
            }
        })
        .connect()
        .await;
    Ok(client.map_err(|error| format!("{error}: is `todo` running there?"))?)
}

fn say(change: &Change) {
    match change {
        Change::Added(item) => println!("+ {} {}", item.id, item.text),
        Change::Done { id, done: true } => println!("x {id}"),
        Change::Done { id, done: false } => println!("o {id}"),
        Change::Removed { id } => println!("- {id}"),
    }
}

fn show(list: &List) {
    for item in list.items.values() {
        let mark = if item.done { 'x' } else { ' ' };
        println!("  [{mark}] {} {}", item.id, item.text);
    }
    println!("= {} to do, version {}", open(list), list.version);
}

fn tell(
    Had {
        who,
        version,
        problem,
    }: Had,
) {
    match (version, problem) {
        (Some(version), _) => println!("? {who} has version {version}"),
        (None, Some(problem)) => println!("? {who}: {problem}"),
        (None, None) => println!("? {who} is taking the list anew"),
    }
}

fn open(list: &List) -> usize {
    list.items.values().filter(|item| !item.done).count()
}

/// Does what a line asks for; `Ok(false)` at the end.
async fn obey(line: &str, client: &HubClient, replica: &Shared) -> Result<bool, Box<dyn Error>> {
    let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let id = || {
        rest.trim()
            .parse::<u64>()
            .map_err(|_| "which one? Say its number")
    };
    match word {
        "" => {}
        "add" => drop(client.invoke::<u64>("todo", "add", (rest,)).await?),
        "done" => client.invoke("todo", "done", (id()?, true)).await?,
        "undone" => client.invoke("todo", "done", (id()?, false)).await?,
        "remove" => client.invoke("todo", "remove", (id()?,)).await?,
        "list" => show(lock(replica).list()),
        "check" => {
            let everybody: Vec<Had> = client.invoke("todo", "check", ()).await?;
            everybody.into_iter().for_each(tell);
        }
        "quit" => return Ok(false),
        _ => return Err("there are add, done, undone, remove, list, check and quit".into()),
    }
    Ok(true)
}

fn url(mut args: impl Iterator<Item = String>) -> Result<Option<String>, Box<dyn Error>> {
    let mut url = String::from("http://127.0.0.1:8080");
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => return Ok(None),
            "--url" => url = args.next().ok_or("--url needs a value")?,
            _ => return Err(format!("unknown option {arg}; see --help").into()),
        }
    }
    Ok(Some(url))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(url) = url(std::env::args().skip(1))? else {
        println!("{HELP}");
        return Ok(());
    };
    let replica = Shared::default();
    let client = connect(&url, &replica).await?;
    let mut events = client.client_events();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => match obey(&line, &client, &replica).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => println!("! {error}"),
                },
                None => break,
            },
            event = events.next() => match event {
                Some(ClientEvent::StateChanged { to, .. }) => println!("* {to:?}"),
                Some(ClientEvent::Gap { .. }) => println!("* something was missed: the list is taken anew"),
                Some(ClientEvent::ResyncFailed { reason, .. }) => println!("* not yet: {reason}"),
                Some(_) => {}
                None => break,
            }
        }
    }
    client.close().await;
    Ok(())
}
