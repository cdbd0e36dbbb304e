//! What the interface does with ICMP.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use etherparse::{Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type};

use super::{Interface, Notice, OUTBOUND_MAX};
use crate::discard::Discard;
use crate::frame;
use crate::icmp::{IcmpError, error_v4, error_v6};
use crate::mac::{MacAddr, solicited_node};
use crate::neighbour::{Learned, ndp};
use crate::parse::IpPacket;

impl Interface {
    pub(super) fn on_icmpv4(
        &mut self,
        from: MacAddr,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        ip: &IpPacket<'_>,
    ) -> Result<(), Discard> {
        let icmp = Icmpv4Slice::from_slice(ip.payload).map_err(|_| Discard::Truncated)?;
        if let Some(error) = error_v4(ip.source, &icmp) {
            return self.notice_error(error);
        }
        match icmp.icmp_type() {
            // RFC 1122 §3.2.2.6: a broadcast echo request may be discarded.
            Icmpv4Type::EchoRequest(echo) if self.config.is_own(destination.into()) => {
                let kind = Icmpv4Type::EchoReply(echo);
                let macs = (self.config.mac, from);
                let reply = frame::icmpv4(macs, destination, source, kind, icmp.payload());
                self.push(reply.ok_or(Discard::Malformed)?)
            }
            Icmpv4Type::EchoReply(echo) if self.config.is_own(destination.into()) => {
                self.on_echo_reply(ip, echo, icmp.payload())
            }
            _ => Err(Discard::IcmpIgnored),
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
    //# If the IP source address is the unspecified address, the IP destination address is a solicited-node
    //# multicast address.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
    //# A node MUST silently discard any received Neighbor Solicitation messages that do not satisfy all of the
    //# following validity checks: - The IP Hop Limit field has a value of 255, i.e., the packet could not possibly
    //# have been forwarded by a router.
    pub(super) fn on_icmpv6(
        &mut self,
        now: Duration,
        from: MacAddr,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        ip: &IpPacket<'_>,
    ) -> Result<(), Discard> {
        let icmp = Icmpv6Slice::from_slice(ip.payload).map_err(|_| Discard::Truncated)?;
        if let Some(error) = error_v6(ip.source, &icmp) {
            return self.notice_error(error);
        }
        match icmp.icmp_type() {
            Icmpv6Type::EchoRequest(echo) if !source.is_unspecified() => {
                // RFC 4443 §4.2: from the address that was asked, or from a unicast one if that was a group.
                let own = match self.config.is_own(destination.into()) {
                    true => destination,
                    false => self.source_v6(source)?,
                };
                let kind = Icmpv6Type::EchoReply(echo);
                let macs = (self.config.mac, from);
                let reply =
                    frame::icmpv6(macs, own, source, frame::HOP_LIMIT, kind, icmp.payload());
                self.push(reply.ok_or(Discard::Malformed)?)
            }
            Icmpv6Type::EchoReply(echo) if self.config.is_own(destination.into()) => {
                self.on_echo_reply(ip, echo, icmp.payload())
            }
            Icmpv6Type::NeighborSolicitation => {
                let body = ndp::Body::parse(icmp.payload())?;
                // RFC 4861 §7.1.1: who has no address yet asks our group, and says no station address.
                let probe = source.is_unspecified();
                let misplaced = probe
                    && (body.source_mac.is_some() || destination != solicited_node(body.target));
                // Somebody else with our address: nothing is learned from that.
                let claims = self.config.is_own(source.into());
                if ip.hop_limit != ndp::HOP_LIMIT || misplaced || claims {
                    return Err(Discard::Neighbour);
                }
                if !self.config.is_own(body.target.into()) {
                    return Err(Discard::NotForUs);
                }
                if let Some(mac) = body.source_mac {
                    self.learn(now, source.into(), mac, Learned::Heard, true);
                }
                let to = body.source_mac.unwrap_or(from);
                let answer = ndp::advertisement(self.config.mac, body.target, source, to);
                self.push(answer.ok_or(Discard::Malformed)?)
            }
            Icmpv6Type::NeighborAdvertisement(header) => {
                let body = ndp::Body::parse(icmp.payload())?;
                if ip.hop_limit != ndp::HOP_LIMIT
                    || (header.solicited && destination.is_multicast())
                    || self.config.is_own(body.target.into())
                {
                    return Err(Discard::Neighbour);
                }
                let how = if header.solicited {
                    Learned::Answer
                } else {
                    Learned::Heard
                };
                // RFC 4861 §7.2.5: on Ethernet an advertisement without the option says nothing to those
                // who do not know the address; a unicast answer may leave it out (§7.2.4).
                let mac = body.target_mac.unwrap_or(from);
                self.learn(now, body.target.into(), mac, how, false);
                Ok(())
            }
            _ => Err(Discard::IcmpIgnored),
        }
    }

    fn notice_error(&mut self, error: IcmpError) -> Result<(), Discard> {
        if !self.config.is_own(error.quoted.local.ip()) {
            return Err(Discard::IcmpIgnored);
        }
        if self.notices.len() >= OUTBOUND_MAX {
            return Err(Discard::AnswersFull);
        }
        self.notices.push_back(Notice::Icmp(error));
        Ok(())
    }
}
