//! Frames between the core's clock and the MAC's.

pub mod mac_wire;
pub mod rx_gate;

crate::catalogue! {
    /// Drops what a reset left of a frame.
    wire_rx_gate: rx_gate::RxGate = rx_gate::RxGate::default();
    /// The crossing between the core and the MAC.
    wire_mac_wire: mac_wire::MacWire = mac_wire::MacWire::default();
}
