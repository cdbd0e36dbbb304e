//! Packets and the clock.

use std::ffi::{c_int, c_longlong, c_uint, c_void};
use std::time::Duration;

use libc::{size_t, timeval};

use super::answer;
use crate::errno::Errno;
use crate::ffi::memory;

/// A packet arrives.
///
/// # Safety
/// Whatever memory `packet` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn netdev_send(
    userdata: *mut c_void,
    packet: *const c_void,
    len: size_t,
) -> c_int {
    answer(userdata, |port| {
        // As long as an IP packet can be, and no longer.
        if len > usize::from(u16::MAX) + 40 {
            return Err(Errno::EMSGSIZE);
        }
        port.inject(&memory::read(packet, len)?)?;
        Ok(0)
    })
}

/// The next packet that leaves, and when.
///
/// # Safety
/// The memory that `packet` and `len` name must be the caller's to hand out while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn netdev_receive(
    userdata: *mut c_void,
    packet: *mut c_void,
    len: *mut size_t,
    time: *mut c_longlong,
) -> c_int {
    answer(userdata, |port| {
        let size = |bytes: Vec<u8>| bytes.try_into().map(usize::from_ne_bytes);
        let room = size(memory::read(len.cast(), size_of::<size_t>())?);
        let room = room.map_err(|_| Errno::EFAULT)?;
        let sniffed = port.sniff()?;
        if sniffed.packet.len() > room {
            return Err(Errno::EMSGSIZE);
        }
        memory::write(packet, &sniffed.packet)?;
        memory::write(len.cast(), &sniffed.packet.len().to_ne_bytes())?;
        let micros = c_longlong::try_from(sniffed.at.as_micros()).map_err(|_| Errno::EINVAL)?;
        memory::write(time.cast(), &micros.to_ne_bytes())?;
        Ok(0)
    })
}

/// Lets virtual time pass.
///
/// # Safety
/// None is needed: numbers only, and `userdata` is looked up, never followed.
pub(in crate::ffi) unsafe extern "C" fn usleep(userdata: *mut c_void, micros: c_uint) -> c_int {
    answer(userdata, |port| {
        port.sleep(Duration::from_micros(micros.into()));
        Ok(0)
    })
}

/// gettimeofday(2), a microsecond later with every call.
///
/// # Safety
/// Whatever memory `time` names must be the caller's to hand out for writing while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn gettimeofday(
    userdata: *mut c_void,
    time: *mut timeval,
    _zone: *mut c_void,
) -> c_int {
    answer(userdata, |port| {
        let now = port.time();
        let value = timeval {
            tv_sec: libc::time_t::try_from(now.as_secs()).map_err(|_| Errno::EINVAL)?,
            tv_usec: now.subsec_micros().into(),
        };
        if !time.is_null() {
            memory::put(time, value)?;
        }
        Ok(0)
    })
}
