//! What the server tells of itself, for Prometheus to ask for. Dots in names become underscores there:
//! `signalr_server_active_connections`.

use std::error::Error;
use std::net::SocketAddr;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

/// Upper bounds in seconds, as ASP.NET Core has them for connections.
const LONG: [f64; 14] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// And for what takes no time.
const SHORT: [f64; 12] = [
    0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0,
];

/// Answers `GET /metrics` at this address.
///
/// # Errors
/// When the address can't be listened on.
pub(crate) fn serve(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let duration = Matcher::Suffix("duration".into());
    let seconds = Matcher::Suffix("seconds".into());
    PrometheusBuilder::new()
        .set_buckets_for_metric(duration, &LONG)?
        .set_buckets_for_metric(seconds, &SHORT)?
        .with_http_listener(addr)
        .install()
        .map_err(|error| format!("can't tell metrics at {addr}: {error}; try another --metrics"))?;
    Ok(())
}
