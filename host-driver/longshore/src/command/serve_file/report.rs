//! What a server tells.

use crate::output::Report;
use crate::session::Work;
use serde::Serialize;
use std::fmt;

/// The server is up.
#[derive(Debug, Serialize)]
pub(super) struct Listening {
    pub(super) urls: Vec<String>,
    /// The network namespace of the Linux peer, if there is one.
    pub(super) namespace: Option<String>,
}

/// A connection is over.
#[derive(Debug, Serialize)]
pub(super) struct Served {
    pub(super) peer: String,
    pub(super) requests: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) error: Option<String>,
}

/// An upload was received whole.
#[derive(Debug, Serialize)]
pub(super) struct Uploaded {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// What the second NIC of a pair fetched.
#[derive(Debug, Serialize)]
pub(super) struct PeerFetched {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// The server is down.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) requests: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    #[serde(flatten)]
    pub(super) work: Work,
}

impl Report for Listening {
    const SCHEMA: &'static str = "longshore/listening/1";
}

impl Report for Served {
    const SCHEMA: &'static str = "longshore/served/1";
}

impl Report for Uploaded {
    const SCHEMA: &'static str = "longshore/uploaded/1";
}

impl Report for PeerFetched {
    const SCHEMA: &'static str = "longshore/peer-fetched/1";
}

impl Report for Summary {
    const SCHEMA: &'static str = "longshore/serve-file/1";
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for url in &self.urls {
            match &self.namespace {
                Some(name) => writeln!(f, "ip netns exec {name} curl -O {url}")?,
                None => writeln!(f, "{url}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => writeln!(f, "{}: {error}", self.peer),
            None => writeln!(
                f,
                "{}: requests {}, bytes sent {}, received {}",
                self.peer, self.requests, self.bytes_sent, self.bytes_received
            ),
        }
    }
}

impl fmt::Display for Uploaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "upload {}: {} bytes, sha256 {}",
            self.path, self.bytes, self.sha256
        )
    }
}

impl fmt::Display for PeerFetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the second NIC fetched {} bytes, sha256 {}",
            self.bytes, self.sha256
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "requests {} in {:.1} s, bytes sent {}, received {}",
            self.requests, self.work.seconds, self.bytes_sent, self.bytes_received
        )?;
        write!(f, "{}", self.work)
    }
}
