//! What names a connection.

use std::net::{IpAddr, SocketAddr};

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tuple {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

impl Tuple {
    /// Flow labels and scope identifiers play no part in telling connections apart.
    pub(crate) fn new(local: (IpAddr, u16), remote: (IpAddr, u16)) -> Self {
        Self {
            local: SocketAddr::from(local),
            remote: SocketAddr::from(remote),
        }
    }
}

/// A tuple in 38 bytes, for where there is one per connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Packed {
    local: IpAddr,
    remote: IpAddr,
    ports: [u16; 2],
}

impl From<&Tuple> for Packed {
    fn from(tuple: &Tuple) -> Self {
        let Tuple { local, remote } = tuple;
        Self {
            local: local.ip(),
            remote: remote.ip(),
            ports: [local.port(), remote.port()],
        }
    }
}

impl From<Packed> for Tuple {
    fn from(packed: Packed) -> Self {
        let [local, remote] = packed.ports;
        Self::new((packed.local, local), (packed.remote, remote))
    }
}
