//! Which frames are for this station.

use crate::queue::csr::Registers;
use nic_abi::block::{PORT, port};
use nic_abi::stats::Stat;
use nic_abi::tx::ETHERNET_HEADER;

/// Why a frame is dropped before the FIFO, as the counter of its outcome; `None` to take it.
pub fn refuse(registers: &Registers, frame: &[u8]) -> Option<Stat> {
    let get = |r| registers.get(PORT.at(0, r));
    let control = get(port::RX_CONTROL);
    if port::RX_ENABLE.get(control) == 0 {
        return Some(Stat::RxDisabled);
    }
    if frame.len() < ETHERNET_HEADER as usize {
        return Some(Stat::RxRunt);
    }
    let longest = port::MAX_FRAME_BYTES.get(get(port::MAX_FRAME));
    if frame.len() > longest.min(get(port::FRAME_LIMIT)) as usize {
        return Some(Stat::RxOversize);
    }
    (!addressed(registers, control, &frame[..6])).then_some(Stat::RxFiltered)
}

fn addressed(registers: &Registers, control: u32, to: &[u8]) -> bool {
    let word = |low: u32, high: u32| u64::from(low) | u64::from(high & 0xffff) << 32;
    let to = u64::from_le_bytes([to[0], to[1], to[2], to[3], to[4], to[5], 0, 0]);
    let get = |r| registers.get(PORT.at(0, r));
    if port::RX_PROMISCUOUS.get(control) == 1 || to == word(get(port::MAC_LOW), get(port::MAC_HIGH))
    {
        return true;
    }
    if to == 0xffff_ffff_ffff {
        return port::RX_BROADCAST.get(control) == 1;
    }
    if to & 1 == 0 {
        return false;
    }
    port::RX_ALL_MULTICAST.get(control) == 1
        || (0..port::MULTICAST_ENTRIES).any(|entry| {
            let at = |r| registers.get(PORT.at(0, r) + entry * port::MULTICAST_STRIDE);
            let (low, high) = (at(port::MULTICAST_LOW), at(port::MULTICAST_HIGH));
            port::MULTICAST_VALID.get(high) == 1 && to == word(low, high)
        })
}
