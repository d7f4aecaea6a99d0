//! [`Spare`]: how much of what the process takes is free to be used again. An allocator gives hardly anything back, so that the
//! kernel's figure stays where it was at the worst moment; what the server holds, and how it changed, tells more. It is told both
//! figures, and gives what counts.
//!
//! What is held falls: so much is spare. It rises: as much as the process grew meanwhile is fresh, the rest was spare. The process
//! shrinks: spare memory was given back. It grows although no more is held: others took it, and it counts. So the estimate errs
//! where others let go, which counts on as if they had not, and where others take what is spare. What is held counts in any case.

#[derive(Debug, Default)]
pub(super) struct Spare {
    /// What the process took when it was last known what is held.
    resident: u64,
    /// What was held then.
    held: u64,
    /// What was free then, about.
    bytes: u64,
}

impl Spare {
    /// The process takes `resident` bytes, of which the server knows what `held` are for; gives how many count.
    pub(super) fn settle(&mut self, resident: u64, held: u64) -> u64 {
        let grown = resident.saturating_sub(self.resident);
        let freed = self.held.saturating_sub(held);
        let taken = held.saturating_sub(self.held);
        let reused = taken.saturating_sub(grown);
        let bytes = (self.bytes + freed).saturating_sub(reused + self.given_back(resident));
        *self = Self {
            resident,
            held,
            bytes: bytes.min(resident.saturating_sub(held)),
        };
        resident - self.bytes
    }

    /// How many bytes count when the process takes `resident` and nobody has asked what is held: all by which it grew since.
    pub(super) fn counts(&self, resident: u64) -> u64 {
        let spare = self.bytes.saturating_sub(self.given_back(resident));
        resident.saturating_sub(spare)
    }

    /// Whether it has to be known what is held before this is believed: where the process has grown by more than `much` although there
    /// seemed to be spare memory, that may have been used up in the meantime.
    pub(super) fn is_doubtful(&self, resident: u64, much: u64) -> bool {
        self.bytes > 0 && resident.saturating_sub(self.resident) >= much.max(1)
    }

    fn given_back(&self, resident: u64) -> u64 {
        self.resident.saturating_sub(resident)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What counts after each of these looks at what is resident and held.
    fn counts<const N: usize>(looks: [(u64, u64); N]) -> [u64; N] {
        let mut spare = Spare::default();
        looks.map(|(resident, held)| spare.settle(resident, held))
    }

    #[test]
    fn what_was_held_and_is_not_any_more_does_not_count() {
        assert_eq!(
            counts([(100, 50), (1_100, 1_000), (1_100, 50)]),
            [100, 1_100, 150]
        );
        // The allocator gives it back by and by: what counts stays.
        let looks = [
            (1_100, 1_000),
            (1_100, 0),
            (900, 0),
            (500, 0),
            (100, 0),
            (50, 0),
        ];
        assert_eq!(counts(looks), [1_100, 100, 100, 100, 100, 50]);
        // Or at once.
        assert_eq!(
            counts([(1_100, 1_000), (600, 500), (500, 0)]),
            [1_100, 600, 100]
        );
    }

    #[test]
    fn what_is_held_again_counts_whether_the_process_grows_for_it_or_not() {
        let peak = [(1_100, 1_000), (1_100, 0)];
        let again = |look| counts([peak[0], peak[1], look])[2];
        assert_eq!(again((1_100, 600)), 700, "all of it was spare");
        assert_eq!(again((1_300, 600)), 700, "some of it was");
        assert_eq!(again((1_700, 600)), 700, "none of it was");
        assert_eq!(again((1_900, 600)), 900, "others took the rest");
        assert_eq!(again((1_300, 1_200)), 1_300, "what was spare is used up");
    }

    #[test]
    fn what_others_take_counts_and_what_is_held_counts_in_any_case() {
        let looks = [
            (1_100, 1_000),
            (1_100, 0),
            (1_400, 0),
            (1_400, 300),
            (1_400, 0),
        ];
        assert_eq!(counts(looks), [1_100, 100, 400, 700, 400]);
        // More was said to be held than there is: many hold the same.
        let looks = [(500, 400), (500, 5_000), (500, 400), (500, 0)];
        assert_eq!(counts(looks), [500, 500, 400, 0]);
    }

    #[test]
    fn between_two_beats_growth_counts_at_once_and_spare_memory_is_doubted() {
        let mut spare = Spare::default();
        spare.settle(1_000, 900);
        assert!(!spare.is_doubtful(5_000, 20), "all of it counts");
        spare.settle(1_000, 100);
        let looks = [1_000, 900, 100, 1_010, 1_100];
        assert_eq!(looks.map(|it| spare.counts(it)), [200, 200, 100, 210, 300]);
        assert_eq!(
            [900, 1_019, 1_020].map(|it| spare.is_doubtful(it, 20)),
            [false, false, true]
        );
        // What grew and went again in between is nothing.
        assert_eq!(spare.settle(1_000, 100), 200);
    }

    /// Numbers that look like chance, and are the same each time.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, n: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % n
        }
    }

    /// A process as it is: what the server holds, what others do, and what is free.
    #[derive(Debug, Default)]
    struct Process {
        held: u64,
        others: u64,
        free: u64,
        /// What others took of what was free, or where it could not be told from what the server took: nobody can know.
        unseen: u64,
    }

    impl Process {
        fn resident(&self) -> u64 {
            self.held + self.others + self.free
        }

        /// Bytes for somebody, some of them of what is free: not all of that can be used. Gives how many were free.
        fn take(&mut self, chance: &mut Chance, bytes: u64) -> u64 {
            let usable = self.free.min(bytes);
            let reused = match chance.below(3) {
                0 => usable,
                _ => chance.below(usable + 1),
            };
            self.free -= reused;
            reused
        }

        /// Something happens: one of the first `kinds` kinds.
        fn step(&mut self, chance: &mut Chance, kinds: u64, alone: bool) {
            let bytes = chance.below(1_000);
            match chance.below(kinds) {
                0 | 1 => {
                    self.take(chance, bytes);
                    self.held += bytes;
                }
                2 => {
                    let let_go = chance.below(self.held + 1);
                    self.held -= let_go;
                    self.free += let_go;
                }
                3 => self.free -= chance.below(self.free + 1),
                4 => {
                    let reused = self.take(chance, bytes);
                    self.others += bytes;
                    self.unseen += if alone { reused } else { bytes };
                }
                _ => {
                    let let_go = chance.below(self.others / 4 + 1);
                    self.others -= let_go;
                    self.free += let_go;
                }
            }
        }
    }

    #[test]
    fn no_less_counts_than_is_in_use_but_for_what_cannot_be_known() {
        for seed in 1..=500 {
            let mut chance = Chance(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
            let mut process = Process {
                others: 1_000,
                ..Process::default()
            };
            let mut spare = Spare::default();
            for look in 0..400 {
                let steps = 1 + chance.below(3) * u64::from(seed % 2 == 0);
                (0..steps).for_each(|_| process.step(&mut chance, 6, steps == 1));
                let (resident, held) = (process.resident(), process.held);
                let between = spare.counts(resident);
                let counts = spare.settle(resident, held);
                let live = held + process.others;
                let told = format!("seed {seed}, look {look}: {counts} of {process:?}");
                assert!(counts + process.unseen >= live, "{told}");
                assert!((held..=resident).contains(&counts), "{told}");
                assert!(between <= resident, "{told}");
                assert_eq!(spare.counts(resident), counts, "{told}");
            }
        }
    }

    #[test]
    fn where_others_keep_still_the_estimate_is_exact() {
        for seed in 1..=500 {
            let mut chance = Chance(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
            let mut process = Process {
                others: 1_000,
                ..Process::default()
            };
            let mut spare = Spare::default();
            spare.settle(process.resident(), 0);
            for _ in 0..400 {
                process.step(&mut chance, 4, true);
                let counts = spare.settle(process.resident(), process.held);
                assert_eq!(counts, process.held + process.others, "seed {seed}");
            }
        }
    }
}
