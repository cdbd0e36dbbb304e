//! Sockets over the Longshore NIC: [`TcpListener`], [`TcpStream`] and [`UdpSocket`] with `std::net`'s names and semantics,
//! and [`Echo`] for ICMP echo.
//!
//! ```no_run
//! use std::io::Write;
//! use longshore_sockets::{Stack, StackConfig, TcpListener};
//!
//! fn greet(nic: longshore_driver::Nic) -> Result<(), Box<dyn std::error::Error>> {
//!     let ip = ip_core::Config::new(ip_core::MacAddr([2, 0, 0, 0, 0, 1]))
//!         .with_address("192.0.2.7/24".parse()?)
//!         .with_route("0.0.0.0/0".parse()?, "192.0.2.1".parse()?);
//!     let stack = Stack::new(nic, StackConfig::new(ip))?;
//!     stack.start()?;
//!     let listener = TcpListener::bind(&stack, "0.0.0.0:7".parse()?)?;
//!     for stream in listener.incoming() {
//!         stream?.write_all(b"hello\n")?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Who holds what
//! A *socket* owns its *Pcb* (the connection block) from attach to detach. References are counted and bear the
//! names of their holders: F (a program's file), Q (a listener's queue), S (data still to be sent after
//! close), P (socket → Pcb), X (a look-up or a batch of frames, transient), T (an armed timer), D (a posted
//! descriptor → send memory), L (queued child → listener). Half-open connections and TIME-WAIT records own
//! neither a socket nor a Pcb; what they refer to they revalidate by generation.
//!
//! A connection that is over is *dropped*: taken out of the table, its timer stopped, its waiters woken. It is
//! freed by its socket's end, never before. The last reference's drop frees, nothing else does.
//!
//! # Who runs what
//! The owner of a queue pair drains its completions and runs its timers; programs' calls post for themselves.
//! Locks, in this order: listener → Pcb → rings; the shards of the tables, the timers and the neighbour cache
//! are taken last, and held for no call outside of them. No lock is held while waiting for the device.
//!
//! # Time
//! A [`Stack`] runs in real time ([`Stack::start`]) or in stepped time ([`Stack::poll`]); the latter is
//! deterministic, and non-blocking sockets make it single-threaded.
#![forbid(unsafe_code)]

mod accept;
mod active;
mod batch;
#[doc(hidden)]
pub mod broken;
mod clock;
mod config;
mod counters;
mod echo;
mod expiry;
mod failure;
mod file;
mod file_handle;
mod icmp;
mod input;
mod listener;
mod lock;
#[doc(hidden)]
pub mod look_up;
mod neighbours;
mod nic;
mod nstat;
mod options;
mod output;
mod owner;
mod passive;
mod pcb;
mod protocol;
mod ready;
mod receive_buffer;
mod records;
mod rescue;
mod send_buffer;
mod shared;
#[doc(hidden)]
pub mod slots;
mod socket;
mod stack;
mod status;
mod stream;
mod table;
mod tcp;
mod timers;
mod tuning;
mod tuple;
mod udp;
mod urgent;
mod way;

pub use accept::TcpListener;
pub use config::{SocketConfig, StackConfig};
pub use counters::StackCounters;
pub use echo::{Echo, EchoEvent};
pub use ready::{Notify, Readiness};
pub use stack::{Living, Stack, StackError};
pub use status::Status;
pub use stream::TcpStream;
pub use tuning::Closing;
pub use udp::UdpSocket;
