//! The project's chores, as plain Rust: `cargo xtask test` is the one command that runs every check.
//!
//! It needs Rust and Debian's package tools; what else is missing it installs, and says so.

mod chat;
mod steps;
mod tools;
mod workspace;

use std::{env, process::ExitCode, time::Duration};

use chat::Chat;
use steps::{Outcome, Step, Steps};
use workspace::Workspace;

const USAGE: &str = "usage: cargo xtask COMMAND

  test     every check: lint, tests, features, browsers against the chat, a short benchmark
  lint     formatting, clippy, documentation
  e2e      the chat server against real browsers and the official client
  picture  take the README's picture, docs/chat.png";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [command] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(error) => {
            eprintln!("xtask: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut steps = Steps::new(&workspace);
    match command.as_str() {
        "test" => {
            lint(&mut steps);
            tests(&mut steps);
            features(&mut steps, &workspace);
            e2e(&mut steps, &workspace);
            benchmark(&mut steps, &workspace);
        }
        "lint" => lint(&mut steps),
        "e2e" => e2e(&mut steps, &workspace),
        "picture" => picture(&mut steps, &workspace),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    steps.finish()
}

fn lint(steps: &mut Steps<'_>) {
    tools::components(steps);
    steps.run(Step::cargo("fmt", &["fmt", "--all", "--check"]).advice("run `cargo fmt --all`"));
    let clippy = [
        "clippy",
        "--keep-going",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    steps.run(
        Step::cargo("clippy", &clippy)
            .advice("fix it, or allow it at the item with the reason beside it"),
    );
    let doc = Step::cargo("doc", &["doc", "--keep-going", "--no-deps", "--workspace"])
        .env("RUSTDOCFLAGS", "-D warnings");
    steps.run(doc.advice("fix the link or the comment that rustdoc names"));
}

fn tests(steps: &mut Steps<'_>) {
    let test = Step::cargo(
        "test",
        &["test", "--workspace", "--all-features", "--no-fail-fast"],
    )
    .shown();
    steps.run(test.advice("run the failed test alone: `cargo test -p CRATE NAME`"));
    // Documentation that is ignored is not meant to run at all, so only targets are asked.
    let ignored = [
        "test",
        "--workspace",
        "--all-features",
        "--lib",
        "--bins",
        "--tests",
        "--",
        "--ignored",
    ];
    let list: Vec<&str> = ignored.iter().copied().chain(["--list"]).collect();
    let listed = steps.output(Step::cargo("list ignored tests", &list));
    if listed.is_some_and(|listed| listed.lines().any(|line| line.ends_with(": test"))) {
        let step = Step::cargo("ignored tests", &ignored).shown();
        steps.run(step.advice("these tests need tools of their own: their `ignore` says which"));
    }
}

fn features(steps: &mut Steps<'_>, workspace: &Workspace) {
    for (package, features) in workspace.features() {
        let without = ["check", "-p", package, "--no-default-features"];
        let advice = "a feature must compile alone: look for a missing `cfg` or dependency";
        steps.run(Step::cargo(&format!("{package} without features"), &without).advice(advice));
        for feature in features {
            let with: Vec<&str> = without
                .iter()
                .copied()
                .chain(["--features", feature])
                .collect();
            steps
                .run(Step::cargo(&format!("{package} with {feature} alone"), &with).advice(advice));
        }
    }
}

fn build(steps: &mut Steps<'_>) -> Outcome {
    let build = Step::cargo(
        "build the examples",
        &["build", "--release", "-p", "examples", "--bins"],
    );
    steps.run(build.advice("`cargo build --release -p examples --bins` says more"))
}

fn e2e(steps: &mut Steps<'_>, workspace: &Workspace) {
    let built = build(steps);
    let ready = tools::browser(steps, workspace);
    if built.and(ready) == Outcome::Failed {
        return steps.fail("end to end", "not run: a step before it failed");
    }
    let client = workspace.release("chat-client");
    for (script, more) in [
        ("official.mjs", vec!["--transport", "webSockets"]),
        ("official.mjs", vec!["--transport", "serverSentEvents"]),
        ("official.mjs", vec!["--transport", "longPolling"]),
        ("hubjs.mjs", vec![]),
        ("page.mjs", vec!["--rust", &client]),
    ] {
        against_chat(steps, workspace, script, &more);
    }
}

fn picture(steps: &mut Steps<'_>, workspace: &Workspace) {
    let built = build(steps);
    let ready = tools::browser(steps, workspace);
    if built.and(ready) == Outcome::Failed {
        return steps.fail("picture", "not run: a step before it failed");
    }
    let (client, file) = (
        workspace.release("chat-client"),
        workspace.path("docs/chat.png"),
    );
    against_chat(
        steps,
        workspace,
        "page.mjs",
        &["--rust", &client, "--screenshot", &file],
    );
}

/// Runs one script against a chat server of its own, which ends with it.
fn against_chat(steps: &mut Steps<'_>, workspace: &Workspace, script: &str, more: &[&str]) {
    let chat = match Chat::start(workspace) {
        Ok(chat) => chat,
        Err(error) => {
            return steps.fail(script, &format!("the chat server did not start: {error}"));
        }
    };
    let path = workspace.path(&format!("xtask/e2e/{script}"));
    let arguments: Vec<&str> = [path.as_str(), "--url", &chat.url]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let step = Step::new(script, "node", &arguments)
        .shown()
        .limit(Duration::from_secs(300));
    steps.run(step.advice(&format!(
        "start `cargo run --release -p examples --bin chat`, then `node {path} --url URL`"
    )));
}

fn benchmark(steps: &mut Steps<'_>, workspace: &Workspace) {
    let bench = Step::new("bench --quick", &workspace.release("bench"), &["--quick"]).shown();
    steps
        .run(bench.advice(
            "a wrong or missing answer fails it, never a slow one: the message says which",
        ));
}
