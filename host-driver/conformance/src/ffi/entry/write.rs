//! Calls that write.

use std::ffi::{c_int, c_void};

use libc::{iovec, msghdr, size_t, sockaddr, socklen_t, ssize_t};

use super::{IOVECS, answer, count, gather, iovec_count, name_in, vector};
use crate::errno::Errno;
use crate::ffi::memory;
use crate::socket::tcp::MOST;

/// write(2)
///
/// # Safety
/// Whatever memory `buffer` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn write(
    userdata: *mut c_void,
    fd: c_int,
    buffer: *const c_void,
    len: size_t,
) -> ssize_t {
    answer(userdata, |port| {
        let bytes = memory::read(buffer, len.min(MOST))?;
        count(port.write(fd, &bytes)?)
    })
}

/// writev(2)
///
/// # Safety
/// Whatever memory `iov` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn writev(
    userdata: *mut c_void,
    fd: c_int,
    iov: *const iovec,
    len: c_int,
) -> ssize_t {
    answer(userdata, |port| {
        let (buffers, _) = vector(iov, iovec_count(len)?)?;
        count(port.write(fd, &gather(&buffers)?)?)
    })
}

/// send(2)
///
/// # Safety
/// Whatever memory `buffer` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn send(
    userdata: *mut c_void,
    fd: c_int,
    buffer: *const c_void,
    len: size_t,
    flags: c_int,
) -> ssize_t {
    answer(userdata, |port| {
        let bytes = memory::read(buffer, len.min(MOST))?;
        count(port.send(fd, &bytes, flags, None)?)
    })
}

/// sendto(2)
///
/// # Safety
/// Whatever memory `buffer` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn sendto(
    userdata: *mut c_void,
    fd: c_int,
    buffer: *const c_void,
    len: size_t,
    flags: c_int,
    address: *const sockaddr,
    address_len: socklen_t,
) -> ssize_t {
    answer(userdata, |port| {
        let bytes = memory::read(buffer, len.min(MOST))?;
        let name = if address.is_null() {
            None
        } else {
            Some(name_in(address, address_len)?)
        };
        count(port.send(fd, &bytes, flags, name.as_deref())?)
    })
}

/// sendmsg(2)
///
/// # Safety
/// Whatever memory `header` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn sendmsg(
    userdata: *mut c_void,
    fd: c_int,
    header: *const msghdr,
    flags: c_int,
) -> ssize_t {
    answer(userdata, |port| {
        let msg = memory::get(header)?;
        if msg.msg_iovlen > IOVECS {
            return Err(Errno::EMSGSIZE);
        }
        let name = if msg.msg_name.is_null() || msg.msg_namelen == 0 {
            None
        } else {
            Some(name_in(msg.msg_name.cast(), msg.msg_namelen)?)
        };
        let (buffers, _) = vector(msg.msg_iov, msg.msg_iovlen)?;
        let bytes = gather(&buffers)?;
        let parts: Vec<usize> = buffers.iter().map(|buffer| buffer.iov_len).collect();
        count(port.send_parts(fd, (&bytes, &parts), flags, name.as_deref())?)
    })
}
