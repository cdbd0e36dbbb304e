//! Readiness.

use std::ffi::{c_int, c_void};

use libc::{epoll_event, nfds_t, pollfd};

use super::{IOVECS, answer};
use crate::call::{Poll, Ready};
use crate::errno::Errno;
use crate::ffi::memory;

/// poll(2)
///
/// # Safety
/// Whatever memory `fds` names must be the caller's to hand out for writing while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn poll(
    userdata: *mut c_void,
    fds: *mut pollfd,
    len: nfds_t,
    timeout: c_int,
) -> c_int {
    answer(userdata, |port| {
        let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
        let mut list: Vec<Poll> = memory::get_all(fds, len, IOVECS)?
            .into_iter()
            .map(|entry| Poll {
                fd: entry.fd,
                events: entry.events,
                revents: 0,
            })
            .collect();
        let ready = port.poll(&mut list, timeout)?;
        for (i, entry) in list.into_iter().enumerate() {
            let entry = pollfd {
                fd: entry.fd,
                events: entry.events,
                revents: entry.revents,
            };
            memory::put(fds.wrapping_add(i), entry)?;
        }
        Ok(ready)
    })
}

/// epoll_create(2)
///
/// # Safety
/// None is needed: numbers only, and `userdata` is looked up, never followed.
pub(in crate::ffi) unsafe extern "C" fn epoll_create(userdata: *mut c_void, size: c_int) -> c_int {
    answer(userdata, |port| port.epoll_create(size))
}

/// epoll_ctl(2)
///
/// # Safety
/// Whatever memory `event` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn epoll_ctl(
    userdata: *mut c_void,
    epoll: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut epoll_event,
) -> c_int {
    answer(userdata, |port| {
        let event = if operation == libc::EPOLL_CTL_DEL {
            None
        } else {
            let event = memory::get(event)?;
            Some(Ready {
                events: event.events,
                data: event.u64,
            })
        };
        port.epoll_ctl(epoll, operation, fd, event)
    })
}

/// epoll_wait(2)
///
/// # Safety
/// Whatever memory `events` names must be the caller's to hand out for writing while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn epoll_wait(
    userdata: *mut c_void,
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
) -> c_int {
    answer(userdata, |port| {
        let ready = port.epoll_wait(epoll, most, timeout)?;
        for (i, event) in ready.iter().enumerate() {
            let event = epoll_event {
                events: event.events,
                u64: event.data,
            };
            memory::put(events.wrapping_add(i), event)?;
        }
        c_int::try_from(ready.len()).map_err(|_| Errno::EINVAL)
    })
}
