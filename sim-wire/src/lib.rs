//! Wires for the simulated NIC.
//!
//! A simulated MAC is plugged into a [`Wire`]. Two of them end a wire: [`pair`](pair::pair) (two NICs back to back in
//! simulated time) and [`TapWire`](tap::TapWire) (a Linux kernel on the other end). Two stack on any wire:
//! [`FaultInjector`](fault::FaultInjector) and [`Captured`](capture::Captured) (pcapng). [`netns`] gives the TAP a network
//! namespace of its own.
//!
//! ```
//! use sim_wire::{LineConfig, Picos, Seed, Wire, fault::{FaultConfig, FaultInjector}, pair::pair};
//!
//! let (a, mut b) = pair(LineConfig::default());
//! let mut a = FaultInjector::new(a, Seed(7)).with_tx(FaultConfig::loss(0.01))?;
//! let frame = a.pool().copy_of(&[0xff; 1514]);
//! a.transmit(Picos::ZERO, frame);
//! let due = b.next_event().expect("this seed does not lose the first frame");
//! assert_eq!(b.receive(due).unwrap().len(), 1514);
//! # Ok::<(), sim_wire::fault::BadFaultConfig>(())
//! ```

#![deny(unsafe_code)]

pub mod capture;
pub mod fault;
pub mod frame;
pub mod line;
pub mod netns;
pub mod pair;
pub mod privileges;
pub mod seed;
pub mod station;
pub mod tap;
pub mod time;
pub mod wire;

pub use frame::{Frame, FramePool};
pub use line::{LineConfig, Rate};
pub use seed::Seed;
pub use station::Station;
pub use time::Picos;
pub use wire::{Sent, Wire};
