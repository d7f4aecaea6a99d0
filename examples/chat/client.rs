//! A chat client for the terminal, typed by the contract.
//!
//!     cargo run -p examples --bin chat-client -- --url http://127.0.0.1:8080 --room lobby --user ann
//!
//! Prints each message as `[room] user: text`; each line that is typed is said in the room.

use std::error::Error;

use chat_contract::{ChatClient, ChatClientEvents, ChatProxy};
use hub_client::{HubClient, HubError};
use tokio::io::{AsyncBufReadExt, BufReader};

struct Screen;

impl ChatClient for Screen {
    async fn welcome(&self, _connection_id: String, greeting: String) -> Result<(), HubError> {
        println!("* {greeting}");
        Ok(())
    }

    async fn message(
        &self,
        room: String,
        user: String,
        text: String,
        _at: u64,
    ) -> Result<(), HubError> {
        println!("[{room}] {user}: {text}");
        Ok(())
    }

    async fn announcement(&self, user: String, text: String) -> Result<(), HubError> {
        println!("* {user} to all: {text}");
        Ok(())
    }

    async fn joined(&self, room: String, user: String) -> Result<(), HubError> {
        println!("* {user} came into {room}");
        Ok(())
    }

    async fn left(&self, room: String, user: String) -> Result<(), HubError> {
        println!("* {user} left {room}");
        Ok(())
    }

    async fn renamed(&self, old: String, new: String) -> Result<(), HubError> {
        println!("* {old} is now {new}");
        Ok(())
    }
}

struct Options {
    url: String,
    room: String,
    user: String,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            url: "http://127.0.0.1:8080".into(),
            room: "lobby".into(),
            user: "somebody in Rust".into(),
        };
        while let Some(arg) = args.next() {
            let slot = match arg.as_str() {
                "--url" => &mut options.url,
                "--room" => &mut options.room,
                "--user" => &mut options.user,
                _ => {
                    return Err(format!(
                        "unknown option {arg}; there are --url, --room and --user"
                    )
                    .into());
                }
            };
            *slot = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Options { url, room, user } = Options::parse(std::env::args().skip(1))?;
    let url = format!("{}/signalr", url.trim_end_matches('/'));
    let client = HubClient::builder(url)
        .events("chat", ChatClientEvents(Screen))
        .connect()
        .await?;
    let chat: ChatProxy = client.hub();
    println!(
        "* here: {}",
        chat.join(room.clone(), user).await?.join(", ")
    );

    let mut states = client.states();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(text) => {
                    if let Err(error) = chat.send(room.clone(), text).await {
                        println!("* not sent: {error}");
                    }
                }
                None => break,
            },
            changed = states.changed() => {
                if changed.is_err() {
                    break;
                }
                println!("* {:?}", *states.borrow_and_update());
            }
        }
    }
    client.close().await;
    Ok(())
}
