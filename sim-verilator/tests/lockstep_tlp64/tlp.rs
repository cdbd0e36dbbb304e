//! TLPs as values, and as DWs and beats of the 64-bit stream (PCI Express Base Specification 5.0, section 2.2).

use longshore_hdl::stream::checker::Sample;

/// Routing and order of a request: echoed by its completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Id {
    /// Requester id.
    pub(crate) requester: u16,
    /// Tag.
    pub(crate) tag: u8,
    /// Traffic class.
    pub(crate) tc: u8,
    /// Attributes 2 to 0.
    pub(crate) attr: u8,
}

/// A memory request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) id: Id,
    /// Address of the first DW.
    pub(crate) addr: u64,
    /// DWs, 1..=1,024.
    pub(crate) dws: u16,
    pub(crate) first_be: u8,
    pub(crate) last_be: u8,
    pub(crate) poisoned: bool,
}

/// A completion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Completion {
    /// Of the request.
    pub(crate) id: Id,
    pub(crate) completer: u16,
    /// 0: SC, 1: UR, 2: CRS, 4: CA.
    pub(crate) status: u8,
    /// 1..=4,096.
    pub(crate) byte_count: u16,
    pub(crate) lower_address: u8,
    pub(crate) poisoned: bool,
    /// Whole DWs in memory order; empty: Cpl.
    pub(crate) data: Vec<u8>,
}

/// A TLP of a kind the root complex knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tlp {
    /// MRd.
    Read(Memory),
    /// MWr, its data in memory order.
    Write(Memory, Vec<u8>),
    /// Cpl or CplD.
    Completion(Completion),
    /// Anything else: its DWs.
    Other(Vec<u32>),
}

impl Memory {
    /// The request for `len` bytes at `addr`, which must not be empty.
    pub(crate) fn span(id: Id, addr: u64, len: usize) -> Self {
        let (lead, end) = (addr % 4, addr + len as u64);
        let dws = (end.div_ceil(4) - addr / 4) as u16;
        let first = 0xf_u8 << lead & 0xf;
        let last = 0xf_u8 >> ((4 - end % 4) % 4);
        let (first_be, last_be) = if dws == 1 {
            (first & last, 0)
        } else {
            (first, last)
        };
        Self {
            id,
            addr: addr - lead,
            dws,
            first_be,
            last_be,
            poisoned: false,
        }
    }

    /// Whether byte `i` of the data is enabled.
    pub(crate) fn enables(&self, i: usize) -> bool {
        let be = match i / 4 {
            0 => self.first_be,
            n if n + 1 == usize::from(self.dws) => self.last_be,
            _ => 0xf,
        };
        be >> (i % 4) & 1 == 1
    }

    /// The bytes from the first to the last enabled one; empty if there are none.
    pub(crate) fn bytes(&self) -> std::ops::Range<usize> {
        let all = 4 * usize::from(self.dws);
        let first = (0..all).find(|&i| self.enables(i));
        first.map_or(0..0, |first| {
            first
                ..(0..all)
                    .rfind(|&i| self.enables(i))
                    .map_or(first, |last| last + 1)
        })
    }

    /// Asserts the rules of 2.2.5 and 2.2.7 for byte enables and 4 KiB boundaries.
    pub(crate) fn assert_rules(&self) {
        let contiguous_up = [0xf, 0xe, 0xc, 0x8].contains(&self.first_be);
        let contiguous_down = [0xf, 7, 3, 1].contains(&self.last_be);
        if self.dws == 1 {
            assert_eq!(self.last_be, 0, "{self:x?}: last byte enables of one DW");
        } else {
            assert!(
                contiguous_up && contiguous_down,
                "{self:x?}: byte enables with gaps"
            );
        }
        let last = self.addr + 4 * u64::from(self.dws) - 1;
        assert_eq!(self.addr / 4096, last / 4096, "{self:x?} crosses 4 KiB");
    }
}

const READ: u32 = 0b000_00000;
const COMPLETION: u32 = 0b000_01010;
const FOUR_DW: u32 = 1 << 29;
const DATA: u32 = 1 << 30;

fn dw0(id: Id, kind: u32, dws: usize, poisoned: bool) -> u32 {
    let attr = u32::from(id.attr);
    kind << 24
        | u32::from(id.tc) << 20
        | (attr >> 2) << 18
        | u32::from(poisoned) << 14
        | (attr & 3) << 12
        | dws as u32 & 0x3ff
}

fn words(data: &[u8]) -> impl Iterator<Item = u32> {
    data.chunks(4)
        .map(|c| c.iter().fold(0, |w, b| w << 8 | u32::from(*b)))
}

fn bytes(dws: &[u32]) -> Vec<u8> {
    dws.iter().flat_map(|d| d.to_be_bytes()).collect()
}

impl Tlp {
    /// The TLP's DWs, the first byte on the link in bits 31:24.
    pub(crate) fn dws(&self) -> Vec<u32> {
        let memory = |m: &Memory, format: u32, data: &[u8]| {
            let high = (m.addr >> 32) as u32;
            let format = if high == 0 { format } else { format | FOUR_DW };
            let mut dws = vec![
                dw0(m.id, READ, m.dws.into(), m.poisoned) | format,
                u32::from(m.id.requester) << 16
                    | u32::from(m.id.tag) << 8
                    | u32::from(m.last_be) << 4
                    | u32::from(m.first_be),
            ];
            dws.extend((high != 0).then_some(high));
            dws.push(m.addr as u32);
            dws.extend(words(data));
            dws
        };
        match self {
            Self::Read(m) => memory(m, 0, &[]),
            Self::Write(m, data) => memory(m, DATA, data),
            Self::Completion(c) => {
                let format = if c.data.is_empty() { 0 } else { DATA };
                let mut dws = vec![
                    dw0(c.id, COMPLETION, c.data.len() / 4, c.poisoned) | format,
                    u32::from(c.completer) << 16
                        | u32::from(c.status) << 13
                        | u32::from(c.byte_count) & 0xfff,
                    u32::from(c.id.requester) << 16
                        | u32::from(c.id.tag) << 8
                        | u32::from(c.lower_address),
                ];
                dws.extend(words(&c.data));
                dws
            }
            Self::Other(dws) => dws.clone(),
        }
    }

    /// Parses a TLP. `None` if it is malformed: lengths that disagree, an address that should have had the other header.
    pub(crate) fn parse(dws: &[u32]) -> Option<Self> {
        let (&first, &second) = (dws.first()?, dws.get(1)?);
        let length = match first & 0x3ff {
            0 => 1024,
            n => n as u16,
        };
        let poisoned = first >> 14 & 1 == 1;
        let with_data = first & DATA != 0;
        let order = Id {
            tc: (first >> 20 & 7) as u8,
            attr: ((first >> 18 & 1) << 2 | first >> 12 & 3) as u8,
            ..Id::default()
        };
        let payload = |header: usize| {
            let data = dws.get(header..)?;
            let expected = if with_data { usize::from(length) } else { 0 };
            (data.len() == expected).then(|| bytes(data))
        };
        match first >> 24 & 0x9f {
            READ => {
                let four_dw = first & FOUR_DW != 0;
                let (high, low) = if four_dw {
                    (*dws.get(2)?, *dws.get(3)?)
                } else {
                    (0, *dws.get(2)?)
                };
                let m = Memory {
                    id: Id {
                        requester: (second >> 16) as u16,
                        tag: (second >> 8) as u8,
                        ..order
                    },
                    addr: u64::from(high) << 32 | u64::from(low & !3),
                    dws: length,
                    first_be: second as u8 & 0xf,
                    last_be: (second >> 4) as u8 & 0xf,
                    poisoned,
                };
                let data = payload(3 + usize::from(four_dw))?;
                // 2.2.4.1: below 4 GiB only the 3-DW header is allowed.
                (four_dw == (high != 0)).then_some(if with_data {
                    Self::Write(m, data)
                } else {
                    Self::Read(m)
                })
            }
            COMPLETION => {
                let third = *dws.get(2)?;
                Some(Self::Completion(Completion {
                    id: Id {
                        requester: (third >> 16) as u16,
                        tag: (third >> 8) as u8,
                        ..order
                    },
                    completer: (second >> 16) as u16,
                    status: (second >> 13 & 7) as u8,
                    byte_count: match second & 0xfff {
                        0 => 4096,
                        n => n as u16,
                    },
                    lower_address: third as u8 & 0x7f,
                    poisoned,
                    data: payload(3)?,
                }))
            }
            _ => Some(Self::Other(dws.to_vec())),
        }
    }
}

/// DWs as beats: DW n in lane n mod 2.
pub(crate) fn beats(dws: &[u32]) -> Vec<Sample> {
    let count = dws.len().div_ceil(2);
    let beat = |(i, pair): (usize, &[u32])| Sample {
        tdata: u64::from(pair[0]) | pair.get(1).map_or(0, |d| u64::from(*d) << 32),
        tkeep: if pair.len() == 2 { 0xff } else { 0x0f },
        tlast: i + 1 == count,
        tvalid: true,
        tready: false,
    };
    dws.chunks(2).enumerate().map(beat).collect()
}

/// Beats back into DWs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    dws: Vec<u32>,
}

impl Assembler {
    /// Takes a beat that moves; gives the TLP's DWs with its last one.
    pub(crate) fn push(&mut self, tdata: u64, tkeep: u8, tlast: bool) -> Option<Vec<u32>> {
        self.dws.push(tdata as u32);
        match tkeep {
            0xff => self.dws.push((tdata >> 32) as u32),
            0x0f => assert!(tlast, "half a beat inside a TLP"),
            _ => panic!("tkeep {tkeep:#x} on a TLP stream"),
        }
        tlast.then(|| std::mem::take(&mut self.dws))
    }
}
