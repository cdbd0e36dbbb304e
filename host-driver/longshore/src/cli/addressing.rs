//! The host's addresses on the NIC.

use super::values;
use anyhow::{Result, bail};
use clap::Args;
use ip_core::{Cidr, Config, MacAddr};
use std::net::IpAddr;

/// Addresses and routes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Addresses")]
pub(crate) struct Addressing {
    /// Our address with its network's prefix: 10.0.0.2/24, 2001:db8::1/64; may be repeated
    #[arg(long, value_name = "ADDRESS/PREFIX")]
    pub(crate) address: Vec<Cidr>,
    /// The default router of its family; may be given for each
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) gateway: Vec<IpAddr>,
    /// Our station address (default: a locally administered one made of the first address)
    #[arg(long, value_parser = values::mac)]
    pub(crate) mac: Option<MacAddr>,
    /// The longest IP packet in bytes
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u16).range(576..=9000))]
    pub(crate) mtu: u16,
}

impl Addressing {
    /// What the IP layer is told; `fallback` are the addresses if none were given.
    ///
    /// # Errors
    /// No address, or addresses and routes that cannot work.
    pub(crate) fn config(&self, fallback: &[Cidr]) -> Result<Config> {
        let addresses = if self.address.is_empty() {
            fallback
        } else {
            &self.address
        };
        let Some(first) = addresses.first() else {
            bail!(
                "the NIC has no IP address: give it one of its network with --address 10.0.0.2/24"
            );
        };
        let mut config = Config::new(self.mac.unwrap_or_else(|| mac_for(first.address())));
        config.addresses = addresses.to_vec();
        config.mtu = self.mtu;
        for gateway in &self.gateway {
            let everywhere = match gateway {
                IpAddr::V4(_) => "0.0.0.0/0",
                IpAddr::V6(_) => "::/0",
            };
            config = config.with_route(everywhere.parse()?, *gateway);
        }
        config.validate()?;
        Ok(config)
    }
}

/// A locally administered station address with the last four bytes of `address`: hosts of one network differ.
fn mac_for(address: IpAddr) -> MacAddr {
    let [a, b, c, d] = match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(v6) => (v6.to_bits() as u32).to_be_bytes(),
    };
    MacAddr([0x02, 0x4c, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_gateways_become_a_configuration() {
        let addressing = Addressing {
            address: vec![
                "10.0.0.2/24".parse().unwrap(),
                "2001:db8::2/64".parse().unwrap(),
            ],
            gateway: vec!["10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            mtu: 1500,
            mac: None,
        };
        let config = addressing.config(&[]).unwrap();
        assert_eq!(config.mac.to_string(), "02:4c:0a:00:00:02");
        assert_eq!(
            config.next_hop("8.8.8.8".parse().unwrap()),
            Some("10.0.0.1".parse().unwrap())
        );
        assert_eq!(
            config.next_hop("2a00::1".parse().unwrap()),
            Some("2001:db8::1".parse().unwrap())
        );
    }

    #[test]
    fn no_address_and_a_gateway_out_of_reach_are_refused_with_the_remedy() {
        let none = Addressing {
            mtu: 1500,
            ..Addressing::default()
        };
        let error = none.config(&[]).unwrap_err().to_string();
        assert!(error.contains("--address"), "{error}");
        let far = Addressing {
            address: vec!["10.0.0.2/24".parse().unwrap()],
            gateway: vec!["192.0.2.1".parse().unwrap()],
            mtu: 1500,
            mac: None,
        };
        assert!(far.config(&[]).is_err());
    }
}
