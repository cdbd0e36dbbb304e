//! The handshake (section `VFIO_USER_VERSION`).

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::{MAX_FDS, body::VersionNumber};

/// The protocol's version that this crate speaks.
pub const PROTOCOL: VersionNumber = VersionNumber { major: 0, minor: 1 };

/// Most bytes of data in one message, in either direction.
pub const MAX_DATA: usize = 1 << 20;

/// What a side can do. What it does not mention has the value that the specification gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// File descriptors that it can receive beside one message.
    pub max_msg_fds: u64,
    /// Bytes of data that it takes in one message.
    pub max_data_xfer_size: u64,
}

impl Default for Capabilities {
    /// What a side that mentions nothing can do.
    fn default() -> Self {
        Self {
            max_msg_fds: 1,
            max_data_xfer_size: 1 << 20,
        }
    }
}

impl Capabilities {
    /// What this crate can do.
    pub const OURS: Self = Self {
        max_msg_fds: MAX_FDS as u64,
        max_data_xfer_size: MAX_DATA as u64,
    };
}

/// The text after the version numbers.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct VersionData {
    capabilities: Capabilities,
}

/// A body of `VFIO_USER_VERSION`, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The protocol's version.
    pub number: VersionNumber,
    /// What the sender can do.
    pub capabilities: Capabilities,
}

impl Version {
    /// What this crate proposes, or answers.
    pub const OURS: Self = Self {
        number: PROTOCOL,
        capabilities: Capabilities::OURS,
    };

    /// Parses a body. The text may be missing, or end without a NUL.
    ///
    /// # Errors
    /// `EINVAL`: too short, or the text is not JSON of the right form.
    pub fn parse(body: &[u8]) -> Result<Self, Errno> {
        let (number, text) = VersionNumber::parse(body).ok_or(Errno::INVAL)?;
        let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
        let data = match &text[..end] {
            [] => VersionData::default(),
            text => serde_json::from_slice(text).map_err(|_| Errno::INVAL)?,
        };
        Ok(Self {
            number,
            capabilities: data.capabilities,
        })
    }

    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = self.number.encode();
        let c = self.capabilities;
        let text = format!(
            r#"{{"capabilities":{{"max_msg_fds":{},"max_data_xfer_size":{}}}}}"#,
            c.max_msg_fds, c.max_data_xfer_size
        );
        body.extend_from_slice(text.as_bytes());
        body.push(0);
        body
    }

    /// What a server answers to this proposal: the same major and at most the same minor version.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT`: another major version.
    pub fn answer(&self) -> Result<Self, Errno> {
        if self.number.major != PROTOCOL.major {
            return Err(Errno::PROTONOSUPPORT);
        }
        Ok(Self {
            number: VersionNumber {
                minor: self.number.minor.min(PROTOCOL.minor),
                ..PROTOCOL
            },
            ..Self::OURS
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<Version, Errno> {
        let mut body = PROTOCOL.encode();
        body.extend_from_slice(text);
        Version::parse(&body)
    }

    #[test]
    fn ours_comes_back() {
        assert_eq!(Version::parse(&Version::OURS.encode()), Ok(Version::OURS));
    }

    #[test]
    fn what_is_not_mentioned_has_the_values_of_the_specification() {
        let all = parse(b"").unwrap();
        assert_eq!(all.capabilities, Capabilities::default());
        for text in [&b"{}\0"[..], br#"{"capabilities":{}}"#, b"\0"] {
            assert_eq!(parse(text), Ok(all));
        }
        let some = parse(b"{\"capabilities\":{\"max_msg_fds\":8,\"pgsizes\":4096,\"migration\":{\"pgsize\":4096}}}\0");
        assert_eq!(some.unwrap().capabilities.max_msg_fds, 8);
    }

    #[test]
    fn what_is_no_json_of_that_form_is_refused() {
        for text in [
            &b"{"[..],
            b"[]x",
            br#"{"capabilities":{"max_msg_fds":-1}}"#,
            b"\xff",
        ] {
            assert_eq!(parse(text), Err(Errno::INVAL), "{text:?}");
        }
        assert_eq!(Version::parse(&[0, 0, 1]), Err(Errno::INVAL));
    }

    #[test]
    fn the_answer_has_the_same_major_and_no_higher_minor_version() {
        let mut theirs = Version::OURS;
        theirs.number.minor = 7;
        assert_eq!(theirs.answer().unwrap().number.minor, 1);
        theirs.number.minor = 0;
        assert_eq!(theirs.answer().unwrap().number.minor, 0);
        theirs.number.major = 1;
        assert_eq!(theirs.answer(), Err(Errno::PROTONOSUPPORT));
    }
}
