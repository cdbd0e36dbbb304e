//! `recv`, `send` and their kin.

use crate::address::{self, Named};
use crate::errno::{Errno, Result};
use crate::port::{Attempt, Core, Patience, Port};
use crate::socket::tcp::MOST;

/// What a call has received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    /// How many bytes the call reports.
    pub(crate) count: usize,
    /// The sender's `struct sockaddr`; empty on a stream.
    pub(crate) name: Vec<u8>,
    /// `msg_flags`.
    pub(crate) flags: i32,
    /// Control messages, as they stand in memory.
    pub(crate) control: Vec<u8>,
}

/// SOL_TCP's control message TCP_CM_INQ.
const TCP_CM_INQ: i32 = 36;
/// Fragments of a packet of Linux's.
const MAX_SKB_FRAGS: usize = 17;

impl Port {
    /// recv(2)
    pub(crate) fn receive(&self, fd: i32, len: usize, flags: i32) -> Result<Message> {
        let is_udp = self.call(|core| {
            let is_udp = core.files.udp(fd)?.is_some();
            if !is_udp {
                core.files.tcp(fd)?;
            }
            Ok(is_udp)
        })?;
        if flags & libc::MSG_ERRQUEUE != 0 {
            return self.receive_error(fd, is_udp);
        }
        let len = len.min(MOST);
        if is_udp {
            return self.receive_datagram(fd, len, flags);
        }
        let peek = flags & libc::MSG_PEEK != 0;
        if flags & libc::MSG_OOB != 0 {
            let bytes = self.call(|core| core.files.tcp(fd)?.receive_urgent(peek))?;
            return Ok(Message {
                count: bytes.len(),
                flags: libc::MSG_OOB,
                bytes,
                ..Message::default()
            });
        }
        let mut bytes = self.receive_stream(fd, len, flags)?;
        let count = bytes.len();
        if flags & libc::MSG_TRUNC != 0 {
            // tcp(7): the bytes are thrown away.
            bytes.clear();
        }
        let control = self.call(|core| {
            let tcp = core.files.tcp(fd)?;
            let queued = tcp.options.tell_queued.then(|| tcp.inquire());
            Ok(queued.map_or_else(Vec::new, |n| {
                control(libc::SOL_TCP, TCP_CM_INQ, &n.to_ne_bytes())
            }))
        })?;
        Ok(Message {
            bytes,
            count,
            control,
            ..Message::default()
        })
    }

    /// The oldest of the error queue; never waits. ICMP errors are not put there: the next call tells them.
    fn receive_error(&self, fd: i32, is_udp: bool) -> Result<Message> {
        if is_udp {
            return Err(Errno::EAGAIN);
        }
        self.call(|core| {
            let tcp = core.files.tcp(fd)?;
            let (level, kind, data) = tcp.errors.take(tcp.family).ok_or(Errno::EAGAIN)?;
            Ok(Message {
                flags: libc::MSG_ERRQUEUE,
                control: control(level, kind, &data),
                ..Message::default()
            })
        })
    }

    fn receive_stream(&self, fd: i32, len: usize, flags: i32) -> Result<Vec<u8>> {
        let peek = flags & libc::MSG_PEEK != 0;
        let whole = flags & libc::MSG_WAITALL != 0;
        let (patience, low_water) = self.call(|core| {
            let tcp = core.files.tcp(fd)?;
            Ok((tcp.read_patience(), tcp.options.receive_low_water))
        })?;
        let patience = self.patience(fd, flags & libc::MSG_DONTWAIT != 0, patience)?;
        let target = if whole { len } else { low_water.min(len) };
        let mut bytes = Vec::new();
        let result = self.wait(patience, |core| {
            let tcp = core.files.tcp(fd)?;
            if peek {
                bytes.clear();
            }
            if !bytes.is_empty() && tcp.is_ended() && tcp.queued(libc::FIONREAD) == Ok(0) {
                // What has gone wrong is told by the next call.
                return Ok(Attempt::Done(()));
            }
            match tcp.receive(len - bytes.len(), peek)? {
                Attempt::Wait => return Ok(Attempt::Wait),
                Attempt::Done(part) if part.is_empty() => return Ok(Attempt::Done(())),
                Attempt::Done(part) => bytes.extend(part),
            }
            Ok(if bytes.len() >= target {
                Attempt::Done(())
            } else {
                Attempt::Wait
            })
        });
        match result {
            Err(_) if !bytes.is_empty() => Ok(bytes),
            other => other.map(|()| bytes),
        }
    }

    fn receive_datagram(&self, fd: i32, len: usize, flags: i32) -> Result<Message> {
        let peek = flags & libc::MSG_PEEK != 0;
        let patience = self.call(|core| {
            let udp = core.files.udp(fd)?.ok_or(Errno::EBADF)?;
            Ok((udp.read_patience(), udp.family))
        })?;
        let (patience, family) = patience;
        let patience = self.patience(fd, flags & libc::MSG_DONTWAIT != 0, patience)?;
        let (bytes, whole, from) = self.wait(patience, |core| {
            let udp = core.files.udp(fd)?.ok_or(Errno::EBADF)?;
            udp.receive(len, peek)
        })?;
        let cut = whole > bytes.len();
        Ok(Message {
            count: if flags & libc::MSG_TRUNC != 0 {
                whole
            } else {
                bytes.len()
            },
            bytes,
            name: address::encode(from, family),
            flags: if cut { libc::MSG_TRUNC } else { 0 },
            control: Vec::new(),
        })
    }

    /// send(2), to whom these bytes name if there are any.
    pub(crate) fn send(
        &self,
        fd: i32,
        bytes: &[u8],
        flags: i32,
        name: Option<&[u8]>,
    ) -> Result<usize> {
        self.send_parts(fd, (bytes, &[]), flags, name)
    }

    /// send(2) of a vector: with MSG_ZEROCOPY, each part is a fragment of a packet, and a packet has 17 at most.
    pub(crate) fn send_parts(
        &self,
        fd: i32,
        (bytes, parts): (&[u8], &[usize]),
        flags: i32,
        name: Option<&[u8]>,
    ) -> Result<usize> {
        let now = flags & libc::MSG_DONTWAIT != 0;
        if self.call(|core| Ok(core.files.udp(fd)?.is_some()))? {
            return self.send_datagram(fd, bytes, now, name);
        }
        if flags & libc::MSG_FASTOPEN != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        // A connected stream has its peer; Linux does not look at the name then.
        let patience = self.call(|core| Ok(core.files.tcp(fd)?.write_patience()))?;
        let patience = self.patience(fd, now, patience)?;
        let urgent = flags & libc::MSG_OOB != 0;
        let more = flags & libc::MSG_MORE != 0;
        if more {
            self.call(|core| core.files.tcp(fd)?.announce_more(true))?;
        }
        let pinned = flags & libc::MSG_ZEROCOPY != 0
            && self.call(|core| Ok(core.files.tcp(fd)?.options.zero_copy))?;
        let mut ends = if pinned { full(parts) } else { Vec::new() };
        ends.retain(|end| *end < bytes.len());
        if flags & libc::MSG_EOR != 0 && !bytes.is_empty() {
            ends.push(bytes.len());
        }
        let mut done = 0;
        let result = self.wait(patience, |core| {
            let tcp = core.files.tcp(fd)?;
            loop {
                // What has gone wrong is told by the next call, if this one has something to tell.
                if done > 0 && tcp.status().is_some_and(|status| status.failed) {
                    return Err(Errno::EPIPE);
                }
                let end = ends.iter().find(|end| **end > done);
                let stop = end.copied().unwrap_or(bytes.len());
                match tcp.send(&bytes[done..stop], urgent && stop == bytes.len())? {
                    Attempt::Wait => return Ok(Attempt::Wait),
                    Attempt::Done(n) => done += n,
                }
                if end.is_some_and(|end| *end == done) {
                    tcp.end_record()?;
                }
                if done == bytes.len() {
                    if !more {
                        tcp.announce_more(false)?;
                    }
                    return Ok(Attempt::Done(()));
                }
            }
        });
        if done > 0 && flags & libc::MSG_ZEROCOPY != 0 {
            self.call(|core| {
                core.files.tcp(fd)?.note_zero_copy();
                Ok(())
            })?;
        }
        match result {
            Err(_) if done > 0 => Ok(done),
            other => other.map(|()| done),
        }
    }

    fn send_datagram(
        &self,
        fd: i32,
        bytes: &[u8],
        now: bool,
        name: Option<&[u8]>,
    ) -> Result<usize> {
        let patience = self.patience(fd, now, Patience::ENDLESS)?;
        self.wait(patience, |core| {
            let Core { files, world, .. } = core;
            let udp = files.udp(fd)?.ok_or(Errno::EBADF)?;
            let to = match name
                .map(|name| address::parse(name, udp.family))
                .transpose()?
            {
                Some(Named::Address(to)) => Some(to),
                Some(Named::Unspecified) => return Err(Errno::EAFNOSUPPORT),
                None if udp.is_bound() => None,
                None => return Err(Errno::EDESTADDRREQ),
            };
            udp.send(world.stack(), bytes, to)
        })
    }
}

/// Where packets are full (MAX_SKB_FRAGS) that are made of parts of these lengths.
fn full(parts: &[usize]) -> Vec<usize> {
    let mut end = 0;
    let ends: Vec<usize> = parts
        .iter()
        .filter(|len| **len > 0)
        .map(|len| {
            end += len;
            end
        })
        .collect();
    ends.chunks_exact(MAX_SKB_FRAGS)
        .map(|packet| packet[MAX_SKB_FRAGS - 1])
        .collect()
}

/// A `struct cmsghdr` with its data, padded as CMSG_SPACE is.
fn control(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let header = size_of::<libc::cmsghdr>();
    let mut bytes = (header + data.len()).to_ne_bytes().to_vec();
    bytes.extend(level.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(size_of::<usize>()), 0);
    bytes
}
