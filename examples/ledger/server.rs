//! [`Server`]: the conformance application as a process of its own, on the same directory and port whenever it is started.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Tokens are sealed with it, so that clients may come back after a restart.
const KEY: &str = "5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed";

/// What it keeps.
const DATA: &str = "data";

/// What all its lives say: wanted when something went wrong.
const LOG: &str = "server.log";

pub(crate) struct Server {
    program: PathBuf,
    dir: PathBuf,
    pub(crate) addr: SocketAddr,
    process: Child,
}

impl Server {
    /// Starts it for the first time, on a port that is free.
    ///
    /// # Errors
    /// When it does not start, or does not say where it listens.
    pub(crate) fn start(program: &Path, dir: &Path) -> io::Result<Self> {
        let (process, addr) = spawn(program, dir, 0)?;
        Ok(Self {
            program: program.to_owned(),
            dir: dir.to_owned(),
            addr,
            process,
        })
    }

    /// Starts it again after a kill.
    ///
    /// # Errors
    /// When it does not start: a directory that it can't open any more, for instance.
    pub(crate) fn again(&mut self) -> io::Result<()> {
        (self.process, self.addr) = spawn(&self.program, &self.dir, self.addr.port())?;
        Ok(())
    }

    /// Kills it with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    /// When it had ended by itself.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        if let Some(status) = self.ended()? {
            return Err(io::Error::other(format!("it had ended already: {status}")));
        }
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Whether it has ended by itself, and how.
    ///
    /// # Errors
    /// When that can't be known.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }
}

/// Makes the directory, and removes what an earlier run has left there.
///
/// # Errors
/// When that can't be done.
pub(crate) fn clear(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for old in [
        fs::remove_dir_all(dir.join(DATA)),
        fs::remove_file(dir.join(LOG)),
    ] {
        match old {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(program: &Path, dir: &Path, port: u16) -> io::Result<(Child, SocketAddr)> {
    let log: File = OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join(LOG))?;
    let mut process = Command::new(program)
        // One port for all wires.
        .args([
            "--port",
            &port.to_string(),
            "--text-port",
            &port.to_string(),
        ])
        .args(["--key", KEY, "--data"])
        .arg(dir.join(DATA))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()?;
    let mut line = String::new();
    if let Some(stdout) = process.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let addr = line.trim().strip_prefix("listening on http://");
    match addr.and_then(|addr| addr.parse().ok()) {
        Some(addr) => Ok((process, addr)),
        None => {
            let _ = process.kill();
            let _ = process.wait();
            let log = dir.join(LOG);
            let text = format!("it did not say where it listens; see {}", log.display());
            Err(io::Error::other(text))
        }
    }
}
