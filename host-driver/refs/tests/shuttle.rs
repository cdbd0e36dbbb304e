//! Random schedules over whole lives of references:
//! `RUSTFLAGS="--cfg shuttle" cargo test -p longshore-refs --test shuttle --target-dir target/shuttle`.
//!
//! A failure prints the schedule; `shuttle::replay` runs it again.
#![cfg(all(shuttle, not(loom)))]

use longshore_refs::{
    Recycle, Slab, holder,
    order::{Listener, Ordered, Pcb, Token},
    sync::{Arc, Condvar, Mutex, thread},
};

#[derive(Default)]
struct Value(Mutex<u32>);

impl Recycle for Value {
    fn recycle(&self) {
        *self.0.lock() = 0;
    }
}

/// Owners come and go while look-ups by old and new handles go on; every value found is its finder's.
#[test]
fn handles_find_their_own_generation_in_any_schedule() {
    shuttle::check_pct(
        || {
            let slab = Arc::new(Slab::new("value", 4, |_| Value::default()));
            let published = Arc::new(Mutex::new(Vec::new()));
            let owner = {
                let (slab, published) = (slab.clone(), published.clone());
                thread::spawn(move || {
                    for n in 1..6 {
                        let f = slab
                            .insert::<holder::F>(|_, v: &Value| *v.0.lock() = n)
                            .expect("a slot for the owner and one for each reader");
                        published.lock().push((f.handle(), n));
                        let t = f.duplicate::<holder::T>();
                        thread::yield_now();
                        drop(f);
                        drop(t);
                    }
                })
            };
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let (slab, published) = (slab.clone(), published.clone());
                    thread::spawn(move || {
                        for _ in 0..6 {
                            let all = published.lock().clone();
                            for (handle, n) in all {
                                // The value may be locked by its recycling, but not while X keeps it.
                                if let Some(x) = slab.get(handle) {
                                    assert_eq!(*x.0.lock(), n);
                                }
                            }
                        }
                    })
                })
                .collect();
            owner.join().unwrap();
            readers.into_iter().for_each(|r| r.join().unwrap());
            assert_eq!(slab.live(), 0);
        },
        500,
        3,
    );
}

/// Locks taken in the order that compiles never deadlock.
#[test]
fn ordered_locks_do_not_deadlock_and_waiters_wake() {
    shuttle::check_random(
        || {
            let locks = Arc::new((
                Ordered::<Listener, _>::new(0),
                Ordered::<Pcb, _>::new(0),
                Mutex::new(false),
                Condvar::new(),
            ));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let locks = locks.clone();
                    thread::spawn(move || {
                        let mut root = Token::root();
                        let (mut a, mut token) = root.lock(&locks.0);
                        *a += 1;
                        let (mut b, _) = token.lock(&locks.1);
                        *b += 1;
                        if *b == 2 {
                            *locks.2.lock() = true;
                            locks.3.notify_all();
                        }
                    })
                })
                .collect();
            let mut both = locks.2.lock();
            while !*both {
                locks.3.wait(&mut both);
            }
            drop(both);
            threads.into_iter().for_each(|t| t.join().unwrap());
        },
        500,
    );
}
