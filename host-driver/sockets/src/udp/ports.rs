//! Who has which port: in shards by port, so that no lock is everybody's, and so that all names of a port are under one lock
//! and a socket changes its name in one step.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use longshore_refs::Handle;

use crate::lock::{Ordered, Precedes, ShardLevel, Token};

const SHARDS: usize = 64;

/// What names a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    /// Its address, perhaps unspecified, and its port.
    pub(crate) local: SocketAddr,
    /// Its only peer. Then `local` is specified.
    pub(crate) remote: Option<SocketAddr>,
}

impl Name {
    /// Whether a datagram to `local` from `remote` is for this socket.
    pub(crate) fn takes(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let here = self.local == local
            || (self.local.ip().is_unspecified()
                && self.local.is_ipv4() == local.is_ipv4()
                && self.local.port() == local.port());
        here && self.remote.is_none_or(|peer| peer == remote)
    }
}

/// A socket at a port. None of it is a counted reference: whoever acts on it revalidates.
#[derive(Clone, Copy, Debug)]
struct Entry {
    handle: Handle,
    /// It shares its address with others that do.
    reuse: bool,
}

/// The sockets of a port.
#[derive(Debug, Default)]
struct Port {
    /// Those without a peer, in the order in which they came.
    bound: Vec<(IpAddr, Entry)>,
    /// Those with one, by own address and peer.
    connected: HashMap<(IpAddr, SocketAddr), Entry>,
}

impl Port {
    fn is_empty(&self) -> bool {
        self.bound.is_empty() && self.connected.is_empty()
    }

    fn take(&mut self, name: Name, handle: Handle) -> Option<Entry> {
        match name.remote {
            Some(peer) => {
                let key = (name.local.ip(), peer);
                let ours = self.connected.get(&key)?.handle == handle;
                ours.then(|| self.connected.remove(&key)).flatten()
            }
            None => {
                let at = self.bound.iter().position(|(_, e)| e.handle == handle)?;
                Some(self.bound.remove(at).1)
            }
        }
    }

    /// The last that came of those at `ip`.
    fn bound_at(&self, ip: impl Fn(IpAddr) -> bool) -> Option<Handle> {
        let found = self.bound.iter().rev().find(|(at, _)| ip(*at));
        found.map(|(_, entry)| entry.handle)
    }
}

/// All sockets.
#[derive(Debug)]
pub(crate) struct Ports {
    shards: [Ordered<ShardLevel, HashMap<u16, Port>>; SHARDS],
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Ordered::default()),
        }
    }
}

impl Ports {
    fn shard(&self, port: u16) -> &Ordered<ShardLevel, HashMap<u16, Port>> {
        &self.shards[usize::from(port) % SHARDS]
    }

    /// Enters a socket, unless its address collides with another's: an unspecified one collides with all of its family, but
    /// not if both `reuse`.
    pub(crate) fn bind(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        local: SocketAddr,
        reuse: bool,
        handle: Handle,
    ) -> bool {
        let (mut shard, _) = held.lock(self.shard(local.port()));
        let collides = |ip: IpAddr, other: &Entry| {
            ip.is_ipv4() == local.is_ipv4()
                && (ip == local.ip() || ip.is_unspecified() || local.ip().is_unspecified())
                && !(reuse && other.reuse)
        };
        if let Some(port) = shard.get(&local.port()) {
            let mut bound = port.bound.iter().map(|(ip, entry)| (*ip, entry));
            let mut connected = port.connected.iter().map(|((ip, _), entry)| (*ip, entry));
            if bound.any(|(ip, e)| collides(ip, e)) || connected.any(|(ip, e)| collides(ip, e)) {
                return false;
            }
        }
        let port = shard.entry(local.port()).or_default();
        port.bound.push((local.ip(), Entry { handle, reuse }));
        true
    }

    /// Gives a socket another name of the same port, in one step. False, and nothing changes, if another socket has that
    /// very name, or this one has not the old one.
    pub(crate) fn rename(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        handle: Handle,
        from: Name,
        to: Name,
    ) -> bool {
        debug_assert_eq!(from.local.port(), to.local.port());
        let (mut shard, _) = held.lock(self.shard(from.local.port()));
        let Some(port) = shard.get_mut(&from.local.port()) else {
            return false;
        };
        let taken = to.remote.is_some_and(|peer| {
            let other = port.connected.get(&(to.local.ip(), peer));
            other.is_some_and(|other| other.handle != handle)
        });
        if taken {
            return false;
        }
        let Some(entry) = port.take(from, handle) else {
            return false;
        };
        match to.remote {
            Some(peer) => {
                port.connected.insert((to.local.ip(), peer), entry);
            }
            None => port.bound.push((to.local.ip(), entry)),
        }
        true
    }

    /// Takes a socket out.
    pub(crate) fn remove(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        handle: Handle,
        name: Name,
    ) {
        let (mut shard, _) = held.lock(self.shard(name.local.port()));
        if let Some(port) = shard.get_mut(&name.local.port()) {
            port.take(name, handle);
            if port.is_empty() {
                shard.remove(&name.local.port());
            }
        }
    }

    /// Whose a datagram is that came to `local` from `remote`: first the socket with this peer, then one at this address, then
    /// one at any. Of several that share an address the last that came.
    pub(crate) fn find(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<Handle> {
        let (shard, _) = held.lock(self.shard(local.port()));
        let port = shard.get(&local.port())?;
        let exact = port.connected.get(&(local.ip(), remote));
        exact
            .map(|entry| entry.handle)
            .or_else(|| port.bound_at(|ip| ip == local.ip()))
            .or_else(|| port.bound_at(|ip| ip.is_unspecified() && ip.is_ipv4() == local.is_ipv4()))
    }

    /// Whose a datagram is that came to a group of the family of `like`: every socket's at any address.
    pub(crate) fn find_all(
        &self,
        held: &mut Token<'_, impl Precedes<ShardLevel>>,
        like: IpAddr,
        port: u16,
    ) -> Vec<Handle> {
        let (shard, _) = held.lock(self.shard(port));
        let bound = shard.get(&port).into_iter().flat_map(|port| &port.bound);
        bound
            .filter(|(ip, _)| ip.is_unspecified() && ip.is_ipv4() == like.is_ipv4())
            .map(|(_, entry)| entry.handle)
            .collect()
    }

    /// All sockets.
    pub(crate) fn all(&self, held: &mut Token<'_, impl Precedes<ShardLevel>>) -> Vec<Handle> {
        let mut handles = Vec::new();
        for shard in &self.shards {
            held.with(shard, |shard| {
                for port in shard.values() {
                    handles.extend(port.bound.iter().map(|(_, entry)| entry.handle));
                    handles.extend(port.connected.values().map(|entry| entry.handle));
                }
            });
        }
        handles
    }
}

#[cfg(test)]
mod tests;
