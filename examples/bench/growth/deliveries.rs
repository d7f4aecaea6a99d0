//! What a delivery costs, the more there are to have it.

use std::io;

use super::Setting;
use crate::{
    child::{Cores, REFERENCE, ROWS, Server},
    measure::measure,
    report::Spread,
    scenario::{FanOut, Pace},
    swarm::Swarm,
    table::Table,
};

/// Broadcasts under way at once: as in the fan-out scenario, where a socket gets several of them with one write; and one,
/// where it can't.
const UNDER_WAY: [usize; 2] = [8, 1];

pub(super) fn table(setting: &Setting, cores: Option<Cores>) -> io::Result<Table> {
    let mut table = Table::new(
        "Cost of a delivery",
        "Over sockets: one client broadcasts 100 characters to all, 8 broadcasts under way or one. CPU us of the server for \
         each message that arrived, the broadcast's own share among it; medians of interleaved rounds. Ratio: work per CPU \
         second against raw-tuned in the same round.",
        &[
            "subscribers",
            "hub, 8 under way",
            "raw-tuned",
            "ratio",
            "hub, 1 under way",
            "raw-tuned",
            "ratio",
        ],
    );
    let rows = ROWS
        .iter()
        .filter(|row| row.is_ours() || row.name == REFERENCE);
    let mut servers = rows
        .map(|row| Server::start(*row, cores))
        .collect::<io::Result<Vec<Server>>>()?;
    for &subscribers in setting.subscribers {
        // For each number under way: us of ours and of the reference, by round.
        let mut figures: [Vec<(f64, f64)>; 2] = Default::default();
        for _ in 0..setting.rounds {
            let mut round = [(0.0, 0.0); 2];
            for server in &servers {
                server.settle()?;
                let dialect = server.row.dialect;
                let mut swarm = Swarm::connect(server.address, dialect, subscribers)?;
                for (depth, figure) in UNDER_WAY.iter().zip(&mut round) {
                    let mut load = FanOut::new(dialect, subscribers, Pace::UnderWay(*depth));
                    let sample = measure(server, &mut swarm, &mut load, setting.timing)?;
                    if server.row.is_ours() {
                        figure.0 = sample.cpu_per_message();
                    } else {
                        figure.1 = sample.cpu_per_message();
                    }
                }
            }
            for (all, figure) in figures.iter_mut().zip(round) {
                all.push(figure);
            }
            servers.rotate_left(1);
        }
        let mut cells = vec![subscribers.to_string()];
        for figures in figures {
            let ours = figures.iter().map(|(ours, _)| *ours);
            let raw = figures.iter().map(|(_, raw)| *raw);
            let ratios = figures.iter().map(|(ours, raw)| raw / ours);
            cells.extend([median(ours), median(raw), median(ratios)]);
        }
        table.row(cells);
    }
    Ok(table)
}

fn median(figures: impl Iterator<Item = f64>) -> String {
    Spread::of(figures).map_or_else(|| "-".to_owned(), |spread| format!("{:.2}", spread.median))
}
