use super::*;

#[test]
fn a_peak_is_not_paid_for_ever() {
    let limits = Limits {
        queues: 1_000_000,
        per_queue: 1,
        total: 1,
        high_burst: 0,
    };
    let mut core = Core::new(limits);
    for key in 0..100_000 {
        assert!(core.pause(&key));
    }
    let peak = core.queues.capacity();
    for key in 0..100_000 {
        let (runner, after) = core.resume(&key);
        assert!(runner.is_none());
        after.run();
    }
    assert_eq!(core.queues(), 0);
    let left = core.queues.capacity();
    assert!(left <= 2 * SMALL && peak >= 100_000, "{left} of {peak}");
}
