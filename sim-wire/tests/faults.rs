//! Faults, by script and by chance, in both directions.

mod common;

use common::{drain, number, numbered, seeded};
use proptest::prelude::*;
use sim_wire::fault::{Action, FaultConfig, FaultCounts, FaultInjector, Hold, Script};
use sim_wire::pair::{PairEnd, pair};
use sim_wire::{Frame, LineConfig, Picos, Seed, Wire};

fn injected(
    line: LineConfig,
    build: impl FnOnce(FaultInjector<PairEnd>) -> FaultInjector<PairEnd>,
) -> (FaultInjector<PairEnd>, PairEnd) {
    let (a, b) = pair(line);
    (build(FaultInjector::new(a, Seed(1))), b)
}

/// Sends frames numbered from 0 back to back, and gives what arrives.
fn send(a: &mut impl Wire, b: &mut impl Wire, frames: u64) -> Vec<Frame> {
    for n in 0..frames {
        let now = a.tx_free_at();
        let frame = numbered(a.pool(), n, 100);
        a.transmit(now, frame);
    }
    drain(a, b)
}

fn numbers(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|frame| number(frame)).collect()
}

#[test]
fn without_faults_everything_passes_in_order_untouched() {
    let (mut a, mut b) = injected(LineConfig::default(), |i| i);
    let received = send(&mut a, &mut b, 50);
    assert_eq!(numbers(&received), (0..50).collect::<Vec<_>>());
    assert!(received.iter().all(|frame| !frame.faults().any()));
    assert_eq!(
        a.tx_counts(),
        FaultCounts {
            frames_in: 50,
            frames_out: 50,
            ..FaultCounts::default()
        }
    );
}

#[test]
fn a_scripted_loss_takes_that_frame_and_no_other() {
    let (mut a, mut b) = injected(LineConfig::default(), |i| {
        i.with_tx_script(Script::new().drop_frame(0).drop_frame(3))
    });
    assert_eq!(numbers(&send(&mut a, &mut b, 6)), [1, 2, 4, 5]);
    assert_eq!(a.tx_counts().lost, 2);
}

#[test]
fn a_frame_held_for_two_frames_follows_them() {
    let script = Script::new().at(1, Action::Hold(Hold::Frames(2)));
    let (mut a, mut b) = injected(LineConfig::default(), |i| i.with_tx_script(script));
    assert_eq!(numbers(&send(&mut a, &mut b, 5)), [0, 2, 3, 1, 4]);
    assert_eq!((a.tx_counts().held, a.tx_counts().overtaken), (1, 1));
}

#[test]
fn the_last_frame_is_not_held_forever() {
    let limit = Picos::from_micros(20);
    let script = Script::new().at(2, Action::Hold(Hold::Frames(9)));
    let (mut a, mut b) = injected(LineConfig::instant(), |i| {
        i.with_tx(FaultConfig {
            hold_limit: limit,
            ..FaultConfig::default()
        })
        .unwrap()
        .with_tx_script(script)
    });
    let received = send(&mut a, &mut b, 3);
    assert_eq!(numbers(&received), [0, 1, 2]);
    assert_eq!(received[2].arrived_at(), limit);
    assert_eq!(a.tx_counts().overtaken, 0);
}

#[test]
fn a_frame_held_for_a_time_arrives_that_much_later() {
    let hold = Picos::from_micros(5);
    let script = Script::new().at(0, Action::Hold(Hold::For(hold)));
    let (mut a, mut b) = injected(LineConfig::instant(), |i| i.with_tx_script(script));
    let received = send(&mut a, &mut b, 3);
    assert_eq!(numbers(&received), [1, 2, 0]);
    assert_eq!(received[2].arrived_at(), hold);
}

#[test]
fn a_late_caller_sees_the_order_of_a_punctual_one() {
    // Frame 0 waits 10 µs for one frame to pass; frame 1 is sent after that, and both are looked for later still.
    let script = Script::new().at(0, Action::Hold(Hold::Frames(1)));
    let config = FaultConfig {
        hold_limit: Picos::from_micros(10),
        ..FaultConfig::default()
    };
    let (mut a, b) = pair(LineConfig::instant());
    let mut b = FaultInjector::new(b, Seed(1))
        .with_rx(config)
        .unwrap()
        .with_rx_script(script);
    a.transmit(Picos::ZERO, numbered(a.pool(), 0, 60));
    a.transmit(Picos::from_micros(15), numbered(a.pool(), 1, 60));
    let late = Picos::from_micros(100);
    let received: Vec<_> = std::iter::from_fn(|| b.receive(late)).collect();
    assert_eq!(numbers(&received), [0, 1]);
}

#[test]
fn a_duplicate_follows_its_original_or_is_held_alone() {
    let script = Script::new()
        .at(0, Action::Duplicate)
        .at(2, Action::Duplicate)
        .at(2, Action::Hold(Hold::Frames(1)));
    let (mut a, mut b) = injected(LineConfig::default(), |i| i.with_tx_script(script));
    let received = send(&mut a, &mut b, 4);
    assert_eq!(numbers(&received), [0, 0, 1, 2, 3, 2]);
    assert!(received[0].faults().duplicated && received[1].faults().duplicated);
    assert_eq!(a.tx_counts().duplicated, 2);
}

#[test]
fn corrupted_frames_are_delivered_with_exactly_those_bits_flipped() {
    let script = Script::new()
        .at(0, Action::Flip { bit: 8 * 50 + 3 })
        .at(1, Action::Flip { bit: 1 << 20 });
    let (mut a, mut b) = injected(LineConfig::default(), |i| i.with_tx_script(script));
    let received = send(&mut a, &mut b, 2);
    let mut expected = numbered(a.pool(), 0, 100);
    expected[50] ^= 8;
    assert_eq!(received[0], expected);
    assert!(received[0].faults().corrupted);
    assert!(
        !received[1].faults().any(),
        "a bit past the end is no fault"
    );
    assert_eq!(a.tx_counts().corrupted, 1);
}

#[test]
fn truncated_frames_stay_short_on_a_line_that_pads() {
    let (mut a, mut b) = injected(LineConfig::default(), |i| {
        i.with_tx_script(Script::new().at(0, Action::Truncate { len: 17 }))
    });
    let received = send(&mut a, &mut b, 1);
    assert_eq!(received[0].len(), 17);
    assert!(received[0].faults().truncated);
}

#[test]
fn a_scripted_delay_holds_up_what_follows() {
    let delay = Picos::from_micros(30);
    let (mut a, mut b) = injected(LineConfig::instant(), |i| {
        i.with_tx_script(Script::new().at(1, Action::Delay(delay)))
    });
    let received = send(&mut a, &mut b, 3);
    assert_eq!(numbers(&received), [0, 1, 2]);
    assert_eq!(
        received.iter().map(Frame::arrived_at).collect::<Vec<_>>(),
        [Picos::ZERO, delay, delay]
    );
}

#[test]
fn a_chooser_meets_frames_by_what_they_are() {
    let mut seen = 0;
    let second_even = Script::new().when(move |_, bytes| {
        seen += u64::from(number(bytes).is_multiple_of(2));
        (seen == 2 && number(bytes).is_multiple_of(2)).then_some(Action::Drop)
    });
    let (mut a, mut b) = injected(LineConfig::default(), |i| i.with_tx_script(second_even));
    assert_eq!(numbers(&send(&mut a, &mut b, 5)), [0, 1, 3, 4]);
}

#[test]
fn faults_on_reception_leave_the_other_direction_alone() {
    let (mut a, b) = pair(LineConfig::default());
    let mut b = FaultInjector::new(b, Seed(3))
        .with_rx(FaultConfig::loss(1.0))
        .unwrap();
    assert!(send(&mut a, &mut b, 5).is_empty());
    assert_eq!(b.rx_counts().lost, 5);
    assert_eq!(send(&mut b, &mut a, 5).len(), 5);
}

#[test]
fn a_rate_of_one_meets_every_frame_and_zero_none() {
    let every = FaultConfig {
        duplicate: 1.0,
        corrupt: 1.0,
        max_flipped_bits: 4,
        ..FaultConfig::default()
    };
    let (mut a, mut b) = injected(LineConfig::default(), |i| i.with_tx(every).unwrap());
    for n in 0..20 {
        let now = a.tx_free_at();
        let frame = numbered(a.pool(), n, 100);
        a.transmit(now, frame);
    }
    let received = drain(&mut a, &mut b);
    assert_eq!(received.len(), 40);
    for (i, frame) in received.iter().enumerate() {
        let original = numbered(a.pool(), i as u64 / 2, 100);
        let flipped: u32 = frame
            .iter()
            .zip(original.iter())
            .map(|(x, y)| (x ^ y).count_ones())
            .sum();
        assert!(
            (1..=4).contains(&flipped),
            "{flipped} bits flipped in frame {i}"
        );
    }
}

#[test]
fn the_report_names_the_seed() {
    let (a, _b) = pair(LineConfig::default());
    assert!(
        FaultInjector::new(a, Seed(0xabc))
            .to_string()
            .contains("seed 0x0000000000000abc")
    );
}

fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..0.3f64, Just(1.0)]
}

prop_compose! {
    fn any_faults()(
        (loss, duplicate, corrupt, truncate, reorder) in (rate(), rate(), rate(), rate(), rate()),
        max_flipped_bits in 1u32..64,
        hold in prop_oneof![(0u32..8).prop_map(Hold::Frames), (0u64..10_000_000).prop_map(|p| Hold::For(Picos(p)))],
        (hold_limit, delay, jitter) in (0u64..50_000_000, 0u64..5_000_000, 0u64..5_000_000),
    ) -> FaultConfig {
        FaultConfig {
            loss, duplicate, corrupt, max_flipped_bits, truncate, reorder, hold,
            hold_limit: Picos(hold_limit), delay: Picos(delay), jitter: Picos(jitter),
        }
    }
}

/// Sends at given gaps through faults at both ends; gives what arrived, when, and the counts.
fn run(
    seed: u64,
    tx: &FaultConfig,
    rx: &FaultConfig,
    sends: &[(u64, usize)],
) -> (Vec<(Picos, Vec<u8>)>, [FaultCounts; 2]) {
    let (a, b) = pair(LineConfig::default());
    let mut a = FaultInjector::new(a, Seed(seed))
        .with_tx(tx.clone())
        .unwrap();
    let mut b = FaultInjector::new(b, Seed(seed))
        .with_rx(rx.clone())
        .unwrap();
    let mut now = Picos::ZERO;
    for (n, &(gap, len)) in sends.iter().enumerate() {
        now += Picos(gap);
        let frame = numbered(a.pool(), n as u64, len);
        a.transmit(now, frame);
    }
    let inside = a.tx_counts();
    assert_eq!(
        inside.frames_in + inside.duplicated,
        inside.frames_out + inside.lost + inside.held_now
    );
    let received = drain(&mut a, &mut b);
    (
        received
            .into_iter()
            .map(|f| (f.arrived_at(), f.into_vec()))
            .collect(),
        [a.tx_counts(), b.rx_counts()],
    )
}

fn sends() -> impl Strategy<Value = Vec<(u64, usize)>> {
    prop::collection::vec((0u64..3_000_000, 60usize..1515), 1..120)
}

proptest! {
    #![proptest_config(seeded(128))]

    #[test]
    fn every_frame_is_accounted_for(seed: u64, tx in any_faults(), rx in any_faults(), sends in sends()) {
        let (received, [tx, rx]) = run(seed, &tx, &rx, &sends);
        prop_assert_eq!(tx.frames_in, sends.len() as u64);
        prop_assert_eq!(rx.frames_in, tx.frames_out);
        prop_assert_eq!(rx.frames_out, received.len() as u64);
        for counts in [tx, rx] {
            prop_assert_eq!(counts.held_now, 0);
            prop_assert_eq!(counts.frames_in + counts.duplicated, counts.frames_out + counts.lost);
        }
        prop_assert!(received.is_sorted_by_key(|(at, _)| *at), "arrivals go back in time");
    }

    #[test]
    fn the_same_seed_gives_the_same_run(seed: u64, tx in any_faults(), rx in any_faults(), sends in sends()) {
        prop_assert_eq!(run(seed, &tx, &rx, &sends), run(seed, &tx, &rx, &sends));
    }

    #[test]
    fn changing_one_rate_does_not_reshuffle_the_others(seed: u64, faults in any_faults(), sends in sends()) {
        let only_loss = FaultConfig { loss: faults.loss, ..FaultConfig::default() };
        let none = FaultConfig::default();
        let (_, [with_others, _]) = run(seed, &faults, &none, &sends);
        let (_, [alone, _]) = run(seed, &only_loss, &none, &sends);
        prop_assert_eq!(with_others.lost, alone.lost);
    }

    #[test]
    fn delay_and_jitter_alone_keep_the_order(seed: u64, delay in 0u64..9_000_000, jitter in 0u64..9_000_000, sends in sends()) {
        let faults = FaultConfig { delay: Picos(delay), jitter: Picos(jitter), ..FaultConfig::default() };
        let (received, [counts, _]) = run(seed, &faults, &FaultConfig::default(), &sends);
        let order: Vec<_> = received.iter().map(|(_, bytes)| number(bytes)).collect();
        prop_assert_eq!(order, (0..sends.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(counts.overtaken, 0);
    }
}
