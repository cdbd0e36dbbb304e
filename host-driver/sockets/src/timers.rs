//! Timers of one queue pair, in order of time.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_refs::sync::atomic::{AtomicU64, Ordering};
use longshore_refs::sync::tally;
use longshore_refs::{Ref, holder};

use crate::lock::{Ordered, Precedes, TimersLevel, Token};
use crate::pcb::Pcb;

/// What an armed timer is for.
#[derive(Debug)]
pub(crate) enum Due {
    /// A connection's next deadline. Holds the Pcb: reference T.
    Pcb(Ref<holder::T, Pcb>),
    /// The first deadline of a shard of the table.
    Shard(usize),
}

/// Names an armed timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// When it is due, in nanoseconds.
    nanos: u64,
    sequence: u64,
}

impl Key {
    fn new(at: Duration, sequence: u64) -> Self {
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(NEVER);
        Self { nanos, sequence }
    }

    /// When it is due.
    pub(crate) fn at(self) -> Duration {
        Duration::from_nanos(self.nanos)
    }
}

#[derive(Debug, Default)]
struct Inner {
    armed: BTreeMap<Key, Due>,
    sequence: u64,
}

/// Armed timers. Their lock is taken last and held for nothing else.
#[derive(Debug)]
pub(crate) struct Timers {
    inner: Ordered<TimersLevel, Inner>,
    /// When the next one is due, in nanoseconds: for a look without the lock. Changed under the lock only.
    first: AtomicU64,
}

/// No timer is armed.
const NEVER: u64 = u64::MAX;

impl Default for Timers {
    fn default() -> Self {
        Self {
            inner: Ordered::default(),
            first: AtomicU64::new(NEVER),
        }
    }
}

impl Timers {
    /// Changes the armed timers, and tells those who look without the lock.
    fn change<R>(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
        change: impl FnOnce(&mut Inner) -> R,
    ) -> R {
        held.with(&self.inner, |inner| {
            let result = change(inner);
            let first = inner.armed.first_key_value();
            let first = first.map_or(NEVER, |(key, _)| key.nanos);
            // A store in the order that sleepers rely on costs as much as a read-modify-write: only if it is news.
            if self.first.load(Ordering::Relaxed) != first {
                tally::rmw(1);
                self.first.store(first, Ordering::SeqCst);
            }
            result
        })
    }

    pub(crate) fn arm(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
        at: Duration,
        due: Due,
    ) -> Key {
        self.change(held, |inner| {
            inner.sequence += 1;
            let key = Key::new(at, inner.sequence);
            inner.armed.insert(key, due);
            key
        })
    }

    /// Moves a timer to another time, under one lock. `None`: it is firing, and whoever fires it owns what it held.
    pub(crate) fn move_to(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
        key: Key,
        at: Duration,
    ) -> Option<Key> {
        self.change(held, |inner| {
            let due = inner.armed.remove(&key)?;
            inner.sequence += 1;
            let key = Key::new(at, inner.sequence);
            inner.armed.insert(key, due);
            Some(key)
        })
    }

    /// Stops a timer without waiting. `None`: it is firing, and whoever fires it owns what it held.
    pub(crate) fn stop(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
        key: Key,
    ) -> Option<Due> {
        self.change(held, |inner| inner.armed.remove(&key))
    }

    /// Takes the next timer that is due. The lock is free again before it is acted upon.
    pub(crate) fn expired(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
        now: Duration,
    ) -> Option<(Key, Due)> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        self.change(held, |inner| {
            let entry = inner.armed.first_entry()?;
            (entry.key().at() <= now).then(|| entry.remove_entry())
        })
    }

    /// When the next timer is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        match self.first.load(Ordering::SeqCst) {
            NEVER => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Armed timers.
    pub(crate) fn len(&self, held: &mut Token<'_, impl Precedes<TimersLevel>>) -> usize {
        held.with(&self.inner, |inner| inner.armed.len())
    }

    /// Disarms all.
    pub(crate) fn clear(&self, held: &mut Token<'_, impl Precedes<TimersLevel>>) -> Vec<Due> {
        let armed = self.change(held, |inner| std::mem::take(&mut inner.armed));
        armed.into_values().collect()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_once_and_not_before_their_time() {
        let timers = Timers::default();
        let held = &mut Token::root();
        let at = Duration::from_secs;
        timers.arm(held, at(2), Due::Shard(2));
        timers.arm(held, at(1), Due::Shard(1));
        timers.arm(held, at(1), Due::Shard(3));
        let stopped = timers.arm(held, at(1), Due::Shard(4));
        assert!(timers.stop(held, stopped).is_some());
        assert!(timers.stop(held, stopped).is_none());
        assert!(timers.move_to(held, stopped, at(9)).is_none());
        let moved = timers.arm(held, at(9), Due::Shard(5));
        assert!(
            timers
                .move_to(held, moved, at(3))
                .is_some_and(|key| key.at() == at(3))
        );
        assert!(timers.expired(held, Duration::ZERO).is_none());
        assert_eq!(timers.next(), Some(at(1)));
        assert!(matches!(
            timers.expired(held, at(1)),
            Some((_, Due::Shard(1)))
        ));
        assert!(matches!(
            timers.expired(held, at(1)),
            Some((_, Due::Shard(3)))
        ));
        assert!(timers.expired(held, at(1)).is_none());
        assert_eq!(timers.len(held), 2);
    }
}

/// Every interleaving of stopping, moving and firing:
/// `RUSTFLAGS="--cfg loom" cargo test -p longshore-sockets --lib timers::exhausted --target-dir target/loom`.
#[cfg(all(test, loom))]
mod exhausted {
    use longshore_refs::Slab;
    use longshore_refs::sync::{Arc, thread};

    use super::*;

    /// Invariant 18: whoever takes a timer out has T, the other has nothing and waits for nobody; T is released once.
    #[test]
    fn a_timer_is_stopped_moved_or_fired_and_its_reference_is_one_sides() {
        for moves in [false, true] {
            loom::model(move || {
                let pcbs = Arc::new(Slab::new("pcbs", 1, |_| Pcb::default()));
                let timers = Arc::new(Timers::default());
                let due = Duration::from_secs(1);
                let reference = pcbs.insert::<holder::T>(|_, _: &Pcb| ()).unwrap();
                let key = timers.arm(&mut Token::root(), due, Due::Pcb(reference));
                let owner = {
                    let (timers, pcbs) = (Arc::clone(&timers), Arc::clone(&pcbs));
                    thread::spawn(move || {
                        let fired = timers.expired(&mut Token::root(), due);
                        assert!(fired.is_none() || pcbs.live() == 1, "T keeps the Pcb");
                        fired.is_some()
                    })
                };
                let held = &mut Token::root();
                let ours = if moves {
                    timers.move_to(held, key, 2 * due).is_some()
                } else {
                    timers.stop(held, key).is_some()
                };
                let fired = owner.join().unwrap();
                assert!(!(ours && fired), "both");
                // Moved in time, it is armed still; else whoever had T has let go of it. A look without the lock may
                // have come too early to see the timer at all.
                let left = timers.len(held);
                assert_eq!(left, usize::from(!fired && (moves || !ours)));
                assert_eq!(pcbs.live(), left);
                drop(timers.clear(held));
                assert_eq!(pcbs.live(), 0);
            });
        }
    }
}
