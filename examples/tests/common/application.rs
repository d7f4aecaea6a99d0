//! The conformance application as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(15);

pub struct Application {
    process: Child,
    pub address: SocketAddr,
}

impl Application {
    pub fn start(flags: &[String]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_conformance"))
            .args(["--port", "0"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // What it logs is not looked at; a pipe that nobody reads would stop it.
            .stderr(Stdio::null())
            .spawn()
            .expect("the conformance application can be started");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it prints its address");
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok());
        Self {
            process,
            address: address.unwrap_or_else(|| panic!("{flags:?}: it printed {line:?}")),
        }
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let id = self.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.expect("there is a kill").success());
    }

    /// Waits until it has ended, as it should.
    pub fn ended(&mut self) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("it is ours") {
                assert!(status.success(), "the application ended with {status}");
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the application does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
