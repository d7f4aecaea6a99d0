//! Clients against running servers, each script with servers of its own.

use std::time::Duration;

use crate::{
    server::Server,
    steps::{Outcome, Step, Steps},
    tools,
    workspace::Workspace,
};

/// The option of a script that takes its address, the program, and its arguments.
type Wanted = (&'static str, &'static str, &'static [&'static str]);

const CHAT: &[Wanted] = &[("--url", "chat", &[])];

const AXUM: &[Wanted] = &[("--url", "axum-mount", &[])];

/// It keeps so little that most cuts make a gap.
const TODO: &[Wanted] = &[("--url", "todo", &["--keep", "5"])];

const USUAL: &[Wanted] = &[("--url", "conformance", &[])];

/// One with the usual settings, and one that loses patience soon.
const CONFORMANCE: &[Wanted] = &[
    ("--url", "conformance", &[]),
    ("--hasty", "conformance", HASTY),
];
const HASTY: &[&str] = &[
    "--disconnect-timeout",
    "6",
    "--keep-alive",
    "2",
    "--connection-timeout",
    "8",
];

const TRANSPORTS: [&str; 4] = [
    "webSockets",
    "serverSentEvents",
    "longPolling",
    "foreverFrame",
];

/// Longer than any of them takes, even beside other work.
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn all(steps: &mut Steps<'_>, workspace: &Workspace) {
    if !ready(steps, workspace) {
        return steps.fail("end to end", "not run: a step before it failed");
    }
    chat(steps, workspace);
    todo(steps, workspace);
    dashboard(steps, workspace, &[]);
    conformance(steps, workspace);
    others(steps, workspace);
}

fn chat(steps: &mut Steps<'_>, workspace: &Workspace) {
    let client = workspace.release("chat-client");
    for transport in ["webSockets", "serverSentEvents", "longPolling"] {
        let name = format!("chat, official client, {transport}");
        node(
            steps,
            workspace,
            &name,
            CHAT,
            &["official.mjs", "--transport", transport],
        );
    }
    node(steps, workspace, "chat, hub.js", CHAT, &["hubjs.mjs"]);
    let name = "a hub in axum, cross-origin";
    node(steps, workspace, name, AXUM, &["cors.mjs"]);
    let page = ["page.mjs", "--rust", &client];
    node(steps, workspace, "chat, its page", CHAT, &page);
}

fn todo(steps: &mut Steps<'_>, workspace: &Workspace) {
    let client = workspace.release("todo-client");
    let name = "a to-do list that is cut again and again";
    let line = ["todo.mjs", "--rust", &client];
    node(steps, workspace, name, TODO, &line);
}

/// It has a chat of its own, whose address nobody else is told.
fn dashboard(steps: &mut Steps<'_>, workspace: &Workspace, more: &[&str]) {
    let program = workspace.release("chat");
    let line = [&["dashboard.mjs", "--program", &program], more].concat();
    let name = "the dashboard, with 200 clients";
    node(steps, workspace, name, CHAT, &line);
}

fn conformance(steps: &mut Steps<'_>, workspace: &Workspace) {
    let program = workspace.release("conformance");
    for transport in TRANSPORTS {
        let same = [
            "conformance.mjs",
            "--program",
            &program,
            "--transport",
            transport,
        ];
        let cross: Vec<&str> = same.into_iter().chain(["--cross"]).collect();
        let name = format!("official client, {transport}");
        node(steps, workspace, &name, CONFORMANCE, &same);
        let name = format!("{name}, cross-origin");
        node(steps, workspace, &name, CONFORMANCE, &cross);
    }
}

/// Clients that other people wrote.
fn others(steps: &mut Steps<'_>, workspace: &Workspace) {
    let name = "signalr-client and node-signalr for Node";
    node(steps, workspace, name, USUAL, &["others.mjs"]);
    let name = "signalr-client for Python";
    match tools::python(steps, workspace) {
        Some(python) => against(
            steps,
            workspace,
            name,
            CONFORMANCE,
            &python,
            &["pyclient.py"],
        ),
        None => steps.fail(name, "not run: its packages are not there"),
    }
}

pub(crate) fn picture(steps: &mut Steps<'_>, workspace: &Workspace) {
    if !ready(steps, workspace) {
        return steps.fail("picture", "not run: a step before it failed");
    }
    let (client, file) = (
        workspace.release("chat-client"),
        workspace.path("docs/chat.png"),
    );
    let page = ["page.mjs", "--rust", &client, "--screenshot", &file];
    node(steps, workspace, "picture of the chat", CHAT, &page);
    let file = workspace.path("docs/todo.png");
    let line = ["todo.mjs", "--screenshot", &file];
    node(steps, workspace, "picture of the to-do list", TODO, &line);
    let file = workspace.path("docs/dashboard.png");
    dashboard(steps, workspace, &["--screenshot", &file]);
}

fn ready(steps: &mut Steps<'_>, workspace: &Workspace) -> bool {
    let build = Step::cargo(
        "build the examples",
        &["build", "--release", "-p", "examples", "--bins"],
    );
    let built = steps.run(build.advice("`cargo build --release -p examples --bins` says more"));
    built.and(tools::browser(steps, workspace)) == Outcome::Passed
}

/// A script for Node; `line` is the script and its options.
fn node(
    steps: &mut Steps<'_>,
    workspace: &Workspace,
    name: &str,
    wanted: &[Wanted],
    line: &[&str],
) {
    against(steps, workspace, name, wanted, "node", line);
}

/// Runs a script while the servers run that it wants.
fn against(
    steps: &mut Steps<'_>,
    workspace: &Workspace,
    name: &str,
    wanted: &[Wanted],
    interpreter: &str,
    line: &[&str],
) {
    let (mut servers, mut advice) = (Vec::new(), Vec::new());
    for (option, program, arguments) in wanted {
        match Server::start(workspace, program, arguments) {
            Ok(server) => servers.push((*option, server)),
            Err(error) => {
                return steps.fail(name, &format!("{program} did not start: {error}"));
            }
        }
        let arguments: String = arguments.iter().map(|each| format!(" {each}")).collect();
        advice.push(format!(
            "`cargo run --release -p examples --bin {program} -- --port N{arguments}` for {option}"
        ));
    }
    let Some((script, more)) = line.split_first() else {
        return steps.fail(name, "there is no script");
    };
    let path = workspace.path(&format!("xtask/e2e/{script}"));
    let mut arguments = vec![path.as_str()];
    for (option, server) in &servers {
        arguments.extend([option, server.url.as_str()]);
    }
    arguments.extend(more);
    let step = Step::new(name, interpreter, &arguments)
        .shown()
        .limit(LIMIT);
    let advice = format!("start {}, then run the line above", advice.join(" and "));
    steps.run(step.advice(&advice));
    for (option, server) in &mut servers {
        if let Some(status) = server.ended() {
            let why = format!("the server for {option} had ended by itself: {status}");
            steps.fail(&format!("{name}: its server"), &why);
        }
    }
}
