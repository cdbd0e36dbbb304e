//! The table as packetdrill has it, with values instead of pointers.

use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::ptr;
use std::time::Duration;

use longshore_conformance::{PacketdrillInterface, packetdrill_interface_init};

/// A filled table.
pub(crate) struct Table(PacketdrillInterface);

// SAFETY: `userdata` is the port's business, which says that its functions may be called on any thread.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

/// An errno value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

pub(crate) type Result<T = i64> = std::result::Result<T, Errno>;

fn check(value: impl Into<i64>) -> Result {
    match value.into() {
        -1 => Err(Errno(
            std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
        )),
        value => Ok(value),
    }
}

/// Calls a function of the table.
macro_rules! call {
    ($self:expr, $name:ident $(, $argument:expr)*) => {{
        let function = $self.0.$name.expect("the table is full");
        // SAFETY: all pointers among the arguments are to live memory of the size told, or deliberately bad ones, which the
        // port has to refuse.
        let value = unsafe { function($self.0.userdata $(, $argument)*) };
        check(value as i64)
    }};
}

/// A message that was received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) flags: i32,
    /// Control messages: level, type and data.
    pub(crate) control: Vec<(i32, i32, Vec<u8>)>,
}

impl Table {
    pub(crate) fn new(flags: &std::ffi::CStr) -> Self {
        let mut table = MaybeUninit::uninit();
        // SAFETY: a C string, and memory for a table.
        unsafe { packetdrill_interface_init(flags.as_ptr(), table.as_mut_ptr()) };
        // SAFETY: it is filled now, whatever the flags.
        Self(unsafe { table.assume_init() })
    }

    pub(crate) fn has_port(&self) -> bool {
        !self.0.userdata.is_null()
    }

    pub(crate) fn socket(&self, domain: i32, kind: i32, protocol: i32) -> Result<i32> {
        call!(self, socket, domain, kind, protocol).map(|fd| fd as i32)
    }

    pub(crate) fn bind(&self, fd: i32, address: SocketAddr) -> Result {
        let (bytes, len) = sockaddr(address);
        call!(self, bind, fd, bytes.as_ptr().cast(), len)
    }

    pub(crate) fn listen(&self, fd: i32, backlog: i32) -> Result {
        call!(self, listen, fd, backlog)
    }

    /// The descriptor and the peer.
    pub(crate) fn accept(&self, fd: i32) -> Result<(i32, Vec<u8>)> {
        let mut name = [0u8; 128];
        let mut len = 128u32;
        let fd = call!(self, accept, fd, name.as_mut_ptr().cast(), &raw mut len)?;
        Ok((fd as i32, name[..len as usize].to_vec()))
    }

    pub(crate) fn accept_without_name(&self, fd: i32) -> Result<i32> {
        call!(self, accept, fd, ptr::null_mut(), ptr::null_mut()).map(|fd| fd as i32)
    }

    pub(crate) fn connect(&self, fd: i32, address: SocketAddr) -> Result {
        let (bytes, len) = sockaddr(address);
        call!(self, connect, fd, bytes.as_ptr().cast(), len)
    }

    pub(crate) fn connect_raw(&self, fd: i32, bytes: &[u8]) -> Result {
        call!(self, connect, fd, bytes.as_ptr().cast(), bytes.len() as u32)
    }

    pub(crate) fn connect_to_nowhere(&self, fd: i32) -> Result {
        call!(self, connect, fd, ptr::null(), 16)
    }

    pub(crate) fn read(&self, fd: i32, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0u8; len];
        let n = call!(self, read, fd, bytes.as_mut_ptr().cast(), len)?;
        bytes.truncate(n as usize);
        Ok(bytes)
    }

    pub(crate) fn read_to_nowhere(&self, fd: i32, len: usize) -> Result {
        call!(self, read, fd, ptr::null_mut(), len)
    }

    pub(crate) fn readv(&self, fd: i32, lens: &[usize]) -> Result<Vec<Vec<u8>>> {
        let mut buffers: Vec<Vec<u8>> = lens.iter().map(|len| vec![0; *len]).collect();
        let iov = iovecs(&mut buffers);
        let mut n = call!(self, readv, fd, iov.as_ptr(), iov.len() as i32)? as usize;
        for buffer in &mut buffers {
            let part = n.min(buffer.len());
            buffer.truncate(part);
            n -= part;
        }
        Ok(buffers)
    }

    pub(crate) fn recv(&self, fd: i32, len: usize, flags: i32) -> Result<Vec<u8>> {
        let mut bytes = vec![0u8; len];
        let n = call!(self, recv, fd, bytes.as_mut_ptr().cast(), len, flags)?;
        bytes.truncate(n as usize);
        Ok(bytes)
    }

    /// How many bytes `recv` reports.
    pub(crate) fn recv_count(&self, fd: i32, len: usize, flags: i32) -> Result {
        let mut bytes = vec![0u8; len];
        call!(self, recv, fd, bytes.as_mut_ptr().cast(), len, flags)
    }

    pub(crate) fn recvfrom(&self, fd: i32, len: usize, flags: i32) -> Result<(Vec<u8>, Vec<u8>)> {
        let mut bytes = vec![0u8; len];
        let mut name = [0u8; 128];
        let mut name_len = 128u32;
        let n = call!(
            self,
            recvfrom,
            fd,
            bytes.as_mut_ptr().cast(),
            len,
            flags,
            name.as_mut_ptr().cast(),
            &raw mut name_len
        )?;
        bytes.truncate(n as usize);
        Ok((bytes, name[..name_len as usize].to_vec()))
    }

    pub(crate) fn recvmsg(&self, fd: i32, lens: &[usize], flags: i32) -> Result<Received> {
        let mut buffers: Vec<Vec<u8>> = lens.iter().map(|len| vec![0; *len]).collect();
        let mut iov = iovecs(&mut buffers);
        let mut control = [0u64; 64];
        // SAFETY: integers and pointers, of which zero is a value.
        let mut msg: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        msg.msg_iov = iov.as_mut_ptr();
        msg.msg_iovlen = iov.len();
        msg.msg_control = control.as_mut_ptr().cast();
        msg.msg_controllen = size_of_val(&control);
        let n = call!(self, recvmsg, fd, &raw mut msg, flags)?;
        let mut bytes = buffers.concat();
        bytes.truncate(n as usize);
        let raw: Vec<u8> = control.iter().flat_map(|word| word.to_ne_bytes()).collect();
        Ok(Received {
            bytes,
            flags: msg.msg_flags,
            control: messages(&raw[..msg.msg_controllen]),
        })
    }

    pub(crate) fn write(&self, fd: i32, bytes: &[u8]) -> Result {
        call!(self, write, fd, bytes.as_ptr().cast(), bytes.len())
    }

    pub(crate) fn write_from_nowhere(&self, fd: i32, len: usize) -> Result {
        call!(self, write, fd, ptr::without_provenance(8), len)
    }

    pub(crate) fn writev(&self, fd: i32, parts: &[&[u8]]) -> Result {
        let mut parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        let iov = iovecs(&mut parts);
        call!(self, writev, fd, iov.as_ptr(), iov.len() as i32)
    }

    pub(crate) fn writev_count(&self, fd: i32, count: i32) -> Result {
        let iov = iovecs(&mut [vec![1u8]]);
        call!(self, writev, fd, iov.as_ptr(), count)
    }

    pub(crate) fn send(&self, fd: i32, bytes: &[u8], flags: i32) -> Result {
        call!(self, send, fd, bytes.as_ptr().cast(), bytes.len(), flags)
    }

    pub(crate) fn sendto(&self, fd: i32, bytes: &[u8], flags: i32, to: SocketAddr) -> Result {
        let (name, len) = sockaddr(to);
        call!(
            self,
            sendto,
            fd,
            bytes.as_ptr().cast(),
            bytes.len(),
            flags,
            name.as_ptr().cast(),
            len
        )
    }

    pub(crate) fn sendmsg(&self, fd: i32, parts: &[&[u8]], flags: i32) -> Result {
        let mut parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        let mut iov = iovecs(&mut parts);
        // SAFETY: integers and pointers, of which zero is a value.
        let mut msg: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        msg.msg_iov = iov.as_mut_ptr();
        msg.msg_iovlen = iov.len();
        call!(self, sendmsg, fd, &raw const msg, flags)
    }

    pub(crate) fn fcntl(&self, fd: i32, command: i32, argument: usize) -> Result {
        call!(self, fcntl, fd, command, argument)
    }

    pub(crate) fn ioctl(&self, fd: i32, request: libc::c_ulong) -> Result<i32> {
        let mut value = 0i32;
        call!(self, ioctl, fd, request, (&raw mut value).cast())?;
        Ok(value)
    }

    pub(crate) fn close(&self, fd: i32) -> Result {
        call!(self, close, fd)
    }

    pub(crate) fn shutdown(&self, fd: i32, how: i32) -> Result {
        call!(self, shutdown, fd, how)
    }

    pub(crate) fn getsockopt(&self, fd: i32, level: i32, option: i32) -> Result<Vec<u8>> {
        let mut value = [0u8; 512];
        let mut len = 512u32;
        call!(
            self,
            getsockopt,
            fd,
            level,
            option,
            value.as_mut_ptr().cast(),
            &raw mut len
        )?;
        Ok(value[..len as usize].to_vec())
    }

    pub(crate) fn getsockopt_to_nowhere(&self, fd: i32, level: i32, option: i32) -> Result {
        call!(
            self,
            getsockopt,
            fd,
            level,
            option,
            ptr::null_mut(),
            ptr::null_mut()
        )
    }

    pub(crate) fn setsockopt(&self, fd: i32, level: i32, option: i32, value: &[u8]) -> Result {
        let len = value.len() as u32;
        call!(
            self,
            setsockopt,
            fd,
            level,
            option,
            value.as_ptr().cast(),
            len
        )
    }

    pub(crate) fn recv_into_nowhere(&self, fd: i32, len: usize) -> Result {
        call!(self, recv, fd, ptr::without_provenance_mut(8), len, 0)
    }

    pub(crate) fn setsockopt_from_nowhere(&self, fd: i32, level: i32, option: i32) -> Result {
        call!(self, setsockopt, fd, level, option, ptr::null(), 4)
    }

    /// The revents of each.
    pub(crate) fn poll(&self, fds: &[(i32, i16)], timeout: i32) -> Result<Vec<i16>> {
        let mut list: Vec<libc::pollfd> = fds
            .iter()
            .map(|&(fd, events)| libc::pollfd {
                fd,
                events,
                revents: 0x7fff,
            })
            .collect();
        call!(self, poll, list.as_mut_ptr(), list.len() as u64, timeout)?;
        Ok(list.iter().map(|entry| entry.revents).collect())
    }

    pub(crate) fn netdev_send(&self, packet: &[u8]) -> Result {
        call!(self, netdev_send, packet.as_ptr().cast(), packet.len())
    }

    /// A packet and its time.
    pub(crate) fn netdev_receive(&self) -> Result<(Vec<u8>, Duration)> {
        let mut packet = vec![0u8; 70_000];
        let mut len = packet.len();
        let mut time = 0i64;
        call!(
            self,
            netdev_receive,
            packet.as_mut_ptr().cast(),
            &raw mut len,
            &raw mut time
        )?;
        packet.truncate(len);
        Ok((packet, Duration::from_micros(time as u64)))
    }

    pub(crate) fn usleep(&self, micros: u32) -> Result {
        call!(self, usleep, micros)
    }

    pub(crate) fn gettimeofday(&self) -> Result<Duration> {
        let mut time = libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        };
        call!(self, gettimeofday, &raw mut time, ptr::null_mut())?;
        Ok(Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64))
    }

    pub(crate) fn epoll_create(&self, size: i32) -> Result<i32> {
        call!(self, epoll_create, size).map(|fd| fd as i32)
    }

    pub(crate) fn epoll_ctl(&self, epoll: i32, operation: i32, fd: i32, events: u32) -> Result {
        let mut event = libc::epoll_event {
            events,
            u64: fd as u64,
        };
        call!(self, epoll_ctl, epoll, operation, fd, &raw mut event)
    }

    /// Descriptors and their events.
    pub(crate) fn epoll_wait(
        &self,
        epoll: i32,
        most: i32,
        timeout: i32,
    ) -> Result<Vec<(i32, u32)>> {
        let none = libc::epoll_event { events: 0, u64: 0 };
        let mut events = vec![none; most.max(1) as usize];
        let n = call!(self, epoll_wait, epoll, events.as_mut_ptr(), most, timeout)?;
        events.truncate(n as usize);
        Ok(events.iter().map(|e| (e.u64 as i32, e.events)).collect())
    }

    pub(crate) fn pipe(&self) -> Result<[i32; 2]> {
        let mut ends = [0i32; 2];
        call!(self, pipe, ends.as_mut_ptr())?;
        Ok(ends)
    }

    pub(crate) fn splice(&self, from: i32, to: i32, len: usize, flags: u32) -> Result {
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

    pub(crate) fn splice_at(&self, from: i32, to: i32, len: usize) -> Result {
        let mut offset = 0i64;
        call!(
            self,
            splice,
            from,
            &raw mut offset,
            to,
            ptr::null_mut(),
            len,
            0
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
    while raw.len() >= HEADER {
        let word = |at: usize| i32::from_ne_bytes(raw[at..at + 4].try_into().unwrap());
        let len = usize::from_ne_bytes(raw[..8].try_into().unwrap());
        list.push((word(8), word(12), raw[HEADER..len].to_vec()));
        raw = &raw[len.next_multiple_of(8).min(raw.len())..];
    }
    list
}

/// A `struct sockaddr_in` or `sockaddr_in6`.
pub(crate) fn sockaddr(address: SocketAddr) -> (Vec<u8>, u32) {
    let mut bytes = Vec::new();
    match address {
        SocketAddr::V4(v4) => {
            bytes.extend((libc::AF_INET as u16).to_ne_bytes());
            bytes.extend(v4.port().to_be_bytes());
            bytes.extend(v4.ip().octets());
            bytes.extend([0; 8]);
        }
        SocketAddr::V6(v6) => {
            bytes.extend((libc::AF_INET6 as u16).to_ne_bytes());
            bytes.extend(v6.port().to_be_bytes());
            bytes.extend([0; 4]);
            bytes.extend(v6.ip().octets());
            bytes.extend([0; 4]);
        }
    }
    let len = bytes.len() as u32;
    (bytes, len)
}
