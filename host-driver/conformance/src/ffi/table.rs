//! `struct packetdrill_interface`, and the function that fills it.

use std::ffi::{c_char, c_int, c_longlong, c_uint, c_ulong, c_void};
use std::panic::catch_unwind;

use libc::{
    epoll_event, iovec, loff_t, msghdr, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t,
    timeval,
};

use super::{entry, memory};

/// packetdrill's `struct packetdrill_interface`: what it calls instead of the system. Order and types are those of its
/// public header, `packetdrill.h`.
///
/// All functions but `free` return -1 and set `errno` on failure. `fcntl` and `ioctl` are variadic in the header, and are
/// called with three arguments at most after `userdata`; integers and pointers travel in the same registers either way in
/// the calling conventions of Linux (System V AMD64, AAPCS64).
#[repr(C)]
#[derive(Debug)]
#[allow(missing_docs, reason = "each is the call of its name")]
pub struct PacketdrillInterface {
    pub userdata: *mut c_void,
    pub free: Option<unsafe extern "C" fn(*mut c_void)>,
    pub socket: Option<unsafe extern "C" fn(*mut c_void, c_int, c_int, c_int) -> c_int>,
    pub bind: Option<unsafe extern "C" fn(*mut c_void, c_int, *const sockaddr, socklen_t) -> c_int>,
    pub listen: Option<unsafe extern "C" fn(*mut c_void, c_int, c_int) -> c_int>,
    pub accept:
        Option<unsafe extern "C" fn(*mut c_void, c_int, *mut sockaddr, *mut socklen_t) -> c_int>,
    pub connect:
        Option<unsafe extern "C" fn(*mut c_void, c_int, *const sockaddr, socklen_t) -> c_int>,
    pub read: Option<unsafe extern "C" fn(*mut c_void, c_int, *mut c_void, size_t) -> ssize_t>,
    pub readv: Option<unsafe extern "C" fn(*mut c_void, c_int, *const iovec, c_int) -> ssize_t>,
    pub recv:
        Option<unsafe extern "C" fn(*mut c_void, c_int, *mut c_void, size_t, c_int) -> ssize_t>,
    pub recvfrom: Option<
        unsafe extern "C" fn(
            *mut c_void,
            c_int,
            *mut c_void,
            size_t,
            c_int,
            *mut sockaddr,
            *mut socklen_t,
        ) -> ssize_t,
    >,
    pub recvmsg: Option<unsafe extern "C" fn(*mut c_void, c_int, *mut msghdr, c_int) -> ssize_t>,
    pub write: Option<unsafe extern "C" fn(*mut c_void, c_int, *const c_void, size_t) -> ssize_t>,
    pub writev: Option<unsafe extern "C" fn(*mut c_void, c_int, *const iovec, c_int) -> ssize_t>,
    pub send:
        Option<unsafe extern "C" fn(*mut c_void, c_int, *const c_void, size_t, c_int) -> ssize_t>,
    pub sendto: Option<
        unsafe extern "C" fn(
            *mut c_void,
            c_int,
            *const c_void,
            size_t,
            c_int,
            *const sockaddr,
            socklen_t,
        ) -> ssize_t,
    >,
    pub sendmsg: Option<unsafe extern "C" fn(*mut c_void, c_int, *const msghdr, c_int) -> ssize_t>,
    pub fcntl: Option<unsafe extern "C" fn(*mut c_void, c_int, c_int, size_t) -> c_int>,
    pub ioctl: Option<unsafe extern "C" fn(*mut c_void, c_int, c_ulong, *mut c_void) -> c_int>,
    pub close: Option<unsafe extern "C" fn(*mut c_void, c_int) -> c_int>,
    pub shutdown: Option<unsafe extern "C" fn(*mut c_void, c_int, c_int) -> c_int>,
    pub getsockopt: Option<
        unsafe extern "C" fn(
            *mut c_void,
            c_int,
            c_int,
            c_int,
            *mut c_void,
            *mut socklen_t,
        ) -> c_int,
    >,
    pub setsockopt: Option<
        unsafe extern "C" fn(*mut c_void, c_int, c_int, c_int, *const c_void, socklen_t) -> c_int,
    >,
    pub poll: Option<unsafe extern "C" fn(*mut c_void, *mut pollfd, nfds_t, c_int) -> c_int>,
    pub netdev_send: Option<unsafe extern "C" fn(*mut c_void, *const c_void, size_t) -> c_int>,
    pub netdev_receive: Option<
        unsafe extern "C" fn(*mut c_void, *mut c_void, *mut size_t, *mut c_longlong) -> c_int,
    >,
    pub usleep: Option<unsafe extern "C" fn(*mut c_void, c_uint) -> c_int>,
    pub gettimeofday: Option<unsafe extern "C" fn(*mut c_void, *mut timeval, *mut c_void) -> c_int>,
    pub epoll_create: Option<unsafe extern "C" fn(*mut c_void, c_int) -> c_int>,
    pub epoll_ctl:
        Option<unsafe extern "C" fn(*mut c_void, c_int, c_int, c_int, *mut epoll_event) -> c_int>,
    pub epoll_wait:
        Option<unsafe extern "C" fn(*mut c_void, c_int, *mut epoll_event, c_int, c_int) -> c_int>,
    pub pipe: Option<unsafe extern "C" fn(*mut c_void, *mut c_int) -> c_int>,
    pub splice: Option<
        unsafe extern "C" fn(
            *mut c_void,
            c_int,
            *mut loff_t,
            c_int,
            *mut loff_t,
            size_t,
            c_uint,
        ) -> ssize_t,
    >,
}

/// Makes a stack and fills packetdrill's table with the functions through which it is used. `flags` is what
/// `--so_flags` says (`docs/CONFORMANCE.md`), or null. If no stack can be made, the reason is printed, and every function
/// fails with ENODEV.
///
/// # Safety
/// `interface` must be null or point to memory for a [`PacketdrillInterface`]; `flags` must be null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn packetdrill_interface_init(
    flags: *const c_char,
    interface: *mut PacketdrillInterface,
) {
    if interface.is_null() {
        eprintln!("longshore: packetdrill_interface_init wants a table to fill");
        return;
    }
    let port = catch_unwind(|| {
        let flags = if flags.is_null() {
            String::new()
        } else {
            memory::text(flags).map_err(|e| format!("unreadable flags (errno {})", e.0))?
        };
        entry::open(&flags)
    });
    let userdata = match port {
        Ok(Ok(userdata)) => userdata,
        Ok(Err(reason)) => {
            eprintln!("longshore: {reason}");
            entry::NOBODY
        }
        Err(_) => entry::NOBODY,
    };
    let table = PacketdrillInterface {
        userdata,
        free: Some(entry::life::free),
        socket: Some(entry::life::socket),
        bind: Some(entry::life::bind),
        listen: Some(entry::life::listen),
        accept: Some(entry::life::accept),
        connect: Some(entry::life::connect),
        read: Some(entry::read::read),
        readv: Some(entry::read::readv),
        recv: Some(entry::read::recv),
        recvfrom: Some(entry::read::recvfrom),
        recvmsg: Some(entry::read::recvmsg),
        write: Some(entry::write::write),
        writev: Some(entry::write::writev),
        send: Some(entry::write::send),
        sendto: Some(entry::write::sendto),
        sendmsg: Some(entry::write::sendmsg),
        fcntl: Some(entry::control::fcntl),
        ioctl: Some(entry::control::ioctl),
        close: Some(entry::life::close),
        shutdown: Some(entry::life::shutdown),
        getsockopt: Some(entry::control::getsockopt),
        setsockopt: Some(entry::control::setsockopt),
        poll: Some(entry::ready::poll),
        netdev_send: Some(entry::net::netdev_send),
        netdev_receive: Some(entry::net::netdev_receive),
        usleep: Some(entry::net::usleep),
        gettimeofday: Some(entry::net::gettimeofday),
        epoll_create: Some(entry::ready::epoll_create),
        epoll_ctl: Some(entry::ready::epoll_ctl),
        epoll_wait: Some(entry::ready::epoll_wait),
        pipe: Some(entry::pipe::pipe),
        splice: Some(entry::pipe::splice),
    };
    // SAFETY: not null, and memory for a table by this function's contract; what was in it is not dropped, for it is C's.
    unsafe { interface.write(table) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_userdata_and_32_functions() {
        assert_eq!(size_of::<PacketdrillInterface>(), 33 * size_of::<usize>());
    }
}
