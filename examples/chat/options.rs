//! The server's command line: two options are not worth a library.

use std::error::Error;

pub(crate) struct Options {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            host: "127.0.0.1".into(),
            port: 8080,
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
                _ => {
                    return Err(format!(
                        "unknown option {arg}; there are --host HOST and --port PORT"
                    )
                    .into());
                }
            }
        }
        Ok(options)
    }
}
