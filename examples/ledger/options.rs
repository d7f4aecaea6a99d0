//! The command line.

use std::error::Error;
use std::path::PathBuf;

pub(crate) struct Options {
    /// The conformance application.
    pub(crate) server: PathBuf,
    /// Where its data and its log are, new for every run.
    pub(crate) dir: PathBuf,
    pub(crate) kills: usize,
    pub(crate) clients: usize,
    pub(crate) seed: Option<u64>,
}

const USAGE: &str = "usage: ledger --server PROGRAM --dir DIR [--kills N] [--clients N] [--seed S]";

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut server, mut dir, mut seed) = (None, None, None);
        let (mut kills, mut clients) = (25, 50);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--server" => server = Some(PathBuf::from(value()?)),
                "--dir" => dir = Some(PathBuf::from(value()?)),
                "--kills" => kills = number(&arg, &value()?)?,
                "--clients" => clients = number(&arg, &value()?)?,
                "--seed" => seed = Some(number(&arg, &value()?)?),
                _ => return Err(format!("unknown option {arg}\n{USAGE}").into()),
            }
        }
        Ok(Self {
            server: server.ok_or_else(|| format!("--server is missing\n{USAGE}"))?,
            dir: dir.ok_or_else(|| format!("--dir is missing\n{USAGE}"))?,
            kills,
            clients,
            seed,
        })
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    let wrong = |_| format!("{option} takes a whole number, not '{value}'");
    value.parse().map_err(wrong)
}
