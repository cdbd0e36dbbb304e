//! Records that end by themselves: half-open connections and TIME-WAIT. Their deadlines are the shard's, under its lock, and
//! the owner of one queue pair has one timer for all of them.

use std::time::Duration;

use longshore_refs::Handle;
use tcp_core::{HalfOpenExpiry, TimeWait, Transmit};

use crate::broken::{Rule, keeps};
use crate::lock::{Outermost, Precedes, ShardLevel, Token};
use crate::pcb::Marks;
use crate::records::{Entry, Found, Records, SynEntry};
use crate::shared::Shared;
use crate::table::{SHARDS, Shard};
use crate::timers::{Due, Key};
use crate::tuple::Tuple;

/// What a record that was due wants.
enum Wants {
    /// Nothing: another deadline.
    Nothing,
    /// Its SYN-ACK sent again.
    SynAck(Transmit, Marks),
    /// Nothing any more.
    Over,
}

impl Shared {
    /// Changes records of a tuple's shard.
    pub(crate) fn in_shard<R>(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        tuple: &Tuple,
        work: impl FnOnce(&mut Records) -> R,
    ) -> R {
        let number = self.table.shard_number(tuple);
        let (mut shard, mut under) = self.table.shard(held, number);
        let result = work(&mut shard.records);
        self.schedule(&mut under, number, &mut shard);
        result
    }

    /// Takes out the connection `handle`, or puts a TIME-WAIT record in its place. False if the tuple is another's.
    pub(crate) fn unhash(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        tuple: &Tuple,
        handle: Handle,
        instead: Option<TimeWait>,
    ) -> bool {
        self.in_shard(held, tuple, |records| {
            let ours = records.pcb(tuple) == Some(handle);
            if ours {
                records.remove(tuple);
                if let Some(record) = instead {
                    records.insert_new(tuple, Entry::TimeWait(record));
                }
            }
            ours
        })
    }

    /// Takes out every half-open connection and TIME-WAIT record (`None`) that `unwanted` says so of, from the shards whose
    /// bits are set.
    pub(crate) fn take_if(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        shards: u64,
        mut unwanted: impl FnMut(Option<&SynEntry>) -> bool,
    ) -> Vec<(Tuple, Entry)> {
        let mut taken = Vec::new();
        for number in (0..SHARDS).filter(|number| shards & 1 << number != 0) {
            let (mut shard, mut under) = self.table.shard(held, number);
            taken.extend(shard.records.take_if(&mut unwanted));
            self.schedule(&mut under, number, &mut shard);
        }
        taken
    }

    /// The queue pair whose owner runs a shard's timer: that of its tuples.
    pub(crate) fn queue_of_shard(&self, number: usize) -> usize {
        number % self.queues.len()
    }

    /// Sees to it that the shard's timer fires no later than its first record is due, and not at all for none.
    fn schedule(&self, under: &mut Token<'_, ShardLevel>, number: usize, shard: &mut Shard) {
        let queue = self.queue_of_shard(number);
        let timers = &self.queues[queue].timers;
        match (shard.records.first_deadline(), shard.timer) {
            (None, None) => {}
            (None, Some(key)) => {
                // If it is firing, it finds nothing.
                timers.stop(under, key);
                shard.timer = None;
            }
            (Some(at), None) => {
                shard.timer = Some(self.arm(under, queue, at, Due::Shard(number)));
            }
            (Some(at), Some(key)) if key.at() <= at => {}
            (Some(at), Some(key)) => {
                // If it is firing, it waits for our lock, and comes here in the end.
                if let Some(key) = timers.move_to(under, key, at) {
                    shard.timer = Some(key);
                    self.hurry(queue, at);
                }
            }
        }
    }

    /// A shard's timer has fired: does what its records are due for, one by one.
    pub(crate) fn on_shard_timer(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        number: usize,
        key: Key,
    ) {
        loop {
            let (mut shard, mut under) = self.table.shard(held, number);
            if shard.timer == Some(key) {
                shard.timer = None;
            }
            let Some(tuple) = shard.records.due(now) else {
                return self.schedule(&mut under, number, &mut shard);
            };
            let wants = shard
                .records
                .with(&tuple, |found| self.due(now, &tuple, found));
            let is_time_wait = shard.records.half_open(&tuple).is_none();
            if is_time_wait && !keeps(Rule::EndUnderOneLock) {
                drop((shard, under));
                self.in_shard(held, &tuple, |records| records.remove(&tuple));
                continue;
            }
            match wants {
                Some(Wants::Over) => {
                    let gone = shard.records.remove(&tuple);
                    drop((shard, under));
                    self.forget(held, gone);
                }
                Some(Wants::SynAck(syn_ack, marks)) => {
                    drop((shard, under));
                    self.send_bare(held, now, &tuple, &syn_ack, marks);
                }
                Some(Wants::Nothing) | None => {}
            }
        }
    }

    fn due(&self, now: Duration, tuple: &Tuple, found: Found<'_>) -> Wants {
        let entry = match found {
            Found::HalfOpen(entry) => entry,
            Found::TimeWait(_) => return Wants::Over,
            Found::Pcb => return Wants::Nothing,
        };
        if self.listeners.get(entry.origin.listener).is_none() {
            // The listener went away while the entry was being made.
            return Wants::Over;
        }
        let own = entry.origin.settings.as_ref();
        let config = self.config.tcp_for(tuple.local.ip(), own);
        match entry.half_open.on_timeout(now, &config) {
            HalfOpenExpiry::Wait => Wants::Nothing,
            HalfOpenExpiry::Retransmit(syn_ack) => {
                Wants::SynAck(syn_ack, self.config.marks_for(own))
            }
            HalfOpenExpiry::Expired => Wants::Over,
        }
    }
}
