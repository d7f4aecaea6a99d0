//! The server's command line: three options are not worth a library.

use std::error::Error;
use std::path::PathBuf;

pub(crate) struct Options {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Where messages for those who are away are kept; in memory without it.
    pub(crate) data: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            host: "127.0.0.1".into(),
            port: 8080,
            data: None,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--host" => options.host = value()?,
                "--port" => {
                    options.port = value()?
                        .parse()
                        .map_err(|_| "--port takes a number from 0 to 65535")?
                }
                "--data" => options.data = Some(value()?.into()),
                _ => {
                    return Err(format!(
                        "unknown option {arg}; there are --host HOST, --port PORT and --data DIR"
                    )
                    .into());
                }
            }
        }
        Ok(options)
    }
}
