//! The stack's table of functions, called as packetdrill calls it.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::ptr;

use longshore_conformance::{PacketdrillInterface, packetdrill_interface_init};

/// A filled table.
#[derive(Debug)]
pub(crate) struct Table(PacketdrillInterface);

// SAFETY: `userdata` is the port's business, which says that its functions may be called on any thread.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

/// What a call returned, and `errno` if that was -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    pub(crate) value: i64,
    pub(crate) errno: i32,
}

fn returned(value: i64) -> Returned {
    let errno = if value == -1 {
        std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
    } else {
        0
    };
    Returned { value, errno }
}

/// Calls a function of the table.
macro_rules! call {
    ($self:expr, $name:ident $(, $argument:expr)*) => {{
        let function = $self.0.$name.expect("the table is full");
        // SAFETY: all pointers among the arguments are null, which the port has to refuse, or to live memory of the size
        // told.
        let value = unsafe { function($self.0.userdata $(, $argument)*) };
        returned(value as i64)
    }};
}

/// Memory for a call, or none: a null pointer with a length beside it.
pub(crate) type Buffer = Option<Vec<u8>>;

fn pointer(buffer: &mut Buffer) -> *mut std::ffi::c_void {
    buffer
        .as_mut()
        .map_or(ptr::null_mut(), |bytes| bytes.as_mut_ptr().cast())
}

fn source(buffer: Option<&[u8]>) -> *const std::ffi::c_void {
    buffer.map_or(ptr::null(), |bytes| bytes.as_ptr().cast())
}

/// A message's parts: memory, a name, control messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) parts: Vec<Vec<u8>>,
    pub(crate) name: Option<SocketAddr>,
    pub(crate) flags: i32,
    /// Level, type and data.
    pub(crate) control: Vec<(i32, i32, Vec<u8>)>,
}

impl Table {
    /// A fresh stack, as `--so_flags` says. `None` if there is none, or the flags hold a NUL.
    pub(crate) fn new(flags: &str) -> Option<Self> {
        let flags = CString::new(flags).ok()?;
        let mut table = MaybeUninit::uninit();
        // SAFETY: a C string, and memory for a table.
        unsafe { packetdrill_interface_init(flags.as_ptr(), table.as_mut_ptr()) };
        // SAFETY: it is filled now, whatever the flags.
        let table = Self(unsafe { table.assume_init() });
        (!table.0.userdata.is_null()).then_some(table)
    }

    pub(crate) fn socket(&self, domain: i32, kind: i32, protocol: i32) -> Returned {
        call!(self, socket, domain, kind, protocol)
    }

    pub(crate) fn bind(&self, fd: i32, name: &[u8]) -> Returned {
        call!(self, bind, fd, name.as_ptr().cast(), length(name))
    }

    pub(crate) fn listen(&self, fd: i32, backlog: i32) -> Returned {
        call!(self, listen, fd, backlog)
    }

    /// The peer's name is written where packetdrill would have it.
    pub(crate) fn accept(&self, fd: i32) -> (Returned, Vec<u8>) {
        let mut name = vec![0u8; 128];
        let mut len = 128u32;
        let result = call!(self, accept, fd, name.as_mut_ptr().cast(), &raw mut len);
        name.truncate(len as usize);
        (result, name)
    }

    pub(crate) fn connect(&self, fd: i32, name: &[u8]) -> Returned {
        call!(self, connect, fd, name.as_ptr().cast(), length(name))
    }

    pub(crate) fn read(&self, fd: i32, buffer: &mut Buffer, len: usize) -> Returned {
        call!(self, read, fd, pointer(buffer), len)
    }

    pub(crate) fn readv(&self, fd: i32, parts: &mut [Vec<u8>]) -> Returned {
        let iov = iovecs(parts);
        call!(self, readv, fd, iov.as_ptr(), iov.len() as i32)
    }

    pub(crate) fn recv(&self, fd: i32, buffer: &mut Buffer, len: usize, flags: i32) -> Returned {
        call!(self, recv, fd, pointer(buffer), len, flags)
    }

    pub(crate) fn recvfrom(
        &self,
        fd: i32,
        buffer: &mut Buffer,
        len: usize,
        flags: i32,
    ) -> Returned {
        let mut name = [0u8; 128];
        let mut name_len = 128u32;
        call!(
            self,
            recvfrom,
            fd,
            pointer(buffer),
            len,
            flags,
            name.as_mut_ptr().cast(),
            &raw mut name_len
        )
    }

    pub(crate) fn recvmsg(&self, fd: i32, message: &mut Message, flags: i32) -> Returned {
        let mut iov = iovecs(&mut message.parts);
        let mut control = [0u64; 128];
        // SAFETY: integers and pointers, of which zero is a value.
        let mut msg: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        msg.msg_iov = iov.as_mut_ptr();
        msg.msg_iovlen = iov.len();
        msg.msg_control = control.as_mut_ptr().cast();
        msg.msg_controllen = size_of_val(&control);
        let result = call!(self, recvmsg, fd, &raw mut msg, flags);
        let raw: Vec<u8> = control.iter().flat_map(|word| word.to_ne_bytes()).collect();
        message.flags = msg.msg_flags;
        if result.value >= 0 {
            message.control = messages(&raw[..msg.msg_controllen.min(raw.len())]);
        }
        result
    }

    pub(crate) fn write(&self, fd: i32, bytes: Option<&[u8]>, len: usize) -> Returned {
        call!(self, write, fd, source(bytes), len)
    }

    pub(crate) fn writev(&self, fd: i32, parts: &mut [Vec<u8>]) -> Returned {
        let iov = iovecs(parts);
        call!(self, writev, fd, iov.as_ptr(), iov.len() as i32)
    }

    pub(crate) fn send(&self, fd: i32, bytes: Option<&[u8]>, len: usize, flags: i32) -> Returned {
        call!(self, send, fd, source(bytes), len, flags)
    }

    pub(crate) fn sendto(
        &self,
        fd: i32,
        bytes: Option<&[u8]>,
        (len, flags): (usize, i32),
        name: &[u8],
    ) -> Returned {
        call!(
            self,
            sendto,
            fd,
            source(bytes),
            len,
            flags,
            name.as_ptr().cast(),
            length(name)
        )
    }

    pub(crate) fn sendmsg(&self, fd: i32, message: &mut Message, flags: i32) -> Returned {
        let mut iov = iovecs(&mut message.parts);
        let mut name = message.name.map(|name| sockaddr(Some(name)));
        // SAFETY: integers and pointers, of which zero is a value.
        let mut msg: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        msg.msg_iov = iov.as_mut_ptr();
        msg.msg_iovlen = iov.len();
        if let Some(name) = &mut name {
            msg.msg_name = name.as_mut_ptr().cast();
            msg.msg_namelen = length(name);
        }
        call!(self, sendmsg, fd, &raw const msg, flags)
    }

    pub(crate) fn fcntl(&self, fd: i32, command: i32, argument: usize) -> Returned {
        call!(self, fcntl, fd, command, argument)
    }

    /// An ioctl that gives a number, or takes one.
    pub(crate) fn ioctl(&self, fd: i32, request: u64, value: &mut i32) -> Returned {
        call!(self, ioctl, fd, request, ptr::from_mut(value).cast())
    }

    pub(crate) fn close(&self, fd: i32) -> Returned {
        call!(self, close, fd)
    }

    pub(crate) fn shutdown(&self, fd: i32, how: i32) -> Returned {
        call!(self, shutdown, fd, how)
    }

    /// `value` is as long as the caller lets it be, and as long as the stack says afterwards.
    pub(crate) fn getsockopt(
        &self,
        fd: i32,
        level: i32,
        option: i32,
        value: &mut Vec<u8>,
    ) -> Returned {
        let mut len = length(value);
        let result = call!(
            self,
            getsockopt,
            fd,
            level,
            option,
            value.as_mut_ptr().cast(),
            &raw mut len
        );
        value.truncate(len as usize);
        result
    }

    pub(crate) fn setsockopt(
        &self,
        fd: i32,
        (level, option): (i32, i32),
        value: Option<&[u8]>,
        len: u32,
    ) -> Returned {
        call!(self, setsockopt, fd, level, option, source(value), len)
    }

    /// Fills in the last of each: what has happened.
    pub(crate) fn poll(&self, fds: &mut [(i32, i16, i16)], timeout: i32) -> Returned {
        let mut list: Vec<libc::pollfd> = fds
            .iter()
            .map(|&(fd, events, revents)| libc::pollfd {
                fd,
                events,
                revents,
            })
            .collect();
        let result = call!(self, poll, list.as_mut_ptr(), list.len() as u64, timeout);
        for (fd, entry) in fds.iter_mut().zip(&list) {
            fd.2 = entry.revents;
        }
        result
    }

    pub(crate) fn netdev_send(&self, packet: &[u8]) -> Returned {
        call!(self, netdev_send, packet.as_ptr().cast(), packet.len())
    }

    /// The next packet that leaves, and when, in microseconds.
    pub(crate) fn netdev_receive(&self) -> Result<(Vec<u8>, i64), i32> {
        let mut packet = vec![0u8; 70_000];
        let mut len = packet.len();
        let mut time = 0i64;
        let result = call!(
            self,
            netdev_receive,
            packet.as_mut_ptr().cast(),
            &raw mut len,
            &raw mut time
        );
        packet.truncate(len);
        if result.value < 0 {
            Err(result.errno)
        } else {
            Ok((packet, time))
        }
    }

    pub(crate) fn usleep(&self, micros: u32) -> Returned {
        call!(self, usleep, micros)
    }

    /// Microseconds since some day.
    pub(crate) fn gettimeofday(&self) -> i64 {
        let mut time = libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        };
        call!(self, gettimeofday, &raw mut time, ptr::null_mut());
        time.tv_sec * 1_000_000 + time.tv_usec
    }

    pub(crate) fn epoll_create(&self, size: i32) -> Returned {
        call!(self, epoll_create, size)
    }

    pub(crate) fn epoll_ctl(
        &self,
        epoll: i32,
        operation: i32,
        fd: i32,
        (events, data): (u32, u64),
    ) -> Returned {
        let mut event = libc::epoll_event { events, u64: data };
        call!(self, epoll_ctl, epoll, operation, fd, &raw mut event)
    }

    /// Events and their data.
    pub(crate) fn epoll_wait(
        &self,
        epoll: i32,
        most: i32,
        timeout: i32,
    ) -> (Returned, Vec<(u32, u64)>) {
        let none = libc::epoll_event { events: 0, u64: 0 };
        let mut events = vec![none; usize::try_from(most.max(1)).unwrap_or(1)];
        let result = call!(self, epoll_wait, epoll, events.as_mut_ptr(), most, timeout);
        events.truncate(usize::try_from(result.value).unwrap_or(0));
        (result, events.iter().map(|e| (e.events, e.u64)).collect())
    }

    pub(crate) fn pipe(&self) -> (Returned, [i32; 2]) {
        let mut ends = [-1i32; 2];
        (call!(self, pipe, ends.as_mut_ptr()), ends)
    }

    pub(crate) fn splice(&self, from: i32, to: i32, len: usize, flags: u32) -> Returned {
        call!(
            self,
            splice,
            from,
            ptr::null_mut(),
            to,
            ptr::null_mut(),
            len,
            flags
        )
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let free = self.0.free.expect("the table is full");
        // SAFETY: once, and nobody uses the table afterwards.
        unsafe { free(self.0.userdata) };
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn iovecs(buffers: &mut [Vec<u8>]) -> Vec<libc::iovec> {
    buffers
        .iter_mut()
        .map(|buffer| libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        })
        .collect()
}

/// `struct cmsghdr` and its data, one after the other.
fn messages(mut raw: &[u8]) -> Vec<(i32, i32, Vec<u8>)> {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    let mut list = Vec::new();
    while let Some((header, _)) = raw.split_first_chunk::<HEADER>() {
        let word = |at: usize| i32::from_ne_bytes([0, 1, 2, 3].map(|n| header[at + n]));
        let len = usize::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|n| header[n]));
        let Some(data) = raw.get(HEADER..len) else {
            break;
        };
        list.push((word(8), word(12), data.to_vec()));
        raw = &raw[len.next_multiple_of(8).min(raw.len())..];
    }
    list
}

/// A `struct sockaddr_in` or `sockaddr_in6`; one of no family for none.
pub(crate) fn sockaddr(address: Option<SocketAddr>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(address) = address else {
        bytes.extend((libc::AF_UNSPEC as u16).to_ne_bytes());
        bytes.extend([0; 14]);
        return bytes;
    };
    match address.ip() {
        IpAddr::V4(v4) => {
            bytes.extend((libc::AF_INET as u16).to_ne_bytes());
            bytes.extend(address.port().to_be_bytes());
            bytes.extend(v4.octets());
            bytes.extend([0; 8]);
        }
        IpAddr::V6(v6) => {
            bytes.extend((libc::AF_INET6 as u16).to_ne_bytes());
            bytes.extend(address.port().to_be_bytes());
            bytes.extend([0; 4]);
            bytes.extend(v6.octets());
            bytes.extend([0; 4]);
        }
    }
    bytes
}
