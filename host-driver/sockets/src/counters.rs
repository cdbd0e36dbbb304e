//! Counters of a stack.

// Not through `sync`: these tell nothing to any part of the stack, and would only multiply what a model checker goes
// through.
use std::sync::atomic::{AtomicU64, Ordering};

use longshore_refs::sync::tally;

macro_rules! counters {
    ($($name:ident $doc:literal;)*) => {
        /// What a stack has done so far, in total.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct StackCounters {
            $(#[doc = $doc] pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl std::ops::Add for StackCounters {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self { $($name: self.$name + other.$name,)* }
            }
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> StackCounters {
                StackCounters { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    frames_in "Frames received.";
    segments_in "TCP segments received with right checksums.";
    malformed "TCP segments whose header or options cannot be.";
    active_opens "Connections that were opened from here.";
    passive_opens "Connections that were accepted into a listener's queue.";
    resets_out "Resets sent to segments that belong to nobody.";
    aborts_out "Resets sent by connections.";
    bare_out "Segments sent for no connection: SYN-ACKs, resets to segments of nobody, ACKs in TIME-WAIT.";
    syns_dropped "SYNs dropped because a listener's queue was full.";
    syn_cookies_out "SYNs answered with a cookie because a listener had too many half-open connections.";
    syn_cookies_in "Handshakes that a cookie completed.";
    syn_cookies_failed "ACKs that should have acknowledged a cookie, and did not.";
    accept_queue_full "Handshakes held back because a listener's queue was full.";
    no_memory "Connections refused because the slab of connections was full.";
    transmits "Transmit requests posted: segments and super-segments.";
    super_segments "Of these, such that the NIC (or software) cuts.";
    ring_full "Times that a connection or a UDP socket waited for room in a submission ring.";
    icmp_errors "ICMP errors about connections and datagrams of ours.";
    datagrams_in "UDP datagrams put into a socket's queue.";
    datagrams_dropped "UDP datagrams dropped because a socket's queue was full.";
    datagrams_no_port "UDP datagrams for a port that nobody has.";
    datagrams_out "UDP datagrams sent.";
    port_unreachables_out "Of those for nobody's port, such that were answered.";
    device_errors "Requests that the NIC refused, and queue faults.";
}

/// Counts one, whoever else counts.
pub(crate) fn count(counter: &AtomicU64) {
    tally::rmw(1);
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Counts `n`, where nobody else counts at the same time: no read-modify-write.
pub(crate) fn note(counter: &AtomicU64, n: u64) {
    if n > 0 {
        counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
}
