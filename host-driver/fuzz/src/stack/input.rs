//! What bytes are taken for.

use arbitrary::Arbitrary;

/// A life of a stack.
#[derive(Debug, Arbitrary)]
pub(super) struct Input {
    /// The peer speaks IPv6.
    pub(super) v6: bool,
    /// The peer answers ARP and neighbour solicitations.
    pub(super) answers: bool,
    /// A connection to our listener is there from the beginning.
    pub(super) established: bool,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Arbitrary)]
pub(super) enum Step {
    Segment(Segment),
    Call(Call),
    /// Milliseconds.
    Pass(u16),
    Icmp(Icmp),
    /// Bytes in a frame of some kind; checksums are put right.
    Raw(Kind, Vec<u8>),
    /// Until the next deadline of the stack.
    Expire,
    /// All programs close everything.
    Leave,
    Datagram(Datagram),
    DatagramCall(DatagramCall),
    DatagramIcmp(DatagramIcmp),
}

/// A segment near the numbers of one of the peer's connections.
#[derive(Debug, Default, Arbitrary)]
pub(super) struct Segment {
    /// Which connection.
    pub(super) connection: u8,
    /// From what the peer would send next.
    pub(super) seq: i16,
    /// From what the peer would acknowledge next.
    pub(super) ack: i16,
    /// XORed to ACK: zero is the usual segment.
    pub(super) flags: u8,
    pub(super) len: u16,
    pub(super) window: u16,
    pub(super) urgent: u16,
    pub(super) traffic_class: u8,
    pub(super) options: Options,
}

#[derive(Debug, Default, Arbitrary)]
pub(super) enum Options {
    #[default]
    None,
    /// TSval ahead of the last, TSecr behind what the stack said.
    Timestamps(i16, i16),
    /// The usual options of a SYN.
    Syn {
        mss: u16,
        scale: u8,
    },
    /// Blocks from what the peer has acknowledged: distance and length.
    Sack(Vec<(i16, u16)>),
    Raw(Vec<u8>),
}

#[derive(Debug, Arbitrary)]
pub(super) enum Call {
    Write(u8, u16),
    Read(u8, u16),
    Connect,
    ShutdownWrite(u8),
    ShutdownRead(u8),
    Close(u8),
    Abort(u8),
    NoDelay(u8, bool),
    KeepAlive(u8, bool),
    /// Milliseconds.
    UserTimeout(u8, u16),
    CloseListener,
}

/// An ICMP message about a segment that the stack may have sent.
#[derive(Debug, Arbitrary)]
pub(super) struct Icmp {
    pub(super) kind: u8,
    pub(super) code: u8,
    /// MTU, pointer, unused.
    pub(super) rest: u32,
    pub(super) connection: u8,
    /// The quoted sequence number, before what was sent last.
    pub(super) seq: i16,
    /// Bytes that are quoted at most.
    pub(super) cut: u8,
}

/// A datagram from the peer to a socket's port.
#[derive(Debug, Arbitrary)]
pub(super) struct Datagram {
    /// Whose port; without sockets one that nobody has.
    pub(super) socket: u8,
    /// Which of the peer's ports.
    pub(super) port: u8,
    pub(super) len: u16,
    pub(super) to: To,
    pub(super) spoil: Spoil,
}

/// Whom a datagram is for.
#[derive(Debug, Arbitrary)]
pub(super) enum To {
    Us,
    /// The broadcast address, all nodes.
    All,
    /// Our address, in a frame for all.
    UsInAFrameForAll,
    /// A port that is perhaps nobody's.
    Port(u16),
}

/// What is wrong with a datagram.
#[derive(Debug, Arbitrary)]
pub(super) enum Spoil {
    Nothing,
    /// XORed to the right checksum.
    Checksum(u16),
    /// Zero: none, over IPv4.
    NoChecksum,
    /// Its own length, the checksum being right for what the packet holds.
    Length(u16),
    /// Bytes that its end lacks.
    Cut(u8),
}

#[derive(Debug, Arbitrary)]
pub(super) enum DatagramCall {
    Bind {
        any: bool,
        reusable: bool,
        /// Which of a few ports, or a free one.
        port: u8,
    },
    Connect(u8, Destination),
    Disconnect(u8),
    Send(u8, u16),
    SendTo(u8, Destination, u16),
    /// Room in the buffer, and whether the datagram is taken.
    Receive(u8, u16, bool),
    /// Neither bit: both ways.
    Shutdown(u8, u8),
    Broadcast(u8, bool),
    /// Bytes.
    Buffer(u8, u16),
    Close(u8),
    Abort(u8),
}

#[derive(Debug, Arbitrary)]
pub(super) enum Destination {
    /// One of the peer's ports.
    Peer(u8),
    /// A neighbour that never answers.
    Silent,
    All,
    Ourselves,
    /// To where there is no route.
    Outside,
    NoPort,
}

/// An ICMP message about a datagram that a socket may have sent.
#[derive(Debug, Arbitrary)]
pub(super) struct DatagramIcmp {
    pub(super) kind: u8,
    pub(super) code: u8,
    /// MTU, pointer, unused.
    pub(super) rest: u32,
    pub(super) socket: u8,
    /// To which of the peer's ports.
    pub(super) port: u8,
    /// Bytes that are quoted at most.
    pub(super) cut: u8,
}

#[derive(Debug, Arbitrary)]
pub(super) enum Kind {
    Arp,
    /// ICMP of the peer's family.
    Icmp,
    /// The same with hop limit 255.
    Neighbour,
    Tcp,
    Udp,
    /// An IP packet.
    Ip,
    Ethernet,
}

/// The peer connects to our listener.
pub(super) fn handshake() -> [Step; 2] {
    const SYN_ALONE: u8 = 0x12;
    let syn = Segment {
        flags: SYN_ALONE,
        window: 0xffff,
        options: Options::Syn {
            mss: 1460,
            scale: 7,
        },
        ..Segment::default()
    };
    let ack = Segment {
        window: 1000,
        options: Options::Timestamps(1, 0),
        ..Segment::default()
    };
    [Step::Segment(syn), Step::Segment(ack)]
}
