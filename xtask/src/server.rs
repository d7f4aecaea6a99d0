//! A server program on a port of its own, for as long as it is needed.

use std::{
    fs::{self, File},
    io,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{steps::Running, workspace::Workspace};

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    process: Running,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Server {
    /// One of the examples, which says where it listens.
    pub(crate) fn start(
        workspace: &Workspace,
        program: &str,
        arguments: &[&str],
    ) -> io::Result<Self> {
        fs::create_dir_all(workspace.logs())?;
        let more = arguments.concat();
        let log = format!("{}/{program}-server{more}.log", workspace.logs());
        // A file, because a pipe that nobody reads would stop a server that prints a lot.
        let file = File::create(&log)?;
        let mut command = Command::new(workspace.release(program));
        command
            .args(["--port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let mut process = Running(command.spawn()?);
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(&log)?;
            let line = text
                .split_inclusive('\n')
                .find_map(|line| line.strip_prefix("listening on ")?.strip_suffix('\n'));
            if let Some(url) = line {
                return Ok(Self {
                    url: url.trim().to_owned(),
                    process,
                });
            }
            if process.0.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                return Err(io::Error::other(format!(
                    "it printed no address, only: {text}"
                )));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it has ended by itself, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.0.try_wait().ok().flatten()
    }
}
