//! The server's command line: four options are not worth a library.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) struct Options {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Where messages for those who are away are kept; in memory without it.
    pub(crate) data: Option<PathBuf>,
    /// Where Prometheus asks for metrics, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            host: "127.0.0.1".into(),
            port: 8080,
            data: None,
            metrics: None,
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
                "--metrics" => {
                    let addr = value()?;
                    options.metrics = Some(addr.parse().map_err(|_| {
                        format!("--metrics takes an address such as 127.0.0.1:9000, not '{addr}'")
                    })?);
                }
                "--data" => options.data = Some(value()?.into()),
                _ => {
                    return Err(format!(
                        "unknown option {arg}; there are --host HOST, --port PORT, --data DIR and --metrics ADDR"
                    )
                    .into());
                }
            }
        }
        Ok(options)
    }
}
