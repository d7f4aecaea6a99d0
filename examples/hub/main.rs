//! The telnet of hubs: calls methods, listens to events and measures, from the command line; and looks into what a
//! server keeps.
//!
//!     hub call http://127.0.0.1:8080/signalr chat join lobby
//!     hub listen http://127.0.0.1:8080/signalr chat
//!     hub bench http://127.0.0.1:8080/signalr chat ping --clients 20 --seconds 5
//!     hub queue inspect DIR
//!
//! Arguments are JSON, or texts if they are not. With `--json` each line that is printed is a JSON object.

mod bench;
mod call;
mod listen;
mod options;
mod output;
mod queue;

use std::process::ExitCode;

use clap::Parser;
use options::{Command, Options};
use output::Output;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let output = Output::new(options.json);
    let done = match options.command {
        Command::Call(call) => call::run(&call, &output).await,
        Command::Listen(listen) => listen::run(&listen, &output).await,
        Command::Bench(bench) => bench::run(&bench, &output).await,
        Command::Queue(queue) => queue::run(&queue, &output).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&*error);
            ExitCode::FAILURE
        }
    }
}
