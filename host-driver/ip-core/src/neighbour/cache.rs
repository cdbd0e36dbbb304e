//! The neighbour cache with reachability detection (RFC 4861 §7.3).

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use crate::mac::MacAddr;
use crate::neighbour::NeighbourConfig;

/// State of an entry (RFC 4861 §7.3.2). Times are deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has answered yet.
    Incomplete { asked: u8, again: Duration },
    /// Confirmed a while ago.
    Reachable { mac: MacAddr, until: Duration },
    /// Known, but from long ago or from hearsay.
    Stale { mac: MacAddr },
    /// Stale and used: a sign of life may come by itself.
    Delay { mac: MacAddr, until: Duration },
    /// Asked, at the address that is known.
    Probe {
        mac: MacAddr,
        asked: u8,
        again: Duration,
    },
}

impl State {
    fn mac(self) -> Option<MacAddr> {
        match self {
            Self::Incomplete { .. } => None,
            Self::Reachable { mac, .. }
            | Self::Stale { mac }
            | Self::Delay { mac, .. }
            | Self::Probe { mac, .. } => Some(mac),
        }
    }

    fn deadline(self) -> Option<Duration> {
        match self {
            Self::Stale { .. } => None,
            Self::Incomplete { again: at, .. }
            | Self::Reachable { until: at, .. }
            | Self::Delay { until: at, .. }
            | Self::Probe { again: at, .. } => Some(at),
        }
    }
}

#[derive(Debug)]
struct Entry {
    state: State,
    used: Duration,
    waiting: VecDeque<Vec<u8>>,
}

/// A solicitation to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Solicit {
    /// Who is asked for.
    pub(crate) target: IpAddr,
    /// Where it was last; `None`: ask everybody.
    pub(crate) at: Option<MacAddr>,
}

/// How something was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// The neighbour answered us: it is reachable both ways.
    Answer,
    /// The neighbour asked or announced: it was there.
    Heard,
}

/// The answer of a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// The address, and until when it may be used without asking again.
    Known { mac: MacAddr, until: Duration },
    /// Not yet known; `Solicit` if this look-up started the search.
    Pending(Option<Solicit>),
}

/// Neighbours.
#[derive(Debug)]
pub(crate) struct Cache {
    config: NeighbourConfig,
    entries: HashMap<IpAddr, Entry>,
    next: Option<Duration>,
    epoch: u64,
}

impl Cache {
    pub(crate) fn new(config: NeighbourConfig) -> Self {
        Self {
            config,
            entries: HashMap::new(),
            next: None,
            epoch: 0,
        }
    }

    /// Rises whenever an address that was handed out is no longer right.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.next
    }

    /// Looks a neighbour up in order to send to it. `progress`: the layer above got answers from it since
    /// the last look-up (RFC 4861 §7.3.1).
    pub(crate) fn lookup(&mut self, now: Duration, target: IpAddr, progress: bool) -> Lookup {
        let config = self.config;
        let Some(entry) = self.entries.get_mut(&target) else {
            let again = now + config.retransmit;
            self.insert(now, target, State::Incomplete { asked: 1, again });
            return Lookup::Pending(Some(Solicit { target, at: None }));
        };
        entry.used = now;
        let Some(mac) = entry.state.mac() else {
            return Lookup::Pending(None);
        };
        if progress {
            let until = now + config.reachable;
            entry.state = State::Reachable { mac, until };
        } else if let State::Stale { mac } = entry.state {
            let until = now + config.delay_first_probe;
            entry.state = State::Delay { mac, until };
        }
        let until = entry.state.deadline().unwrap_or(now);
        self.schedule();
        Lookup::Known { mac, until }
    }

    /// Keeps a frame until the neighbour is known; looked up as pending just before.
    pub(crate) fn wait(&mut self, target: IpAddr, frame: Vec<u8>) {
        if let Some(entry) = self.entries.get_mut(&target) {
            if entry.waiting.len() >= self.config.waiting {
                entry.waiting.pop_front();
            }
            if self.config.waiting > 0 {
                entry.waiting.push_back(frame);
            }
        }
    }

    /// Notes where a neighbour is. `create`: it has to do with us, so it is worth an entry. Returns whether
    /// somebody waited for it, with the frames that did.
    pub(crate) fn learn(
        &mut self,
        now: Duration,
        target: IpAddr,
        mac: MacAddr,
        how: Learned,
        create: bool,
    ) -> Option<VecDeque<Vec<u8>>> {
        let fresh = match how {
            Learned::Answer => State::Reachable {
                mac,
                until: now + self.config.reachable,
            },
            Learned::Heard => State::Stale { mac },
        };
        let Some(entry) = self.entries.get_mut(&target) else {
            if create {
                self.insert(now, target, fresh);
            }
            return None;
        };
        let before = entry.state.mac();
        // Hearsay that agrees with what is known changes nothing (RFC 4861 §7.2.3).
        if how == Learned::Answer || before != Some(mac) {
            entry.state = fresh;
        }
        if before.is_some_and(|b| b != mac) {
            self.epoch += 1;
        }
        let waiting = core::mem::take(&mut entry.waiting);
        self.schedule();
        before.is_none().then_some(waiting)
    }

    /// Acts on deadlines that have passed: what to send, and who is given up.
    pub(crate) fn on_timeout(&mut self, now: Duration) -> (Vec<Solicit>, Vec<IpAddr>) {
        let (mut solicit, mut lost) = (Vec::new(), Vec::new());
        if self.next.is_none_or(|next| next > now) {
            return (solicit, lost);
        }
        let config = self.config;
        for (&target, entry) in &mut self.entries {
            if entry.state.deadline().is_none_or(|at| at > now) {
                continue;
            }
            let again = now + config.retransmit;
            let at = entry.state.mac();
            entry.state = match entry.state {
                State::Reachable { mac, .. } => {
                    entry.state = State::Stale { mac };
                    continue;
                }
                State::Incomplete { asked, .. } if asked >= config.solicitations => {
                    lost.push(target);
                    continue;
                }
                State::Probe { asked, .. } if asked >= config.probes => {
                    lost.push(target);
                    continue;
                }
                State::Incomplete { asked, .. } => State::Incomplete {
                    asked: asked + 1,
                    again,
                },
                State::Probe { mac, asked, .. } => State::Probe {
                    mac,
                    asked: asked + 1,
                    again,
                },
                State::Delay { mac, .. } | State::Stale { mac } => State::Probe {
                    mac,
                    asked: 1,
                    again,
                },
            };
            solicit.push(Solicit { target, at });
        }
        for target in &lost {
            self.entries.remove(target);
            self.epoch += 1;
        }
        self.schedule();
        (solicit, lost)
    }

    fn insert(&mut self, now: Duration, target: IpAddr, state: State) {
        if self.entries.len() >= self.config.capacity.max(1) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(&target, _)| target) {
                self.entries.remove(&oldest);
                self.epoch += 1;
            }
        }
        let entry = Entry {
            state,
            used: now,
            waiting: VecDeque::new(),
        };
        self.entries.insert(target, entry);
        self.schedule();
    }

    fn schedule(&mut self) {
        let deadlines = self.entries.values().filter_map(|e| e.state.deadline());
        self.next = deadlines.min();
    }
}

#[cfg(test)]
mod tests;
