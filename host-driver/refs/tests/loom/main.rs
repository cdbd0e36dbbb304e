//! Exhaustive interleavings of counts, slab look-up, flow slots and the accept queue:
//! `RUSTFLAGS="--cfg loom" cargo test -p longshore-refs --test loom --target-dir target/loom`.
#![cfg(loom)]

mod accept;

use std::num::NonZeroU32;

use longshore_refs::{
    Handle, Recycle, Ref, Slab,
    flow::{Added, Flows},
    holder,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        thread,
    },
};

/// A value that knows whose it is, as a PCB knows its tuple.
#[derive(Default)]
struct Pcb {
    owner: Mutex<u32>,
    recycled: AtomicUsize,
}

impl Recycle for Pcb {
    fn recycle(&self) {
        *self.owner.lock() = 0;
        self.recycled.fetch_add(1, Ordering::Relaxed);
    }
}

fn slab() -> Arc<Slab<Pcb>> {
    Arc::new(Slab::new("pcb", 1, |_| Pcb::default()))
}

fn insert(slab: &Slab<Pcb>, owner: u32) -> Option<Ref<holder::P, Pcb>> {
    slab.insert(|_, pcb| *pcb.owner.lock() = owner)
}

/// Race 8: a look-up finds a PCB while its owner lets go of it, and the slot is taken anew.
#[test]
fn a_look_up_finds_its_own_generation_or_nothing() {
    loom::model(|| {
        let slab = slab();
        let first = insert(&slab, 1).unwrap();
        let handle = first.handle();
        let reader = {
            let slab = slab.clone();
            thread::spawn(move || {
                if let Some(x) = slab.get(handle) {
                    // X keeps the generation alive: the recheck under the lock must find the first owner.
                    assert_eq!(*x.owner.lock(), 1);
                    assert_eq!(x.handle(), handle);
                }
            })
        };
        drop(first);
        if let Some(second) = insert(&slab, 2) {
            assert_ne!(second.handle(), handle);
            assert_eq!(*second.owner.lock(), 2);
        }
        reader.join().unwrap();
        assert!(slab.get(handle).is_none());
        assert_eq!(slab.live(), 0);
    });
}

/// Race 7 and 10: nothing is found before it is initialised.
#[test]
fn a_look_up_never_sees_a_slot_before_its_initialisation() {
    loom::model(|| {
        let slab = slab();
        let guess = Handle {
            index: 0,
            generation: 1,
        };
        let reader = {
            let slab = slab.clone();
            thread::spawn(move || {
                if let Some(x) = slab.get(guess) {
                    assert_eq!(*x.owner.lock(), 7);
                }
            })
        };
        let p = insert(&slab, 7).unwrap();
        reader.join().unwrap();
        assert_eq!(p.handle(), guess);
    });
}

/// Two holders let go at once: freed exactly once, and not before the last.
#[test]
fn the_last_of_two_drops_frees_once() {
    loom::model(|| {
        let slab = slab();
        let p = insert(&slab, 1).unwrap();
        let t = p.duplicate::<holder::T>();
        let handle = p.handle();
        let other = thread::spawn(move || {
            assert_eq!(*t.owner.lock(), 1);
            drop(t);
        });
        assert_eq!(*p.owner.lock(), 1);
        drop(p);
        other.join().unwrap();
        assert!(slab.get(handle).is_none());
        let again = insert(&slab, 2).unwrap();
        assert_eq!(again.recycled.load(Ordering::Relaxed), 1);
    });
}

/// Race 8 without a reference: whoever peeks, locks and finds a value that is not over may rely on its owner's reference
/// for as long as it holds the lock, for to let go of that the owner has to lock it first.
#[test]
fn a_value_that_is_not_over_is_kept_by_its_lock() {
    loom::model(|| {
        let slab = slab();
        let first = insert(&slab, 1).unwrap();
        let handle = first.handle();
        let reader = {
            let slab = slab.clone();
            thread::spawn(move || {
                let pcb = slab.peek(handle).unwrap();
                let owner = pcb.owner.lock();
                if *owner == 1 {
                    // As when a timer is armed under the lock.
                    assert!(slab.get(handle).is_some());
                }
            })
        };
        // It is over: said under the lock, before the reference goes.
        *first.owner.lock() = 0;
        drop(first);
        let second = insert(&slab, 2);
        assert!(second.is_some_and(|second| *second.owner.lock() == 2));
        reader.join().unwrap();
        assert_eq!(slab.live(), 0);
    });
}

/// Two readers against the owner (race 8 with two readers).
#[test]
fn two_look_ups_against_the_last_drop_free_once() {
    loom::model(|| {
        let slab = slab();
        let p = insert(&slab, 1).unwrap();
        let handle = p.handle();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let slab = slab.clone();
                thread::spawn(move || slab.get(handle).is_some_and(|x| *x.owner.lock() == 1))
            })
            .collect();
        drop(p);
        for r in readers {
            r.join().unwrap();
        }
        let again = insert(&slab, 2).unwrap();
        assert_eq!(again.recycled.load(Ordering::Relaxed), 1);
    });
}

/// The free list: two threads take and give back; no slot is two's, none is lost (ABA).
#[test]
fn free_slots_are_neither_lost_nor_taken_twice() {
    loom::model(|| {
        let slab = Arc::new(Slab::new("pcb", 2, |_| Pcb::default()));
        // Both slots have been free before.
        drop((insert(&slab, 1), insert(&slab, 2)));
        let other = {
            let slab = slab.clone();
            thread::spawn(move || {
                let p = insert(&slab, 3).unwrap();
                assert_eq!(*p.owner.lock(), 3);
                drop(p);
                insert(&slab, 4).map(|p| *p.owner.lock())
            })
        };
        let p = insert(&slab, 5).unwrap();
        assert_eq!(*p.owner.lock(), 5);
        assert_eq!(other.join().unwrap(), Some(4));
        assert_eq!(*p.owner.lock(), 5);
        drop(p);
        assert_eq!(slab.live(), 0);
        let mut all = Vec::new();
        assert_eq!(slab.insert_many::<holder::P>(3, |p| all.push(p)), 2);
        assert!(slab.is_full());
    });
}

/// Race 25: a connection is closed while its FLOW_ADD is pending. Whatever the NIC says, H keeps the Pcb until the DEL
/// is completed, and is released once.
#[test]
fn race_25_close_and_add_pending() {
    for added in [Added::Entered, Added::Full] {
        loom::model(move || {
            let slab = slab();
            let p = insert(&slab, 1).unwrap();
            let mut flows = Flows::new(1, NonZeroU32::MIN, 0);
            let handle = flows.add(p.duplicate::<holder::H>()).unwrap();
            let flows = Arc::new(Mutex::new(flows));
            let closer = {
                let flows = flows.clone();
                thread::spawn(move || {
                    let posted = flows.lock().delete(handle, |_| true);
                    drop(p);
                    posted
                })
            };
            let refused = flows.lock().on_added(handle, 0, added);
            if let Some(h) = &refused {
                assert_eq!((*h.owner.lock(), added), (1, Added::Full));
            }
            let gave_back = refused.is_some();
            drop(refused);
            let posted = closer.join().unwrap();
            let h = flows.lock().on_deleted(handle, 0);
            assert_eq!(h.is_some(), posted);
            assert!(posted != gave_back);
            if let Some(h) = h {
                assert_eq!((*h.owner.lock(), h.count()), (1, 1));
            }
            assert_eq!(slab.live(), 0);
        });
    }
}
