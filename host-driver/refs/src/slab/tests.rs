use std::sync::atomic::AtomicU32;

use super::*;
use crate::{holder, sync::Mutex};
use proptest::prelude::*;

#[derive(Default)]
struct Counter {
    recycled: AtomicU32,
}
impl Recycle for Counter {
    fn recycle(&self) {
        self.recycled.fetch_add(1, Ordering::Relaxed);
    }
}

fn slab(capacity: u32) -> Slab<Counter> {
    Slab::new("test", capacity, |_| Counter::default())
}

#[test]
fn the_last_reference_frees_and_the_old_handle_finds_nothing() {
    let slab = slab(1);
    let p = slab.insert::<holder::P>(|_, _| ()).unwrap();
    let old = p.handle();
    let t = p.duplicate::<holder::T>();
    drop(p);
    assert!(slab.get(old).is_some());
    assert_eq!(slab.live(), 1);
    drop(t);
    assert!(slab.get(old).is_none());
    assert_eq!(slab.live(), 0);
    let next = slab.insert::<holder::P>(|_, _| ()).unwrap();
    assert_eq!(next.handle().index, old.index);
    assert_ne!(next.handle().generation, old.generation);
    assert!(slab.get(old).is_none());
    assert_eq!(next.recycled.load(Ordering::Relaxed), 1);
}

#[test]
fn a_slot_that_nobody_took_is_not_found_by_a_guess() {
    let slab = slab(2);
    let taken = slab.insert::<holder::P>(|_, _| ()).unwrap();
    let Handle { index, generation } = taken.handle();
    let guess = Handle {
        index: 1 - index,
        generation,
    };
    assert!(slab.get(guess).is_none());
    assert!(slab.acquire::<holder::T>(guess).is_none());
}

#[test]
fn a_full_slab_refuses_and_unknown_handles_find_nothing() {
    let slab = slab(70);
    let mut held = Vec::new();
    assert_eq!(slab.insert_many::<holder::B>(100, |r| held.push(r)), 70);
    assert!(slab.insert::<holder::B>(|_, _| ()).is_none());
    for index in [70, 1000, u32::MAX] {
        assert!(
            slab.get(Handle {
                index,
                generation: 1
            })
            .is_none()
        );
    }
    let mut indexes: Vec<_> = held.iter().map(|r| r.handle().index).collect();
    indexes.sort_unstable();
    assert!(indexes.into_iter().eq(0..70));
}

#[test]
fn holders_are_named_in_debug_builds() {
    let slab = slab(4);
    let q = slab.insert::<holder::Q>(|_, _| ()).unwrap();
    let f = q.transfer::<holder::F>();
    let h = f.duplicate::<holder::H>();
    if Census::COUNTS {
        assert_eq!(slab.tally().to_string(), "F 1, H 1");
    }
    assert_eq!(h.count(), 2);
    drop((f, h));
    assert!(slab.tally().is_empty());
}

#[test]
fn threads_that_look_up_and_free_never_meet_another_generation() {
    let slab = slab(2);
    let current = Mutex::new(None);
    std::thread::scope(|s| {
        s.spawn(|| {
            for _ in 0..2000 {
                let p = slab.insert::<holder::P>(|_, _| ()).unwrap();
                *current.lock() = Some(p.handle());
                std::hint::spin_loop();
            }
        });
        for _ in 0..2 {
            s.spawn(|| {
                for _ in 0..4000 {
                    let handle = *current.lock();
                    if let Some(x) = handle.and_then(|h| slab.get(h)) {
                        assert_eq!(Some(x.handle()), handle);
                    }
                }
            });
        }
    });
    assert_eq!(slab.live(), 0);
}

#[test]
fn segments_follow_each_other_and_little_is_made_in_advance() {
    let (mut index, mut segment) = (0, 0);
    while index < 1 << 22 {
        let (k, at, len) = place(index);
        assert_eq!((k, at), (segment, 0));
        assert_eq!(place(index + len - 1), (segment, len as usize - 1, len));
        assert!(len <= (index / 8).max(FIRST), "{len} more at {index}");
        index += len;
        segment += 1;
    }
    assert!(segment < 256, "{segment}");
    // The last slot of the largest slab.
    assert!(place(MOST - 1).0 < 512);
}

#[test]
fn an_empty_slot_costs_a_word_besides_its_value() {
    assert_eq!(size_of::<Slot<[u64; 2]>>(), 8 + 16);
}

proptest! {
    #[test]
    fn handles_find_exactly_what_lives(
        steps in proptest::collection::vec((0u8..4, any::<prop::sample::Index>()), 1..200),
    ) {
        let slab = slab(100);
        let mut live: Vec<Ref<holder::F, Counter>> = Vec::new();
        let mut dead: Vec<Handle> = Vec::new();
        for (step, which) in steps {
            match step {
                0 | 1 => live.extend(slab.insert(|_, _| ())),
                2 if !live.is_empty() => {
                    let r = live.swap_remove(which.index(live.len()));
                    if r.count() == 1 { dead.push(r.handle()) }
                }
                3 if !live.is_empty() => {
                    let again = live[which.index(live.len())].duplicate();
                    live.push(again);
                }
                _ => {}
            }
            prop_assert!(live.iter().all(|r| slab.get(r.handle()).is_some()));
            prop_assert!(dead.iter().all(|&h| slab.get(h).is_none()));
        }
        let mut distinct: Vec<_> = live.iter().map(Ref::handle).collect();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(slab.live(), distinct.len());
    }
}
