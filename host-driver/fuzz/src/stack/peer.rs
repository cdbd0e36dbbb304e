//! The peer's side of a connection: its numbers, and the bytes of its stream.

use tcp_core::Flags;

use super::input::{Options, Segment};

/// The peer's bytes, by sequence number: no two stretches look the same.
pub(super) fn peer_byte(seq: u32) -> u8 {
    seq.wrapping_mul(0x9E37_79B9).to_be_bytes()[0]
}

/// A program's bytes, by offset in its stream.
pub(super) fn program_byte(offset: u32) -> u8 {
    offset.wrapping_mul(0x85EB_CA6B).to_be_bytes()[0]
}

/// One of the peer's connections.
#[derive(Debug)]
pub(super) struct Peer {
    /// The peer's port and the stack's.
    pub(super) ports: (u16, u16),
    /// What the peer sends next.
    snd_nxt: u32,
    /// What it has seen of the stack's numbers.
    rcv_nxt: u32,
    /// The stack's initial sequence number, of its last SYN.
    iss: Option<u32>,
    /// Sequence numbers of all SYNs the peer has sent: any may be the one that opened the connection.
    pub(super) syns: Vec<u32>,
    /// TSval of the peer's last segment, and of the stack's.
    timestamps: (u32, u32),
}

impl Peer {
    pub(super) fn new(ports: (u16, u16)) -> Self {
        Self {
            ports,
            // Crosses the wrap.
            snd_nxt: u32::MAX - 5000,
            rcv_nxt: 0,
            iss: None,
            syns: Vec::new(),
            timestamps: (1000, 0),
        }
    }

    /// Header and data of a segment; the checksum is not filled in.
    pub(super) fn segment(&mut self, segment: &Segment) -> Vec<u8> {
        let flags = segment.flags ^ Flags::ACK.bits();
        let seq = self.snd_nxt.wrapping_add_signed(segment.seq.into());
        let ack = self.rcv_nxt.wrapping_add_signed(segment.ack.into());
        let len = u32::from(segment.len % 1461);
        let mut options = self.options(&segment.options);
        options.truncate(40);
        options.resize(options.len().next_multiple_of(4), 0);
        let mut bytes = Vec::with_capacity(60 + len as usize);
        bytes.extend(self.ports.0.to_be_bytes());
        bytes.extend(self.ports.1.to_be_bytes());
        bytes.extend(seq.to_be_bytes());
        bytes.extend(ack.to_be_bytes());
        let words = (20 + options.len()) / 4;
        bytes.extend([(words as u8) << 4, flags]);
        bytes.extend(segment.window.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(segment.urgent.to_be_bytes());
        bytes.extend(options);
        let flags = Flags::from_bits_retain(flags);
        // The SYN takes a number.
        let syn = u32::from(flags.contains(Flags::SYN));
        let fin = u32::from(flags.contains(Flags::FIN));
        bytes.extend((0..len).map(|i| peer_byte(seq.wrapping_add(syn + i))));
        if syn == 1 && !self.syns.contains(&seq) {
            self.syns.push(seq);
        }
        if segment.seq == 0 {
            self.snd_nxt = seq.wrapping_add(syn + len + fin);
        }
        bytes
    }

    fn options(&mut self, options: &Options) -> Vec<u8> {
        let (value, echo) = &mut self.timestamps;
        let mut stamp = |ahead: i16, behind: i16| {
            *value = value.wrapping_add_signed(ahead.into());
            let echo = echo.wrapping_add_signed(-i32::from(behind));
            [&[8, 10][..], &value.to_be_bytes(), &echo.to_be_bytes()].concat()
        };
        match options {
            Options::None => Vec::new(),
            Options::Timestamps(ahead, behind) => [&[1, 1][..], &stamp(*ahead, *behind)].concat(),
            Options::Syn { mss, scale } => {
                let [high, low] = mss.to_be_bytes();
                let begin = [2, 4, high, low, 4, 2];
                [&begin[..], &stamp(1, 0), &[1, 3, 3, *scale]].concat()
            }
            Options::Sack(blocks) => {
                let blocks = &blocks[..blocks.len().min(4)];
                let mut bytes = vec![1, 1, 5, 2 + 8 * blocks.len() as u8];
                for (distance, len) in blocks {
                    let left = self.rcv_nxt.wrapping_add_signed((*distance).into());
                    bytes.extend(left.to_be_bytes());
                    bytes.extend(left.wrapping_add((*len).into()).to_be_bytes());
                }
                bytes
            }
            Options::Raw(bytes) => bytes.clone(),
        }
    }

    /// A segment of the stack arrives.
    ///
    /// # Panics
    /// If its data are not what the program wrote.
    pub(super) fn receive(&mut self, segment: &tcp_core::Segment, payload: &[u8]) {
        let mut start = segment.seq.0;
        if segment.flags.contains(Flags::SYN) {
            self.iss = Some(start);
            start = start.wrapping_add(1);
            self.rcv_nxt = start;
        }
        if let Some(timestamps) = segment.options.timestamps {
            self.timestamps.1 = timestamps.value;
        }
        if let Some(iss) = self.iss {
            for (i, byte) in (0..).zip(payload) {
                let offset = start.wrapping_add(i).wrapping_sub(iss).wrapping_sub(1);
                assert_eq!(*byte, program_byte(offset), "at {offset} of {segment:?}");
            }
        }
        let fin = u32::from(segment.flags.contains(Flags::FIN));
        let end = start.wrapping_add(payload.len() as u32 + fin);
        if end.wrapping_sub(self.rcv_nxt).cast_signed() > 0 {
            self.rcv_nxt = end;
        }
    }

    /// The first bytes of a segment that the stack may have sent.
    pub(super) fn quoted(&self, seq: i16) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.ports.1.to_be_bytes());
        bytes.extend(self.ports.0.to_be_bytes());
        let seq = self.rcv_nxt.wrapping_add_signed(seq.into());
        bytes.extend(seq.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
        bytes
    }
}
