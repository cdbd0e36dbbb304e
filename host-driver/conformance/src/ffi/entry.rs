//! One function for each of the table's: from C's types to values and back.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_longlong, c_uint, c_ulong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use libc::{
    epoll_event, iovec, loff_t, msghdr, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t,
    timeval,
};
use parking_lot::Mutex;

use super::memory;
use crate::call::{Message, Poll, Ready};
use crate::errno::{Errno, Result};
use crate::port::Port;
use crate::socket::tcp::MOST;

/// All ports by what C has as their `userdata`.
static PORTS: Mutex<BTreeMap<usize, Arc<Port>>> = Mutex::new(BTreeMap::new());

/// The `userdata` of no port.
pub(super) const NOBODY: *mut c_void = std::ptr::null_mut();

/// UIO_MAXIOV
const IOVECS: usize = 1024;
/// Longest `struct sockaddr`.
const NAME: usize = size_of::<libc::sockaddr_storage>();

/// Makes a port; what C gets to know it by.
pub(super) fn open(flags: &str) -> std::result::Result<*mut c_void, String> {
    let port = Arc::new(Port::new(flags)?);
    let mut ports = PORTS.lock();
    let key = ports.last_key_value().map_or(1, |(last, _)| last + 1);
    ports.insert(key, port);
    Ok(std::ptr::without_provenance_mut(key))
}

/// A number that says "failed" by being -1.
trait Answer {
    const FAILED: Self;
}

impl Answer for c_int {
    const FAILED: Self = -1;
}

impl Answer for ssize_t {
    const FAILED: Self = -1;
}

/// Runs a call for a port: a failure becomes -1 and `errno`. So does a panic, which must not reach C.
fn answer<R: Answer>(userdata: *mut c_void, call: impl FnOnce(&Port) -> Result<R>) -> R {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let port = PORTS.lock().get(&userdata.addr()).cloned();
        call(&*port.ok_or(Errno::ENODEV)?)
    }));
    match outcome {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            set_errno(error);
            R::FAILED
        }
        Err(_) => {
            set_errno(Errno::EIO);
            R::FAILED
        }
    }
}

fn set_errno(error: Errno) {
    // SAFETY: no preconditions; the pointer is to this thread's `errno`.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: see above; it is valid as long as the thread is.
    unsafe { *place = error.0 };
}

fn count(n: usize) -> Result<ssize_t> {
    ssize_t::try_from(n).map_err(|_| Errno::EINVAL)
}

/// The bytes of a `struct sockaddr`.
fn name_in(address: *const sockaddr, len: socklen_t) -> Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
    if len > NAME {
        return Err(Errno::EINVAL);
    }
    memory::read(address.cast(), len)
}

/// Hands out a `struct sockaddr`, cut to the room there is; its length is told in full. Nothing if nobody asks.
fn name_out(name: &[u8], address: *mut sockaddr, len: *mut socklen_t) -> Result<()> {
    if address.is_null() {
        return Ok(());
    }
    let room = i32::try_from(memory::get(len)?).map_err(|_| Errno::EINVAL)?;
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    memory::write(address.cast(), &name[..name.len().min(room)])?;
    memory::put(len, name.len() as socklen_t)
}

/// The buffers of a vector, and how many bytes they have together.
fn vector(iov: *const iovec, len: usize) -> Result<(Vec<iovec>, usize)> {
    let buffers = memory::get_all(iov, len, IOVECS)?;
    let mut total = 0usize;
    for buffer in &buffers {
        total = total.checked_add(buffer.iov_len).ok_or(Errno::EINVAL)?;
    }
    count(total)?;
    Ok((buffers, total))
}

/// The bytes of all buffers, up to what one call moves.
fn gather(buffers: &[iovec]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for buffer in buffers {
        let len = buffer.iov_len.min(MOST - bytes.len());
        match memory::read(buffer.iov_base, len) {
            Ok(part) => bytes.extend(part),
            // As Linux: what came before the bad buffer is sent.
            Err(_) if !bytes.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Spreads bytes over buffers.
fn scatter(mut bytes: &[u8], buffers: &[iovec]) -> Result<()> {
    for buffer in buffers {
        let (part, rest) = bytes.split_at(bytes.len().min(buffer.iov_len));
        memory::write(buffer.iov_base, part)?;
        bytes = rest;
    }
    Ok(())
}

fn iovec_count(n: c_int) -> Result<usize> {
    usize::try_from(n).map_err(|_| Errno::EINVAL)
}

pub(super) unsafe extern "C" fn free(userdata: *mut c_void) {
    let port = PORTS.lock().remove(&userdata.addr());
    // A panic in a drop must not reach C either.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(port)));
}

pub(super) unsafe extern "C" fn socket(
    userdata: *mut c_void,
    domain: c_int,
    kind: c_int,
    protocol: c_int,
) -> c_int {
    answer(userdata, |port| port.socket(domain, kind, protocol))
}

pub(super) unsafe extern "C" fn bind(
    userdata: *mut c_void,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    answer(userdata, |port| port.bind(fd, &name_in(address, len)?))
}

pub(super) unsafe extern "C" fn listen(userdata: *mut c_void, fd: c_int, backlog: c_int) -> c_int {
    answer(userdata, |port| port.listen(fd, backlog))
}

pub(super) unsafe extern "C" fn accept(
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

pub(super) unsafe extern "C" fn connect(
    userdata: *mut c_void,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    answer(userdata, |port| port.connect(fd, &name_in(address, len)?))
}

pub(super) unsafe extern "C" fn read(
    userdata: *mut c_void,
    fd: c_int,
    buffer: *mut c_void,
    len: size_t,
) -> ssize_t {
    answer(userdata, |port| {
        let bytes = port.read(fd, len)?;
        memory::write(buffer, &bytes)?;
        count(bytes.len())
    })
}

pub(super) unsafe extern "C" fn readv(
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

pub(super) unsafe extern "C" fn recv(
    userdata: *mut c_void,
    fd: c_int,
    buffer: *mut c_void,
    len: size_t,
    flags: c_int,
) -> ssize_t {
    answer(userdata, |port| {
        let message = port.receive(fd, len, flags)?;
        memory::write(buffer, &message.bytes)?;
        count(message.count)
    })
}

pub(super) unsafe extern "C" fn recvfrom(
    userdata: *mut c_void,
    fd: c_int,
    buffer: *mut c_void,
    len: size_t,
    flags: c_int,
    address: *mut sockaddr,
    address_len: *mut socklen_t,
) -> ssize_t {
    answer(userdata, |port| {
        let message = port.receive(fd, len, flags)?;
        memory::write(buffer, &message.bytes)?;
        name_out(&message.name, address, address_len)?;
        count(message.count)
    })
}

pub(super) unsafe extern "C" fn recvmsg(
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

pub(super) unsafe extern "C" fn write(
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

pub(super) unsafe extern "C" fn writev(
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

pub(super) unsafe extern "C" fn send(
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

pub(super) unsafe extern "C" fn sendto(
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

pub(super) unsafe extern "C" fn sendmsg(
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
        count(port.send(fd, &gather(&buffers)?, flags, name.as_deref())?)
    })
}

pub(super) unsafe extern "C" fn fcntl(
    userdata: *mut c_void,
    fd: c_int,
    command: c_int,
    argument: size_t,
) -> c_int {
    answer(userdata, |port| port.fcntl(fd, command, argument))
}

pub(super) unsafe extern "C" fn ioctl(
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

pub(super) unsafe extern "C" fn close(userdata: *mut c_void, fd: c_int) -> c_int {
    answer(userdata, |port| port.close(fd))
}

pub(super) unsafe extern "C" fn shutdown(userdata: *mut c_void, fd: c_int, how: c_int) -> c_int {
    answer(userdata, |port| port.shutdown(fd, how))
}

pub(super) unsafe extern "C" fn getsockopt(
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

pub(super) unsafe extern "C" fn setsockopt(
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

pub(super) unsafe extern "C" fn poll(
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

pub(super) unsafe extern "C" fn netdev_send(
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

pub(super) unsafe extern "C" fn netdev_receive(
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

pub(super) unsafe extern "C" fn usleep(userdata: *mut c_void, micros: c_uint) -> c_int {
    answer(userdata, |port| {
        port.sleep(Duration::from_micros(micros.into()));
        Ok(0)
    })
}

pub(super) unsafe extern "C" fn gettimeofday(
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

pub(super) unsafe extern "C" fn epoll_create(userdata: *mut c_void, size: c_int) -> c_int {
    answer(userdata, |port| port.epoll_create(size))
}

pub(super) unsafe extern "C" fn epoll_ctl(
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

pub(super) unsafe extern "C" fn epoll_wait(
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

pub(super) unsafe extern "C" fn pipe(userdata: *mut c_void, ends: *mut c_int) -> c_int {
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

pub(super) unsafe extern "C" fn splice(
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
