//! Timers of one queue pair, in order of time.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_refs::{Ref, holder};

use crate::lock::{Ordered, Precedes, TimersLevel, Token};
use crate::pcb::Pcb;
use crate::tuple::Tuple;

/// What an armed timer is for.
#[derive(Debug)]
pub(crate) enum Due {
    /// A connection's next deadline. Holds the Pcb: reference T.
    Pcb(Ref<holder::T, Pcb>),
    /// A half-open entry's SYN-ACK, or its end.
    HalfOpen(Tuple),
    /// The end of 2MSL.
    TimeWait(Tuple),
}

/// Names an armed timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) at: Duration,
    sequence: u64,
}

#[derive(Debug, Default)]
struct Inner {
    armed: BTreeMap<Key, Due>,
    sequence: u64,
}

/// Armed timers. Their lock is taken last and held for nothing else.
#[derive(Debug, Default)]
pub(crate) struct Timers(Ordered<TimersLevel, Inner>);

impl Timers {
    pub(crate) fn arm(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
        at: Duration,
        due: Due,
    ) -> Key {
        let (mut inner, _) = held.lock(&self.0);
        inner.sequence += 1;
        let sequence = inner.sequence;
        let key = Key { at, sequence };
        inner.armed.insert(key, due);
        key
    }

    /// Stops a timer without waiting. `None`: it is firing, and whoever fires it owns what it held.
    pub(crate) fn stop(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
        key: Key,
    ) -> Option<Due> {
        held.with(&self.0, |inner| inner.armed.remove(&key))
    }

    /// Takes the next timer that is due. The lock is free again before it is acted upon.
    pub(crate) fn expired(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
        now: Duration,
    ) -> Option<(Key, Due)> {
        let (mut inner, _) = held.lock(&self.0);
        let entry = inner.armed.first_entry()?;
        (entry.key().at <= now).then(|| entry.remove_entry())
    }

    /// When the next timer is due.
    pub(crate) fn next(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
    ) -> Option<Duration> {
        held.with(&self.0, |inner| {
            inner.armed.first_key_value().map(|(key, _)| key.at)
        })
    }

    /// Armed timers.
    pub(crate) fn len(&self, held: &mut Token<'_, impl Precedes<TimersLevel>>) -> usize {
        held.with(&self.0, |inner| inner.armed.len())
    }

    /// Disarms all.
    pub(crate) fn clear(&self, held: &mut Token<'_, impl Precedes<TimersLevel>>) -> Vec<Due> {
        let armed = held.with(&self.0, |inner| std::mem::take(&mut inner.armed));
        armed.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(port: u16) -> Tuple {
        let ip = std::net::IpAddr::from([192, 0, 2, 1]);
        Tuple::new((ip, port), (ip, port))
    }

    #[test]
    fn timers_fire_in_order_once_and_not_before_their_time() {
        let timers = Timers::default();
        let held = &mut Token::root();
        let at = Duration::from_secs;
        timers.arm(held, at(2), Due::TimeWait(tuple(2)));
        timers.arm(held, at(1), Due::TimeWait(tuple(1)));
        timers.arm(held, at(1), Due::HalfOpen(tuple(3)));
        let stopped = timers.arm(held, at(1), Due::HalfOpen(tuple(4)));
        assert!(timers.stop(held, stopped).is_some());
        assert!(timers.stop(held, stopped).is_none());
        assert!(timers.expired(held, Duration::ZERO).is_none());
        assert_eq!(timers.next(held), Some(at(1)));
        assert!(
            matches!(timers.expired(held, at(1)), Some((_, Due::TimeWait(t))) if t == tuple(1))
        );
        assert!(
            matches!(timers.expired(held, at(1)), Some((_, Due::HalfOpen(t))) if t == tuple(3))
        );
        assert!(timers.expired(held, at(1)).is_none());
        assert_eq!(timers.len(held), 1);
    }
}
