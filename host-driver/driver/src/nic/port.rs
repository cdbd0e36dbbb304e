//! The Ethernet port: station address and what is taken in.

use std::time::{Duration, Instant};

use longshore_device::DeviceError;
use nic_abi::block::port;

use crate::{DriverError, Nic};

/// Between two looks at a link that is down.
const LOOK: Duration = Duration::from_millis(10);

/// What the port takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reception {
    /// Receive at all.
    pub enable: bool,
    /// Frames for any station.
    pub promiscuous: bool,
    /// Broadcasts.
    pub broadcast: bool,
    /// All multicasts, whatever the list says.
    pub all_multicast: bool,
}

impl Default for Reception {
    /// Off; when switched on: own address, broadcasts, listed multicasts.
    fn default() -> Self {
        Self {
            enable: false,
            promiscuous: false,
            broadcast: true,
            all_multicast: false,
        }
    }
}

/// State of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Link is up.
    pub up: bool,
    /// Rate in Mb/s.
    pub rate: u32,
}

/// A station address as the registers hold it: bytes 0 to 3, bytes 4 and 5, first byte lowest.
fn halves([a, b, c, d, e, f]: [u8; 6]) -> (u32, u32) {
    (
        u32::from_le_bytes([a, b, c, d]),
        u16::from_le_bytes([e, f]).into(),
    )
}

impl Nic {
    fn read_port(&self, register: nic_abi::register::Register) -> Result<u32, DeviceError> {
        self.shared.read(self.shared.features.port, 0, register)
    }

    fn write_port(
        &self,
        register: nic_abi::register::Register,
        value: u32,
    ) -> Result<(), DeviceError> {
        self.shared
            .write(self.shared.features.port, 0, register, value)
    }

    /// The station address.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn mac(&self) -> Result<[u8; 6], DriverError> {
        let [a, b, c, d] = self.read_port(port::MAC_LOW)?.to_le_bytes();
        let [e, f, ..] = self.read_port(port::MAC_HIGH)?.to_le_bytes();
        Ok([a, b, c, d, e, f])
    }

    /// Sets the station address.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn set_mac(&self, mac: [u8; 6]) -> Result<(), DriverError> {
        let (low, high) = halves(mac);
        self.write_port(port::MAC_LOW, low)?;
        self.write_port(port::MAC_HIGH, port::MAC_HIGH_BYTES.of(high))?;
        Ok(())
    }

    /// Sets what is taken in.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn set_reception(&self, reception: Reception) -> Result<(), DriverError> {
        let value = port::RX_ENABLE.of(reception.enable.into())
            | port::RX_PROMISCUOUS.of(reception.promiscuous.into())
            | port::RX_BROADCAST.of(reception.broadcast.into())
            | port::RX_ALL_MULTICAST.of(reception.all_multicast.into());
        Ok(self.write_port(port::RX_CONTROL, value)?)
    }

    /// Sets the list of multicast addresses that are taken in.
    ///
    /// # Errors
    /// [`DriverError::TooManyMulticasts`], or what the transport reports.
    pub fn set_multicasts(&self, list: &[[u8; 6]]) -> Result<(), DriverError> {
        let entries = port::MULTICAST_ENTRIES as usize;
        if list.len() > entries {
            return Err(DriverError::TooManyMulticasts {
                asked: list.len(),
                entries,
            });
        }
        for i in 0..entries {
            let (low, high) = list.get(i).map_or((0, 0), |&mac| {
                let (low, high) = halves(mac);
                (
                    low,
                    port::MULTICAST_BYTES.of(high) | port::MULTICAST_VALID.of(1),
                )
            });
            let at = |register: nic_abi::register::Register| {
                self.shared.features.port.at(0, register) + i as u32 * port::MULTICAST_STRIDE
            };
            let device = self.shared.device();
            // Invalid while it is neither the old nor the new one.
            device.write32(at(port::MULTICAST_HIGH), 0)?;
            device.write32(at(port::MULTICAST_LOW), low)?;
            device.write32(at(port::MULTICAST_HIGH), high)?;
        }
        Ok(())
    }

    /// Sets the longest frame that is received, in bytes without FCS (a VLAN tag counts); at most
    /// [`crate::Identity::frame_limit`].
    ///
    /// # Errors
    /// [`DriverError::BadConfig`] beyond the limit, or what the transport reports.
    pub fn set_max_frame(&self, bytes: u32) -> Result<(), DriverError> {
        if bytes > self.shared.identity.frame_limit {
            return Err(DriverError::BadConfig(
                "max_frame is beyond the NIC's frame limit",
            ));
        }
        Ok(self.write_port(port::MAX_FRAME, port::MAX_FRAME_BYTES.of(bytes))?)
    }

    /// Sets the queue pair that frames go to which no flow table and no RSS place.
    ///
    /// # Errors
    /// [`DriverError::QueueUnavailable`] if there is none of that index, or what the transport reports.
    pub fn set_rx_queue(&self, index: u32) -> Result<(), DriverError> {
        let count = self.shared.identity.queue_pairs;
        if index >= count {
            return Err(DriverError::QueueUnavailable { index, count });
        }
        Ok(self.write_port(port::RX_QUEUE, port::RX_QUEUE_INDEX.of(index))?)
    }

    /// State of the link.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn link(&self) -> Result<Link, DriverError> {
        Ok(Link {
            up: port::LINK_UP.get(self.read_port(port::LINK)?) != 0,
            rate: self.read_port(port::RATE)?,
        })
    }

    /// Waits until the link is up, at most for `patience`: after a reset, or with a cable that was just plugged in, the two
    /// ends have to agree first.
    ///
    /// # Errors
    /// [`DriverError::LinkDown`], or what the transport reports.
    pub fn wait_for_link(&self, patience: Duration) -> Result<Link, DriverError> {
        let start = Instant::now();
        loop {
            let link = self.link()?;
            if link.up {
                return Ok(link);
            }
            if start.elapsed() >= patience {
                return Err(DriverError::LinkDown);
            }
            std::thread::sleep(LOOK.min(patience));
        }
    }
}
