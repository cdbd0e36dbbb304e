//! Listeners: one queue of children each, and no lock that another listener takes.

use std::net::{IpAddr, SocketAddr};
use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;

use longshore_refs::accept::AcceptQueue;
use longshore_refs::sync::Condvar;
use longshore_refs::{Handle, Recycle, Ref, holder};

use crate::config::SocketConfig;
use crate::lock::{Guard, ListenerLevel, Ordered, Precedes, Root, ShardLevel, Token};
use crate::ready::Notify;
use crate::socket::SocketRef;

/// A slot of the slab of listeners.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    state: Ordered<ListenerLevel, State>,
    changed: Condvar,
}

/// A listener's state.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) queue: AcceptQueue<Child>,
    /// In which shards of the table half-open connections may be, one bit each.
    pub(crate) shards: u64,
    /// Until when an ACK may be of a SYN cookie.
    pub(crate) cookies_until: Duration,
    pub(crate) notify: Option<Arc<dyn Notify>>,
    /// What half-open connections keep of it; from listen on there is one.
    pub(crate) origin: Option<Arc<Origin>>,
}

/// Where half-open connections come from: one for all whose SYN came under the same settings.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Not counted: whoever acts on it revalidates.
    pub(crate) listener: Handle,
    /// What its connections have, if not what the stack says.
    pub(crate) settings: Option<Arc<SocketConfig>>,
}

/// A connection that waits to be accepted.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) socket: SocketRef<holder::Q>,
    /// Keeps the listener as long as the child is in its queue.
    pub(crate) listener: Ref<holder::L, Listener>,
    pub(crate) peer: SocketAddr,
}

impl State {
    /// A half-open connection is about to be entered into a shard of the table.
    pub(crate) fn begin_half_open(&mut self, shard: usize) {
        self.queue.begin_half_open();
        self.shards |= 1 << shard;
    }

    /// A half-open connection is gone, or is a child now.
    pub(crate) fn end_half_open(&mut self) {
        self.queue.end_half_open();
        if self.queue.half_open() == 0 {
            self.shards = 0;
        }
    }
}

impl Listener {
    pub(crate) fn lock<'t, L: Precedes<ListenerLevel>>(
        &'t self,
        held: &'t mut Token<'_, L>,
    ) -> (Guard<'t, State, L>, Token<'t, ListenerLevel>) {
        held.lock(&self.state)
    }

    /// Locks the state for one step.
    pub(crate) fn with<R>(
        &self,
        held: &mut Token<'_, impl Precedes<ListenerLevel>>,
        work: impl FnOnce(&mut State) -> R,
    ) -> R {
        held.with(&self.state, work)
    }

    /// The state of a listener that nobody can find yet.
    pub(crate) fn unpublished(&self) -> impl DerefMut<Target = State> {
        self.state.unshared()
    }

    /// Waits for a change.
    pub(crate) fn wait(
        &self,
        state: &mut Guard<'_, State, Root>,
        under: &mut Token<'_, ListenerLevel>,
    ) {
        state.wait(under, &self.changed);
    }

    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }
}

impl Recycle for Listener {
    fn recycle(&self) {
        let state = std::mem::take(&mut *self.state.unshared());
        // A half-open connection may have been taken out of the table and not yet out of the count: whoever did that
        // finds no listener any more.
        debug_assert!(std::thread::panicking() || !state.queue.is_open() && state.queue.is_empty());
    }
}

const SHARDS: usize = 64;

/// Who listens where, in shards by port.
#[derive(Debug)]
pub(crate) struct Listeners {
    shards: [Ordered<ShardLevel, Vec<(SocketAddr, Handle)>>; SHARDS],
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Ordered::default()),
        }
    }
}

impl Listeners {
    fn shard(&self, port: u16) -> &Ordered<ShardLevel, Vec<(SocketAddr, Handle)>> {
        &self.shards[usize::from(port) % SHARDS]
    }

    /// Enters a listener, unless its address collides with another's. An unspecified address collides with
    /// all of its family.
    pub(crate) fn insert(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        address: SocketAddr,
        handle: Handle,
    ) -> bool {
        let (mut shard, _) = held.lock(self.shard(address.port()));
        let collides = |(other, _): &(SocketAddr, Handle)| {
            other.port() == address.port()
                && other.is_ipv4() == address.is_ipv4()
                && (other.ip() == address.ip()
                    || other.ip().is_unspecified()
                    || address.ip().is_unspecified())
        };
        if shard.iter().any(collides) {
            return false;
        }
        shard.push((address, handle));
        true
    }

    /// Takes a listener out.
    pub(crate) fn remove(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        address: SocketAddr,
        handle: Handle,
    ) {
        held.with(self.shard(address.port()), |shard| {
            shard.retain(|(_, other)| *other != handle);
        });
    }

    /// Who listens for connections to `ip` and `port`.
    pub(crate) fn find(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        ip: IpAddr,
        port: u16,
    ) -> Option<Handle> {
        let (shard, _) = held.lock(self.shard(port));
        shard
            .iter()
            .find(|(address, _)| {
                address.port() == port
                    && address.is_ipv4() == ip.is_ipv4()
                    && (address.ip() == ip || address.ip().is_unspecified())
            })
            .map(|(_, handle)| *handle)
    }

    /// All listeners.
    pub(crate) fn all(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
    ) -> Vec<(SocketAddr, Handle)> {
        self.shards
            .iter()
            .flat_map(|shard| held.with(shard, |shard| shard.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_collide_within_their_family_only() {
        let listeners = Listeners::default();
        let held = &mut Token::root();
        let handle = |index| Handle {
            index,
            generation: 1,
        };
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(listeners.insert(held, at("0.0.0.0:80"), handle(0)));
        assert!(!listeners.insert(held, at("192.0.2.1:80"), handle(1)));
        assert!(listeners.insert(held, at("[::]:80"), handle(2)));
        assert!(listeners.insert(held, at("192.0.2.1:81"), handle(3)));
        assert!(!listeners.insert(held, at("0.0.0.0:81"), handle(4)));
        assert_eq!(
            listeners.find(held, at("1.1.1.1:0").ip(), 80),
            Some(handle(0))
        );
        assert_eq!(
            listeners.find(held, at("[::1]:0").ip(), 80),
            Some(handle(2))
        );
        assert_eq!(listeners.find(held, at("1.1.1.1:0").ip(), 81), None);
        listeners.remove(held, at("0.0.0.0:80"), handle(0));
        assert_eq!(listeners.find(held, at("1.1.1.1:0").ip(), 80), None);
    }
}
