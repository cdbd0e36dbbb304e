//! What only some connections ever have to note.

use std::thread::LocalKey;

use super::path_mtu::PathMtu;
use super::probe::TailProbe;
use crate::challenge::Throttle;
use crate::counters::Counters;
use crate::spare::{Lendable, Spare};

/// State that is not there while a connection loses, repeats and doubts nothing. Once noted it stays: it counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    /// All but what every segment counts.
    pub(super) counters: Counters,
    /// SND.UP: one past the last urgent byte.
    pub(super) send_urgent_end: u64,
    /// RCV.UP: one past the last urgent byte that the peer has told of.
    pub(super) receive_urgent_end: u64,
    /// Echoed congestion marks are answered again once this position is acknowledged.
    pub(super) ecn_recover: u64,
    pub(super) throttle: Throttle,
    /// A tail loss probe that is in flight (RFC 8985 §7).
    pub(super) tail_probe: Option<TailProbe>,
    pub(super) path_mtu: PathMtu,
}

std::thread_local! {
    static SPARE: Spare<Box<Rare>> = const { Spare::new(Vec::new()) };
}

impl Lendable for Rare {
    fn spare() -> &'static LocalKey<Spare<Box<Self>>> {
        &SPARE
    }
}
