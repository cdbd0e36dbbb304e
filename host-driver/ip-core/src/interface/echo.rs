//! Echo requests of our own, and who wants their answers (RFC 792; RFC 4443, section 4).

use core::net::IpAddr;
use core::time::Duration;

use etherparse::{IcmpEchoHeader, Icmpv4Type, Icmpv6Type};
use thiserror::Error;

use super::{Interface, Notice, OUTBOUND_MAX};
use crate::discard::Discard;
use crate::frame;
use crate::mac::MacAddr;
use crate::parse::IpPacket;

/// Bytes of an ICMP echo header (RFC 792; RFC 4443, section 4.1).
const ECHO_HEADER: usize = 8;

/// The answer to an echo request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EchoReply {
    /// Who answered.
    pub from: IpAddr,
    /// As in the request.
    pub identifier: u16,
    /// As in the request.
    pub sequence: u16,
    /// TTL or hop limit as it arrived.
    pub hop_limit: u8,
    /// The data that came back; equal to those of the request unless somebody is at fault.
    pub data: Vec<u8>,
}

/// Why an echo request cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EchoError {
    /// There is no route to the host, or no address of its family to speak from.
    #[error("no way to {0}: configure an address of its network, or a gateway")]
    NoRoute(IpAddr),
    /// The packet would exceed the MTU, and nothing is fragmented here.
    #[error("{len} bytes of echo data do not fit a packet of the MTU: at most {most}")]
    TooLong {
        /// Bytes asked for.
        len: usize,
        /// Bytes that fit.
        most: usize,
    },
}

impl Interface {
    /// Wants the answers to echo requests with `identifier` as [`Notice::Echo`]. False if somebody does already.
    pub fn open_echo(&mut self, identifier: u16) -> bool {
        let free = !self.echoes.contains(&identifier);
        if free {
            self.echoes.push(identifier);
        }
        free
    }

    /// Wants them no more.
    pub fn close_echo(&mut self, identifier: u16) {
        self.echoes.retain(|open| *open != identifier);
    }

    /// Asks `remote` for an echo of `data`. The request waits for the next hop's station address if that is not
    /// known; if the next hop is never found, a [`Notice::Lost`] says so.
    ///
    /// # Errors
    /// [`EchoError`]
    pub fn send_echo(
        &mut self,
        now: Duration,
        remote: IpAddr,
        identifier: u16,
        sequence: u16,
        data: &[u8],
    ) -> Result<(), EchoError> {
        let header = if remote.is_ipv4() { 20 } else { 40 };
        let most = usize::from(self.config.mtu).saturating_sub(header + ECHO_HEADER);
        let too_long = EchoError::TooLong {
            len: data.len(),
            most,
        };
        if data.len() > most {
            return Err(too_long);
        }
        let echo = IcmpEchoHeader {
            id: identifier,
            seq: sequence,
        };
        // The destination is written when the next hop is known.
        let macs = (self.config.mac, MacAddr::BROADCAST);
        let built = match (self.config.source_for(remote), remote) {
            (Some(IpAddr::V4(own)), IpAddr::V4(to)) => {
                frame::icmpv4(macs, own, to, Icmpv4Type::EchoRequest(echo), data)
            }
            (Some(IpAddr::V6(own)), IpAddr::V6(to)) => {
                let kind = Icmpv6Type::EchoRequest(echo);
                frame::icmpv6(macs, own, to, frame::HOP_LIMIT, kind, data)
            }
            _ => return Err(EchoError::NoRoute(remote)),
        };
        self.send(now, remote, built.ok_or(too_long)?);
        Ok(())
    }

    pub(super) fn on_echo_reply(
        &mut self,
        ip: &IpPacket<'_>,
        echo: IcmpEchoHeader,
        data: &[u8],
    ) -> Result<(), Discard> {
        if !self.echoes.contains(&echo.id) {
            return Err(Discard::IcmpIgnored);
        }
        if self.notices.len() >= OUTBOUND_MAX {
            return Err(Discard::AnswersFull);
        }
        self.notices.push_back(Notice::Echo(EchoReply {
            from: ip.source,
            identifier: echo.id,
            sequence: echo.seq,
            hop_limit: ip.hop_limit,
            data: data.to_vec(),
        }));
        Ok(())
    }
}
