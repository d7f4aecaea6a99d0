//! The command line.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

/// What the server is asked to be.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Where the text protocol is spoken, if anywhere.
    pub(crate) text_port: Option<u16>,
    /// Where queues are kept; in memory without it.
    pub(crate) data: Option<PathBuf>,
    pub(crate) settings: Settings,
    /// Whether there are more hubs and routes, for the recorded conversations.
    pub(crate) extra: bool,
}

/// Settings of the library, each its default if it is not given.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// `Some(None)` is off.
    pub(crate) keep_alive: Option<Option<Duration>>,
    pub(crate) disconnect_timeout: Option<Duration>,
    pub(crate) connection_timeout: Option<Duration>,
    pub(crate) long_poll_delay: Option<Duration>,
    pub(crate) key: Option<[u8; 32]>,
}

const USAGE: &str = "usage: conformance --port N [--host ADDR] [--text-port N] [--data DIR] [--keep-alive SECONDS|off] [--disconnect-timeout SECONDS] \
     [--connection-timeout SECONDS] [--long-poll-delay MS] [--key HEX] [--extra]";

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut host = String::from("127.0.0.1");
        let (mut port, mut text_port, mut data) = (None, None, None);
        let (mut settings, mut extra) = (Settings::default(), false);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--host" => host = value()?,
                "--text-port" => text_port = Some(number::<u16>(&arg, &value()?)?),
                "--port" => port = Some(number::<u16>(&arg, &value()?)?),
                "--keep-alive" => {
                    let value = value()?;
                    let every = (value != "off").then(|| seconds(&arg, &value));
                    settings.keep_alive = Some(every.transpose()?);
                }
                "--disconnect-timeout" => {
                    settings.disconnect_timeout = Some(seconds(&arg, &value()?)?);
                }
                "--connection-timeout" => {
                    settings.connection_timeout = Some(seconds(&arg, &value()?)?);
                }
                "--long-poll-delay" => {
                    let delay = Duration::from_millis(number(&arg, &value()?)?);
                    settings.long_poll_delay = Some(delay);
                }
                "--key" => settings.key = Some(key(&value()?)?),
                "--extra" => extra = true,
                "--data" => data = Some(PathBuf::from(value()?)),
                _ => return Err(format!("unknown option {arg}\n{USAGE}").into()),
            }
        }
        let port = port.ok_or_else(|| format!("--port is missing\n{USAGE}"))?;
        Ok(Self {
            host,
            port,
            text_port,
            data,
            settings,
            extra,
        })
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    let wrong = |_| format!("{option} takes a whole number, not '{value}'");
    value.parse().map_err(wrong)
}

fn seconds(option: &str, value: &str) -> Result<Duration, String> {
    let wrong = || format!("{option} takes a number of seconds, not '{value}'");
    let seconds: f64 = value.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

fn key(hex: &str) -> Result<[u8; 32], &'static str> {
    const WRONG: &str = "--key takes 64 hexadecimal digits";
    let mut key = [0; 32];
    if hex.len() != 64 {
        return Err(WRONG);
    }
    for (n, byte) in key.iter_mut().enumerate() {
        let digits = hex.get(2 * n..2 * n + 2).ok_or(WRONG)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| WRONG)?;
    }
    Ok(key)
}
