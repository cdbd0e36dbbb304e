//! Why received frames go no further, counted.

use core::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

macro_rules! discards {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal),* $(,)?) => {
        /// Why a received frame goes no further.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
        pub enum Discard {
            $($(#[doc = $doc])* #[error($text)] $name,)*
        }

        impl Discard {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

discards! {
    /// Shorter than its headers.
    Truncated = "the frame is shorter than its headers say",
    /// A header that contradicts itself: version, header length, option lengths.
    Malformed = "a header contradicts itself",
    /// A VLAN tag: no VLAN is configured.
    Vlan = "VLAN-tagged",
    /// Neither ARP nor IP.
    EtherType = "neither ARP nor IP",
    /// Wrong IPv4 header checksum.
    Ipv4Checksum = "wrong IPv4 header checksum",
    /// Wrong TCP, UDP or ICMP checksum.
    L4Checksum = "wrong layer-4 checksum",
    /// A fragment: there is no reassembly.
    Fragment = "a fragment",
    /// A source that no host has (RFC 1122 §3.2.1.3).
    Source = "a source address that no host has",
    /// For somebody else.
    NotForUs = "for somebody else",
    /// A transport protocol or an extension header that nobody here speaks.
    Protocol = "a protocol that nobody here speaks",
    /// TCP to a broadcast or multicast address (RFC 9293 §3.9.2.3, MUST-57), or a packet for a host in a frame for a group (RFC
    /// 1122 §3.3.6).
    Broadcast = "TCP to a group, or a packet for a host in a frame for a group",
    /// An ARP or neighbour discovery message that breaks its rules (RFC 4861 §7.1).
    Neighbour = "an invalid ARP or neighbour discovery message",
    /// An ICMP message that asks for nothing we do.
    IcmpIgnored = "an ICMP message that asks for nothing",
    /// An answer was due, but too many wait to be sent already.
    AnswersFull = "too many answers wait",
}

/// One counter per [`Discard`]. Shared between threads; relaxed.
#[derive(Debug)]
pub struct DiscardCounters([AtomicU64; Discard::ALL.len()]);

impl Default for DiscardCounters {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; Discard::ALL.len()])
    }
}

impl DiscardCounters {
    /// Counts one.
    pub fn count(&self, reason: Discard) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self, reason: Discard) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }

    /// All that are not 0.
    pub fn nonzero(&self) -> impl Iterator<Item = (Discard, u64)> + '_ {
        Discard::ALL
            .iter()
            .map(|&reason| (reason, self.get(reason)))
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        let counters = DiscardCounters::default();
        for &reason in Discard::ALL {
            counters.count(reason);
        }
        counters.count(Discard::Fragment);
        assert!(
            counters
                .nonzero()
                .all(|(reason, count)| count == if reason == Discard::Fragment { 2 } else { 1 })
        );
        assert_eq!(counters.nonzero().count(), Discard::ALL.len());
    }
}
