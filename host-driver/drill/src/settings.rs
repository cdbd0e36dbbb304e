//! How a script is played: packetdrill's command line, as the kernel's runner gives it, and the script's own options.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::script::Script;

/// Which protocol sockets and packets are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IpVersion {
    /// Both of IPv4.
    V4,
    /// Both of IPv6.
    V6,
    /// IPv6's sockets, IPv4's packets.
    Mapped,
}

impl IpVersion {
    /// All of them, in the order of the kernel's runner.
    pub const ALL: [Self; 3] = [Self::V4, Self::V6, Self::Mapped];

    /// As `--ip_version` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
            Self::Mapped => "ipv4-mapped-ipv6",
        }
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.name() == name)
    }

    /// Those that a script is to be played in: its own, or all.
    ///
    /// # Errors
    /// A name that is none.
    pub fn of(script: &Script) -> Result<Vec<Self>, String> {
        let own: Result<Vec<Self>, String> = script
            .options
            .iter()
            .filter(|(name, _)| name == "ip_version")
            .map(|(_, value)| Self::named(value).ok_or_else(|| format!("--ip_version={value}")))
            .collect();
        let own = own?;
        Ok(if own.is_empty() {
            Self::ALL.to_vec()
        } else {
            own
        })
    }
}

/// Options of a run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) version: IpVersion,
    /// Longest IP packet.
    pub(crate) mtu: u16,
    /// Payload of the segments that longer ones of the script arrive in; the stack's port cuts them.
    pub(crate) mss: Option<usize>,
    /// How much earlier or later than told something may happen, in microseconds.
    pub(crate) tolerance: i64,
    /// The same as a share of the time since the event before.
    pub(crate) tolerance_percent: f64,
    /// Microseconds that a step of the time stamp's clock takes; 0 if their values do not matter.
    pub(crate) timestamp_tick: i64,
    /// Echoes of values that have not been seen are reckoned from the first.
    pub(crate) scale_echoes: bool,
    /// Every packet has to be as long as told.
    pub(crate) strict_segments: bool,
    /// Of the stack: where sockets are bound.
    pub(crate) local: SocketAddr,
    /// Of the peer: where sockets connect to.
    pub(crate) remote: SocketAddr,
    /// What `-D` defines.
    pub(crate) definitions: BTreeMap<String, String>,
}

/// packetdrill's default for binding and connecting.
const PORT: u16 = 8080;

impl Settings {
    /// As the kernel's runner calls packetdrill for this version, changed by the script's own options.
    ///
    /// # Errors
    /// An option that is not known here.
    pub(crate) fn new(version: IpVersion, script: &Script) -> Result<Self, String> {
        let v6 = version == IpVersion::V6;
        let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let (local, remote) = if v6 {
            (address("fd3d:a0b:17d6::1"), address("fd3d:fa7b:d17d::1"))
        } else {
            (address("192.168.0.1"), address("192.0.2.1"))
        };
        let mut definitions = BTreeMap::new();
        let level = if version == IpVersion::V4 {
            [
                ("CMSG_LEVEL_IP", "SOL_IP"),
                ("CMSG_TYPE_RECVERR", "IP_RECVERR"),
            ]
        } else {
            [
                ("CMSG_LEVEL_IP", "SOL_IPV6"),
                ("CMSG_TYPE_RECVERR", "IPV6_RECVERR"),
            ]
        };
        // What SipHash gives for the key of the suite's defaults and these addresses; the second for a key of zeroes.
        let cookies = if v6 {
            [
                ("TFO_COOKIE", "c1d1e9742a47a9bc"),
                ("TFO_COOKIE_ZERO", "82af1a8f9a205c34"),
            ]
        } else {
            [
                ("TFO_COOKIE", "3021b9d889017eeb"),
                ("TFO_COOKIE_ZERO", "b7c12350a90dc8f5"),
            ]
        };
        for (name, value) in level.into_iter().chain(cookies) {
            definitions.insert(name.to_owned(), value.to_owned());
        }
        let mut settings = Self {
            version,
            mtu: if v6 { 1520 } else { 1500 },
            mss: None,
            tolerance: 4000,
            tolerance_percent: 12.5,
            timestamp_tick: 0,
            scale_echoes: false,
            strict_segments: false,
            local: SocketAddr::new(local, PORT),
            remote: SocketAddr::new(remote, PORT),
            definitions,
        };
        for (name, value) in &script.options {
            settings
                .option(name, value)
                .ok_or_else(|| format!("option --{name}={value}"))?;
        }
        Ok(settings)
    }

    fn option(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            // The caller's business; memory is never given back in the midst of a run here.
            "ip_version" | "send_omit_free" => {}
            "mss" => self.mss = Some(value.parse().ok().filter(|mss| *mss > 0)?),
            "mtu" => self.mtu = value.parse().ok()?,
            "tolerance_usecs" => self.tolerance = value.parse().ok()?,
            "tolerance_percent" => self.tolerance_percent = value.parse().ok()?,
            "tcp_ts_tick_usecs" => self.timestamp_tick = value.parse().ok()?,
            "tcp_ts_ecr_scaled" => self.scale_echoes = true,
            "strict_segments" => self.strict_segments = true,
            "bind_port" => self.local.set_port(value.parse().ok()?),
            "connect_port" => self.remote.set_port(value.parse().ok()?),
            "local_ip" => self.local.set_ip(value.parse().ok()?),
            "remote_ip" => self.remote.set_ip(value.parse().ok()?),
            "define" => {
                let (name, value) = value.split_once('=')?;
                self.definitions.insert(name.to_owned(), value.to_owned());
            }
            _ => return None,
        }
        Some(())
    }

    /// What `socket(...` means.
    pub(crate) fn domain(&self) -> i32 {
        if self.version == IpVersion::V4 {
            libc::AF_INET
        } else {
            libc::AF_INET6
        }
    }

    /// An address as sockets of this version know it.
    pub(crate) fn socket_address(&self, address: SocketAddr) -> SocketAddr {
        match (self.version, address.ip()) {
            (IpVersion::Mapped, IpAddr::V4(v4)) => {
                SocketAddr::new(v4.to_ipv6_mapped().into(), address.port())
            }
            _ => address,
        }
    }

    /// What the stack is told when it is made.
    pub(crate) fn flags(&self, sysctl: &std::path::Path, mtu: Option<u16>) -> String {
        let (v4, v6) = match self.local.ip() {
            IpAddr::V4(v4) => (v4, "fd3d:a0b:17d6::1".to_owned()),
            IpAddr::V6(v6) => (Ipv4Addr::new(192, 168, 0, 1), v6.to_string()),
        };
        let mtu = mtu.unwrap_or(self.mtu);
        let mss = self.mss.map_or(String::new(), |mss| format!(",mss={mss}"));
        format!(
            "local={v4}/16,local6={v6}/48,mtu={mtu},sysctl={}{mss}",
            sysctl.display()
        )
    }
}
