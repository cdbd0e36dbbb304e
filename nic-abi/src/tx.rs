//! Transmit: one context descriptor, then its buffer descriptors, in the submission queue (SQ).
//!
//! The buffers concatenated are one frame, or for segmentation one *template header* followed by the
//! payload: `header_len + payload_len` bytes, starting with the Ethernet header, without FCS.
//!
//! Segmentation (flag TSO; TCP over IPv4 or IPv6) cuts the payload into segments of at most `mss`
//! bytes, each under a copy of the template, with Linux's GSO rules: sequence number + mss; FIN and
//! PSH on the last segment only; CWR on the first only (on every one with CWR_ALL); IPv4
//! identification + 1 (or fixed with IP_ID_FIXED); IP lengths and both checksums per segment. The
//! template's length and checksum fields are ignored.
//!
//! Without TSO the frame goes out as it is but for the checksums that the flags ask for. An IPv4 header checksum and a partial
//! checksum may be asked for together: each sums the bytes as they lie in the buffers, whatever the other changes, and where both go to
//! the same word the partial one stands.
//!
//! A request is taken up when all of its descriptors are posted, not before; one with more descriptors than the ring has entries
//! never is. Queue pairs take turns; one whose request is not whole, or whose completion ring has no room
//! ([`crate::ring::COMPLETIONS_KEPT`]), is passed over.

use crate::fault::Status;
use crate::field::{Field, Layout};
use crate::handle::FlowHandle;

/// Value of a descriptor's type field: a context.
pub const TYPE_CONTEXT: u64 = 1;
/// Value of a descriptor's type field: a buffer.
pub const TYPE_BUFFER: u64 = 2;
/// Largest payload of one request in bytes.
pub const PAYLOAD_MAX: u32 = 65_536;
/// Most buffers of one request.
pub const BUFFERS_MAX: u32 = 31;
/// Largest buffer in bytes: all of a request in one.
pub const BUFFER_LEN_MAX: u32 = PAYLOAD_MAX + 255;
/// Smallest frame that is sent; shorter ones are padded with zeros. No FCS.
pub const FRAME_MIN: u32 = 60;
/// Shortest header of a request that asks for TSO or a full checksum, in bytes: Ethernet + 20.
pub const HEADER_MIN: u32 = 34;

/// Handle of the flow that the request belongs to.
pub const HANDLE: Field = Field::new("handle", 0, 32);
/// Payload bytes beyond the header: 0..=65,536.
pub const PAYLOAD_LEN: Field = Field::new("payload_len", 32, 17);
/// Number of buffer descriptors that follow: 1..=31.
pub const BUFFERS: Field = Field::new("buffers", 49, 5);
/// Offset of the IP header.
pub const L3_OFFSET: Field = Field::new("l3_offset", 56, 8);
/// TSO: payload bytes per segment.
pub const MSS: Field = Field::new("mss", 64, 16);
/// Partial checksum: where summing starts (even). Shares its bits with MSS.
pub const CSUM_START: Field = Field::new("csum_start", 64, 8);
/// Partial checksum: where the result goes (even). Shares its bits with MSS.
pub const CSUM_OFFSET: Field = Field::new("csum_offset", 72, 8);
/// VLAN tag to insert (feature VLAN_INSERT), zero otherwise.
pub const VLAN: Field = Field::new("vlan", 80, 16);
/// Offset of the TCP or UDP header.
pub const L4_OFFSET: Field = Field::new("l4_offset", 96, 8);
/// Length of the header (template) in bytes.
pub const HEADER_LEN: Field = Field::new("header_len", 104, 8);
/// Segment the payload. Implies both checksums.
pub const TSO: Field = Field::new("tso", 112, 1);
/// The IP header is IPv6.
pub const IPV6: Field = Field::new("ipv6", 113, 1);
/// Insert the IPv4 header checksum. The header ends at `l4_offset`.
pub const L3_CSUM: Field = Field::new("l3_csum", 114, 1);
/// Insert the whole TCP or UDP checksum, pseudo-header included.
pub const L4_CSUM: Field = Field::new("l4_csum", 115, 1);
/// The layer-4 protocol is UDP: the checksum lies at + 6, and a result of 0 is sent as 0xFFFF.
pub const UDP: Field = Field::new("udp", 116, 1);
/// Sum from `csum_start` to the end, the field at `csum_offset` included, and put the result there.
pub const PARTIAL_CSUM: Field = Field::new("partial_csum", 117, 1);
/// TSO: every segment has the template's IPv4 identification.
pub const IP_ID_FIXED: Field = Field::new("ip_id_fixed", 118, 1);
/// TSO: CWR stays on every segment (AccECN).
pub const CWR_ALL: Field = Field::new("cwr_all", 119, 1);
/// Insert `vlan` (feature VLAN_INSERT).
pub const VLAN_INSERT: Field = Field::new("vlan_insert", 120, 1);
/// Write a completion when the request is done. A failed request is always completed.
pub const COMPLETE: Field = Field::new("complete", 121, 1);
/// Descriptor type.
pub const TYPE: Field = Field::new("kind", 124, 4);

/// The context descriptor, in the form without partial checksum.
pub const CONTEXT: Layout = Layout {
    name: "Transmit context",
    doc: "Opens a transmit request; its buffer descriptors follow. With partial_csum the lower half of mss is csum_start and the upper csum_offset.",
    fields: &[
        (HANDLE, "flow handle, or all ones"),
        (PAYLOAD_LEN, "payload bytes beyond the header, 0..=65,536"),
        (BUFFERS, "number of buffer descriptors that follow, 1..=31"),
        (L3_OFFSET, "offset of the IP header"),
        (MSS, "TSO: payload bytes per segment"),
        (VLAN, "tag to insert, feature VLAN_INSERT"),
        (L4_OFFSET, "offset of the TCP or UDP header"),
        (HEADER_LEN, "bytes of the header (template)"),
        (
            TSO,
            "segment the payload; implies l3_csum (IPv4) and l4_csum",
        ),
        (IPV6, "the IP header is IPv6"),
        (L3_CSUM, "insert the IPv4 header checksum"),
        (L4_CSUM, "insert the TCP or UDP checksum with pseudo-header"),
        (UDP, "layer 4 is UDP"),
        (PARTIAL_CSUM, "sum from csum_start, put at csum_offset"),
        (IP_ID_FIXED, "TSO: do not count the IPv4 identification"),
        (CWR_ALL, "TSO: CWR on every segment"),
        (VLAN_INSERT, "insert vlan"),
        (COMPLETE, "write a completion when done"),
        (TYPE, "1"),
    ],
};

/// Bus address of a buffer's first byte; any alignment.
pub const BUFFER_ADDR: Field = Field::new("addr", 0, 64);
/// Bytes of a buffer: 1..=65,536 + 255.
pub const BUFFER_LEN: Field = Field::new("len", 64, 17);

/// The transmit buffer descriptor.
pub const BUFFER: Layout = Layout {
    name: "Transmit buffer",
    doc: "One piece of the request's bytes.",
    fields: &[
        (BUFFER_ADDR, "bus address, any alignment"),
        (BUFFER_LEN, "bytes, at least 1"),
        (TYPE, "2"),
    ],
};

/// What layer-4 checksum a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum L4Checksum {
    /// Leave the field as it is.
    #[default]
    Keep,
    /// Compute the TCP checksum, pseudo-header included.
    Tcp,
    /// Compute the UDP checksum, pseudo-header included.
    Udp,
    /// Sum from `start` to the end of the frame and put the result at `offset`; both even.
    Partial {
        /// First byte that is summed.
        start: u8,
        /// Where the result goes.
        offset: u8,
    },
}

/// What segmentation a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tso {
    /// Payload bytes per segment, 1..=65,535.
    pub mss: u16,
    /// Keep the template's IPv4 identification on every segment.
    pub ip_id_fixed: bool,
    /// Keep CWR on every segment.
    pub cwr_all: bool,
}

/// True if a context's flags exclude each other, or ask for what the base NIC does not have: completes
/// with status BadFlags.
///
/// TSO with UDP or a partial checksum; a full with a partial checksum; an IPv4 header checksum on
/// IPv6; VLAN insertion (until a feature block offers it).
pub const fn flags_contradict(d: u128) -> bool {
    (TSO.is_set(d) && (UDP.is_set(d) || PARTIAL_CSUM.is_set(d)))
        || (L4_CSUM.is_set(d) && PARTIAL_CSUM.is_set(d))
        || (L3_CSUM.is_set(d) && IPV6.is_set(d))
        || VLAN_INSERT.is_set(d)
}

/// The checks that a request must pass, in the order in which the NIC makes them; the first that
/// fails gives the status of the error completion, and nothing is sent.
///
/// `context` is a context descriptor, `buffered` the sum of its buffers' lengths, `frame_limit` the
/// longest frame that the NIC's buffers hold (register FRAME_LIMIT).
///
/// # Errors
/// - [`Status::BadFlags`]: see [`flags_contradict`].
/// - [`Status::BadHeader`]: with TSO or a full checksum, unless `header_len ≥ 34`, `l3_offset ≥ 14`,
///   both offsets are even, `l4_offset ≥ l3_offset + 20` (IPv6: + 40) and the header reaches to the end
///   of the smallest layer-4 header that is asked for (TCP 20, UDP 8). With a partial checksum, unless
///   start and offset are even, `14 ≤ csum_start ≤ csum_offset` and `csum_offset + 2 ≤ header_len`.
/// - [`Status::BadMss`]: TSO with MSS 0.
/// - [`Status::BadLength`]: the buffers do not add up to `header_len + payload_len`; more than
///   65,536 B of payload, or none with TSO; a frame shorter than an Ethernet header or longer than `frame_limit`.
pub const fn check(context: u128, buffered: u32, frame_limit: u32) -> Result<(), Status> {
    if flags_contradict(context) {
        return Err(Status::BadFlags);
    }
    if !header_fits(context) {
        return Err(Status::BadHeader);
    }
    let (header, payload) = (
        HEADER_LEN.get(context) as u32,
        PAYLOAD_LEN.get(context) as u32,
    );
    let mut frame = header + payload;
    if TSO.is_set(context) {
        let mss = MSS.get(context) as u32;
        if mss == 0 {
            return Err(Status::BadMss);
        }
        if payload == 0 {
            return Err(Status::BadLength);
        }
        if payload > mss {
            frame = header + mss;
        }
    }
    if payload > PAYLOAD_MAX
        || header + payload != buffered
        || frame < ETHERNET_HEADER
        || frame > frame_limit
    {
        return Err(Status::BadLength);
    }
    Ok(())
}

/// Bytes of an Ethernet header.
pub const ETHERNET_HEADER: u32 = 14;

const fn header_fits(context: u128) -> bool {
    let header = HEADER_LEN.get(context) as u32;
    if PARTIAL_CSUM.is_set(context) {
        let (start, offset) = (
            CSUM_START.get(context) as u32,
            CSUM_OFFSET.get(context) as u32,
        );
        if start % 2 != 0
            || offset % 2 != 0
            || start < ETHERNET_HEADER
            || start > offset
            || offset + 2 > header
        {
            return false;
        }
    }
    let l4 = TSO.is_set(context) || L4_CSUM.is_set(context);
    if !l4 && !L3_CSUM.is_set(context) {
        return true;
    }
    let (l3_offset, l4_offset) = (L3_OFFSET.get(context) as u32, L4_OFFSET.get(context) as u32);
    let l3_header = if IPV6.is_set(context) { 40 } else { 20 };
    let l4_header = match (l4, UDP.is_set(context)) {
        (false, _) => 0,
        (true, true) => 8,
        (true, false) => 20,
    };
    header >= HEADER_MIN
        && l3_offset >= ETHERNET_HEADER
        && l3_offset % 2 == 0
        && l4_offset % 2 == 0
        && l4_offset >= l3_offset + l3_header
        && header >= l4_offset + l4_header
}

/// A transmit request's context in typed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxContext {
    /// Flow that the request belongs to.
    pub handle: FlowHandle,
    /// Payload bytes beyond the header.
    pub payload_len: u32,
    /// Number of buffers.
    pub buffers: u8,
    /// Offset of the IP header.
    pub l3_offset: u8,
    /// Offset of the TCP or UDP header.
    pub l4_offset: u8,
    /// Bytes of the header.
    pub header_len: u8,
    /// The IP header is IPv6.
    pub ipv6: bool,
    /// Insert the IPv4 header checksum.
    pub l3_checksum: bool,
    /// Layer-4 checksum.
    pub l4_checksum: L4Checksum,
    /// Segmentation.
    pub tso: Option<Tso>,
    /// VLAN tag to insert.
    pub vlan: Option<u16>,
    /// Ask for a completion.
    pub complete: bool,
}

impl TxContext {
    /// The descriptor.
    pub const fn encode(&self) -> u128 {
        let mut d = TYPE.set(0, TYPE_CONTEXT);
        d = HANDLE.set(d, self.handle.raw() as u64);
        d = PAYLOAD_LEN.set(d, self.payload_len as u64);
        d = BUFFERS.set(d, self.buffers as u64);
        d = L3_OFFSET.set(d, self.l3_offset as u64);
        d = L4_OFFSET.set(d, self.l4_offset as u64);
        d = HEADER_LEN.set(d, self.header_len as u64);
        d = IPV6.set(d, self.ipv6 as u64);
        d = L3_CSUM.set(d, self.l3_checksum as u64);
        d = COMPLETE.set(d, self.complete as u64);
        match self.l4_checksum {
            L4Checksum::Keep => {}
            L4Checksum::Tcp => d = L4_CSUM.set(d, 1),
            L4Checksum::Udp => d = UDP.set(L4_CSUM.set(d, 1), 1),
            L4Checksum::Partial { start, offset } => {
                d = PARTIAL_CSUM.set(d, 1);
                d = CSUM_START.set(d, start as u64);
                d = CSUM_OFFSET.set(d, offset as u64);
            }
        }
        if let Some(tso) = self.tso {
            d = TSO.set(d, 1);
            d = MSS.set(d, tso.mss as u64);
            d = IP_ID_FIXED.set(d, tso.ip_id_fixed as u64);
            d = CWR_ALL.set(d, tso.cwr_all as u64);
        }
        if let Some(vlan) = self.vlan {
            d = VLAN.set(VLAN_INSERT.set(d, 1), vlan as u64);
        }
        d
    }

    /// The typed form of a descriptor; `None` if its type is not that of a context.
    ///
    /// Contradicting flags (see [`flags_contradict`]) lose something here: TSO wins over the partial checksum.
    pub const fn decode(d: u128) -> Option<Self> {
        if TYPE.get(d) != TYPE_CONTEXT {
            return None;
        }
        let tso = if TSO.is_set(d) {
            Some(Tso {
                mss: MSS.get(d) as u16,
                ip_id_fixed: IP_ID_FIXED.is_set(d),
                cwr_all: CWR_ALL.is_set(d),
            })
        } else {
            None
        };
        let l4_checksum = if L4_CSUM.is_set(d) {
            if UDP.is_set(d) {
                L4Checksum::Udp
            } else {
                L4Checksum::Tcp
            }
        } else if PARTIAL_CSUM.is_set(d) && tso.is_none() {
            L4Checksum::Partial {
                start: CSUM_START.get(d) as u8,
                offset: CSUM_OFFSET.get(d) as u8,
            }
        } else {
            L4Checksum::Keep
        };
        Some(Self {
            handle: FlowHandle::from_raw(HANDLE.get(d) as u32),
            payload_len: PAYLOAD_LEN.get(d) as u32,
            buffers: BUFFERS.get(d) as u8,
            l3_offset: L3_OFFSET.get(d) as u8,
            l4_offset: L4_OFFSET.get(d) as u8,
            header_len: HEADER_LEN.get(d) as u8,
            ipv6: IPV6.is_set(d),
            l3_checksum: L3_CSUM.is_set(d),
            l4_checksum,
            tso,
            vlan: if VLAN_INSERT.is_set(d) {
                Some(VLAN.get(d) as u16)
            } else {
                None
            },
            complete: COMPLETE.is_set(d),
        })
    }
}

/// A transmit buffer in typed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxBuffer {
    /// Bus address of the first byte.
    pub addr: u64,
    /// Bytes.
    pub len: u32,
}

impl TxBuffer {
    /// The descriptor.
    pub const fn encode(&self) -> u128 {
        let d = TYPE.set(0, TYPE_BUFFER);
        BUFFER_LEN.set(BUFFER_ADDR.set(d, self.addr), self.len as u64)
    }

    /// The typed form of a descriptor; `None` if its type is not that of a buffer.
    pub const fn decode(d: u128) -> Option<Self> {
        if TYPE.get(d) != TYPE_BUFFER {
            return None;
        }
        Some(Self {
            addr: BUFFER_ADDR.get(d),
            len: BUFFER_LEN.get(d) as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contexts() -> impl Strategy<Value = TxContext> {
        let l4 = prop_oneof![
            Just(L4Checksum::Keep),
            Just(L4Checksum::Tcp),
            Just(L4Checksum::Udp),
            (any::<u8>(), any::<u8>())
                .prop_map(|(start, offset)| L4Checksum::Partial { start, offset }),
        ];
        let tso =
            (1u16.., any::<bool>(), any::<bool>()).prop_map(|(mss, ip_id_fixed, cwr_all)| Tso {
                mss,
                ip_id_fixed,
                cwr_all,
            });
        (
            (any::<u32>(), 0..=PAYLOAD_MAX, 1u8..=31, any::<[u8; 3]>()),
            (
                any::<[bool; 3]>(),
                l4,
                proptest::option::of(tso),
                proptest::option::of(any::<u16>()),
            ),
        )
            .prop_map(
                |((handle, payload_len, buffers, off), (bits, l4, tso, vlan))| TxContext {
                    handle: FlowHandle::from_raw(handle),
                    payload_len,
                    buffers,
                    l3_offset: off[0],
                    l4_offset: off[1],
                    header_len: off[2],
                    ipv6: bits[0],
                    l3_checksum: bits[1],
                    l4_checksum: if tso.is_some() { L4Checksum::Tcp } else { l4 },
                    tso,
                    vlan,
                    complete: bits[2],
                },
            )
    }

    const TCP4: TxContext = TxContext {
        handle: FlowHandle::NONE,
        payload_len: 3_000,
        buffers: 2,
        l3_offset: 14,
        l4_offset: 34,
        header_len: 54,
        ipv6: false,
        l3_checksum: true,
        l4_checksum: L4Checksum::Tcp,
        tso: Some(Tso {
            mss: 1_460,
            ip_id_fixed: false,
            cwr_all: false,
        }),
        vlan: None,
        complete: true,
    };

    #[test]
    fn each_check_gives_its_status() {
        let check = |c: TxContext, buffered| super::check(c.encode(), buffered, 1_514);
        assert_eq!(check(TCP4, 3_054), Ok(()));
        assert_eq!(check(TCP4, 3_053), Err(Status::BadLength));
        assert_eq!(
            check(
                TxContext {
                    header_len: 53,
                    ..TCP4
                },
                3_053
            ),
            Err(Status::BadHeader)
        );
        assert_eq!(
            check(
                TxContext {
                    l4_offset: 32,
                    ..TCP4
                },
                3_054
            ),
            Err(Status::BadHeader)
        );
        assert_eq!(
            check(TxContext { ipv6: true, ..TCP4 }, 3_054),
            Err(Status::BadFlags)
        );
        assert_eq!(
            check(
                TxContext {
                    payload_len: 0,
                    ..TCP4
                },
                54
            ),
            Err(Status::BadLength)
        );
        assert_eq!(
            check(TxContext { tso: None, ..TCP4 }, 3_054),
            Err(Status::BadLength)
        );
        let mss = |mss| {
            Some(Tso {
                mss,
                ip_id_fixed: false,
                cwr_all: false,
            })
        };
        assert_eq!(
            check(
                TxContext {
                    tso: mss(0),
                    ..TCP4
                },
                3_054
            ),
            Err(Status::BadMss)
        );
        assert_eq!(
            check(
                TxContext {
                    tso: mss(1_461),
                    ..TCP4
                },
                3_054
            ),
            Err(Status::BadLength)
        );
        let partial = |start, offset| TxContext {
            tso: None,
            l3_checksum: false,
            payload_len: 10,
            l4_checksum: L4Checksum::Partial { start, offset },
            ..TCP4
        };
        assert_eq!(check(partial(34, 50), 64), Ok(()));
        assert_eq!(check(partial(35, 50), 64), Err(Status::BadHeader));
        assert_eq!(check(partial(34, 54), 64), Err(Status::BadHeader));
    }

    proptest! {
        #[test]
        fn a_context_survives_its_descriptor(context in contexts()) {
            prop_assert_eq!(TxContext::decode(context.encode()), Some(context));
            prop_assert_eq!(context.encode() & !CONTEXT.mask(), 0);
        }

        #[test]
        fn a_buffer_survives_its_descriptor(addr: u64, len in 1u32..=65_791) {
            let buffer = TxBuffer { addr, len };
            prop_assert_eq!(TxBuffer::decode(buffer.encode()), Some(buffer));
            prop_assert_eq!(TxContext::decode(buffer.encode()), None);
        }
    }
}
