//! TCP without I/O, without a clock and without payload memory.
//!
//! Segments, timer expiries and calls go in; segments, events and a deadline come out. Time is a
//! [`Duration`](core::time::Duration) since any epoch the caller likes, and randomness (the key of
//! [`IsnGenerator`]) is handed in, so the same code runs in real time over the NIC and in virtual
//! time in tests.
//!
//! * [`Connection`]: a transmission control block, from SYN-SENT or the end of a passive handshake on.
//! * [`HalfOpen`]: what a passive open costs until its handshake is over (at most 128 bytes); [`SynCookies`]: one that
//!   costs nothing.
//! * [`TimeWait`]: what a connection costs during 2MSL (at most 128 bytes).
//! * [`Segment`] in, [`Transmit`] out: headers only. A `Transmit` may be a *super-segment* of up to
//!   [`Config::max_transmit`] bytes that the NIC (or software) cuts into segments of `mss` bytes;
//!   its payload is a range of *stream offsets* of the send buffer.
//! * [`reset_for`]: the answer to a segment that belongs to nobody.
//!
//! # How a connection is driven
//! After every batch of calls that may change it ([`Connection::on_segment`],
//! [`Connection::on_timeout`], [`Connection::write`], [`Connection::consume`],
//! [`Connection::shutdown_write`], [`Connection::close`]) call [`Connection::poll_transmit`] until it
//! returns `None`, then arm one timer for [`Connection::next_timeout`].
//!
//! # Stream offsets
//! Both directions count bytes from 0 in 64 bits; the SYN and the FIN have no offset. The send
//! buffer holds the bytes from [`Connection::acked_offset`] to [`Connection::written_offset`]; the
//! receive buffer has room for [`Config::receive_buffer`] bytes from
//! [`Connection::consumed_offset`] on, and [`Placement`] says where arriving bytes belong.
//!
//! # Example
//! A handshake in memory, and a hundred bytes:
//! ```
//! use core::time::Duration;
//! use tcp_core::{Config, Connection, HalfOpen, Initial, Ports, SeqNumber, State};
//!
//! let (now, ports) = (Duration::ZERO, Ports { source: 4000, destination: 80 });
//! let initial = |iss| Initial { iss: SeqNumber(iss), timestamp_offset: 0 };
//! let config = Config::default();
//!
//! let mut client = Connection::connect(&config, initial(1));
//! let syn = client.poll_transmit(now).unwrap().to_segment(ports);
//! let (half_open, syn_ack) = HalfOpen::new(now, &config, initial(2), &syn).unwrap();
//! client.on_segment(now, &syn_ack.to_segment(ports.reversed()));
//! let ack = client.poll_transmit(now).unwrap().to_segment(ports);
//! let (mut server, _) = Connection::from_half_open(now, &config, &half_open, &ack);
//! assert_eq!(server.state(), State::Established);
//!
//! client.write(100)?;
//! let data = client.poll_transmit(now).unwrap();
//! assert_eq!(data.payload, 0..100);
//! let received = server.on_segment(now, &data.to_segment(ports));
//! assert_eq!(received.placement.unwrap().len, 100);
//! assert_eq!(server.available(), 100);
//! # Ok::<(), tcp_core::WriteClosed>(())
//! ```
#![forbid(unsafe_code)]

mod assembler;
mod challenge;
mod config;
pub mod congestion;
mod connection;
mod cookie;
mod counters;
mod event;
mod half_open;
mod isn;
mod negotiate;
mod options;
mod parse;
mod reset;
mod rtt;
mod sack;
mod segment;
mod seq;
mod spare;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod time_wait;
mod timestamps;
mod transmit;

pub use config::{Config, Ecn, KeepAlive};
pub use connection::{Connection, Info, Placement, Received, State};
pub use cookie::SynCookies;
pub use counters::Counters;
pub use event::{ConnectionError, Events, WriteClosed};
pub use half_open::{HalfOpen, HalfOpenExpiry, HalfOpenOutcome};
pub use isn::{Initial, IsnGenerator};
pub use options::{Options, Timestamps};
pub use parse::ParseError;
pub use reset::reset_for;
pub use sack::SackBlocks;
pub use segment::{Flags, Ports, Segment};
pub use seq::SeqNumber;
pub use spare::preallocate;
pub use time_wait::{TimeWait, TimeWaitOutcome};
pub use transmit::{EmitError, MAX_HEADER_LEN, Transmit};
