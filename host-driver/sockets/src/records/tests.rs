use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;
use tcp_core::{Config, Initial, IsnGenerator, Segment};

use super::*;

#[test]
fn a_record_is_small_in_either_family() {
    assert_eq!(size_of::<Record<Handle>>(), 52);
    assert_eq!(size_of::<Record<SynEntry, u32>>(), 104);
    assert_eq!(size_of::<Record<TimeWait, u32>>(), 80);
}

/// The tuple of client number `n`; every second one has IPv6.
fn tuple(n: u8) -> Tuple {
    let ip = |host: u8| match n % 2 {
        0 => IpAddr::from([192, 0, 2, host]),
        _ => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)]),
    };
    Tuple::new((ip(1), 80), (ip(2), u16::from(n / 2)))
}

fn syn() -> Segment {
    let mut header = [0; 20];
    (header[12], header[13]) = (5 << 4, 2);
    Segment::parse_whole(&header).unwrap().0
}

fn half_open(serial: u32, at: Duration) -> SynEntry {
    let config = Config {
        initial_rto: at,
        ..Config::default()
    };
    let ends = tuple(0);
    let initial: Initial =
        IsnGenerator::new([0; 16]).initial(Duration::ZERO, ends.local, ends.remote);
    SynEntry {
        half_open: HalfOpen::new(Duration::ZERO, &config, initial, &syn())
            .unwrap()
            .0,
        origin: Arc::new(Origin {
            listener: Handle {
                index: 0,
                generation: 1,
            },
            settings: None,
        }),
        serial,
    }
}

/// A record is what the model has of it: its kind, its number, and when it is due.
type Model = BTreeMap<u8, (Option<Duration>, u32)>;

fn assert_is(records: &Records, model: &Model) {
    assert_eq!(records.len(), model.len());
    for n in 0..=u8::MAX {
        let (pcb, half_open) = (records.pcb(&tuple(n)), records.half_open(&tuple(n)));
        match model.get(&n) {
            None => assert!(pcb.is_none() && half_open.is_none()),
            Some((None, number)) => assert_eq!(pcb.unwrap().index, *number),
            Some((Some(at), number)) => {
                let entry = half_open.unwrap();
                assert_eq!(
                    (entry.half_open.next_timeout(), entry.serial),
                    (*at, *number)
                );
            }
        }
    }
    let first = model.values().filter_map(|(at, _)| *at).min();
    assert_eq!(records.first_deadline(), first);
    let dated = model.values().filter(|(at, _)| at.is_some()).count();
    assert_eq!(records.deadlines.len(), dated);
    for (place, link) in (0..dated).map(|place| (place, *records.deadlines.get(place))) {
        assert_eq!(records.place(link), Some(place));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_are_found_and_come_due_as_in_a_map(
        steps in proptest::collection::vec((0..8u8, any::<u8>(), 1..1_000u64), 1..400),
    ) {
        let mut records = Records::new(RandomState::new());
        let mut model = Model::new();
        for (number, (step, n, millis)) in (0..).zip(steps) {
            let at = Duration::from_millis(millis);
            match step {
                0 | 1 => {
                    let handle = Handle { index: number, generation: 1 };
                    let is_new = records.insert_new(&tuple(n), Entry::Pcb(handle));
                    prop_assert_eq!(is_new, !model.contains_key(&n));
                    model.entry(n).or_insert((None, number));
                }
                2..=4 => {
                    let entry = Entry::HalfOpen(half_open(number, at));
                    let is_new = records.insert_new(&tuple(n), entry);
                    prop_assert_eq!(is_new, !model.contains_key(&n));
                    model.entry(n).or_insert((Some(at), number));
                }
                5 => {
                    // Another deadline.
                    let found = records.with(&tuple(n), |found| {
                        if let Found::HalfOpen(entry) = found {
                            entry.half_open = half_open(0, at).half_open;
                        }
                    });
                    prop_assert_eq!(found.is_some(), model.contains_key(&n));
                    if let Some((Some(due), _)) = model.get_mut(&n) {
                        *due = at;
                    }
                }
                6 => {
                    // Everything that is due.
                    while let Some(due) = records.due(at) {
                        prop_assert!(records.remove(&due).is_some());
                    }
                    model.retain(|_, (due, _)| due.is_none_or(|due| due > at));
                }
                _ => {
                    let removed = records.remove(&tuple(n));
                    prop_assert_eq!(removed.is_some(), model.remove(&n).is_some());
                }
            }
            assert_is(&records, &model);
        }
        let taken = records.take_if(|entry| entry.is_some()).len();
        prop_assert_eq!(taken, model.values().filter(|(at, _)| at.is_some()).count());
        for n in 0..=u8::MAX {
            records.remove(&tuple(n));
        }
        prop_assert_eq!(records.len() + records.chains.capacity(), 0);
    }
}
