//! The connection to the present client, shared by who answers its commands and who accesses its memory.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use longshore_vfio_user::{
    Capabilities, Channel, ChannelError, Command, Errno, Header, Kind, Message, body::DmaAccess,
};
use parking_lot::Mutex;

/// A client that does not read its replies for so long is given up.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// A client that does not answer an access to its memory for so long is asked no more.
const ACCESS_TIMEOUT: Duration = Duration::from_secs(2);
/// Commands that are kept while the client is asked for its memory; one that sends more is given up.
const MOST_KEPT: usize = 256;

/// An access to the client's memory over the socket failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unanswered;

struct Connection {
    channel: Channel,
    /// Commands that came while a reply was waited for.
    kept: VecDeque<Message>,
    next_id: u16,
    /// Bytes of data that the client takes in one message.
    most: usize,
    /// It does not answer accesses to its memory.
    deaf: bool,
}

/// The connection, if there is a client.
#[derive(Default)]
pub(crate) struct Link(Mutex<Option<Connection>>);

impl Link {
    /// Takes up a client.
    pub(crate) fn open(&self, channel: Channel) {
        *self.0.lock() = Some(Connection {
            channel,
            kept: VecDeque::new(),
            next_id: 0,
            most: Capabilities::default().max_data_xfer_size as usize,
            deaf: false,
        });
    }

    /// Hangs up.
    pub(crate) fn close(&self) {
        *self.0.lock() = None;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.lock().is_some()
    }

    /// True if commands came while the client was asked for its memory.
    pub(crate) fn has_kept(&self) -> bool {
        self.0.lock().as_ref().is_some_and(|c| !c.kept.is_empty())
    }

    /// What the client told in the handshake.
    pub(crate) fn agree(&self, capabilities: Capabilities) {
        if let Some(c) = self.0.lock().as_mut() {
            c.most = usize::try_from(capabilities.max_data_xfer_size).unwrap_or(usize::MAX);
        }
    }

    /// The next command, if one is there. Replies that nobody waits for any more are dropped.
    pub(crate) fn next(&self) -> Result<Option<Message>, ChannelError> {
        let mut connection = self.0.lock();
        let Some(c) = connection.as_mut() else {
            return Ok(None);
        };
        if let Some(message) = c.kept.pop_front() {
            return Ok(Some(message));
        }
        loop {
            match c.channel.try_receive() {
                Ok(Some(message)) if message.kind == Kind::Reply => {}
                Ok(other) => return Ok(other),
                Err(error) => {
                    // A last word to who sent something impossible.
                    if let Some(header) = c.channel.last_header() {
                        let refusal = header.refusal(Errno::MSGSIZE);
                        let _ = c.channel.send(refusal, &[], &[], Instant::now());
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Answers the command `asked`.
    pub(crate) fn reply(
        &self,
        asked: &Header,
        answer: Result<&[u8], Errno>,
    ) -> Result<(), ChannelError> {
        let deadline = Instant::now() + SEND_TIMEOUT;
        match self.0.lock().as_mut() {
            None => Ok(()),
            Some(c) => match answer {
                Ok(body) => c.channel.send(asked.reply(), &[body], &[], deadline),
                Err(errno) => c.channel.send(asked.refusal(errno), &[], &[], deadline),
            },
        }
    }

    /// Reads the client's memory over the socket.
    pub(crate) fn dma_read(&self, address: u64, to: &mut [u8]) -> Result<(), Unanswered> {
        let mut connection = self.0.lock();
        let c = connection.as_mut().ok_or(Unanswered)?;
        let most = c.most.max(1);
        for (at, part) in (address..).step_by(most).zip(to.chunks_mut(most)) {
            let body = c.exchange(Command::DmaRead, at, part.len(), &[])?;
            part.copy_from_slice(body.get(..part.len()).ok_or(Unanswered)?);
        }
        Ok(())
    }

    /// Writes the client's memory over the socket.
    pub(crate) fn dma_write(&self, address: u64, data: &[u8]) -> Result<(), Unanswered> {
        let mut connection = self.0.lock();
        let c = connection.as_mut().ok_or(Unanswered)?;
        let most = c.most.max(1);
        for (at, part) in (address..).step_by(most).zip(data.chunks(most)) {
            c.exchange(Command::DmaWrite, at, part.len(), part)?;
        }
        Ok(())
    }
}

impl Connection {
    /// Sends a command and waits for its reply; gives what follows the repeated address and count.
    fn exchange(
        &mut self,
        command: Command,
        address: u64,
        count: usize,
        data: &[u8],
    ) -> Result<Vec<u8>, Unanswered> {
        if self.deaf {
            return Err(Unanswered);
        }
        let answer = self.ask(command, address, count, data);
        if matches!(answer, Err(ChannelError::TimedOut)) {
            tracing::warn!(
                address,
                "the client does not answer accesses to its memory: they fault from now on"
            );
            self.deaf = true;
        }
        let message = answer.map_err(|_| Unanswered)?;
        if message.header.failure().is_some() {
            return Err(Unanswered);
        }
        // The reply to a write may have a count of 4 bytes or of 8, by the specification and by its readers.
        if command == Command::DmaWrite {
            return Ok(Vec::new());
        }
        let (repeated, rest) = DmaAccess::parse(&message.body).ok_or(Unanswered)?;
        let same = repeated.address == address && repeated.count == count as u64;
        same.then(|| rest.to_vec()).ok_or(Unanswered)
    }

    fn ask(
        &mut self,
        command: Command,
        address: u64,
        count: usize,
        data: &[u8],
    ) -> Result<Message, ChannelError> {
        let deadline = Instant::now() + ACCESS_TIMEOUT;
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let access = DmaAccess {
            address,
            count: count as u64,
        };
        let header = Header::command(id, command);
        self.channel
            .send(header, &[&access.encode(), data], &[], deadline)?;
        loop {
            let message = self.channel.receive(deadline)?;
            match message.kind {
                Kind::Reply
                    if message.header.id == id && message.header.command == command as u16 =>
                {
                    return Ok(message);
                }
                // Too late an answer to an earlier question.
                Kind::Reply => {}
                Kind::Command if self.kept.len() < MOST_KEPT => self.kept.push_back(message),
                Kind::Command => {
                    self.channel.shutdown();
                    return Err(ChannelError::Closed);
                }
            }
        }
    }
}
