//! The IP layer of the Longshore host driver: no I/O, no clock.
//!
//! Frames and time go in; packets for the transport layer, frames to send and notices come out.
//! Time is a [`Duration`](core::time::Duration) since any epoch the caller likes.
//!
//! * [`parse()`]: a received frame and the NIC's verdicts → [`Packet`], or the reason to [`Discard`] it.
//!   A pure function, so that the established path needs no lock of this layer.
//! * [`Config`]: addresses and routes; fixed once made.
//! * [`Interface`]: what is mutable: the neighbour cache (ARP, neighbour discovery), echo requests and replies,
//!   ICMP errors turned into [`IcmpError`].
//! * [`Path`] and [`HeaderTemplate`]: header bytes and offsets of a TCP or UDP (super-)segment, ready for
//!   the NIC to checksum and to cut.
//! * [`Datagram`]: a UDP datagram in a packet; [`Interface::port_unreachable`] answers one that nobody wants.
//! * [`checksum`]: the same in software, for a NIC without the feature.
//!
//! # Not here
//! Fragments are dropped and counted, and none are sent: TCP never needs them (path MTU discovery), and a datagram that does not
//! fit the path is refused to its program.
//! No duplicate address detection (RFC 4862 §5.4), router advertisement or redirect is acted upon: addresses
//! and routes are configured. No multicast listener reports (RFC 3810). VLAN-tagged frames are dropped.
#![forbid(unsafe_code)]

mod address;
pub mod checksum;
mod config;
mod discard;
mod frame;
mod icmp;
mod interface;
mod limit;
mod mac;
mod neighbour;
mod parse;
mod template;
mod udp;

pub use address::Cidr;
pub use config::{Config, ConfigError, Route};
pub use discard::{Discard, DiscardCounters};
pub use etherparse::IpNumber;
pub use icmp::{IcmpError, IcmpErrorKind, Quoted};
pub use interface::{EchoError, EchoReply, Interface, Notice, Resolution};
pub use mac::MacAddr;
pub use neighbour::NeighbourConfig;
pub use nic_abi::completion::Verdict;
pub use parse::{Content, IpPacket, Packet, Verdicts, parse};
pub use template::{HeaderTemplate, MAX_HEADER_LEN, Path};
pub use udp::{Datagram, UDP_HEADER_LEN, udp_header};
