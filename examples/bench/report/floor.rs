//! What falls so short of what must be reached that the run fails: on a shared machine not all that is below it does.

use super::{Report, durable::DURABLE, memory::MEMORY};
use crate::{Plan, durable::Store};

impl Report {
    /// What is below this share of what must be reached, in words.
    pub(crate) fn fallen(&self, plan: &Plan, share: f64) -> Vec<String> {
        let ratios = self.ratios(plan).into_iter();
        let mut fallen: Vec<String> = ratios
            .filter_map(|ratio| {
                let (must, _) = ratio.targets?;
                let (name, median) = (&ratio.scenario, ratio.median);
                (median < must * share).then(|| format!("{name}: {median:.2} of {must:.2}"))
            })
            .collect();
        if let Some(ratio) = self.durable_ratio(Store::Hub)
            && ratio.median < DURABLE * share
        {
            fallen.push(format!("durable: {:.2} of {DURABLE:.2}", ratio.median));
        }
        let (most, _) = MEMORY;
        for (_, ratio) in self.memory_ratios().filter(|(row, _)| row.is_ours()) {
            // Less is better.
            if ratio > most / share {
                fallen.push(format!("memory: {ratio:.1} times, {most:.1} at most"));
            }
        }
        fallen
    }
}
