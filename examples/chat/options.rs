//! The server's command line: five options are not worth a library.

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
    /// Whether there is a dashboard.
    pub(crate) dashboard: bool,
}

const USAGE: &str = "\
usage: chat [OPTIONS]
  --host HOST     where to listen, 127.0.0.1 without it
  --port PORT     8080 without it; 0 takes a free one
  --data DIR      where to keep messages for those who are away, in memory without it
  --metrics ADDR  where Prometheus asks for metrics, such as 127.0.0.1:9000
  --dashboard     a page that shows the server at work, for whoever has its address: that is printed, with a token
                  that is made anew at each start";

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            host: "127.0.0.1".into(),
            port: 8080,
            data: None,
            metrics: None,
            dashboard: false,
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
                "--dashboard" => options.dashboard = true,
                "--help" => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                _ => return Err(format!("unknown option {arg}; --help lists them").into()),
            }
        }
        Ok(options)
    }
}
