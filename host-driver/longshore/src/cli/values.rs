//! Values on the command line.

use ip_core::MacAddr;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// A span of time: `500ms`, `2s`, `1m`; not 0.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}: write it like 500ms, 2s or 1m"))?;
    if time.is_zero() {
        return Err("no time at all".into());
    }
    Ok(time)
}

/// A station address: `02:4c:53:00:00:01`.
pub(super) fn mac(text: &str) -> Result<MacAddr, String> {
    let bad = || format!("`{text}` is no station address: write it like 02:4c:53:00:00:01");
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let part = parts.next().filter(|p| p.len() == 2).ok_or_else(bad)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| bad())?;
    }
    let mac = MacAddr(bytes);
    if parts.next().is_some() || !mac.is_station() {
        return Err(bad());
    }
    Ok(mac)
}

/// 64 hexadecimal digits.
pub(super) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let bad = || "a SHA-256 has 64 hexadecimal digits".to_owned();
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let mut bytes = [0; 32];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| bad())?;
    }
    Ok(bytes)
}

/// Where something is: `http://ADDRESS[:PORT]/PATH`. Names are not looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// Address and port of the server.
    pub(crate) server: SocketAddr,
    /// As the server wants to read it in `Host`.
    pub(crate) host: String,
    /// Path and query, percent-encoded, with its leading slash.
    pub(crate) path: String,
}

impl Url {
    /// The last part of the path, decoded; `None` if there is none that could name a file.
    pub(crate) fn file_name(&self) -> Option<&str> {
        let path = self.path.split('?').next()?;
        let name = path.rsplit('/').next()?;
        let plain = !name.is_empty() && name != "." && name != ".." && !name.contains('%');
        plain.then_some(name)
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("http://").ok_or_else(|| {
            format!("`{text}` does not begin with http:// (there is no TLS here)")
        })?;
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(at);
        let path = path.split('#').next().unwrap_or("");
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        if !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("blanks and other than ASCII in a URL are written in percent: %20".into());
        }
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let server = match (bare, host.parse::<IpAddr>(), host.parse::<SocketAddr>()) {
            (Some(v6), ..) => v6
                .parse()
                .ok()
                .map(|ip: std::net::Ipv6Addr| (ip, 80).into()),
            (None, Ok(IpAddr::V4(ip)), _) => Some((ip, 80).into()),
            (None, _, Ok(both)) => Some(both),
            _ => None,
        };
        let server = server.ok_or_else(|| {
            format!(
                "`{host}` is no address: names are not looked up, write http://192.0.2.2/file or http://[2001:db8::2]:8080/file"
            )
        })?;
        Ok(Self {
            server,
            host: host.to_owned(),
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_both_families_with_and_without_port_are_read() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        assert_eq!(url("http://192.0.2.2").path, "/");
        assert_eq!(url("http://192.0.2.2/a/b?c#d").path, "/a/b?c");
        assert_eq!(url("http://192.0.2.2/a/b?c#d").file_name(), Some("b"));
        assert_eq!(url("http://192.0.2.2/..").file_name(), None);
        assert_eq!(
            url("http://192.0.2.2:81/x").server,
            "192.0.2.2:81".parse().unwrap()
        );
        let v6 = url("http://[2001:db8::2]/x");
        assert_eq!(v6.server, "[2001:db8::2]:80".parse().unwrap());
        assert_eq!(v6.host, "[2001:db8::2]");
        assert_eq!(url("http://[::1]:8080/x").server.port(), 8080);
    }

    #[test]
    fn what_cannot_be_fetched_is_refused_with_the_way_to_write_it() {
        for text in [
            "https://192.0.2.2/",
            "192.0.2.2/x",
            "http://example.org/",
            "http://2001:db8::2/",
            "http://192.0.2.2:99999/",
            "http:///x",
            "http://192.0.2.2/a b",
            "http://192.0.2.2/\r\nHost: x",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn station_addresses_are_read_and_groups_refused() {
        assert_eq!(
            mac("02:4c:53:00:00:0a"),
            Ok(MacAddr([2, 0x4c, 0x53, 0, 0, 10]))
        );
        for text in [
            "",
            "02:4c:53:00:00",
            "01:00:5e:00:00:01",
            "02:4c:53:00:00:01:02",
            "2:4c:53:0:0:1",
        ] {
            assert!(mac(text).is_err(), "{text}");
        }
    }

    #[test]
    fn digests_and_times_are_read_or_refused() {
        assert_eq!(sha256(&"0a".repeat(32)), Ok([10; 32]));
        assert!(sha256("0a").is_err());
        assert!(sha256(&"é".repeat(32)).is_err());
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert!(time("0s").is_err() && time("5").is_err());
    }
}
