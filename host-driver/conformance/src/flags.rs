//! What `packetdrill --so_flags=...` may say.

use ip_core::Cidr;

/// Settings of a port: `key=value`, separated by commas.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    /// `local`: own IPv4 address and its network, all of which is ours.
    pub(crate) local: Cidr,
    /// `local6`: the same for IPv6.
    pub(crate) local6: Cidr,
    /// `mtu`: longest IP packet.
    pub(crate) mtu: u16,
    /// `mss`: payload of the segments that a longer one from packetdrill arrives in; as much as the link takes if none.
    pub(crate) mss: Option<usize>,
    /// `sysctl`: the directory whose files say what Linux's would; `none` for none.
    pub(crate) sysctl: Option<String>,
    /// `tso`: `whole` shows super-segments as the one packet that they are on Linux, `cut` as they are on the wire.
    pub(crate) whole: bool,
}

/// Flags that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFlags {
    #[error(
        "'{0}' is no setting: write local=A/N, local6=A/N, mtu=N, mss=N, sysctl=DIR, tso=whole or tso=cut, separated by commas"
    )]
    Unknown(String),
    #[error("'{value}' is no value for {key}")]
    Value { key: String, value: String },
}

impl Default for Flags {
    /// packetdrill's own addresses: 192.168.0.0/16 (RFC 1918), and unique local ones for IPv6, whichever it picks.
    fn default() -> Self {
        let cidr = |text: &str| text.parse().expect("an address");
        Self {
            local: cidr("192.168.0.1/16"),
            local6: cidr("fd3d:a0b:17d6::1/16"),
            mtu: 1500,
            mss: None,
            sysctl: Some("/proc/sys/net".to_owned()),
            whole: true,
        }
    }
}

impl std::str::FromStr for Flags {
    type Err = BadFlags;

    fn from_str(text: &str) -> Result<Self, BadFlags> {
        let mut flags = Self::default();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let Some((key, value)) = part.split_once('=') else {
                return Err(BadFlags::Unknown(part.to_owned()));
            };
            let bad = || BadFlags::Value {
                key: key.to_owned(),
                value: value.to_owned(),
            };
            match key {
                "local" => {
                    flags.local = value.parse().map_err(|_| bad())?;
                    if !flags.local.address().is_ipv4() {
                        return Err(bad());
                    }
                }
                "local6" => {
                    flags.local6 = value.parse().map_err(|_| bad())?;
                    if !flags.local6.address().is_ipv6() {
                        return Err(bad());
                    }
                }
                "mtu" => flags.mtu = value.parse().map_err(|_| bad())?,
                "mss" => {
                    flags.mss = Some(value.parse().ok().filter(|mss| *mss > 0).ok_or_else(bad)?)
                }
                "sysctl" => flags.sysctl = (value != "none").then(|| value.to_owned()),
                "tso" => {
                    flags.whole = match value {
                        "whole" => true,
                        "cut" => false,
                        _ => return Err(bad()),
                    }
                }
                _ => return Err(BadFlags::Unknown(part.to_owned())),
            }
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_told_by_name() {
        let flags: Flags = "mtu=9000, local=10.0.0.1/8,sysctl=none".parse().unwrap();
        assert_eq!(flags.mtu, 9000);
        assert_eq!(flags.local, "10.0.0.1/8".parse().unwrap());
        assert_eq!(flags.sysctl, None);
        assert!("".parse::<Flags>().is_ok());
        assert_eq!(
            "mtu".parse::<Flags>().unwrap_err(),
            BadFlags::Unknown("mtu".to_owned())
        );
        assert_eq!("mss=1000".parse::<Flags>().unwrap().mss, Some(1000));
        assert!("mss=0".parse::<Flags>().is_err());
        assert!("mtu=x".parse::<Flags>().is_err());
        assert!("local=::1/64".parse::<Flags>().is_err());
    }
}
