//! Options of SOL_IP and SOL_IPV6.

use crate::errno::{Errno, Result};
use crate::socket::tcp::Tcp;
use crate::socket::values::{bytes, flag, int};

/// net.ipv4.ip_default_ttl
const DEFAULT_HOPS: u8 = 64;

/// As Linux, options of IP are an int, or a byte.
pub(super) fn byte(value: &[u8]) -> Result<i32> {
    match value {
        [one] => Ok((*one).into()),
        _ => int(value),
    }
}

impl Tcp {
    pub(super) fn set_ip_option(&mut self, option: i32, value: &[u8]) -> Result<()> {
        match option {
            libc::IP_RECVERR => self.options.receive_errors = flag(value)?,
            libc::IP_TTL => return self.set_hops(byte(value)?),
            libc::IP_TOS => return self.set_class(byte(value)?),
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn set_hops(&mut self, hops: i32) -> Result<()> {
        self.options.hops = match u8::try_from(hops) {
            Ok(hops @ 1..) => Some(hops),
            _ if hops == -1 => None,
            _ => return Err(Errno::EINVAL),
        };
        let hops = self.options.hops.unwrap_or(DEFAULT_HOPS);
        self.on_stream(|stream| stream.set_ttl(hops.into()))
    }

    fn set_class(&mut self, class: i32) -> Result<()> {
        // The two low bits are ECN's; the rest of an int is nobody's.
        self.options.class = class.to_le_bytes()[0] & !3;
        let class = self.options.class;
        self.on_stream(|stream| stream.set_tos(class))
    }

    pub(super) fn get_ip_option(&self, option: i32) -> Result<Vec<u8>> {
        Ok(bytes(match option {
            libc::IP_TTL => self.options.hops.unwrap_or(DEFAULT_HOPS).into(),
            libc::IP_TOS => self.options.class.into(),
            libc::IP_RECVERR => self.options.receive_errors.into(),
            _ => return Err(Errno::ENOPROTOOPT),
        }))
    }

    pub(super) fn set_ipv6_option(&mut self, option: i32, value: &[u8]) -> Result<()> {
        match option {
            libc::IPV6_V6ONLY => {
                if self.local.is_some() {
                    return Err(Errno::EINVAL);
                }
                self.options.only_v6 = flag(value)?;
            }
            libc::IPV6_RECVERR => self.options.receive_errors = flag(value)?,
            libc::IPV6_UNICAST_HOPS => return self.set_hops(int(value)?),
            libc::IPV6_TCLASS => return self.set_class(int(value)?),
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    pub(super) fn get_ipv6_option(&self, option: i32) -> Result<Vec<u8>> {
        Ok(bytes(match option {
            libc::IPV6_V6ONLY => self.options.only_v6.into(),
            libc::IPV6_RECVERR => self.options.receive_errors.into(),
            libc::IPV6_UNICAST_HOPS => self.options.hops.unwrap_or(DEFAULT_HOPS).into(),
            libc::IPV6_TCLASS => self.options.class.into(),
            _ => return Err(Errno::ENOPROTOOPT),
        }))
    }
}
