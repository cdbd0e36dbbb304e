//! Calls that read.

use std::ffi::{c_int, c_void};

use libc::{iovec, msghdr, size_t, sockaddr, socklen_t, ssize_t};

use super::{IOVECS, answer, count, iovec_count, name_out, scatter, vector};
use crate::call::Message;
use crate::errno::Errno;
use crate::ffi::memory;

/// Whether there is no memory at a buffer: then, as on Linux, what there is to read is waited for and stays.
fn is_bad(buffer: *const c_void, len: size_t) -> bool {
    memory::read(buffer, len.min(1)).is_err()
}

/// read(2)
///
/// # Safety
/// Whatever memory `buffer` names must be the caller's to hand out for writing while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn read(
    userdata: *mut c_void,
    fd: c_int,
    buffer: *mut c_void,
    len: size_t,
) -> ssize_t {
    answer(userdata, |port| {
        if is_bad(buffer, len) {
            port.receive(fd, len, libc::MSG_PEEK)?;
            return Err(Errno::EFAULT);
        }
        let bytes = port.read(fd, len)?;
        memory::write(buffer, &bytes)?;
        count(bytes.len())
    })
}

/// readv(2)
///
/// # Safety
/// Whatever memory `iov` names must be the caller's to hand out for writing while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn readv(
    userdata: *mut c_void,
    fd: c_int,
    iov: *const iovec,
    len: c_int,
) -> ssize_t {
    answer(userdata, |port| {
        let (buffers, total) = vector(iov, iovec_count(len)?)?;
        let bytes = port.read(fd, total)?;
        scatter(&bytes, &buffers)?;
        count(bytes.len())
    })
}

/// recv(2)
///
/// # Safety
/// Whatever memory `buffer` names must be the caller's to hand out for writing while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn recv(
    userdata: *mut c_void,
    fd: c_int,
    buffer: *mut c_void,
    len: size_t,
    flags: c_int,
) -> ssize_t {
    answer(userdata, |port| {
        if is_bad(buffer, len) {
            port.receive(fd, len, flags | libc::MSG_PEEK)?;
            return Err(Errno::EFAULT);
        }
        let message = port.receive(fd, len, flags)?;
        memory::write(buffer, &message.bytes)?;
        count(message.count)
    })
}

/// recvfrom(2)
///
/// # Safety
/// The memory that `buffer` and `address` name must be the caller's to hand out while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn recvfrom(
    userdata: *mut c_void,
    fd: c_int,
    buffer: *mut c_void,
    len: size_t,
    flags: c_int,
    address: *mut sockaddr,
    address_len: *mut socklen_t,
) -> ssize_t {
    answer(userdata, |port| {
        if is_bad(buffer, len) {
            port.receive(fd, len, flags | libc::MSG_PEEK)?;
            return Err(Errno::EFAULT);
        }
        let message = port.receive(fd, len, flags)?;
        memory::write(buffer, &message.bytes)?;
        name_out(&message.name, address, address_len)?;
        count(message.count)
    })
}

/// recvmsg(2)
///
/// # Safety
/// Whatever memory `header` names must be the caller's to hand out for writing while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn recvmsg(
    userdata: *mut c_void,
    fd: c_int,
    header: *mut msghdr,
    flags: c_int,
) -> ssize_t {
    answer(userdata, |port| {
        let mut msg = memory::get(header)?;
        if msg.msg_iovlen > IOVECS {
            return Err(Errno::EMSGSIZE);
        }
        let (buffers, total) = vector(msg.msg_iov, msg.msg_iovlen)?;
        let message = port.receive(fd, total, flags)?;
        scatter(&message.bytes, &buffers)?;
        let Message {
            name,
            control,
            flags,
            count: n,
            ..
        } = message;
        if !msg.msg_name.is_null() {
            let room = usize::try_from(msg.msg_namelen).map_err(|_| Errno::EINVAL)?;
            memory::write(msg.msg_name, &name[..name.len().min(room)])?;
            msg.msg_namelen = name.len() as socklen_t;
        }
        msg.msg_flags = flags;
        let fits = control.len() <= msg.msg_controllen && !msg.msg_control.is_null();
        if fits {
            memory::write(msg.msg_control, &control)?;
            msg.msg_controllen = control.len();
        } else {
            msg.msg_controllen = 0;
            if !control.is_empty() {
                msg.msg_flags |= libc::MSG_CTRUNC;
            }
        }
        memory::put(header, msg)?;
        count(n)
    })
}
