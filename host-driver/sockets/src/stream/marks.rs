//! What the packets of a connection bear: TTL and Diffserv.

use std::io;

use crate::options::ECN;

use super::TcpStream;

impl TcpStream {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
    //# Time to Live (TTL): The TTL value used to send TCP segments MUST be configurable (MUST-49).
    /// TTL (IPv4) or hop limit (IPv6) of what is sent from now on. At first that of the stack's configuration.
    ///
    /// # Errors
    /// `InvalidInput` unless 1 to 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let ttl = crate::options::hop_limit(ttl)?;
        self.file.with(|live| live.marks.hop_limit = ttl);
        Ok(())
    }

    /// TTL or hop limit of what is sent.
    ///
    /// # Errors
    /// None.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.file.with(|live| live.marks.hop_limit.into()))
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
    //# The application layer MUST be able to specify the Differentiated Services field for segments that are sent
    //# on a connection (MUST-48).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
    //# It is not required, but the application SHOULD be able to change the Differentiated Services field during
    //# the connection lifetime (SHLD-21).
    /// TOS (IPv4) or traffic class (IPv6) of what is sent from now on: the Diffserv field. The two low bits are ECN's, and TCP's
    /// own: they are ignored.
    ///
    /// # Errors
    /// None.
    pub fn set_tos(&self, tos: u8) -> io::Result<()> {
        self.file.with(|live| live.marks.traffic_class = tos & !ECN);
        Ok(())
    }

    /// TOS or traffic class of what is sent, without ECN.
    ///
    /// # Errors
    /// None.
    pub fn tos(&self) -> io::Result<u8> {
        Ok(self.file.with(|live| live.marks.traffic_class))
    }

    /// TOS or traffic class of the last segment that came, ECN included.
    #[must_use]
    pub fn received_tos(&self) -> u8 {
        self.file.with(|live| live.marks.received)
    }
}
