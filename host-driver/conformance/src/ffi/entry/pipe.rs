//! Pipes.

use std::ffi::{c_int, c_uint, c_void};

use libc::{loff_t, size_t, ssize_t};

use super::{answer, count};
use crate::errno::Errno;
use crate::ffi::memory;

/// pipe(2)
///
/// # Safety
/// Whatever memory `ends` names must be the caller's to hand out for writing while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn pipe(userdata: *mut c_void, ends: *mut c_int) -> c_int {
    answer(userdata, |port| {
        let [read, write] = port.pipe()?;
        let stored =
            memory::put(ends, read).and_then(|()| memory::put(ends.wrapping_add(1), write));
        if let Err(error) = stored {
            port.close(read)?;
            port.close(write)?;
            return Err(error);
        }
        Ok(0)
    })
}

/// splice(2), without offsets.
///
/// # Safety
/// The memory that `from_offset` and `to_offset` name must be the caller's to hand out while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn splice(
    userdata: *mut c_void,
    from: c_int,
    from_offset: *mut loff_t,
    to: c_int,
    to_offset: *mut loff_t,
    len: size_t,
    flags: c_uint,
) -> ssize_t {
    answer(userdata, |port| {
        if !from_offset.is_null() || !to_offset.is_null() {
            return Err(Errno::ESPIPE);
        }
        count(port.splice(from, to, len, flags)?)
    })
}
