//! [`Lanes`]: what waits in one queue, in two lanes, and the rule by which one of them goes first.

use std::collections::VecDeque;

/// Which tasks of a queue go first. It says nothing about other queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Priority {
    /// Before those with [`Normal`](Self::Normal), but see [`high_burst`](super::SchedulerBuilder::high_burst).
    High,
    /// When nothing high waits.
    #[default]
    Normal,
}

/// What waits, first in first out in each lane. Empty, it holds no memory.
#[derive(Debug)]
pub(super) struct Lanes<J> {
    high: VecDeque<(u64, J)>,
    normal: VecDeque<(u64, J)>,
    /// So many went out of the high lane in a row while the normal one waited.
    in_a_row: u32,
}

impl<J> Lanes<J> {
    pub(super) const fn new() -> Self {
        Self {
            high: VecDeque::new(),
            normal: VecDeque::new(),
            in_a_row: 0,
        }
    }

    pub(super) fn push(&mut self, priority: Priority, number: u64, job: J) {
        self.lane(priority).push_back((number, job));
    }

    /// The next one: a high one, unless `burst` of them (0: any number) have gone while a normal one waited.
    pub(super) fn pop(&mut self, burst: u32) -> Option<(u64, J)> {
        let waits = !self.normal.is_empty();
        let may = !waits || burst == 0 || self.in_a_row < burst;
        if may && let Some(high) = self.high.pop_front() {
            self.in_a_row = if waits {
                self.in_a_row.saturating_add(1)
            } else {
                0
            };
            return Some(high);
        }
        self.in_a_row = 0;
        self.normal.pop_front()
    }

    /// Takes one out that has this number.
    pub(super) fn remove(&mut self, priority: Priority, number: u64) -> Option<J> {
        let lane = self.lane(priority);
        let place = lane.iter().position(|(its, _)| *its == number)?;
        lane.remove(place).map(|(_, job)| job)
    }

    /// Takes all of them out, the high ones first.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = J> + use<J> {
        let all = std::mem::replace(self, Self::new());
        all.high.into_iter().chain(all.normal).map(|(_, job)| job)
    }

    pub(super) fn len(&self) -> usize {
        self.high.len() + self.normal.len()
    }

    fn lane(&mut self, priority: Priority) -> &mut VecDeque<(u64, J)> {
        match priority {
            Priority::High => &mut self.high,
            Priority::Normal => &mut self.normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(bool),
        Pop,
        Remove(prop::sample::Index),
        Drain,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => any::<bool>().prop_map(Step::Push),
            6 => Just(Step::Pop),
            2 => any::<prop::sample::Index>().prop_map(Step::Remove),
            1 => Just(Step::Drain),
        ];
        prop::collection::vec(step, 0..200)
    }

    /// The rule in other words, over one list: the oldest high one, or the oldest normal one if there is no high one or if
    /// the last `burst` that went were all high and went past a normal one.
    #[derive(Default)]
    struct Model {
        waiting: Vec<(u64, bool)>,
        went: Vec<(bool, bool)>,
    }

    impl Model {
        fn oldest(&self, high: bool) -> Option<usize> {
            self.waiting.iter().position(|(_, its)| *its == high)
        }

        fn pop(&mut self, burst: usize) -> Option<u64> {
            let normal = self.oldest(false);
            let past = self
                .went
                .iter()
                .rev()
                .take_while(|&&(high, past)| high && past);
            let spent = burst > 0 && past.count() >= burst && normal.is_some();
            let Some(chosen) = self.oldest(true).filter(|_| !spent).or(normal) else {
                // Nothing waits: what went before was past nobody who is still there.
                self.went.clear();
                return None;
            };
            let (number, high) = self.waiting.remove(chosen);
            self.went.push((high, high && normal.is_some()));
            Some(number)
        }
    }

    proptest! {
        #[test]
        fn lanes_are_a_list_with_a_rule(steps in steps(), burst in 0_u32..4) {
            let mut lanes = Lanes::new();
            let mut model = Model::default();
            for (number, step) in (0..).zip(steps) {
                match step {
                    Step::Push(high) => {
                        let priority = if high { Priority::High } else { Priority::Normal };
                        lanes.push(priority, number, number);
                        model.waiting.push((number, high));
                    }
                    Step::Pop => {
                        let popped = lanes.pop(burst);
                        prop_assert_eq!(popped.map(|(_, job)| job), model.pop(burst as usize));
                    }
                    Step::Remove(index) if !model.waiting.is_empty() => {
                        let (number, high) = model.waiting.remove(index.index(model.waiting.len()));
                        let (its, other) = if high {
                            (Priority::High, Priority::Normal)
                        } else {
                            (Priority::Normal, Priority::High)
                        };
                        prop_assert_eq!(lanes.remove(other, number), None);
                        prop_assert_eq!(lanes.remove(its, number), Some(number));
                    }
                    Step::Remove(_) => prop_assert_eq!(lanes.remove(Priority::High, number), None),
                    Step::Drain => {
                        let drained: Vec<u64> = lanes.drain().collect();
                        model.waiting.sort_by_key(|(number, high)| (!high, *number));
                        let numbers = model.waiting.drain(..).map(|(number, _)| number);
                        prop_assert_eq!(drained, numbers.collect::<Vec<_>>());
                        model.went.clear();
                    }
                }
                prop_assert_eq!(lanes.len(), model.waiting.len());
            }
        }
    }

    #[test]
    fn empty_lanes_hold_no_memory() {
        let lanes = Lanes::<u64>::new();
        assert_eq!(lanes.high.capacity() + lanes.normal.capacity(), 0);
    }
}
