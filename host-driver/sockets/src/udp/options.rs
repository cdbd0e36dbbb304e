//! What a `UdpSocket` sends its datagrams with.

use std::io;

use super::UdpSocket;

impl UdpSocket {
    /// Whether datagrams may be sent to broadcast addresses (SO_BROADCAST; off at first).
    ///
    /// # Errors
    /// None.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.file.with(|block| block.options.broadcast = broadcast);
        Ok(())
    }

    /// Whether they may.
    ///
    /// # Errors
    /// None.
    pub fn broadcast(&self) -> io::Result<bool> {
        Ok(self.file.with(|block| block.options.broadcast))
    }

    /// TTL (IPv4) or hop limit (IPv6) of what is sent to one host (IP_TTL, IPV6_UNICAST_HOPS).
    ///
    /// # Errors
    /// `InvalidInput` unless 1 to 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let ttl = crate::options::hop_limit(ttl)?;
        self.file.with(|block| block.options.hop_limit = ttl);
        Ok(())
    }

    /// TTL or hop limit of what is sent to one host.
    ///
    /// # Errors
    /// None.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.file.with(|block| block.options.hop_limit.into()))
    }

    /// TTL or hop limit of what is sent to a multicast group (IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS; 1 at first).
    ///
    /// # Errors
    /// `InvalidInput` unless 1 to 255.
    pub fn set_multicast_ttl(&self, ttl: u32) -> io::Result<()> {
        let ttl = crate::options::hop_limit(ttl)?;
        self.file
            .with(|block| block.options.multicast_hop_limit = ttl);
        Ok(())
    }

    /// TTL or hop limit of what is sent to a multicast group.
    ///
    /// # Errors
    /// None.
    pub fn multicast_ttl(&self) -> io::Result<u32> {
        let ttl = self.file.with(|block| block.options.multicast_hop_limit);
        Ok(ttl.into())
    }

    /// TOS (IPv4) or traffic class (IPv6) of what is sent: the Diffserv field and the ECN bits (IP_TOS, IPV6_TCLASS; 0 at first).
    ///
    /// # Errors
    /// None.
    pub fn set_tos(&self, tos: u8) -> io::Result<()> {
        self.file.with(|block| block.options.traffic_class = tos);
        Ok(())
    }

    /// TOS or traffic class of what is sent.
    ///
    /// # Errors
    /// None.
    pub fn tos(&self) -> io::Result<u8> {
        Ok(self.file.with(|block| block.options.traffic_class))
    }
}
