//! Errors as C programs see them.

use std::io;

/// An errno value of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

macro_rules! names {
    ($($name:ident)*) => {
        impl Errno {
            $(pub(crate) const $name: Self = Self(libc::$name);)*
        }
    };
}

names! {
    EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECONNABORTED ECONNREFUSED ECONNRESET
    EDEADLK EDESTADDRREQ EDOM EEXIST EFAULT EHOSTUNREACH EINPROGRESS EINVAL EIO EISCONN EMFILE EMSGSIZE ENETUNREACH
    ENODEV ENOENT ENOMEM ENOPROTOOPT ENOTCONN ENOTSOCK ENOTTY EOPNOTSUPP EPIPE EPROTONOSUPPORT ESOCKTNOSUPPORT
    ESPIPE ETIMEDOUT
}

/// What a call gives.
pub(crate) type Result<T> = std::result::Result<T, Errno>;

impl From<io::Error> for Errno {
    /// The value that Linux gives for what the socket layer says by kind.
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        if let Some(raw) = error.raw_os_error() {
            return Self(raw);
        }
        match error.kind() {
            Kind::WouldBlock => Self::EAGAIN,
            Kind::ConnectionRefused => Self::ECONNREFUSED,
            Kind::ConnectionReset => Self::ECONNRESET,
            Kind::ConnectionAborted => Self::ECONNABORTED,
            Kind::NotConnected => Self::ENOTCONN,
            Kind::AddrInUse => Self::EADDRINUSE,
            Kind::AddrNotAvailable => Self::EADDRNOTAVAIL,
            Kind::BrokenPipe => Self::EPIPE,
            Kind::TimedOut => Self::ETIMEDOUT,
            Kind::HostUnreachable => Self::EHOSTUNREACH,
            Kind::NetworkUnreachable => Self::ENETUNREACH,
            Kind::InvalidInput => Self::EINVAL,
            Kind::OutOfMemory => Self::ENOMEM,
            Kind::Unsupported => Self::EOPNOTSUPP,
            Kind::PermissionDenied => Self::EACCES,
            _ => Self::EIO,
        }
    }
}
