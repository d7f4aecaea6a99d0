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
        // On a shared machine a hundredth waits for others, too: only what is to be released has to hold this.
        for (scenario, _, most, times) in self.latencies(plan).filter(|_| share >= 1.0) {
            if times.median > most {
                let (name, median) = (scenario.name(), times.median);
                fallen.push(format!(
                    "p99 of {name}: {median:.2} times, {most:.1} at most"
                ));
            }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        child::{REFERENCE, ROWS},
        measure::{Latency, Sample},
        scenario::{Memory, Scenario},
    };

    fn sample(messages: u64) -> Sample {
        Sample {
            messages,
            wall: Duration::from_secs(1),
            server: Duration::from_secs(1),
            load: Duration::ZERO,
            latency: None,
        }
    }

    #[test]
    fn the_slowest_hundredth_has_a_bound_for_what_is_released() {
        let mut report = Report::new(None).unwrap();
        let echo = Scenario::Echo { depth: 1 };
        for row in ROWS
            .iter()
            .filter(|row| row.is_ours() || row.name == REFERENCE)
        {
            let p99 = Duration::from_millis(if row.is_ours() { 16 } else { 10 });
            let latency = Some(Latency { p50: p99, p99 });
            let sample = Sample {
                latency,
                ..sample(100)
            };
            report.sample(*row, echo, 0, sample).unwrap();
        }
        let plan = Plan::parse(&["--only", "echo-1"]).unwrap();
        let released = report.fallen(&plan, 1.0);
        assert_eq!(released, ["p99 of echo-1: 1.60 times, 1.5 at most"]);
        assert_eq!(report.fallen(&plan, 0.5), [""; 0]);
        let table = report.table(&plan, true, 0.0).unwrap();
        assert!(table.contains("1.60 (1.60-1.60) -    1.5"), "{table}");
    }

    #[test]
    fn queues_and_memory_have_their_floors_too() {
        let mut report = Report::new(None).unwrap();
        report.durable(Store::Bare, 0, sample(100)).unwrap();
        report.durable(Store::Hub, 0, sample(29)).unwrap();
        for row in ROWS {
            let used = if row.is_ours() { 4000.0 } else { 1000.0 };
            let memory = Memory { idle: used, used };
            report.memory(*row, 1, memory).unwrap();
        }
        let plan = Plan::parse(&["--only", "durable,memory"]).unwrap();
        let half = report.fallen(&plan, 0.5);
        let expected = ["durable: 0.29 of 0.60", "memory: 4.0 times, 1.5 at most"];
        assert_eq!(half, expected);
        assert_eq!(report.fallen(&plan, 0.25), [""; 0]);
    }
}
