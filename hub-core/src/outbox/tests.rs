use super::*;

fn drained(outbox: &mut Outbox) -> String {
    std::iter::from_fn(|| outbox.drain())
        .map(|b| String::from_utf8_lossy(&b).into_owned())
        .collect()
}

#[test]
fn a_lane_keeps_its_order_whatever_the_sizes() {
    let mut outbox = Outbox::new(100, 1 << 20);
    let large = Bytes::from("L".repeat(SHARED_FROM));
    outbox.push(Lane::Post, &Bytes::from_static(b"a")).unwrap();
    outbox.push(Lane::Post, &large).unwrap();
    outbox.push_own(Lane::Post, |tail| tail.extend_from_slice(b"bc"));
    assert_eq!(
        drained(&mut outbox),
        format!("a{}bc", "L".repeat(SHARED_FROM))
    );
    assert!(outbox.is_empty());
}

#[test]
fn what_waits_takes_hardly_more_memory_than_it_has_bytes() {
    for len in [1, 100, 127, 128, 159, 1_000, 3_000, SHARED_FROM - 1] {
        let mut outbox = Outbox::new(1_000_000, 256 * 1024);
        let frame = Bytes::from(vec![0; len]);
        while outbox.push(Lane::Post, &frame).is_ok() {
            outbox.push_own(Lane::Send, |tail| tail.extend_from_slice(&frame));
        }
        let (bytes, mut memory) = (outbox.bytes(), 0);
        for chunk in std::iter::from_fn(|| outbox.drain()) {
            assert!(chunk.len() <= CHUNK);
            memory += chunk.try_into_mut().unwrap().capacity();
        }
        let most = bytes + bytes / 3 + 2 * CHUNK;
        assert!(memory <= most, "{memory} for {bytes} in frames of {len}");
    }
}

#[test]
fn large_frames_are_shared_not_copied() {
    let mut outbox = Outbox::new(100, 1 << 20);
    let large = Bytes::from(vec![0; SHARED_FROM]);
    outbox.push(Lane::Post, &large).unwrap();
    assert_eq!(outbox.drain().unwrap().as_ptr(), large.as_ptr());
}

#[test]
fn send_overtakes_post_but_does_not_starve_it() {
    let mut outbox = Outbox::new(10_000, 1 << 30);
    let large = |c: &str| Bytes::from(c.repeat(SHARED_FROM));
    outbox.push(Lane::Post, &large("p")).unwrap();
    for _ in 0..40 {
        outbox.push(Lane::Send, &large("s")).unwrap();
    }
    outbox
        .push(Lane::Control, &Bytes::from_static(b"c"))
        .unwrap();
    let order: String = std::iter::from_fn(|| outbox.drain())
        .map(|b| b[0] as char)
        .collect();
    assert_eq!(order, format!("c{}p{}", "s".repeat(32), "s".repeat(8)));
}

#[test]
fn it_knows_how_far_the_reader_is_with_what_was_handed_out_in_order() {
    let mut outbox = Outbox::new(100, 1 << 20);
    outbox.begin(10);
    let large = Bytes::from("L".repeat(SHARED_FROM));
    let small = Bytes::from_static(b"s");
    for (n, frame) in [&small, &small, &large, &small].into_iter().enumerate() {
        outbox.push(Lane::Post, frame).unwrap();
        outbox.mark(11 + n as u64);
    }
    // An answer goes no further than what is before it.
    outbox.push_own(Lane::Post, |tail| tail.extend_from_slice(b"a"));
    outbox.push(Lane::Send, &small).unwrap();
    let left: Vec<u64> = std::iter::from_fn(|| outbox.drain().map(|_| outbox.left())).collect();
    assert_eq!(left, [10, 12, 13, 14]);
}

#[test]
fn a_lane_is_forgotten_and_the_others_stay() {
    let mut outbox = Outbox::new(4, 1 << 20);
    let large = Bytes::from("L".repeat(SHARED_FROM));
    outbox.push(Lane::Post, &large).unwrap();
    outbox.push(Lane::Post, &Bytes::from_static(b"p")).unwrap();
    outbox.push(Lane::Send, &Bytes::from_static(b"s")).unwrap();
    assert!(outbox.waits(Lane::Post) && outbox.takes(1));
    outbox.forget(Lane::Post);
    assert!(!outbox.waits(Lane::Post) && outbox.waits(Lane::Send));
    assert_eq!(drained(&mut outbox), "s");
    assert!(outbox.is_empty());
    assert_eq!((outbox.frames, outbox.bytes), (0, 0));
}

#[test]
fn it_is_bounded_in_frames_and_bytes_and_counts_back() {
    let mut outbox = Outbox::new(2, 10);
    let frame = Bytes::from_static(b"1234567");
    assert_eq!(outbox.push(Lane::Post, &frame), Ok(()));
    assert_eq!(outbox.push(Lane::Post, &frame), Err(Full));
    assert_eq!(outbox.push(Lane::Post, &Bytes::from_static(b"1")), Ok(()));
    assert_eq!(
        outbox.push(Lane::Post, &Bytes::from_static(b"1")),
        Err(Full)
    );
    assert!(outbox.is_pressed());
    assert_eq!(drained(&mut outbox), "12345671");
    assert!(!outbox.is_pressed());
    assert_eq!(
        outbox.push(Lane::Post, &Bytes::from(vec![0; 100])),
        Ok(()),
        "an empty outbox takes anything"
    );
}

#[test]
fn what_others_share_is_not_its_own() {
    let mut outbox = Outbox::new(100, 1 << 20);
    let large = Bytes::from("L".repeat(SHARED_FROM));
    outbox.push(Lane::Post, &large).unwrap();
    outbox
        .push(Lane::Post, &Bytes::from_static(b"abc"))
        .unwrap();
    outbox.push(Lane::Send, &Bytes::from_static(b"de")).unwrap();
    outbox.push_own(Lane::Control, |tail| tail.extend_from_slice(b"f"));
    assert_eq!((outbox.bytes(), outbox.own_bytes()), (SHARED_FROM + 6, 6));
    // Nobody else has it any more.
    drop(large);
    assert_eq!(outbox.own_bytes(), outbox.bytes());
    while outbox.drain().is_some() {
        assert_eq!(outbox.own_bytes(), outbox.bytes());
    }
    assert!(outbox.is_empty());
}
