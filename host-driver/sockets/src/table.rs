//! Connections by tuple: in shards, so that no lock is everybody's.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use longshore_refs::Handle;

use crate::lock::{Guard, Ordered, Precedes, ShardLevel, Token};
use crate::records::{Entry, Records};
use crate::timers::Key;
use crate::tuple::{Packed, Tuple};

/// A part of the table.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) records: Records,
    /// Fires no later than the first of them is due, if it is armed.
    pub(crate) timer: Option<Key>,
}

/// As many as a word has bits.
pub(crate) const SHARDS: usize = u64::BITS as usize;

/// All connections.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[Ordered<ShardLevel, Shard>]>,
    hasher: RandomState,
}

impl Default for Table {
    fn default() -> Self {
        let hasher = RandomState::new();
        let shard = || Shard {
            records: Records::new(hasher.clone()),
            timer: None,
        };
        Self {
            shards: (0..SHARDS).map(|_| Ordered::new(shard())).collect(),
            hasher,
        }
    }
}

impl Table {
    /// A number that only the tuple and this table's secret decide.
    pub(crate) fn hash(&self, tuple: &Tuple) -> u64 {
        self.hasher.hash_one(Packed::from(tuple))
    }

    /// Which shard a tuple is in.
    pub(crate) fn shard_number(&self, tuple: &Tuple) -> usize {
        self.hash(tuple) as usize % SHARDS
    }

    /// Locks a shard.
    pub(crate) fn shard<'t, L: Precedes<ShardLevel>>(
        &'t self,
        held: &'t mut Token<'_, L>,
        number: usize,
    ) -> (Guard<'t, Shard, L>, Token<'t, ShardLevel>) {
        held.lock(&self.shards[number])
    }

    /// Looks something up, or changes what has no deadline.
    pub(crate) fn with<R>(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        tuple: &Tuple,
        work: impl FnOnce(&mut Records) -> R,
    ) -> R {
        let shard = &self.shards[self.shard_number(tuple)];
        held.with(shard, |shard| work(&mut shard.records))
    }

    /// The connection of a tuple, if it is one.
    pub(crate) fn pcb(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        tuple: &Tuple,
    ) -> Option<Handle> {
        self.with(held, tuple, |records| records.pcb(tuple))
    }

    /// Enters a connection unless its tuple is taken.
    pub(crate) fn insert_pcb(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        tuple: &Tuple,
        handle: Handle,
    ) -> bool {
        self.with(held, tuple, |records| {
            records.insert_new(tuple, Entry::Pcb(handle))
        })
    }

    /// All connections.
    pub(crate) fn connections(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
    ) -> Vec<Handle> {
        let mut handles = Vec::new();
        for shard in &self.shards {
            held.with(shard, |shard| handles.extend(shard.records.connections()));
        }
        handles
    }

    /// Connections, half-open ones, those in TIME-WAIT.
    pub(crate) fn census(&self, held: &mut Token<'_, impl Precedes<ShardLevel>>) -> [usize; 3] {
        let mut counts = [0; 3];
        for shard in &self.shards {
            let census = held.with(shard, |shard| shard.records.census());
            for (count, more) in counts.iter_mut().zip(census) {
                *count += more;
            }
        }
        counts
    }
}
