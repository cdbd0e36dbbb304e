//! Packets, as scripts write them.

/// Which way a packet goes, seen from the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `<`
    Inbound,
    /// `>`
    Outbound,
}

/// A packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// Which way it goes.
    pub direction: Direction,
    /// What is said of its IP header.
    pub ip: IpInfo,
    /// What it carries.
    pub transport: Transport,
}

/// What a script says of an IP header, in brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpInfo {
    /// `[ect0]`
    pub ecn: Option<Ecn>,
    /// `[tos 0x10]`: the whole octet.
    pub tos: Option<u8>,
    /// `[ttl 1]`
    pub ttl: Option<u8>,
}

/// RFC 3168's two bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecn {
    /// `[noecn]`
    Not,
    /// `[ect1]`
    Ect1,
    /// `[ect0]`
    Ect0,
    /// `[ect01]`: either of both.
    Ect01,
    /// `[ce]`
    Ce,
}

impl Ecn {
    /// The bits; those of ECT(0) for either.
    pub fn bits(self) -> u8 {
        match self {
            Self::Not => 0,
            Self::Ect1 => 1,
            Self::Ect0 | Self::Ect01 => 2,
            Self::Ce => 3,
        }
    }
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Transport {
    /// A TCP segment.
    Tcp(Segment),
    /// A datagram of that many bytes.
    Udp(usize),
    /// An error about a packet of ours.
    Icmp(Icmp),
}

/// A TCP segment; sequence numbers are relative to the initial ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// Letters of the flags: `FSRPEWUA.`
    pub flags: String,
    /// A digit after them: AccECN's counter, in AE, CWR and ECE.
    pub ace: Option<u8>,
    /// First sequence number.
    pub seq: u32,
    /// Bytes of payload.
    pub len: usize,
    /// Acknowledgement.
    pub ack: Option<u32>,
    /// Window as in the header.
    pub window: Option<u16>,
    /// Urgent pointer.
    pub urgent: Option<u16>,
    /// Options.
    pub options: Options,
}

impl Segment {
    /// Whether a flag is among the letters.
    pub fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }
}

/// What a script says of TCP's options.
#[derive(Clone, Debug, PartialEq)]
pub enum Options {
    /// `<...>`: whatever they are.
    Any,
    /// These, in this order.
    These(Vec<TcpOption>),
}

impl Default for Options {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

/// One of TCP's options.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the options'")]
pub enum TcpOption {
    Eol,
    Nop,
    Mss(u16),
    WindowScale(u8),
    SackOk,
    Sack(Vec<(u32, u32)>),
    Timestamp(u32, u32),
    /// Fast Open's cookie: hexadecimal, or the name of a definition; `true` for the experimental option.
    FastOpen(String, bool),
    /// Any other kind, with what follows its length.
    Other(u8, Vec<u8>),
}

/// An ICMP error.
#[derive(Clone, Debug, PartialEq)]
pub struct Icmp {
    /// `unreachable`, `packet_too_big`
    pub kind: String,
    /// `host_unreachable`, `frag_needed`
    pub code: Option<String>,
    /// `mtu 1200`
    pub mtu: u32,
    /// First sequence number and length of the segment that it is about; of a datagram, only its length.
    pub about: Option<(Option<u32>, usize)>,
}
