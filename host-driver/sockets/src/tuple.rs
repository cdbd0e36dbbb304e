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
