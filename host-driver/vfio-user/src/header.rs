//! What every message begins with (section Header).

/// What a message asks for (section Commands).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Command {
    /// Handshake, the first message.
    Version = 1,
    /// Memory that the device may reach from now on.
    DmaMap = 2,
    /// Memory that it may reach no more.
    DmaUnmap = 3,
    /// What the device is.
    GetInfo = 4,
    /// What a region is.
    GetRegionInfo = 5,
    /// File descriptors for accesses to a region.
    GetRegionIoFds = 6,
    /// What a kind of interrupt is.
    GetIrqInfo = 7,
    /// Where interrupts go.
    SetIrqs = 8,
    /// Read from a region.
    RegionRead = 9,
    /// Write to a region.
    RegionWrite = 10,
    /// Read the client's memory (from the server).
    DmaRead = 11,
    /// Write the client's memory (from the server).
    DmaWrite = 12,
    /// Reset the device.
    Reset = 13,
    /// Log of dirty pages (protocol 0.1 before it was taken out).
    DirtyPages = 14,
    /// Several small writes at once.
    RegionWriteMulti = 15,
    /// `VFIO_DEVICE_FEATURE`.
    DeviceFeature = 16,
    /// Read migration data.
    MigDataRead = 17,
    /// Write migration data.
    MigDataWrite = 18,
}

impl Command {
    /// All commands, by number.
    pub const ALL: [Self; 18] = [
        Self::Version,
        Self::DmaMap,
        Self::DmaUnmap,
        Self::GetInfo,
        Self::GetRegionInfo,
        Self::GetRegionIoFds,
        Self::GetIrqInfo,
        Self::SetIrqs,
        Self::RegionRead,
        Self::RegionWrite,
        Self::DmaRead,
        Self::DmaWrite,
        Self::Reset,
        Self::DirtyPages,
        Self::RegionWriteMulti,
        Self::DeviceFeature,
        Self::MigDataRead,
        Self::MigDataWrite,
    ];

    /// The command of that number.
    pub fn from_number(number: u16) -> Option<Self> {
        let index = usize::from(number).checked_sub(1)?;
        Self::ALL.get(index).copied()
    }
}

/// Whether a message asks or answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asks.
    Command,
    /// Answers the command with the same message id.
    Reply,
}

const TYPE_MASK: u32 = 0xf;
const REPLY: u32 = 1;
const NO_REPLY: u32 = 1 << 4;
const ERROR: u32 = 1 << 5;

/// What every message begins with: 16 bytes, in the machine's byte order as all of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Chosen by who asks; the reply bears it too.
    pub id: u16,
    /// Number of the command.
    pub command: u16,
    /// Bytes of the whole message, header included.
    pub size: u32,
    /// Kind, "no reply wanted", "error".
    pub flags: u32,
    /// In a reply with the error flag: an errno, or 0.
    pub error: u32,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 16;

    /// The header of a command; its size is filled in when it is sent.
    pub fn command(id: u16, command: Command) -> Self {
        Self {
            id,
            command: command as u16,
            size: 0,
            flags: 0,
            error: 0,
        }
    }

    /// The header of the reply to this command.
    pub fn reply(&self) -> Self {
        Self {
            size: 0,
            flags: REPLY,
            error: 0,
            ..*self
        }
    }

    /// The header of a reply that tells of an error. Such a reply has no body.
    pub fn refusal(&self, errno: rustix::io::Errno) -> Self {
        Self {
            flags: REPLY | ERROR,
            error: errno.raw_os_error().unsigned_abs(),
            ..self.reply()
        }
    }

    /// Whether the message asks or answers; `None`: it does neither.
    pub fn kind(&self) -> Option<Kind> {
        match self.flags & TYPE_MASK {
            0 => Some(Kind::Command),
            REPLY => Some(Kind::Reply),
            _ => None,
        }
    }

    /// True if the sender of a command wants no reply.
    pub fn no_reply(&self) -> bool {
        self.flags & NO_REPLY != 0
    }

    /// The same command, for which no reply is wanted.
    pub fn without_reply(self) -> Self {
        Self {
            flags: self.flags | NO_REPLY,
            ..self
        }
    }

    /// The error that a reply tells of: an errno, 0 if the sender names none.
    pub fn failure(&self) -> Option<u32> {
        (self.flags & ERROR != 0).then_some(self.error)
    }

    /// A header from its bytes; any bytes are one.
    pub fn decode(bytes: &[u8; Self::LEN]) -> Self {
        let [a, b, c, d, s0, s1, s2, s3, f0, f1, f2, f3, e0, e1, e2, e3] = *bytes;
        Self {
            id: u16::from_ne_bytes([a, b]),
            command: u16::from_ne_bytes([c, d]),
            size: u32::from_ne_bytes([s0, s1, s2, s3]),
            flags: u32::from_ne_bytes([f0, f1, f2, f3]),
            error: u32::from_ne_bytes([e0, e1, e2, e3]),
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..2].copy_from_slice(&self.id.to_ne_bytes());
        bytes[2..4].copy_from_slice(&self.command.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.size.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.flags.to_ne_bytes());
        bytes[12..].copy_from_slice(&self.error.to_ne_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_are_numbered_without_a_gap() {
        for (number, command) in (1..).zip(Command::ALL) {
            assert_eq!(command as u16, number);
            assert_eq!(Command::from_number(number), Some(command));
        }
        assert_eq!(Command::from_number(0), None);
        assert_eq!(Command::from_number(19), None);
    }

    #[test]
    fn a_refusal_bears_the_id_and_the_errno() {
        let asked = Header::command(7, Command::DmaMap);
        let refused = asked.refusal(rustix::io::Errno::EXIST);
        assert_eq!(refused.kind(), Some(Kind::Reply));
        assert_eq!((refused.id, refused.command), (7, 2));
        assert_eq!(refused.failure(), Some(17));
        assert_eq!(asked.reply().failure(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_header_and_come_back(bytes: [u8; 16]) {
            prop_assert_eq!(Header::decode(&bytes).encode(), bytes);
        }
    }
}
