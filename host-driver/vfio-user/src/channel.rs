//! Whole messages over a UNIX socket, with the file descriptors that come beside them.
//!
//! The socket is non-blocking: whoever waits does so until a deadline. Reads never go beyond the end of a message, so
//! descriptors that arrive belong to the message that is being read.

use std::{
    io::IoSlice,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, IoSliceMut},
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix,
        SocketFlags, SocketType, connect, recvmsg, sendmsg, shutdown, socket_with,
    },
};

use crate::{ChannelError, Header, Kind, MAX_DATA, body::RegionAccess};

/// Most file descriptors beside one message.
pub const MAX_FDS: usize = 16;

/// Most bytes of a message: one access with all the data that was agreed on, and room for the text of a handshake.
const LONGEST: usize = Header::LEN + RegionAccess::LEN + MAX_DATA;

/// A message that arrived.
#[derive(Debug)]
pub struct Message {
    /// Its header.
    pub header: Header,
    /// Command or reply.
    pub kind: Kind,
    /// What follows the header.
    pub body: Vec<u8>,
    /// File descriptors beside it.
    pub fds: Vec<OwnedFd>,
}

/// The message that is being read.
#[derive(Debug, Default)]
struct Inbox {
    header: [u8; Header::LEN],
    /// Bytes of header and body that are there.
    filled: usize,
    body: Vec<u8>,
    fds: Vec<OwnedFd>,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Channel {
    stream: UnixStream,
    inbox: Inbox,
    outbox: Vec<u8>,
    /// Something could not be received: where the next message begins is not known.
    broken: bool,
}

impl Channel {
    /// Takes a connected socket.
    ///
    /// # Errors
    /// [`ChannelError::Io`]: it cannot be made non-blocking.
    pub fn new(stream: UnixStream) -> Result<Self, ChannelError> {
        stream
            .set_nonblocking(true)
            .map_err(ChannelError::io("preparing a vfio-user socket"))?;
        Ok(Self {
            stream,
            inbox: Inbox::default(),
            outbox: Vec::new(),
            broken: false,
        })
    }

    /// Connects to the socket at `path`; waits until `deadline` for a server that is too busy to take connections.
    ///
    /// # Errors
    /// [`ChannelError::Io`]: there is no socket, or nobody behind it. [`ChannelError::TimedOut`].
    pub fn connect(path: &Path, deadline: Instant) -> Result<Self, ChannelError> {
        let what = "connecting to the vfio-user socket";
        let address = SocketAddrUnix::new(path).map_err(ChannelError::io(what))?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .map_err(ChannelError::io(what))?;
        loop {
            match connect(&socket, &address) {
                Ok(()) => return Self::new(socket.into()),
                // The queue of connections is full, and nothing tells when it no longer is.
                Err(Errno::AGAIN) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(Errno::AGAIN) => return Err(ChannelError::TimedOut),
                Err(Errno::INTR) => {}
                Err(e) => return Err(ChannelError::io(what)(e)),
            }
        }
    }

    /// The next message if all of it is there; never waits.
    ///
    /// # Errors
    /// [`ChannelError`]; the connection is of no use afterwards.
    pub fn try_receive(&mut self) -> Result<Option<Message>, ChannelError> {
        if self.broken {
            return Err(ChannelError::Closed);
        }
        let received = self.assemble();
        self.broken = received.is_err();
        received
    }

    fn assemble(&mut self) -> Result<Option<Message>, ChannelError> {
        loop {
            let filled = self.inbox.filled;
            let got = if filled < Header::LEN {
                let to = &mut self.inbox.header[filled..];
                read(&self.stream, to, &mut self.inbox.fds)?
            } else {
                let to = &mut self.inbox.body[filled - Header::LEN..];
                read(&self.stream, to, &mut self.inbox.fds)?
            };
            let Some(got) = got else {
                return Ok(None);
            };
            self.inbox.filled += got;
            if filled < Header::LEN && self.inbox.filled == Header::LEN {
                let Header { size, flags, .. } = Header::decode(&self.inbox.header);
                if Header::decode(&self.inbox.header).kind().is_none() {
                    return Err(ChannelError::BadKind { flags });
                }
                let body = (size as usize).checked_sub(Header::LEN);
                let body = body.filter(|_| size as usize <= LONGEST);
                let body = body.ok_or(ChannelError::BadSize {
                    size,
                    least: Header::LEN,
                    most: LONGEST,
                })?;
                self.inbox.body = vec![0; body];
            }
            if self.inbox.filled >= Header::LEN
                && self.inbox.filled - Header::LEN == self.inbox.body.len()
            {
                let inbox = std::mem::take(&mut self.inbox);
                let header = Header::decode(&inbox.header);
                let kind = header.kind().ok_or(ChannelError::BadKind {
                    flags: header.flags,
                })?;
                return Ok(Some(Message {
                    header,
                    kind,
                    body: inbox.body,
                    fds: inbox.fds,
                }));
            }
        }
    }

    /// The header of a message that cannot be received, for a last reply.
    pub fn last_header(&self) -> Option<Header> {
        (self.inbox.filled >= Header::LEN).then(|| Header::decode(&self.inbox.header))
    }

    /// The next message; waits for it until `deadline`.
    ///
    /// # Errors
    /// [`ChannelError`]. After [`ChannelError::TimedOut`] the connection can still be used.
    pub fn receive(&mut self, deadline: Instant) -> Result<Message, ChannelError> {
        loop {
            if let Some(message) = self.try_receive()? {
                return Ok(message);
            }
            self.wait(PollFlags::IN, deadline)?;
        }
    }

    /// Sends a message; its size is filled in. Waits until `deadline` for an other side that does not read.
    ///
    /// # Errors
    /// [`ChannelError`]; the connection is of no use afterwards, because half a message may have gone.
    pub fn send(
        &mut self,
        header: Header,
        body: &[&[u8]],
        fds: &[BorrowedFd<'_>],
        deadline: Instant,
    ) -> Result<(), ChannelError> {
        let size = Header::LEN + body.iter().map(|part| part.len()).sum::<usize>();
        let header = Header {
            size: u32::try_from(size).unwrap_or(u32::MAX),
            ..header
        };
        if size > LONGEST {
            return Err(ChannelError::BadSize {
                size: header.size,
                least: Header::LEN,
                most: LONGEST,
            });
        }
        if fds.len() > MAX_FDS {
            return Err(ChannelError::TooManyFds { most: MAX_FDS });
        }
        let mut bytes = std::mem::take(&mut self.outbox);
        bytes.clear();
        bytes.extend_from_slice(&header.encode());
        body.iter().for_each(|part| bytes.extend_from_slice(part));
        let done = self.write(&bytes, fds, deadline);
        self.outbox = bytes;
        done
    }

    fn write(
        &self,
        bytes: &[u8],
        fds: &[BorrowedFd<'_>],
        deadline: Instant,
    ) -> Result<(), ChannelError> {
        let mut sent = 0;
        while sent < bytes.len() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if sent == 0 && !fds.is_empty() {
                let fits = control.push(SendAncillaryMessage::ScmRights(fds));
                debug_assert!(fits, "there is room for the most descriptors");
            }
            let data = [IoSlice::new(&bytes[sent..])];
            match sendmsg(&self.stream, &data, &mut control, SendFlags::NOSIGNAL) {
                Ok(n) => sent += n,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, deadline)?,
                Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => {
                    return Err(ChannelError::Closed);
                }
                Err(e) => return Err(ChannelError::io("sending a vfio-user message")(e)),
            }
        }
        Ok(())
    }

    /// Ends the conversation in both directions; the other side sees it at once.
    pub fn shutdown(&self) {
        // The only failure is a connection that is gone already.
        let _ = shutdown(&self.stream, Shutdown::Both);
    }

    /// Says that nothing more will be sent, and waits until `deadline` for the other side to close. Whatever still
    /// arrives is dropped. True if it closed; nothing can be received afterwards.
    pub fn hang_up(&mut self, deadline: Instant) -> bool {
        let _ = shutdown(&self.stream, Shutdown::Write);
        self.broken = true;
        let mut dropped = [0; 4096];
        loop {
            let arrived = match read(&self.stream, &mut dropped, &mut Vec::new()) {
                Ok(Some(_)) | Err(ChannelError::TooManyFds { .. }) => Ok(()),
                Ok(None) => self.wait(PollFlags::IN, deadline),
                Err(error) => Err(error),
            };
            match arrived {
                Ok(()) => {}
                Err(error) => return matches!(error, ChannelError::Closed),
            }
        }
    }

    fn wait(&self, events: PollFlags, deadline: Instant) -> Result<(), ChannelError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ChannelError::TimedOut);
        }
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(&self.stream, events)], timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(ChannelError::io("waiting for a vfio-user message")(e)),
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Reads what is there into `to`; `None` if nothing is. An empty `to` is full.
fn read(
    stream: &UnixStream,
    to: &mut [u8],
    fds: &mut Vec<OwnedFd>,
) -> Result<Option<usize>, ChannelError> {
    if to.is_empty() {
        return Ok(Some(0));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut into = [IoSliceMut::new(to)];
        match recvmsg(stream, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::CONNRESET) => return Err(ChannelError::Closed),
            Err(e) => return Err(ChannelError::io("receiving a vfio-user message")(e)),
            Ok(received) => break received,
        }
    };
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    if received.flags.contains(ReturnFlags::CTRUNC) || fds.len() > MAX_FDS {
        return Err(ChannelError::TooManyFds { most: MAX_FDS });
    }
    match received.bytes {
        0 => Err(ChannelError::Closed),
        n => Ok(Some(n)),
    }
}

#[cfg(test)]
mod tests;
