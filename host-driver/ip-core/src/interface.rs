//! The mutable part of the IP layer: neighbours, echo replies, ICMP errors.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use etherparse::IpNumber;

use crate::config::{Config, ConfigError};
use crate::discard::Discard;
use crate::frame;
use crate::icmp::IcmpError;
use crate::limit::Bucket;
use crate::mac::MacAddr;
use crate::neighbour::{Cache, Learned, Lookup, Solicit, arp, ndp};
use crate::parse::{Content, Packet};

/// Frames that wait to be fetched by [`Interface::poll_transmit`] at most.
const OUTBOUND_MAX: usize = 256;

/// Where the packets for a host go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// To this station. Valid while [`Interface::epoch`] stays and `until` has not come.
    Ready {
        /// Station address of the next hop.
        mac: MacAddr,
        /// When to ask again.
        until: Duration,
    },
    /// The next hop is being asked; a [`Notice`] follows.
    Pending,
    /// There is no route to the host.
    NoRoute,
}

/// Something that the transport layer wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The next hop is known: what was pending can go.
    Resolved(IpAddr),
    /// The next hop does not answer. A further [`Interface::resolve`] asks again.
    Lost(IpAddr),
    /// An ICMP error came.
    Icmp(IcmpError),
    /// The answer to an echo request came.
    Echo(EchoReply),
}

/// Neighbours, echo replies and ICMP errors of one interface.
#[derive(Debug)]
pub struct Interface {
    config: Arc<Config>,
    cache: Cache,
    outbound: VecDeque<Vec<u8>>,
    notices: VecDeque<Notice>,
    /// Identifiers of echo requests whose answers somebody wants.
    echoes: Vec<u16>,
    /// ICMP errors that may still be sent.
    errors: Bucket,
}

impl Interface {
    /// An interface that knows nobody yet.
    ///
    /// # Errors
    /// [`ConfigError`] for a configuration that cannot work.
    pub fn new(config: Arc<Config>) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            cache: Cache::new(config.neighbours),
            config,
            outbound: VecDeque::new(),
            notices: VecDeque::new(),
            echoes: Vec::new(),
            errors: unreachable::LIMIT,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Rises whenever a [`Resolution::Ready`] handed out earlier is no longer right.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.cache.epoch()
    }

    /// Where packets for `remote` go. `progress`: answers came from it since the last call for it.
    pub fn resolve(&mut self, now: Duration, remote: IpAddr, progress: bool) -> Resolution {
        if let Some(mac) = self.group_mac(remote) {
            let until = Duration::MAX;
            return Resolution::Ready { mac, until };
        }
        let Some(hop) = self.config.next_hop(remote) else {
            return Resolution::NoRoute;
        };
        match self.cache.lookup(now, hop, progress) {
            Lookup::Known { mac, until } => Resolution::Ready { mac, until },
            Lookup::Pending(solicit) => {
                if let Some(solicit) = solicit {
                    self.solicit(solicit);
                }
                Resolution::Pending
            }
        }
    }

    /// The station address of a group: a multicast, or the broadcast of an own network.
    fn group_mac(&self, remote: IpAddr) -> Option<MacAddr> {
        match remote {
            IpAddr::V4(v4) if self.config.is_broadcast(v4) => Some(MacAddr::BROADCAST),
            _ => frame::group_mac(remote),
        }
    }

    /// Sends a whole frame to `remote` as soon as its next hop is known; its destination is written here.
    /// Dropped if the next hop is never found, or too many wait for it.
    pub fn send(&mut self, now: Duration, remote: IpAddr, mut frame: Vec<u8>) {
        match self.resolve(now, remote, false) {
            Resolution::Ready { mac, .. } => {
                frame::set_destination(&mut frame, mac);
                let _ = self.push(frame);
            }
            Resolution::Pending => {
                if let Some(hop) = self.config.next_hop(remote) {
                    self.cache.wait(hop, frame);
                }
            }
            Resolution::NoRoute => {}
        }
    }

    /// Takes in ARP and ICMP. TCP and UDP are not for this layer: [`Discard::Protocol`].
    ///
    /// # Errors
    /// The reason why nothing was done.
    pub fn on_packet(&mut self, now: Duration, packet: &Packet<'_>) -> Result<(), Discard> {
        match &packet.content {
            Content::Arp(message) => self.on_arp(now, message),
            Content::Ip(ip) if !self.config.accepts(ip.destination) => Err(Discard::NotForUs),
            Content::Ip(ip) => match (ip.protocol, ip.source, ip.destination) {
                (IpNumber::ICMP, IpAddr::V4(source), IpAddr::V4(destination)) => {
                    self.on_icmpv4(packet.source_mac, source, destination, ip)
                }
                (IpNumber::IPV6_ICMP, IpAddr::V6(source), IpAddr::V6(destination)) => {
                    self.on_icmpv6(now, packet.source_mac, source, destination, ip)
                }
                _ => Err(Discard::Protocol),
            },
        }
    }

    /// Whether there is a frame to send or a notice.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outbound.is_empty() || !self.notices.is_empty()
    }

    /// The next frame to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbound.pop_front()
    }

    /// The next notice.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// When [`Interface::on_timeout`] is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.cache.next_timeout()
    }

    /// Repeats solicitations and gives neighbours up. Does nothing before its time.
    pub fn on_timeout(&mut self, now: Duration) {
        let (solicit, lost) = self.cache.on_timeout(now);
        for solicit in solicit {
            self.solicit(solicit);
        }
        self.notices.extend(lost.into_iter().map(Notice::Lost));
    }

    fn on_arp(&mut self, now: Duration, message: &arp::Message) -> Result<(), Discard> {
        let for_us = self.config.is_own(message.target.into());
        if self.config.is_own(message.sender.into()) {
            // Somebody else uses our address; nothing is learned from that (RFC 5227 §2.4 would defend it).
            return Err(Discard::Neighbour);
        }
        // RFC 826: known senders are refreshed, unknown ones are noted if the message is for us.
        if !message.sender.is_unspecified() {
            let how = if message.request {
                Learned::Heard
            } else {
                Learned::Answer
            };
            self.learn(now, message.sender.into(), message.sender_mac, how, for_us);
        }
        match (message.request, for_us) {
            (true, true) => self.push(arp::reply(self.config.mac, message)),
            (true, false) => Err(Discard::NotForUs),
            (false, _) => Ok(()),
        }
    }

    fn learn(&mut self, now: Duration, who: IpAddr, mac: MacAddr, how: Learned, create: bool) {
        if let Some(waiting) = self.cache.learn(now, who, mac, how, create) {
            for mut frame in waiting {
                frame::set_destination(&mut frame, mac);
                let _ = self.push(frame);
            }
            self.notices.push_back(Notice::Resolved(who));
        }
    }

    fn solicit(&mut self, solicit: Solicit) {
        let mac = self.config.mac;
        let question = match (solicit.target, self.config.source_for(solicit.target)) {
            (IpAddr::V4(target), Some(IpAddr::V4(own))) => {
                Some(arp::request(mac, own, target, solicit.at))
            }
            (IpAddr::V6(target), Some(IpAddr::V6(own))) => {
                ndp::solicitation(mac, own, target, solicit.at)
            }
            // No address of the family: nobody could answer. The entry is given up in time.
            _ => None,
        };
        if let Some(question) = question {
            let _ = self.push(question);
        }
    }

    fn source_v6(&self, to: Ipv6Addr) -> Result<Ipv6Addr, Discard> {
        match self.config.source_for(to.into()) {
            Some(IpAddr::V6(own)) => Ok(own),
            _ => Err(Discard::NotForUs),
        }
    }

    fn push(&mut self, frame: Vec<u8>) -> Result<(), Discard> {
        if self.outbound.len() >= OUTBOUND_MAX {
            return Err(Discard::AnswersFull);
        }
        self.outbound.push_back(frame);
        Ok(())
    }
}

mod echo;
mod icmp;
#[cfg(test)]
mod tests;
mod unreachable;

pub use echo::{EchoError, EchoReply};
