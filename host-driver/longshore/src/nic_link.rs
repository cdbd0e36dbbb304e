//! The state of a card's link, by looking only.

use longshore_device::Device;
use longshore_driver::{DriverError, Features};
use nic_abi::block::{Feature, PORT, port};
use nic_abi::register::Block;
use serde::Serialize;

/// State of the Ethernet link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct LinkState {
    /// Somebody is at the other end.
    pub(crate) up: bool,
    /// Rate in Mb/s.
    pub(crate) rate_mbps: u32,
}

/// Reads it; resets and sets nothing.
///
/// # Errors
/// What the transport reports; it is no Longshore NIC.
pub(crate) fn link_of(device: &dyn Device) -> Result<LinkState, DriverError> {
    let features = Features::read(device)?;
    let entry = features.entries.iter().find(|(f, ..)| *f == Feature::Port);
    let base = entry.map_or(PORT.base, |(.., base)| *base);
    let place = Block { base, ..PORT };
    Ok(LinkState {
        up: port::LINK_UP.get(device.read32(place.at(0, port::LINK))?) != 0,
        rate_mbps: device.read32(place.at(0, port::RATE))?,
    })
}
