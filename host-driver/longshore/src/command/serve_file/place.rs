//! Where the file is to be had.

use crate::cli::ServeFile;
use crate::session::Session;
use std::fmt;
use std::net::SocketAddr;

/// An address and a path that lead to the file.
pub(super) struct Place {
    pub(super) at: SocketAddr,
    pub(super) path: String,
}

/// One for each of our addresses, in their order.
pub(super) fn places(args: &ServeFile, session: &Session) -> Vec<Place> {
    let name = args.path.file_name().filter(|_| args.path.is_file());
    // A name that would need percents is not needed: `/` is the same file.
    let plain = name.and_then(|n| n.to_str()).filter(|n| {
        n.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    });
    let path = format!("/{}", plain.unwrap_or(""));
    session
        .addresses()
        .into_iter()
        .map(|ip| Place {
            at: SocketAddr::new(ip, args.port),
            path: path.clone(),
        })
        .collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.at {
            SocketAddr::V6(v6) if v6.port() == 80 => format!("[{}]", v6.ip()),
            v4 if v4.port() == 80 => v4.ip().to_string(),
            other => other.to_string(),
        };
        write!(f, "http://{host}{}", self.path)
    }
}
