//! Where a PCI function is.

use std::{fmt, str::FromStr};

/// Domain, bus, device and function, written `0000:03:00.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Domain: 0 but on large or virtual machines.
    pub domain: u32,
    /// Bus.
    pub bus: u8,
    /// Device on the bus, 0..=31.
    pub device: u8,
    /// Function of the device, 0..=7.
    pub function: u8,
}

/// Not the address of a PCI function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a PCI address: write it like 0000:03:00.0 or 03:00.0 (`lspci` lists them)")]
pub struct BadAddress(pub String);

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        parse(text).ok_or_else(|| BadAddress(text.into()))
    }
}

fn parse(text: &str) -> Option<Address> {
    let (bus_device, function) = text.rsplit_once('.')?;
    let (domain_bus, device) = bus_device.rsplit_once(':')?;
    let (domain, bus) = domain_bus.rsplit_once(':').unwrap_or(("0000", domain_bus));
    Some(Address {
        domain: hex(domain, 4..=8, u32::MAX)?,
        bus: hex(bus, 2..=2, 0xff)? as u8,
        device: hex(device, 2..=2, 31)? as u8,
        function: hex(function, 1..=1, 7)? as u8,
    })
}

fn hex(text: &str, digits: std::ops::RangeInclusive<usize>, most: u32) -> Option<u32> {
    let all_hex = text.bytes().all(|b| b.is_ascii_hexdigit());
    if !all_hex || !digits.contains(&text.len()) {
        return None;
    }
    u32::from_str_radix(text, 16).ok().filter(|&v| v <= most)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!(
            "{:04x}:{:02x}:{:02x}.{}",
            self.domain, self.bus, self.device, self.function
        );
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_one_is_written() {
        for text in ["0000:03:1f.7", "03:1f.7"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), "0000:03:1f.7");
        }
        let far: Address = "10000:e1:00.0".parse().unwrap();
        assert_eq!(far.to_string(), "10000:e1:00.0");
        assert_eq!(format!("{far:>15}"), "  10000:e1:00.0");
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_way_to_write_it() {
        for text in [
            "",
            ".",
            "eth0",
            "03:20.0",
            "03:00.8",
            "3:0.0",
            "0000:03:00",
            "0000:03:00.00",
            "+000:03:00.0",
            "../../etc",
            "0000:0000:03:00.0",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains("0000:03:00.0"), "{text}");
        }
    }
}
