//! What all parts of a stack share.

use longshore_refs::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ip_core::DiscardCounters;
use longshore_refs::{Census, Handle, Slab};
use tcp_core::{IsnGenerator, SynCookies};

use crate::clock::Clock;
use crate::config::StackConfig;
use crate::counters::{Counters, StackCounters};
use crate::echo::Inbox;
use crate::listener::{Listener, Listeners};
use crate::lock::{Leaf, Ordered, Owner, Precedes, TimersLevel, Token};
use crate::neighbours::Neighbours;
use crate::nic::{Nic, Pair};
use crate::owner::Workspace;
use crate::pcb::Pcb;
use crate::slots::Mail;
use crate::table::Table;
use crate::timers::{Due, Key, Timers};
use crate::tuple::Tuple;
use crate::udp;

/// A stack without its owner threads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: StackConfig,
    pub(crate) clock: Clock,
    pub(crate) isns: IsnGenerator,
    pub(crate) cookies: SynCookies,
    pub(crate) table: Table,
    pub(crate) addresses: Listeners,
    pub(crate) listeners: Slab<Listener>,
    pub(crate) pcbs: Slab<Pcb>,
    pub(crate) sockets: Arc<Census>,
    pub(crate) udp: udp::Sockets,
    pub(crate) neighbours: Neighbours,
    pub(crate) nic: Nic,
    pub(crate) queues: Vec<Queue>,
    /// Connections that wait for a neighbour.
    pub(crate) unresolved: Ordered<Leaf, Vec<Handle>>,
    /// Who waits for answers to echo requests.
    pub(crate) echoes: Ordered<Leaf, Vec<Arc<Inbox>>>,
    /// Counted by anybody.
    pub(crate) counters: Counters,
    pub(crate) discards: DiscardCounters,
    /// Next offset into the ephemeral ports.
    pub(crate) port: AtomicU64,
    /// Where the search for a free port to listen on goes on.
    pub(crate) listen_port: AtomicU16,
    /// Shut down: nothing new begins.
    pub(crate) down: AtomicBool,
}

/// What belongs to a queue pair besides its rings.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Memory of whoever drives the queue pair: its lock is the right to do so.
    pub(crate) workspace: Ordered<Owner, Workspace>,
    /// What the connections that are over have done, by nstat's names.
    pub(crate) past: Ordered<Leaf, BTreeMap<&'static str, u64>>,
    pub(crate) timers: Timers,
    /// Counted by one thread at a time: whoever drives the queue pair, or posts on it.
    pub(crate) counters: Counters,
    /// Connections that wait for room in the submission ring or for send memory.
    pub(crate) parked: Ordered<Leaf, Vec<Handle>>,
    /// Whether there are such: for a look without the lock.
    pub(crate) has_parked: AtomicBool,
    /// Connections that want a slot of the flow table, or want it no more: for the owner.
    pub(crate) slot_mail: Ordered<Leaf, Vec<Mail>>,
    /// Slots that are not free.
    pub(crate) slots_in_use: AtomicUsize,
    /// Something is wrong with the queue pair.
    pub(crate) trouble: AtomicBool,
    /// Since when requests are outstanding and none completes, in nanoseconds; 0 while some do.
    pub(crate) quiet_since: AtomicU64,
    /// Until when the owner sleeps at most, in nanoseconds; 0 while it is awake.
    pub(crate) sleeps_until: AtomicU64,
}

impl Queue {
    /// A queue pair for its owner.
    pub(crate) fn new(pair: Pair) -> Self {
        Self {
            workspace: Ordered::new(Workspace::new(pair)),
            ..Self::default()
        }
    }
}

impl Shared {
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// The queue pair of a connection.
    pub(crate) fn queue_of(&self, tuple: &Tuple) -> usize {
        self.queue_of_shard(self.table.shard_number(tuple))
    }

    /// Arms a timer, and wakes the owner if it would sleep past it.
    pub(crate) fn arm(
        &self,
        held: &mut Token<'_, impl Precedes<TimersLevel>>,
        queue: usize,
        at: Duration,
        due: Due,
    ) -> Key {
        let key = self.queues[queue].timers.arm(held, at, due);
        self.hurry(queue, at);
        key
    }

    /// Wakes the owner if it would sleep past a timer.
    pub(crate) fn hurry(&self, queue: usize, at: Duration) {
        let sleeps_until = self.queues[queue].sleeps_until.load(Ordering::SeqCst);
        if u64::try_from(at.as_nanos()).is_ok_and(|at| at < sleeps_until) {
            self.nic.wake(queue);
        }
    }

    /// What all have counted.
    pub(crate) fn counted(&self) -> StackCounters {
        let queues = self.queues.iter().map(|queue| &queue.counters);
        queues
            .chain([&self.counters])
            .map(Counters::snapshot)
            .fold(StackCounters::default(), |sum, counters| sum + counters)
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }
}
