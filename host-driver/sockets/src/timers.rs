//! Timers of one queue pair, in order of time.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_refs::{Ref, holder, sync::Mutex};

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

/// Armed timers. Its lock is taken last and held for nothing else.
#[derive(Debug, Default)]
pub(crate) struct Timers(Mutex<Inner>);

impl Timers {
    pub(crate) fn arm(&self, at: Duration, due: Due) -> Key {
        let mut inner = self.0.lock();
        inner.sequence += 1;
        let sequence = inner.sequence;
        let key = Key { at, sequence };
        inner.armed.insert(key, due);
        key
    }

    /// Stops a timer without waiting. `None`: it is firing, and whoever fires it owns what it held.
    pub(crate) fn stop(&self, key: Key) -> Option<Due> {
        self.0.lock().armed.remove(&key)
    }

    /// Takes the next timer that is due. The lock is free again before it is acted upon.
    pub(crate) fn expired(&self, now: Duration) -> Option<(Key, Due)> {
        let mut inner = self.0.lock();
        let entry = inner.armed.first_entry()?;
        (entry.key().at <= now).then(|| entry.remove_entry())
    }

    /// When the next timer is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.0.lock().armed.first_key_value().map(|(key, _)| key.at)
    }

    /// Armed timers.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().armed.len()
    }

    /// Disarms all.
    pub(crate) fn clear(&self) -> Vec<Due> {
        let armed = std::mem::take(&mut self.0.lock().armed);
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
        let at = Duration::from_secs;
        timers.arm(at(2), Due::TimeWait(tuple(2)));
        timers.arm(at(1), Due::TimeWait(tuple(1)));
        timers.arm(at(1), Due::HalfOpen(tuple(3)));
        let stopped = timers.arm(at(1), Due::HalfOpen(tuple(4)));
        assert!(timers.stop(stopped).is_some());
        assert!(timers.stop(stopped).is_none());
        assert!(timers.expired(Duration::ZERO).is_none());
        assert_eq!(timers.next(), Some(at(1)));
        assert!(matches!(timers.expired(at(1)), Some((_, Due::TimeWait(t))) if t == tuple(1)));
        assert!(matches!(timers.expired(at(1)), Some((_, Due::HalfOpen(t))) if t == tuple(3)));
        assert!(timers.expired(at(1)).is_none());
        assert_eq!(timers.len(), 1);
    }
}
