//! Questions and answers over the socket.

use std::{
    io,
    os::fd::BorrowedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use longshore_device::DeviceError;
use longshore_dma::{HostMemory, IovaTable};
use longshore_vfio_user::{
    Channel, ChannelError, Command, Errno, Header, Kind, MAX_DATA, Message, body::DmaAccess,
};

/// How it stands with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It answers.
    Live,
    /// It closed the connection: it is dead, or has let go of everything before.
    Closed,
    /// It was given up: what it still does is not known.
    Lost,
}

/// What became of a question.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The conversation is over.
    Channel(ChannelError),
    /// The server said no.
    Refused(io::Error),
}

impl Failure {
    /// As an error of the device, `what` having been tried.
    pub(crate) fn device(self, what: &'static str) -> DeviceError {
        match self {
            Self::Channel(ChannelError::TimedOut) => DeviceError::Timeout { what: "answering" },
            Self::Channel(_) => DeviceError::Gone,
            Self::Refused(source) => DeviceError::Io { what, source },
        }
    }
}

/// The conversation with the server.
pub(crate) struct Session {
    channel: Channel,
    timeout: Duration,
    next_id: u16,
    state: State,
    /// What the server may ask for: it need not map what it was given a file of.
    memory: Arc<IovaTable>,
}

impl Session {
    pub(crate) fn new(channel: Channel, timeout: Duration, memory: Arc<IovaTable>) -> Self {
        Self {
            channel,
            timeout,
            next_id: 0,
            state: State::Live,
            memory,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Asks and waits for the answer's body.
    pub(crate) fn ask(
        &mut self,
        command: Command,
        body: &[&[u8]],
        fds: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, Failure> {
        let deadline = Instant::now() + self.timeout;
        let header = self.header(command);
        let reply = self
            .send(header, body, fds, deadline)
            .and_then(|()| self.await_reply(header, deadline));
        let reply = self.watch(reply)?;
        match reply.header.failure() {
            None => Ok(reply.body),
            Some(errno) => {
                let errno = match errno {
                    0 => Errno::IO.raw_os_error(),
                    errno => errno as i32,
                };
                Err(Failure::Refused(io::Error::from_raw_os_error(errno)))
            }
        }
    }

    /// Sends a command whose success nobody waits for.
    pub(crate) fn tell(&mut self, command: Command, body: &[&[u8]]) -> Result<(), Failure> {
        let deadline = Instant::now() + self.timeout;
        let header = self.header(command).without_reply();
        let sent = self.send(header, body, &[], deadline);
        self.watch(sent)
    }

    /// Ends the conversation, waiting at most `patience` for the server's end of it. [`State::Closed`] if that came.
    pub(crate) fn end(&mut self, patience: Duration) -> State {
        if self.state != State::Closed {
            let closed = self.channel.hang_up(Instant::now() + patience);
            self.state = if closed { State::Closed } else { State::Lost };
        }
        self.state
    }

    fn header(&mut self, command: Command) -> Header {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        Header::command(id, command)
    }

    fn send(
        &mut self,
        header: Header,
        body: &[&[u8]],
        fds: &[BorrowedFd<'_>],
        deadline: Instant,
    ) -> Result<(), ChannelError> {
        match self.state {
            State::Live => self.channel.send(header, body, fds, deadline),
            State::Closed | State::Lost => Err(ChannelError::Closed),
        }
    }

    fn await_reply(&mut self, asked: Header, deadline: Instant) -> Result<Message, ChannelError> {
        loop {
            let message = self.channel.receive(deadline)?;
            match message.kind {
                Kind::Command => self.serve(&message, deadline)?,
                Kind::Reply
                    if message.header.id == asked.id && message.header.command == asked.command =>
                {
                    return Ok(message);
                }
                // The reply to a command that wanted none.
                Kind::Reply => {}
            }
        }
    }

    /// Answers the server's access to memory. It happens only while an answer of the server is waited for; at other
    /// times the server waits.
    fn serve(&mut self, message: &Message, deadline: Instant) -> Result<(), ChannelError> {
        let header = message.header;
        let answer = match Command::from_number(header.command) {
            Some(Command::DmaRead) => self.dma_read(&message.body),
            Some(Command::DmaWrite) => self.dma_write(&message.body),
            _ => Err(Errno::OPNOTSUPP),
        };
        if header.no_reply() {
            return Ok(());
        }
        match answer {
            Ok(body) => self.channel.send(header.reply(), &[&body], &[], deadline),
            Err(errno) => self.channel.send(header.refusal(errno), &[], &[], deadline),
        }
    }

    fn dma_read(&self, body: &[u8]) -> Result<Vec<u8>, Errno> {
        let (access, _) = DmaAccess::parse(body).ok_or(Errno::INVAL)?;
        let count = usize::try_from(access.count).map_err(|_| Errno::INVAL)?;
        if count > MAX_DATA {
            return Err(Errno::MSGSIZE);
        }
        let mut reply = access.encode();
        reply.resize(DmaAccess::LEN + count, 0);
        let to = &mut reply[DmaAccess::LEN..];
        self.memory
            .read(access.address, to)
            .map_err(|_| Errno::FAULT)?;
        Ok(reply)
    }

    fn dma_write(&self, body: &[u8]) -> Result<Vec<u8>, Errno> {
        let (access, data) = DmaAccess::parse(body).ok_or(Errno::INVAL)?;
        let count = usize::try_from(access.count).map_err(|_| Errno::INVAL)?;
        let data = data.get(..count).ok_or(Errno::INVAL)?;
        self.memory
            .write(access.address, data)
            .map_err(|_| Errno::FAULT)?;
        Ok(access.encode())
    }

    /// Keeps in mind what a failure means for the server.
    fn watch<R>(&mut self, result: Result<R, ChannelError>) -> Result<R, Failure> {
        result.map_err(|error| {
            if self.state == State::Live {
                tracing::warn!(%error, "the vfio-user server is gone");
                match error {
                    ChannelError::Closed => self.state = State::Closed,
                    // It shall know: a server that works again lets go of the memory then.
                    _ => _ = self.end(Duration::ZERO),
                }
            }
            Failure::Channel(error)
        })
    }
}
