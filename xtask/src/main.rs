//! The project's chores, as plain Rust: `cargo xtask test` is the one command that runs every check.
//!
//! It needs Rust and Debian's package tools; what else is missing it installs, and says so.

mod crash;
mod e2e;
mod server;
mod steps;
mod tools;
mod workspace;

use std::{env, process::ExitCode};

use steps::{Step, Steps};
use workspace::Workspace;

const USAGE: &str = "usage: cargo xtask COMMAND

  test     every check: lint, tests, features, a server that is killed, other people's clients and browsers, a short
           benchmark
  lint     formatting, clippy, documentation
  crash    [--kills N] [--seed S] [--wire NAME]: kills a server under load N times, 25 without a number, and looks
           whether a message was lost, came twice or out of order
  e2e      the chat, the to-do list, the dashboard and the conformance application against the official client in a browser,
           and others
  picture  take the README's pictures, docs/chat.png, docs/todo.png and docs/dashboard.png";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (command, options) = match arguments.as_slice() {
        [command, options @ ..] if command == "crash" => match crash::Options::parse(options) {
            Ok(options) => (command.as_str(), options),
            Err(error) => {
                eprintln!("xtask: {error}\n{USAGE}");
                return ExitCode::from(2);
            }
        },
        [command] => (command.as_str(), crash::Options::default()),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(error) => {
            eprintln!("xtask: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut steps = Steps::new(&workspace);
    match command {
        "test" => {
            lint(&mut steps);
            tests(&mut steps);
            features(&mut steps, &workspace);
            crash::run(&mut steps, &workspace, &crash::Options::default());
            e2e::all(&mut steps, &workspace);
            benchmark(&mut steps, &workspace);
        }
        "lint" => lint(&mut steps),
        "crash" => crash::run(&mut steps, &workspace, &options),
        "e2e" => e2e::all(&mut steps, &workspace),
        "picture" => e2e::picture(&mut steps, &workspace),
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
        steps.run(
            step.advice("these tests need tools of their own, or time: their `ignore` says which"),
        );
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

fn benchmark(steps: &mut Steps<'_>, workspace: &Workspace) {
    let bench = Step::new("bench --quick", &workspace.release("bench"), &["--quick"]).shown();
    steps.run(bench.advice(
        "a wrong or missing answer fails it, and a ratio below half of what must be reached: the message says which; run it \
         again on an idle machine before you look for the reason",
    ));
    let strain = ["strain", "--quick"];
    let strain = Step::new("bench strain --quick", &workspace.release("bench"), &strain).shown();
    steps.run(strain.advice(
        "a bound that is not held under strain, or a message that is lost, late or there twice: the message says which; \
         `bench strain slow|overload|storm` runs one of them at full size",
    ));
    // Each body once, without measuring: that they still run.
    let micro = ["test", "--workspace", "--all-features", "--bench", "*"];
    steps.run(
        Step::cargo("micro-benchmarks", &micro)
            .advice("run the one that failed: `cargo bench -p CRATE --bench NAME`"),
    );
}
