//! What the server tells of itself, for Prometheus to ask for. Dots in names become underscores there:
//! `signalr_server_active_connections`.

use std::error::Error;
use std::net::SocketAddr;

use hub_server::Dashboard;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use metrics_util::layers::FanoutBuilder;

/// Upper bounds in seconds, as ASP.NET Core has them for connections.
const LONG: [f64; 14] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// And for what takes no time.
const SHORT: [f64; 12] = [
    0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0,
];

/// Installs what hears of metrics: Prometheus' exporter, which answers `GET /metrics` at this address, and the dashboard's recorder,
/// whichever of the two is asked for.
///
/// # Errors
/// When the address can't be listened on.
pub(crate) fn install(
    addr: Option<SocketAddr>,
    dashboard: Option<&Dashboard>,
) -> Result<(), Box<dyn Error>> {
    let mut all = FanoutBuilder::default();
    if let Some(addr) = addr {
        let duration = Matcher::Suffix("duration".into());
        let seconds = Matcher::Suffix("seconds".into());
        let (recorder, answers) = PrometheusBuilder::new()
            .set_buckets_for_metric(duration, &LONG)?
            .set_buckets_for_metric(seconds, &SHORT)?
            .with_http_listener(addr)
            .build()
            .map_err(|error| {
                format!("can't tell metrics at {addr}: {error}; try another --metrics")
            })?;
        tokio::spawn(answers);
        all = all.add_recorder(recorder);
    }
    if let Some(dashboard) = dashboard {
        all = all.add_recorder(dashboard.recorder());
    }
    if addr.is_some() || dashboard.is_some() {
        metrics::set_global_recorder(all.build())?;
    }
    Ok(())
}
