//! Ways to other hosts: the IP layer's neighbour cache behind a lock, and shards of its answers before it, so
//! that connections do not meet at that lock.

use longshore_refs::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ip_core::{Config, ConfigError, Interface, MacAddr, Notice, Path, Resolution};

use crate::lock::{Leaf, Ordered, Precedes, Token};

const SHARDS: usize = 16;
/// Answers kept per shard; more than that and the shard starts afresh.
const KEPT: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Answer {
    mac: MacAddr,
    until: Duration,
    epoch: u64,
}

/// The neighbour cache, shared by all queue pairs.
#[derive(Debug)]
pub(crate) struct Neighbours {
    config: Arc<Config>,
    interface: Ordered<Leaf, Interface>,
    epoch: AtomicU64,
    /// When the IP layer has something to do next, in nanoseconds, and whether it has something to send or to tell:
    /// for a look without the lock. Changed under the lock only.
    next: AtomicU64,
    output: AtomicBool,
    answers: [Ordered<Leaf, HashMap<IpAddr, Answer>>; SHARDS],
    hasher: RandomState,
}

/// The way to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Valid until a time, and while the epoch stays.
    Ready {
        path: Path,
        until: Duration,
        epoch: u64,
    },
    Pending,
    NoRoute,
}

impl Neighbours {
    pub(crate) fn new(config: Arc<Config>) -> Result<Self, ConfigError> {
        Ok(Self {
            interface: Ordered::new(Interface::new(Arc::clone(&config))?),
            config,
            epoch: AtomicU64::new(0),
            // Not known yet: the first look is with the lock.
            next: AtomicU64::new(0),
            output: AtomicBool::new(true),
            answers: std::array::from_fn(|_| Ordered::default()),
            hasher: RandomState::new(),
        })
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Rises when ways handed out earlier are no longer right.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The way from `local` to `remote`, and whether the IP layer was asked: then it may have frames to send, or an
    /// earlier deadline. `progress`: answers came from it since the last call for it.
    pub(crate) fn resolve(
        &self,
        held: &mut Token<'_, impl Precedes<Leaf>>,
        now: Duration,
        local: IpAddr,
        remote: IpAddr,
        progress: bool,
    ) -> (Way, bool) {
        let epoch = self.epoch();
        let shard = &self.answers[self.hasher.hash_one(remote) as usize % SHARDS];
        let ready = |answer: Answer| Way::Ready {
            path: Path {
                local,
                remote,
                source_mac: self.config.mac,
                destination_mac: answer.mac,
                hop_limit: self.config.hop_limit,
                traffic_class: 0,
            },
            until: answer.until,
            epoch: answer.epoch,
        };
        let known = held.with(shard, |known| known.get(&remote).copied());
        if let Some(answer) = known
            && answer.epoch == epoch
            && answer.until > now
        {
            return (ready(answer), false);
        }
        let way = match self.with(held, |interface| interface.resolve(now, remote, progress)) {
            Resolution::Ready { mac, until } => {
                let answer = Answer { mac, until, epoch };
                let (mut shard, _) = held.lock(shard);
                if shard.len() >= KEPT {
                    shard.clear();
                }
                shard.insert(remote, answer);
                ready(answer)
            }
            Resolution::Pending => Way::Pending,
            Resolution::NoRoute => Way::NoRoute,
        };
        (way, true)
    }

    /// Works with the IP layer under its lock.
    pub(crate) fn with<R>(
        &self,
        held: &mut Token<'_, impl Precedes<Leaf>>,
        work: impl FnOnce(&mut Interface) -> R,
    ) -> R {
        let (mut interface, _) = held.lock(&self.interface);
        let result = work(&mut interface);
        self.epoch.store(interface.epoch(), Ordering::Release);
        let next = interface.next_timeout().map_or(u64::MAX, |at| {
            u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
        });
        // The owner that speaks for the IP layer looks at these before it sleeps, so in one order for all.
        self.next.store(next, Ordering::SeqCst);
        self.output.store(interface.has_output(), Ordering::SeqCst);
        result
    }

    /// Acts on the IP layer's deadlines.
    pub(crate) fn tend(&self, held: &mut Token<'_, impl Precedes<Leaf>>, now: Duration) {
        if self.next_timeout().is_some_and(|at| at <= now) {
            self.with(held, |interface| interface.on_timeout(now));
        }
    }

    /// When the IP layer has something to do next.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        match self.next.load(Ordering::SeqCst) {
            u64::MAX => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Whether there is anything for [`Neighbours::take_output`].
    pub(crate) fn has_output(&self) -> bool {
        self.output.load(Ordering::SeqCst)
    }

    /// Frames to send and notices to act upon.
    pub(crate) fn take_output(
        &self,
        held: &mut Token<'_, impl Precedes<Leaf>>,
    ) -> (Vec<Vec<u8>>, Vec<Notice>) {
        self.with(held, |interface| {
            let frames = std::iter::from_fn(|| interface.poll_transmit()).collect();
            let notices = std::iter::from_fn(|| interface.poll_notice()).collect();
            (frames, notices)
        })
    }
}
