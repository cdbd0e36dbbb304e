//! What goes wrong on the socket.

use std::io;

/// The conversation is over, or was late.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other side closed the connection.
    #[error("the other side closed the vfio-user connection")]
    Closed,
    /// Nothing came, or could be sent, in time.
    #[error("no vfio-user message in time: the other side is stuck or not there")]
    TimedOut,
    /// A message that cannot have that size: where the next one begins is not known.
    #[error("a vfio-user message of {size} bytes: {least} to {most} are possible")]
    BadSize {
        /// Bytes that its header tells.
        size: u32,
        /// Fewest.
        least: usize,
        /// Most.
        most: usize,
    },
    /// A header that is neither a command nor a reply.
    #[error("a vfio-user message with flags {flags:#x} is neither a command nor a reply")]
    BadKind {
        /// Its flags.
        flags: u32,
    },
    /// More file descriptors than were agreed on; they are lost.
    #[error("more than {most} file descriptors beside a vfio-user message")]
    TooManyFds {
        /// Most.
        most: usize,
    },
    /// The operating system said no.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What it said.
        source: io::Error,
    },
}

impl ChannelError {
    pub(crate) fn io<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Io {
            what,
            source: source.into(),
        }
    }
}
