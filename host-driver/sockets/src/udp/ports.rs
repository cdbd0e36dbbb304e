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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOCALS: [&str; 5] = ["0.0.0.0", "192.0.2.1", "192.0.2.2", "::", "2001:db8::1"];
    const REMOTES: [&str; 3] = ["198.51.100.1", "198.51.100.2", "2001:db8::9"];

    fn at(ip: &str, port: u16) -> SocketAddr {
        SocketAddr::from((ip.parse::<IpAddr>().unwrap(), port))
    }

    fn handle(index: usize) -> Handle {
        Handle {
            index: u32::try_from(index).unwrap(),
            generation: 1,
        }
    }

    /// Sockets in the order in which they came, and nothing clever.
    #[derive(Default)]
    struct Model(Vec<(Name, bool, Handle)>);

    impl Model {
        fn bind(&mut self, local: SocketAddr, reuse: bool, handle: Handle) -> bool {
            let free = self.0.iter().all(|(name, other, _)| {
                let (a, b) = (name.local, local);
                let apart = a.port() != b.port() || a.is_ipv4() != b.is_ipv4();
                let any = a.ip().is_unspecified() || b.ip().is_unspecified();
                apart || (a.ip() != b.ip() && !any) || (reuse && *other)
            });
            if free {
                let name = Name {
                    local,
                    remote: None,
                };
                self.0.push((name, reuse, handle));
            }
            free
        }

        fn connect(&mut self, at: usize, to: Name) -> bool {
            let taken = self.0.iter().enumerate();
            let mut taken = taken.filter(|(other, (name, ..))| *other != at && *name == to);
            let free = taken.next().is_none();
            if free {
                self.0[at].0 = to;
            }
            free
        }

        fn find(&self, local: SocketAddr, remote: SocketAddr) -> Option<Handle> {
            let takes = self.0.iter().filter(|(name, ..)| name.takes(local, remote));
            let best = takes.enumerate().max_by_key(|(age, (name, ..))| {
                let specified = !name.local.ip().is_unspecified();
                (name.remote.is_some(), specified, *age)
            });
            best.map(|(_, (.., handle))| *handle)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Bind(usize, u16, bool),
        Connect(usize, usize, usize, u16),
        Close(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let port = 1u16..3;
        prop_oneof![
            4 => (0..LOCALS.len(), port.clone(), any::<bool>()).prop_map(|(l, p, r)| Step::Bind(l, p, r)),
            3 => (0usize..9, 0..LOCALS.len(), 0..REMOTES.len(), port).prop_map(|(s, l, r, p)| Step::Connect(s, l, r, p)),
            1 => (0usize..9).prop_map(Step::Close),
        ]
    }

    proptest! {
        #[test]
        fn the_exact_peer_comes_first_then_the_address_then_any(steps in proptest::collection::vec(step(), 0..40)) {
            let (ports, mut model) = (Ports::default(), Model::default());
            let held = &mut Token::root();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Bind(local, port, reuse) => {
                        let local = at(LOCALS[local], port);
                        let bound = ports.bind(held, local, reuse, handle(number));
                        prop_assert_eq!(bound, model.bind(local, reuse, handle(number)));
                    }
                    Step::Connect(socket, local, remote, port) if socket < model.0.len() => {
                        let (name, _, handle) = model.0[socket];
                        let own = if name.local.ip().is_unspecified() {
                            at(LOCALS[local], name.local.port())
                        } else {
                            name.local
                        };
                        let remote = at(REMOTES[remote], port);
                        if own.ip().is_unspecified() || own.is_ipv4() != remote.is_ipv4()
                            || own.is_ipv4() != name.local.is_ipv4()
                        {
                            continue;
                        }
                        let to = Name { local: own, remote: Some(remote) };
                        let renamed = ports.rename(held, handle, name, to);
                        prop_assert_eq!(renamed, model.connect(socket, to));
                    }
                    Step::Close(socket) if socket < model.0.len() => {
                        let (name, _, handle) = model.0.remove(socket);
                        ports.remove(held, handle, name);
                    }
                    Step::Connect(..) | Step::Close(_) => {}
                }
                for local in LOCALS {
                    for remote in REMOTES {
                        for port in 1..3 {
                            for peer in 1..3 {
                                let (local, remote) = (at(local, port), at(remote, peer));
                                if local.ip().is_unspecified() || local.is_ipv4() != remote.is_ipv4() {
                                    continue;
                                }
                                prop_assert_eq!(ports.find(held, local, remote), model.find(local, remote));
                            }
                        }
                    }
                }
                prop_assert_eq!(ports.all(held).len(), model.0.len());
            }
            for (name, _, handle) in model.0 {
                ports.remove(held, handle, name);
            }
            prop_assert!(ports.all(held).is_empty());
        }
    }

    #[test]
    fn a_group_is_everybodys_at_any_address_of_the_family() {
        let ports = Ports::default();
        let held = &mut Token::root();
        for (number, ip) in ["0.0.0.0", "192.0.2.1", "0.0.0.0", "::"].iter().enumerate() {
            assert!(ports.bind(held, at(ip, 5), true, handle(number)));
        }
        let found = ports.find_all(held, at("255.255.255.255", 0).ip(), 5);
        assert_eq!(found, [handle(0), handle(2)]);
        assert!(ports.find_all(held, at("ff02::1", 0).ip(), 6).is_empty());
    }
}
