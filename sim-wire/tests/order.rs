//! A pair without faults: order, rate, nothing lost.

mod common;

use common::{number, numbered, seeded};
use proptest::prelude::*;
use sim_wire::pair::pair;
use sim_wire::{LineConfig, Picos, Rate, Wire};

fn line() -> impl Strategy<Value = LineConfig> {
    let rate = prop_oneof![
        Just(Rate::UNLIMITED),
        Just(Rate::GBPS_10),
        (1_000_000u64..100_000_000_000).prop_map(|bps| Rate::bits_per_second(bps).unwrap()),
    ];
    (rate, 0u64..1_000_000).prop_map(|(rate, p)| LineConfig {
        rate,
        propagation: Picos(p),
        pad: true,
    })
}

proptest! {
    #![proptest_config(seeded(128))]

    #[test]
    fn frames_keep_their_order_and_the_line_its_rate(
        line in line(),
        sends in prop::collection::vec((0u64..3_000_000, 60usize..2000), 1..100),
    ) {
        let (mut a, mut b) = pair(line);
        let mut now = Picos::ZERO;
        for (n, &(gap, len)) in sends.iter().enumerate() {
            now += Picos(gap);
            let sent = a.transmit(now, numbered(a.pool(), n as u64, len));
            prop_assert!(sent.start >= now);
        }
        let mut last = None;
        for (n, &(_, len)) in sends.iter().enumerate() {
            let due = b.next_event().unwrap();
            prop_assert_eq!(due.0.checked_sub(1).and_then(|early| b.receive(Picos(early))), None);
            let frame = b.receive(due).unwrap();
            prop_assert_eq!((number(&frame), frame.len()), (n as u64, len));
            if let Some(before) = last {
                // Ends of frames are this frame's slot apart, but for a picosecond of rounding.
                prop_assert!(due - before + Picos(2) >= line.slot(len));
            }
            last = Some(due);
        }
        prop_assert_eq!(b.stats().rx_frames, sends.len() as u64);
        prop_assert_eq!((b.stats().in_flight, b.next_event()), (0, None));
    }
}
