//! The command line.

use std::error::Error;
use std::path::PathBuf;

use crate::wire::Wire;

pub(crate) struct Options {
    /// The conformance application.
    pub(crate) server: PathBuf,
    /// Where its data and its log are, new for every run.
    pub(crate) dir: PathBuf,
    pub(crate) kills: usize,
    pub(crate) clients: usize,
    pub(crate) seed: Option<u64>,
    /// The wire of all clients, if it is not to be any.
    pub(crate) wire: Option<Wire>,
}

const USAGE: &str =
    "usage: ledger --server PROGRAM --dir DIR [--kills N] [--clients N] [--seed S] [--wire NAME]";

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut server, mut dir, mut seed, mut wire) = (None, None, None, None);
        let (mut kills, mut clients) = (25, 50);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--server" => server = Some(PathBuf::from(value()?)),
                "--dir" => dir = Some(PathBuf::from(value()?)),
                "--kills" => kills = number(&arg, &value()?)?,
                "--clients" => clients = number(&arg, &value()?)?,
                "--seed" => seed = Some(number(&arg, &value()?)?),
                "--wire" => wire = Some(named(&value()?)?),
                _ => return Err(format!("unknown option {arg}\n{USAGE}").into()),
            }
        }
        Ok(Self {
            server: server.ok_or_else(|| format!("--server is missing\n{USAGE}"))?,
            dir: dir.ok_or_else(|| format!("--dir is missing\n{USAGE}"))?,
            kills,
            clients,
            seed,
            wire,
        })
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    let wrong = |_| format!("{option} takes a whole number, not '{value}'");
    value.parse().map_err(wrong)
}

fn named(name: &str) -> Result<Wire, String> {
    let names = Wire::ALL.map(Wire::name).join(", ");
    let mut all = Wire::ALL.into_iter();
    let wire = all.find(|wire| wire.name().eq_ignore_ascii_case(name));
    wire.ok_or_else(|| format!("--wire takes one of {names}, not '{name}'"))
}
