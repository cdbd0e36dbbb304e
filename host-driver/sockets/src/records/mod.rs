//! A shard's records: connections, half-open ones and those in TIME-WAIT, dense in chunks by kind, found by tuple through
//! chains of indexes, and those that end by themselves ordered by when that is.
//!
//! What a record costs besides itself: 2.7 to 5.3 bytes for the heads of chains, 4 for its place among the deadlines if it has
//! one, and its share of a last chunk. Nothing here outlives the shard's lock but tuples and serial numbers.

mod chunks;
mod deadlines;
#[cfg(test)]
mod tests;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use longshore_refs::Handle;
use tcp_core::{HalfOpen, TimeWait};

use crate::listener::Origin;
use crate::tuple::{Packed, Tuple};
use chunks::Chunks;

/// What a tuple stands for. None of it is a counted reference: whoever acts on it revalidates.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A connection.
    Pcb(Handle),
    /// A passive open before its handshake is over: neither Socket nor Pcb.
    HalfOpen(SynEntry),
    /// 2MSL: neither Socket nor Pcb.
    TimeWait(TimeWait),
}

/// What was found under a tuple.
#[derive(Debug)]
pub(crate) enum Found<'r> {
    Pcb,
    HalfOpen(&'r mut SynEntry),
    TimeWait(&'r mut TimeWait),
}

/// A half-open connection.
#[derive(Debug)]
pub(crate) struct SynEntry {
    pub(crate) half_open: HalfOpen,
    /// The listener, and its settings when the SYN came.
    pub(crate) origin: Arc<Origin>,
    /// Tells it from earlier ones of its tuple.
    pub(crate) serial: u32,
}

/// Records in a chunk.
const CHUNK: usize = 8;

/// `P` is where it is among the deadlines, if it ends by itself.
#[derive(Debug)]
struct Record<T, P = ()> {
    head: Head,
    place: P,
    value: T,
}

#[derive(Debug)]
struct Head {
    key: Packed,
    /// The next one of the chain.
    next: Link,
}

/// Names a record as long as the lock is held: kind and index, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pcb,
    HalfOpen,
    TimeWait,
}

impl Link {
    const NONE: Self = Self(u32::MAX);

    fn new(kind: Kind, index: usize) -> Self {
        // Memory ends before 2^30 records.
        Self((kind as u32) << 30 | narrow(index))
    }

    fn kind(self) -> Kind {
        match self.0 >> 30 {
            0 => Kind::Pcb,
            1 => Kind::HalfOpen,
            _ => Kind::TimeWait,
        }
    }

    fn index(self) -> usize {
        (self.0 & ((1 << 30) - 1)) as usize
    }
}

#[expect(clippy::cast_possible_truncation)]
fn narrow(index: usize) -> u32 {
    debug_assert!(index < 1 << 30);
    index as u32
}

/// The records of a shard.
#[derive(Debug)]
pub(crate) struct Records {
    pcbs: Chunks<Record<Handle>, CHUNK>,
    half_open: Chunks<Record<SynEntry, u32>, CHUNK>,
    time_wait: Chunks<Record<TimeWait, u32>, CHUNK>,
    /// Where chains begin: a power of two, or none.
    chains: Vec<Link>,
    deadlines: Chunks<Link, { 4 * CHUNK }>,
    hasher: RandomState,
    serial: u32,
}

impl Records {
    /// No records. `hasher` is the table's.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self {
            pcbs: Chunks::default(),
            half_open: Chunks::default(),
            time_wait: Chunks::default(),
            chains: Vec::new(),
            deadlines: Chunks::default(),
            hasher,
            serial: 0,
        }
    }

    /// Connections, half-open ones, those in TIME-WAIT.
    pub(crate) fn census(&self) -> [usize; 3] {
        [self.pcbs.len(), self.half_open.len(), self.time_wait.len()]
    }

    /// All connections.
    pub(crate) fn connections(&self) -> impl Iterator<Item = Handle> {
        self.pcbs.iter().map(|record| record.value)
    }

    /// The connection of a tuple, if it is one.
    pub(crate) fn pcb(&self, tuple: &Tuple) -> Option<Handle> {
        let link = self.find(&tuple.into())?;
        (link.kind() == Kind::Pcb).then(|| self.pcbs.get(link.index()).value)
    }

    /// The half-open connection of a tuple, if it is one.
    pub(crate) fn half_open(&self, tuple: &Tuple) -> Option<&SynEntry> {
        let link = self.find(&tuple.into())?;
        (link.kind() == Kind::HalfOpen).then(|| &self.half_open.get(link.index()).value)
    }

    /// Works with what a tuple stands for, whose deadline may be another afterwards.
    pub(crate) fn with<R>(
        &mut self,
        tuple: &Tuple,
        work: impl FnOnce(Found<'_>) -> R,
    ) -> Option<R> {
        let link = self.find(&tuple.into())?;
        let index = link.index();
        let (result, place) = match link.kind() {
            Kind::Pcb => return Some(work(Found::Pcb)),
            Kind::HalfOpen => {
                let Record { place, value, .. } = self.half_open.get_mut(index);
                (work(Found::HalfOpen(value)), *place)
            }
            Kind::TimeWait => {
                let Record { place, value, .. } = self.time_wait.get_mut(index);
                (work(Found::TimeWait(value)), *place)
            }
        };
        self.settle(place as usize);
        Some(result)
    }

    /// The tuple of the record that is due first, if it is due.
    pub(crate) fn due(&self, now: Duration) -> Option<Tuple> {
        let due = self.first_deadline()? <= now;
        due.then(|| self.head(*self.deadlines.get(0)).key.into())
    }

    /// A number that no half-open entry of these records has.
    pub(crate) fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// Enters a tuple unless it is taken.
    pub(crate) fn insert_new(&mut self, tuple: &Tuple, entry: Entry) -> bool {
        let key = Packed::from(tuple);
        if self.find(&key).is_some() {
            return false;
        }
        let head = Head {
            key,
            next: Link::NONE,
        };
        let link = match entry {
            Entry::Pcb(value) => {
                let place = ();
                self.pcbs.push(Record { head, place, value });
                Link::new(Kind::Pcb, self.pcbs.len() - 1)
            }
            Entry::HalfOpen(value) => {
                let place = 0;
                self.half_open.push(Record { head, place, value });
                Link::new(Kind::HalfOpen, self.half_open.len() - 1)
            }
            Entry::TimeWait(value) => {
                let place = 0;
                self.time_wait.push(Record { head, place, value });
                Link::new(Kind::TimeWait, self.time_wait.len() - 1)
            }
        };
        if link.kind() != Kind::Pcb {
            self.enter_deadline(link);
        }
        if 2 * self.len() > 3 * self.chains.len() {
            self.rebuild((2 * self.chains.len()).max(CHUNK));
        } else {
            self.enchain(link);
        }
        true
    }

    /// Takes out what a tuple stands for.
    pub(crate) fn remove(&mut self, tuple: &Tuple) -> Option<Entry> {
        let key = Packed::from(tuple);
        let link = self.find(&key)?;
        let next = self.head(link).next;
        self.relink(&key, link, next);
        let index = link.index();
        let (entry, moved_from) = match link.kind() {
            Kind::Pcb => {
                let entry = Entry::Pcb(self.pcbs.swap_remove(index).value);
                (entry, self.pcbs.len())
            }
            Kind::HalfOpen => {
                self.leave_deadline(self.half_open.get(index).place as usize);
                let entry = Entry::HalfOpen(self.half_open.swap_remove(index).value);
                (entry, self.half_open.len())
            }
            Kind::TimeWait => {
                self.leave_deadline(self.time_wait.get(index).place as usize);
                let entry = Entry::TimeWait(self.time_wait.swap_remove(index).value);
                (entry, self.time_wait.len())
            }
        };
        if moved_from != index {
            // The last one is here now.
            let key = self.head(link).key;
            self.relink(&key, Link::new(link.kind(), moved_from), link);
            if let Some(place) = self.place(link) {
                *self.deadlines.get_mut(place) = link;
            }
        }
        if self.len() == 0 {
            self.rebuild(0);
        } else if self.chains.len() > CHUNK.max(4 * self.len()) {
            self.rebuild(self.chains.len() / 2);
        }
        Some(entry)
    }

    /// Takes out every half-open connection and TIME-WAIT record that `unwanted` says so of.
    pub(crate) fn take_if(
        &mut self,
        mut unwanted: impl FnMut(Option<&SynEntry>) -> bool,
    ) -> Vec<(Tuple, Entry)> {
        let half_open = self.half_open.iter();
        let half_open = half_open.map(|record| (&record.head.key, Some(&record.value)));
        let time_wait = self.time_wait.iter().map(|record| (&record.head.key, None));
        let keys: Vec<Tuple> = half_open
            .chain(time_wait)
            .filter(|(_, entry)| unwanted(*entry))
            .map(|(key, _)| (*key).into())
            .collect();
        keys.into_iter()
            .filter_map(|tuple| self.remove(&tuple).map(|entry| (tuple, entry)))
            .collect()
    }

    fn len(&self) -> usize {
        self.census().iter().sum()
    }

    fn head(&self, link: Link) -> &Head {
        let index = link.index();
        match link.kind() {
            Kind::Pcb => &self.pcbs.get(index).head,
            Kind::HalfOpen => &self.half_open.get(index).head,
            Kind::TimeWait => &self.time_wait.get(index).head,
        }
    }

    fn set_next(&mut self, link: Link, next: Link) {
        let index = link.index();
        let head = match link.kind() {
            Kind::Pcb => &mut self.pcbs.get_mut(index).head,
            Kind::HalfOpen => &mut self.half_open.get_mut(index).head,
            Kind::TimeWait => &mut self.time_wait.get_mut(index).head,
        };
        head.next = next;
    }

    /// When a record is due: never, if it is a connection's.
    fn deadline(&self, link: Link) -> Duration {
        match link.kind() {
            Kind::Pcb => Duration::MAX,
            Kind::HalfOpen => {
                let entry = &self.half_open.get(link.index()).value;
                entry.half_open.next_timeout()
            }
            Kind::TimeWait => self.time_wait.get(link.index()).value.expires(),
        }
    }

    fn place(&self, link: Link) -> Option<usize> {
        match link.kind() {
            Kind::Pcb => None,
            Kind::HalfOpen => Some(self.half_open.get(link.index()).place as usize),
            Kind::TimeWait => Some(self.time_wait.get(link.index()).place as usize),
        }
    }

    fn set_place(&mut self, link: Link, place: usize) {
        let index = link.index();
        match link.kind() {
            Kind::Pcb => {}
            Kind::HalfOpen => self.half_open.get_mut(index).place = narrow(place),
            Kind::TimeWait => self.time_wait.get_mut(index).place = narrow(place),
        }
    }

    /// The chain of a key: bits of the hash that do not choose the shard. There is one.
    fn chain(&self, key: &Packed) -> usize {
        let hash = self.hasher.hash_one(key) as usize;
        (hash / crate::table::SHARDS) & (self.chains.len() - 1)
    }

    fn find(&self, key: &Packed) -> Option<Link> {
        if self.chains.is_empty() {
            return None;
        }
        let mut link = self.chains[self.chain(key)];
        while link != Link::NONE {
            let head = self.head(link);
            if head.key == *key {
                return Some(link);
            }
            link = head.next;
        }
        None
    }

    /// Enters a record at the beginning of its chain.
    fn enchain(&mut self, link: Link) {
        let chain = self.chain(&self.head(link).key);
        self.set_next(link, self.chains[chain]);
        self.chains[chain] = link;
    }

    /// Whatever leads to `old` in the chain of `key` leads to `new`.
    fn relink(&mut self, key: &Packed, old: Link, new: Link) {
        let chain = self.chain(key);
        if self.chains[chain] == old {
            self.chains[chain] = new;
            return;
        }
        let mut link = self.chains[chain];
        while link != Link::NONE {
            let next = self.head(link).next;
            if next == old {
                return self.set_next(link, new);
            }
            link = next;
        }
        debug_assert!(false, "a record is in its chain");
    }

    /// As many chains as `chains`.
    fn rebuild(&mut self, chains: usize) {
        self.chains = vec![Link::NONE; chains];
        if chains == 0 {
            return;
        }
        for (kind, len) in [Kind::Pcb, Kind::HalfOpen, Kind::TimeWait]
            .into_iter()
            .zip(self.census())
        {
            for index in 0..len {
                self.enchain(Link::new(kind, index));
            }
        }
    }
}
