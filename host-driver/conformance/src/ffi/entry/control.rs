//! Settings of descriptors and sockets.

use std::ffi::{c_int, c_ulong, c_void};

use libc::{size_t, socklen_t};

use super::{NAME, answer};
use crate::errno::Errno;
use crate::ffi::memory;

/// fcntl(2)
///
/// # Safety
/// None is needed: numbers only, and `userdata` is looked up, never followed.
pub(in crate::ffi) unsafe extern "C" fn fcntl(
    userdata: *mut c_void,
    fd: c_int,
    command: c_int,
    argument: size_t,
) -> c_int {
    answer(userdata, |port| port.fcntl(fd, command, argument))
}

/// ioctl(2), with an int.
///
/// # Safety
/// Whatever memory `argument` names must be the caller's to hand out for writing while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn ioctl(
    userdata: *mut c_void,
    fd: c_int,
    request: c_ulong,
    argument: *mut c_void,
) -> c_int {
    answer(userdata, |port| {
        let value = port.ioctl(fd, request, || memory::get(argument.cast::<c_int>()))?;
        if let Some(value) = value {
            memory::put(argument.cast::<c_int>(), value)?;
        }
        Ok(0)
    })
}

/// getsockopt(2)
///
/// # Safety
/// The memory that `value` and `len` name must be the caller's to hand out while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn getsockopt(
    userdata: *mut c_void,
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    answer(userdata, |port| {
        let room = i32::try_from(memory::get(len)?).map_err(|_| Errno::EINVAL)?;
        let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
        let mut bytes = port.get_option(fd, level, option)?;
        bytes.truncate(room);
        memory::write(value, &bytes)?;
        memory::put(len, bytes.len() as socklen_t)?;
        Ok(0)
    })
}

/// setsockopt(2)
///
/// # Safety
/// Whatever memory `value` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn setsockopt(
    userdata: *mut c_void,
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *const c_void,
    len: socklen_t,
) -> c_int {
    answer(userdata, |port| {
        let len = i32::try_from(len).map_err(|_| Errno::EINVAL)?;
        let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
        let bytes = memory::read(value, len.min(NAME));
        port.set_option(fd, level, option, bytes)?;
        Ok(0)
    })
}
