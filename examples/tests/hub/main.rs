//! The command line `hub` against the conformance application: both as processes, over real sockets.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

#[path = "../common/application.rs"]
mod application;
mod asked;
mod read;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use application::Application;
use serde_json::{Value, json};

/// What `hub` was asked to do, and when it is to be killed.
struct Running {
    process: Child,
    said: BufReader<std::process::ChildStdout>,
    noted: BufReader<std::process::ChildStderr>,
}

fn hub(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
    command.args(args).stdin(Stdio::null());
    // A token of whoever runs the tests is not for this server.
    command.env_remove("HUB_TOKEN");
    command
}

fn run(args: &[&str]) -> Output {
    hub(args).output().unwrap()
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut command = hub(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let noted = BufReader::new(process.stderr.take().unwrap());
        Self {
            process,
            said,
            noted,
        }
    }

    fn note(&mut self) -> String {
        let mut line = String::new();
        self.noted.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next event is a broadcast of this text.
    fn hears(&mut self, text: &str) {
        let event: Value = serde_json::from_str(&self.line()).unwrap();
        let told = (&event["hub"], &event["event"], &event["args"][1]);
        let text = json!(text);
        assert_eq!(told, (&json!("conformance"), &json!("message"), &text));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A conformance application, and where its hubs are.
fn served(flags: &[&str]) -> (Application, String) {
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let application = Application::start(&flags);
    let url = format!("http://{}/signalr", application.address);
    (application, url)
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_call_prints_its_result_on_every_transport() {
    let (_server, url) = served(&[]);
    for transport in ["webSockets", "serverSentEvents", "longPolling"] {
        let over = ["--transport", transport];
        let call = ["call", &url, "conformance", "Add", "2", "-3"];
        let output = run(&[&call[..], &over].concat());
        assert!(output.status.success(), "{output:?}");
        assert_eq!(lines(&output), ["-1"], "{transport}");
        let call = ["call", "--json", &url, "conformance", "Progress", "2"];
        let output = run(&[&call[..], &over].concat());
        let objects: Vec<Value> = lines(&output)
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(objects.iter().any(|it| it["progress"].is_number()));
        assert!(objects.last().unwrap()["result"].is_string());
    }
}

#[test]
fn what_goes_wrong_is_said_and_is_a_failure() {
    let (_server, url) = served(&[]);
    let sorry = run(&["call", &url, "conformance", "ThrowHub", "sorry", "{}"]);
    let nobody = run(&["call", &url, "nobody", "Add"]);
    let nowhere = run(&["call", "http://127.0.0.1:1/signalr", "conformance", "Add"]);
    let late = ["--timeout", "0.05"];
    let call = ["call", &url, "conformance", "Slow", "60000", "1"];
    let late = run(&[&call[..], &late].concat());
    for (output, says) in [
        (&sorry, "sorry"),
        (&nobody, "nobody"),
        (&nowhere, "onnect"),
        (&late, "50 ms"),
    ] {
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert!(text.starts_with("error: ") && text.contains(says), "{text}");
    }
    let output = run(&[
        "call",
        "--json",
        &url,
        "conformance",
        "ThrowHub",
        "sorry",
        "{}",
    ]);
    let error: Value = serde_json::from_str(&lines(&output)[0]).unwrap();
    assert_eq!(error["error"], "sorry");
}

#[test]
fn who_listens_hears_also_after_the_server_was_gone() {
    let dir = std::env::temp_dir().join(format!("hub-listen-{}", std::process::id()));
    let data = dir.to_str().unwrap();
    let key = "07".repeat(32);
    let (mut server, url) = served(&["--data", data, "--key", &key]);
    let mut listener = Running::start(&["listen", "--json", &url, "conformance", "--count", "2"]);
    assert!(listener.note().ends_with(" over webSockets"));
    let call = |text| run(&["call", &url, "conformance", "Broadcast", text]);
    assert!(call("one").status.success());
    listener.hears("one");
    server.kill();
    assert!(listener.note().ends_with("; reconnecting"));
    let port = server.address.port().to_string();
    let flags = ["--port", &port, "--data", data, "--key", &key];
    let (_server, _) = served(&flags);
    assert_eq!(listener.note(), "connected again");
    assert!(call("two").status.success());
    listener.hears("two");
    assert!(listener.process.wait().unwrap().success(), "it has counted");
    drop(std::fs::remove_dir_all(&dir));
}

#[test]
fn a_measurement_counts_what_it_called() {
    let (_server, url) = served(&[]);
    let bench = ["bench", "--json", &url, "conformance", "Add", "1", "2"];
    let more = ["--clients", "3", "--depth", "2", "--seconds", "0.3"];
    let output = run(&[&bench[..], &more].concat());
    assert!(output.status.success(), "{output:?}");
    let figures: Value = serde_json::from_str(lines(&output).last().unwrap()).unwrap();
    assert!(figures["calls"].as_u64().unwrap() > 0, "{figures}");
}

#[test]
fn what_a_server_kept_can_be_looked_at_and_let_go() {
    let dir = std::env::temp_dir().join(format!("hub-queue-{}", std::process::id()));
    let data = dir.to_str().unwrap();
    let (mut server, url) = served(&["--data", data]);
    let who = "persistentId=00000000-0000-4000-8000-000000000001";
    for more in [&["Keep", "bar", "m"][..], &["Keep", "baz", "n"]] {
        let call = ["call", &url, "foo"];
        let output = run(&[&call[..], more, &["--query", who]].concat());
        assert!(output.status.success(), "{output:?}");
    }
    let inspect = |more: &[&str]| run(&[&["queue", "inspect", "--json", data], more].concat());
    let running = inspect(&[]);
    assert!(!running.status.success(), "the server has it");
    server.terminate();
    server.ended();
    let of = |output: &Output| -> Vec<Value> {
        assert!(output.status.success(), "{output:?}");
        let lines = lines(output);
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let queues = of(&inspect(&[]));
    let entries = |name: &str| {
        let mut queues = queues.iter();
        queues.find(|it| it["queue"] == name).unwrap()["entries"].clone()
    };
    assert_eq!((entries("bar"), entries("baz")), (json!(1), json!(1)));
    let kept = of(&inspect(&["foo", "bar"]));
    assert_eq!(
        (&kept[0]["event"], &kept[0]["args"]),
        (&json!("bar"), &json!(["m"]))
    );
    let purged = of(&run(&["queue", "purge", "--json", data, "foo", "bar"]));
    assert_eq!(purged, [json!({"purged": 1})]);
    assert!(of(&inspect(&["foo", "bar"])).is_empty());
    assert_eq!(
        of(&inspect(&["foo", "baz"])).len(),
        1,
        "the other one stays"
    );
    assert!(!run(&["queue", "inspect", "/nowhere"]).status.success());
    drop(std::fs::remove_dir_all(&dir));
}
