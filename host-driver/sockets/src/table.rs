//! Connections by tuple: in shards, so that no lock is everybody's.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use longshore_refs::Handle;
use tcp_core::{HalfOpen, TimeWait};

use crate::config::SocketConfig;
use crate::lock::{Guard, Ordered, Precedes, ShardLevel, Token};
use crate::timers::Key;
use crate::tuple::{Packed, Tuple};

/// What a tuple stands for. None of it is a counted reference: whoever acts on it revalidates.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A connection.
    Pcb(Handle),
    /// A passive open before its handshake is over: neither Socket nor Pcb.
    HalfOpen(Box<SynEntry>),
    /// 2MSL: neither Socket nor Pcb.
    TimeWait(Box<TimeWaitEntry>),
}

impl Entry {
    fn is_pcb(&self, handle: Handle) -> bool {
        matches!(self, Self::Pcb(h) if *h == handle)
    }

    /// Whether it is the half-open connection that armed `timer`.
    pub(crate) fn is_half_open(&self, timer: Key) -> bool {
        matches!(self, Self::HalfOpen(entry) if entry.timer == timer)
    }
}

/// A half-open connection.
#[derive(Debug)]
pub(crate) struct SynEntry {
    pub(crate) half_open: HalfOpen,
    pub(crate) listener: Handle,
    pub(crate) timer: Key,
    /// The listener's, as they were when the SYN came.
    pub(crate) settings: Option<Arc<SocketConfig>>,
}

/// A connection in TIME-WAIT.
#[derive(Debug)]
pub(crate) struct TimeWaitEntry {
    pub(crate) record: TimeWait,
    pub(crate) timer: Key,
}

/// A part of the table.
#[derive(Debug, Default)]
pub(crate) struct Shard(HashMap<Packed, Entry>);

impl Shard {
    pub(crate) fn get(&self, tuple: &Tuple) -> Option<&Entry> {
        self.0.get(&tuple.into())
    }

    pub(crate) fn get_mut(&mut self, tuple: &Tuple) -> Option<&mut Entry> {
        self.0.get_mut(&tuple.into())
    }

    pub(crate) fn remove(&mut self, tuple: &Tuple) -> Option<Entry> {
        self.0.remove(&tuple.into())
    }
}

/// As many as a word has bits.
const SHARDS: usize = u64::BITS as usize;

/// All connections.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[Ordered<ShardLevel, Shard>]>,
    hasher: RandomState,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS)
                .map(|_| Ordered::new(Shard::default()))
                .collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Table {
    /// A number that only the tuple and this table's secret decide.
    pub(crate) fn hash(&self, tuple: &Tuple) -> u64 {
        self.hasher.hash_one(tuple)
    }

    /// Locks the tuple's shard.
    pub(crate) fn shard<'t, L: Precedes<ShardLevel>>(
        &'t self,
        held: &'t mut Token<'_, L>,
        tuple: &Tuple,
    ) -> (Guard<'t, Shard, L>, Token<'t, ShardLevel>) {
        held.lock(self.shard_of(tuple))
    }

    fn shard_of(&self, tuple: &Tuple) -> &Ordered<ShardLevel, Shard> {
        &self.shards[self.shard_number(tuple)]
    }

    /// Which shard a tuple is in.
    pub(crate) fn shard_number(&self, tuple: &Tuple) -> usize {
        self.hash(tuple) as usize % SHARDS
    }

    /// The connection of a tuple, if it is one.
    pub(crate) fn pcb(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        tuple: &Tuple,
    ) -> Option<Handle> {
        held.with(self.shard_of(tuple), |shard| match shard.get(tuple) {
            Some(Entry::Pcb(handle)) => Some(*handle),
            _ => None,
        })
    }

    /// Enters a tuple unless it is taken.
    pub(crate) fn insert_new(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        tuple: Tuple,
        entry: Entry,
    ) -> bool {
        held.with(self.shard_of(&tuple), |shard| {
            match shard.0.entry((&tuple).into()) {
                std::collections::hash_map::Entry::Occupied(_) => false,
                std::collections::hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(entry);
                    true
                }
            }
        })
    }

    /// Takes out the connection `handle`, or puts `instead` in its place. False if the tuple is another's.
    pub(crate) fn unhash(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        tuple: &Tuple,
        handle: Handle,
        instead: Option<Entry>,
    ) -> bool {
        let (mut shard, _) = self.shard(held, tuple);
        match shard.get_mut(tuple) {
            Some(entry) if entry.is_pcb(handle) => {
                match instead {
                    Some(other) => *entry = other,
                    None => {
                        shard.remove(tuple);
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// Takes out every entry that `unwanted` says so of, from the shards whose bits are set.
    pub(crate) fn take_if(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        shards: u64,
        mut unwanted: impl FnMut(&Entry) -> bool,
    ) -> Vec<(Tuple, Entry)> {
        let mut taken = Vec::new();
        for (number, shard) in self.shards.iter().enumerate() {
            if shards & 1 << number == 0 {
                continue;
            }
            held.with(shard, |shard| {
                let entries = shard.0.extract_if(|_, entry| unwanted(entry));
                taken.extend(entries.map(|(tuple, entry)| (tuple.into(), entry)));
            });
        }
        taken
    }

    /// All connections.
    pub(crate) fn connections(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
    ) -> Vec<Handle> {
        let mut handles = Vec::new();
        for shard in &self.shards {
            held.with(shard, |shard| {
                handles.extend(shard.0.values().filter_map(|entry| match entry {
                    Entry::Pcb(handle) => Some(*handle),
                    _ => None,
                }));
            });
        }
        handles
    }

    /// Connections, half-open ones, those in TIME-WAIT.
    pub(crate) fn census(&self, held: &mut Token<'_, impl Precedes<ShardLevel>>) -> [usize; 3] {
        let mut counts = [0; 3];
        for shard in &self.shards {
            held.with(shard, |shard| {
                for entry in shard.0.values() {
                    counts[match entry {
                        Entry::Pcb(_) => 0,
                        Entry::HalfOpen(_) => 1,
                        Entry::TimeWait(_) => 2,
                    }] += 1;
                }
            });
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_fits_in_128_bytes() {
        assert!(size_of::<Entry>() <= 128, "{}", size_of::<Entry>());
    }
}
