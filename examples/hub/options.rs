//! The command line.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hub_client::{Builder, HubClient, Transport};
use serde_json::Value;

/// Calls, listens to and measures SignalR 2.x hubs.
#[derive(Parser)]
#[command(name = "hub", version)]
pub(crate) struct Options {
    /// Print JSON, an object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Calls a method and prints its result; reports of its progress go before it.
    Call(Call),
    /// Prints the events of hubs until it is interrupted.
    Listen(Listen),
    /// Calls a method again and again from many clients, and prints how long that takes.
    Bench(Bench),
    /// Looks into what a server keeps in a directory for those who are away. The server must not run.
    #[command(subcommand)]
    Queue(Queue),
}

#[derive(Subcommand)]
pub(crate) enum Queue {
    /// Prints what each queue holds, or the entries of one.
    Inspect(Place),
    /// Lets go all entries of a queue. Those who are owed any are told that they are gone.
    Purge(Place),
}

#[derive(Args)]
pub(crate) struct Place {
    /// The server's data directory.
    pub(crate) dir: PathBuf,
    /// The hub.
    #[arg(requires = "queue")]
    pub(crate) hub: Option<String>,
    /// Its queue: the name of what is called. That of a topic which clients subscribe to begins with `#`.
    pub(crate) queue: Option<String>,
}

#[derive(Args)]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The hub.
    pub(crate) hub: String,
    /// Its method.
    pub(crate) method: String,
    /// Arguments: JSON, or texts if they are not.
    #[arg(value_parser = value, allow_negative_numbers = true)]
    pub(crate) args: Vec<Value>,
    /// How long the call may take.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Args)]
pub(crate) struct Listen {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The hubs.
    #[arg(required = true)]
    pub(crate) hubs: Vec<String>,
    /// End after so many events.
    #[arg(long, value_name = "EVENTS")]
    pub(crate) count: Option<u64>,
    /// Before listening, call a method of the first hub: `--call 'join "lobby"'`.
    #[arg(long, value_parser = called)]
    pub(crate) call: Vec<Called>,
}

/// A call to be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Called {
    pub(crate) method: String,
    pub(crate) args: Vec<Value>,
}

#[derive(Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The hub.
    pub(crate) hub: String,
    /// Its method.
    pub(crate) method: String,
    /// Arguments: JSON, or texts if they are not.
    #[arg(value_parser = value, allow_negative_numbers = true)]
    pub(crate) args: Vec<Value>,
    /// How many clients call.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) clients: u32,
    /// How many calls of each are open at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) depth: u32,
    /// For how long.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

#[derive(Args)]
pub(crate) struct Server {
    /// Where the server's hubs are, such as `http://127.0.0.1:8080/signalr`.
    pub(crate) url: String,
    /// The transports to try, in this order.
    #[arg(long, value_enum, value_delimiter = ',')]
    transport: Vec<Name>,
    /// A header for every request: `Name: value`.
    #[arg(long, value_parser = header)]
    header: Vec<(String, String)>,
    /// A parameter for the query string: `name=value`.
    #[arg(long, value_parser = pair)]
    query: Vec<(String, String)>,
    /// A bearer token.
    #[arg(long, env = "HUB_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Try again until the server is there.
    #[arg(long)]
    retry: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    #[value(name = "webSockets", alias = "ws")]
    WebSockets,
    #[value(name = "serverSentEvents", alias = "sse")]
    ServerSentEvents,
    #[value(name = "longPolling", alias = "lp")]
    LongPolling,
}

impl Server {
    /// A client that knows where the server is and what it wants.
    pub(crate) fn client(&self) -> Builder {
        let mut client = HubClient::builder(&self.url);
        for (name, value) in &self.header {
            client = client.header(name, value);
        }
        for (name, value) in &self.query {
            client = client.query(name, value);
        }
        if let Some(token) = self.token.clone() {
            client = client.access_token(move || {
                let token = token.clone();
                async move { Ok::<_, std::convert::Infallible>(token) }
            });
        }
        if !self.transport.is_empty() {
            client = client.transports(self.transport.iter().map(|name| match name {
                Name::WebSockets => Transport::WebSockets,
                Name::ServerSentEvents => Transport::ServerSentEvents,
                Name::LongPolling => Transport::LongPolling,
            }));
        }
        if self.retry {
            client = client.retry_start();
        }
        client
    }
}

type Parsed<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn value(text: &str) -> Parsed<Value> {
    Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
}

fn seconds(text: &str) -> Parsed<Duration> {
    let seconds = text.parse().ok();
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| "write it as seconds, such as `1.5`".into())
}

fn header(text: &str) -> Parsed<(String, String)> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn pair(text: &str) -> Parsed<(String, String)> {
    let (name, value) = text.split_once('=').ok_or("write it as `name=value`")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A method and its arguments in one text: `join "lobby" 3`.
fn called(text: &str) -> Parsed<Called> {
    let (method, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let args = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let args = args.collect::<Result<_, _>>().map_err(|error| {
        format!("'{rest}' is no row of JSON values (texts are written in quotes): {error}")
    })?;
    let method = method.to_owned();
    Ok(Called { method, args })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use serde_json::json;

    #[test]
    fn the_command_line_holds_together() {
        Options::command().debug_assert();
        let line = "hub call http://h/signalr chat add 1 -2.5 text {\"a\":null} [true] --json";
        let options = Options::parse_from(line.split(' '));
        assert!(options.json);
        let Command::Call(call) = options.command else {
            panic!("no call");
        };
        let args = json!([1, -2.5, "text", {"a": null}, [true]]);
        assert_eq!(Value::from(call.args), args);
    }

    #[test]
    fn a_call_in_one_text_is_taken_apart() {
        let call = |method: &str, args| Called {
            method: method.to_owned(),
            args,
        };
        let args = vec![json!("the lobby"), json!(3), json!({})];
        let text = "join \"the lobby\" 3 {}";
        assert_eq!(called(text).unwrap(), call("join", args));
        assert_eq!(called("ping").unwrap(), call("ping", vec![]));
        assert!(called("join lobby").is_err());
    }
}
