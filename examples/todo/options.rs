//! The server's command line.

use std::error::Error;

pub(crate) const HELP: &str = "\
A to-do list that many change at once, and that is the same for all of them.

usage: todo [--host HOST] [--port PORT] [--keep N]

  --host HOST  where to listen (127.0.0.1)
  --port PORT  on which port; 0 takes a free one (8080)
  --keep N     how many changes the server keeps for those whose line was cut (1000): whoever
               missed more is told so, and takes the whole list anew. Try --keep 1
  --help       this text

Open the page in two windows, or run todo-client beside it. The list is gone with this process.";

pub(crate) struct Options {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) keep: usize,
}

impl Options {
    /// What the line asks for; `None` is the help.
    pub(crate) fn parse(
        mut args: impl Iterator<Item = String>,
    ) -> Result<Option<Self>, Box<dyn Error>> {
        let mut options = Self {
            host: "127.0.0.1".into(),
            port: 8080,
            keep: 1000,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--help" | "-h" => return Ok(None),
                "--host" => options.host = value()?,
                "--port" => {
                    let port = value()?.parse();
                    options.port = port.map_err(|_| "--port takes a number from 0 to 65535")?;
                }
                "--keep" => {
                    let keep = value()?.parse().ok().filter(|keep| *keep > 0);
                    options.keep = keep.ok_or("--keep takes a number, 1 or more")?;
                }
                _ => return Err(format!("unknown option {arg}; see --help").into()),
            }
        }
        Ok(Some(options))
    }
}
