//! Steps: each is one command, with its output kept, its time taken, and a word on what to do when it fails.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::workspace::Workspace;

/// One command to run.
#[derive(Debug)]
pub(crate) struct Step {
    name: String,
    command: Command,
    line: String,
    advice: String,
    limit: Duration,
    shown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
}

impl Outcome {
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Passed {
            other
        } else {
            Self::Failed
        }
    }
}

/// No step takes nearly as long on two cores, even the one that builds everything.
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// Of a long output the end is what tells.
const LINES_SHOWN: usize = 150;

impl Step {
    pub(crate) fn new(name: &str, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        let line = format!("{program} {}", arguments.join(" "));
        Self {
            name: name.to_owned(),
            command,
            line,
            advice: String::new(),
            limit: LIMIT,
            shown: false,
        }
    }

    /// A step of the cargo that runs this program.
    pub(crate) fn cargo(name: &str, arguments: &[&str]) -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Self {
            line: format!("cargo {}", arguments.join(" ")),
            ..Self::new(name, &cargo, arguments)
        }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.line = format!("{name}={value:?} {}", self.line);
        self
    }

    /// What to do when it fails.
    pub(crate) fn advice(mut self, advice: &str) -> Self {
        advice.clone_into(&mut self.advice);
        self
    }

    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Its output is shown as it comes, also when it passes.
    pub(crate) fn shown(mut self) -> Self {
        self.shown = true;
        self
    }
}

/// The steps of one command, as they are run.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    workspace: &'a Workspace,
    start: Instant,
    results: Vec<(String, Outcome, Duration)>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Self {
        Self {
            workspace,
            start: Instant::now(),
            results: Vec::new(),
        }
    }

    /// Runs a step, and goes on whatever comes of it.
    pub(crate) fn run(&mut self, step: Step) -> Outcome {
        say(&format!("\n==> {}: {}", step.name, step.line));
        let (name, advice, shown) = (step.name.clone(), step.advice.clone(), step.shown);
        let log = self.log(&name);
        let start = Instant::now();
        let result = execute(step, &log, self.workspace);
        let seconds = start.elapsed().as_secs_f64();
        let outcome = match result {
            Ok(status) if status.success() => {
                say(&format!("    passed in {seconds:.1} s"));
                Outcome::Passed
            }
            failed => {
                if !shown {
                    show_end(&log);
                }
                let why =
                    failed.map_or_else(|error| error.to_string(), |status| status.to_string());
                say(&format!(
                    "    FAILED in {seconds:.1} s: {why}\n    next: {advice}"
                ));
                Outcome::Failed
            }
        };
        self.results.push((name, outcome, start.elapsed()));
        outcome
    }

    /// What a step prints to stdout, if it passes; one that fails will do so again where it counts.
    pub(crate) fn output(&mut self, mut step: Step) -> Option<String> {
        let output = step
            .command
            .current_dir(&self.workspace.root)
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Counts a failure that is not a command's.
    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        say(&format!("\n==> {name}\n    FAILED: {why}"));
        self.results
            .push((name.to_owned(), Outcome::Failed, Duration::ZERO));
    }

    /// Prints the table.
    pub(crate) fn finish(self) -> ExitCode {
        say("");
        for (name, outcome, duration) in &self.results {
            let outcome = if *outcome == Outcome::Passed {
                "passed"
            } else {
                "FAILED"
            };
            say(&format!(
                "{outcome}  {:7.1} s  {name}",
                duration.as_secs_f64()
            ));
        }
        let failed = self
            .results
            .iter()
            .filter(|(_, outcome, _)| *outcome == Outcome::Failed)
            .count();
        say(&format!(
            "\n{:.0} s in all; outputs are in {}",
            self.start.elapsed().as_secs_f64(),
            self.workspace.logs()
        ));
        say(&format!(
            "{} passed, {failed} failed",
            self.results.len() - failed
        ));
        if failed == 0 && !self.results.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn log(&self, name: &str) -> PathBuf {
        let name: String = name
            .chars()
            .map(|each| if each.is_alphanumeric() { each } else { '-' })
            .collect();
        PathBuf::from(self.workspace.logs()).join(format!("{name}.log"))
    }
}

/// A child process that does not outlive its step.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn execute(mut step: Step, log: &PathBuf, workspace: &Workspace) -> io::Result<ExitStatus> {
    step.command.current_dir(&workspace.root);
    if !step.shown {
        fs::create_dir_all(workspace.logs())?;
        let file = File::create(log)?;
        step.command.stdout(file.try_clone()?).stderr(file);
    }
    let mut running = Running(step.command.spawn()?);
    let start = Instant::now();
    loop {
        if let Some(status) = running.0.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > step.limit {
            return Err(io::Error::other(format!(
                "still running after {:?}",
                step.limit
            )));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn show_end(log: &PathBuf) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(LINES_SHOWN);
    if skipped > 0 {
        say(&format!(
            "    ({skipped} lines before these are in {})",
            log.display()
        ));
    }
    for line in lines.iter().skip(skipped) {
        say(&format!("    {line}"));
    }
}

/// To stdout, at once: a step's own output follows.
pub(crate) fn say(line: &str) {
    println!("{line}");
    let _ = io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace::find().unwrap()
    }

    #[test]
    fn a_failure_is_counted_and_the_rest_goes_on() {
        let workspace = workspace();
        let mut steps = Steps::new(&workspace);
        assert_eq!(steps.run(Step::new("fails", "false", &[])), Outcome::Failed);
        assert_eq!(
            steps.run(Step::new("is not there", "/no/such/program", &[])),
            Outcome::Failed
        );
        assert_eq!(steps.run(Step::new("passes", "true", &[])), Outcome::Passed);
        assert_eq!(steps.results.len(), 3);
        assert_eq!(steps.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn a_step_that_hangs_is_ended() {
        let start = Instant::now();
        let step = Step::new("hangs", "sleep", &["600"]).limit(Duration::from_millis(50));
        assert_eq!(Steps::new(&workspace()).run(step), Outcome::Failed);
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn an_output_is_kept() {
        let workspace = workspace();
        let mut steps = Steps::new(&workspace);
        steps.run(Step::new("says so", "echo", &["hello"]));
        assert_eq!(fs::read_to_string(steps.log("says so")).unwrap(), "hello\n");
        assert_eq!(
            steps
                .output(Step::new("says so", "echo", &["hello"]))
                .as_deref(),
            Some("hello\n")
        );
    }
}
