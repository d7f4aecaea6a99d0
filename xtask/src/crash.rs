//! A server that is killed again and again under load, and the books of its clients (`examples/ledger`).

use std::time::Duration;

use crate::{
    steps::{Outcome, Step, Steps},
    workspace::Workspace,
};

/// What is asked of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    kills: Option<u32>,
    seed: Option<u64>,
    wire: Option<String>,
}

/// So many kills in `cargo xtask test`.
const KILLS: u32 = 25;

/// What a kill takes at most, with the start after it: more than twice of what it takes usually.
const A_KILL: Duration = Duration::from_secs(5);

/// The start, and until everybody has everything.
const AROUND: Duration = Duration::from_secs(180);

impl Options {
    /// Reads `[--kills N] [--seed S] [--wire NAME]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(option) = arguments.next() {
            let value = arguments.next().map(String::as_str).unwrap_or_default();
            let wrong = |_| format!("{option} takes a whole number, not '{value}'");
            match option.as_str() {
                "--kills" => options.kills = Some(value.parse().map_err(wrong)?),
                "--seed" => options.seed = Some(value.parse().map_err(wrong)?),
                "--wire" if value.is_empty() => return Err("--wire takes a name".to_owned()),
                "--wire" => options.wire = Some(value.to_owned()),
                _ => {
                    return Err(format!(
                        "crash takes --kills, --seed and --wire, not '{option}'"
                    ));
                }
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(steps: &mut Steps<'_>, workspace: &Workspace, options: &Options) {
    let kills = options.kills.unwrap_or(KILLS);
    let name = format!("crash, {kills} kills");
    let programs = ["--bin", "conformance", "--bin", "ledger"];
    let build = ["build", "--release", "-p", "examples"];
    let build: Vec<&str> = build.into_iter().chain(programs).collect();
    let advice = "`cargo build --release -p examples --bins` says more";
    let build = Step::cargo("build the server and the ledger", &build).advice(advice);
    if steps.run(build) == Outcome::Failed {
        return steps.fail(&name, "not run: a step before it failed");
    }
    let (server, dir) = (
        workspace.release("conformance"),
        format!("{}/crash", workspace.logs()),
    );
    let (count, seed) = (kills.to_string(), options.seed.map(|seed| seed.to_string()));
    let mut arguments = vec!["--server", &server, "--dir", &dir, "--kills", &count];
    if let Some(seed) = &seed {
        arguments.extend(["--seed", seed]);
    }
    if let Some(wire) = &options.wire {
        arguments.extend(["--wire", wire]);
    }
    let step = Step::new(&name, &workspace.release("ledger"), &arguments).shown();
    let advice =
        format!("what the server said and kept is in {dir}; the seed makes the same choices again");
    steps.run(step.limit(A_KILL * kills + AROUND).advice(&advice));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let arguments = line.split_whitespace().map(str::to_owned);
        Options::parse(&arguments.collect::<Vec<_>>())
    }

    #[test]
    fn options_come_in_any_order_or_not_at_all() {
        let options = |kills, seed, wire: Option<&str>| {
            let wire = wire.map(str::to_owned);
            Ok(Options { kills, seed, wire })
        };
        assert_eq!(parse(""), options(None, None, None));
        assert_eq!(parse("--kills 3"), options(Some(3), None, None));
        let all = "--seed 4 --wire x --kills 3";
        assert_eq!(parse(all), options(Some(3), Some(4), Some("x")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, named) in [
            ("--kills", "--kills"),
            ("--kills many", "'many'"),
            ("--seed -1", "'-1'"),
            ("--wire", "--wire"),
            ("3", "'3'"),
        ] {
            assert!(parse(line).unwrap_err().contains(named), "{line}");
        }
    }
}
