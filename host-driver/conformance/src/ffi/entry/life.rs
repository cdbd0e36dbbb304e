//! Opening, naming and closing.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libc::{sockaddr, socklen_t};

use super::{PORTS, answer, name_in, name_out};

/// Ends a port and all that is in it.
///
/// # Safety
/// No other call on this `userdata` may follow; one that does gets ENODEV.
pub(in crate::ffi) unsafe extern "C" fn free(userdata: *mut c_void) {
    let port = PORTS.lock().remove(&userdata.addr());
    // A panic in a drop must not reach C either.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(port)));
}

/// socket(2)
///
/// # Safety
/// None is needed: numbers only, and `userdata` is looked up, never followed.
pub(in crate::ffi) unsafe extern "C" fn socket(
    userdata: *mut c_void,
    domain: c_int,
    kind: c_int,
    protocol: c_int,
) -> c_int {
    answer(userdata, |port| port.socket(domain, kind, protocol))
}

/// bind(2)
///
/// # Safety
/// Whatever memory `address` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn bind(
    userdata: *mut c_void,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    answer(userdata, |port| port.bind(fd, &name_in(address, len)?))
}

/// listen(2)
///
/// # Safety
/// None is needed: numbers only, and `userdata` is looked up, never followed.
pub(in crate::ffi) unsafe extern "C" fn listen(
    userdata: *mut c_void,
    fd: c_int,
    backlog: c_int,
) -> c_int {
    answer(userdata, |port| port.listen(fd, backlog))
}

/// accept(2)
///
/// # Safety
/// The memory that `address` and `len` name must be the caller's to hand out while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn accept(
    userdata: *mut c_void,
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    answer(userdata, |port| {
        let (child, name) = port.accept(fd)?;
        if let Err(error) = name_out(&name, address, len) {
            port.close(child)?;
            return Err(error);
        }
        Ok(child)
    })
}

/// connect(2)
///
/// # Safety
/// Whatever memory `address` names must stay as it is while the call lasts; a bad address gives EFAULT.
pub(in crate::ffi) unsafe extern "C" fn connect(
    userdata: *mut c_void,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    answer(userdata, |port| port.connect(fd, &name_in(address, len)?))
}

/// close(2)
///
/// # Safety
/// None is needed: numbers only, and `userdata` is looked up, never followed.
pub(in crate::ffi) unsafe extern "C" fn close(userdata: *mut c_void, fd: c_int) -> c_int {
    answer(userdata, |port| port.close(fd))
}

/// shutdown(2)
///
/// # Safety
/// None is needed: numbers only, and `userdata` is looked up, never followed.
pub(in crate::ffi) unsafe extern "C" fn shutdown(
    userdata: *mut c_void,
    fd: c_int,
    how: c_int,
) -> c_int {
    answer(userdata, |port| port.shutdown(fd, how))
}
