//! Completions: 16 bytes, one completion queue (CQ) per queue pair, phase bit in the last word.
//!
//! A completion is valid when its phase bit is that of the driver's pass over the ring
//! ([`crate::ring::phase`]); the last word is read first, with acquire order.

use crate::fault::{QueueFault, Status};
use crate::field::{Field, Layout};
use crate::handle::FlowHandle;

/// Type of a receive completion.
pub const TYPE_RX: u64 = 1;
/// Type of a transmit completion.
pub const TYPE_TX: u64 = 2;
/// Type of a command's completion.
pub const TYPE_COMMAND: u64 = 3;
/// Type of an event: the queue pair was quarantined.
pub const TYPE_EVENT: u64 = 4;
/// Type of a receive completion of coalesced segments (feature COALESCING).
pub const TYPE_RX_COALESCED: u64 = 5;

/// Type of the completion, in all of them.
pub const TYPE: Field = Field::new("kind", 123, 4);
/// Phase bit, in all of them.
pub const PHASE: Field = Field::new("phase", 127, 1);

/// RX: index of the receive descriptor.
pub const RX_INDEX: Field = Field::new("desc_idx", 0, 16);
/// RX: bytes in this descriptor's buffer.
pub const RX_LEN: Field = Field::new("len", 16, 16);
/// RX: flow handle with FLOW_HIT, RSS hash otherwise (0 without feature RSS).
pub const RX_FLOW: Field = Field::new("flow", 32, 32);
/// RX: bytes up to the layer-4 payload, 0 if not parsed that far.
pub const RX_HEADER_LEN: Field = Field::new("hdr_len", 64, 8);
/// RX: segments in the frame, 1 unless coalesced.
pub const RX_SEGMENTS: Field = Field::new("segs", 72, 8);
/// RX: outermost VLAN tag (TCI) with VLAN_PRESENT; it stays in the frame.
pub const RX_VLAN: Field = Field::new("vlan", 80, 16);
/// RX: ones' complement sum of all bytes behind the Ethernet header, as big-endian words; coalesced: the MSS.
pub const RX_RAW_SUM: Field = Field::new("raw_sum", 96, 16);
/// RX: verdict on the IPv4 header checksum.
pub const RX_L3: Field = Field::new("l3", 112, 2);
/// RX: verdict on the TCP or UDP checksum.
pub const RX_L4: Field = Field::new("l4", 114, 2);
/// RX: the frame goes on in the next descriptor.
pub const RX_MORE: Field = Field::new("more", 116, 1);
/// RX: the header lies in the header slot (feature HEADER_SPLIT).
pub const RX_SPLIT: Field = Field::new("split", 117, 1);
/// RX: `flow` is a handle.
pub const RX_FLOW_HIT: Field = Field::new("flow_hit", 118, 1);
/// RX: `vlan` is valid.
pub const RX_VLAN_PRESENT: Field = Field::new("vlan_present", 119, 1);
/// RX: layer 3 is IPv6.
pub const RX_IPV6: Field = Field::new("ipv6", 120, 1);
/// RX: layer 4 is TCP.
pub const RX_TCP: Field = Field::new("tcp", 121, 1);
/// RX: layer 4 is UDP; coalesced: the IPv4 identifications were all equal.
pub const RX_UDP: Field = Field::new("udp", 122, 1);

/// Receive completion.
pub const RX: Layout = Layout {
    name: "Receive completion",
    doc: "A receive buffer holds (a part of) a frame.",
    fields: &[
        (RX_INDEX, "free-running index of the receive descriptor"),
        (RX_LEN, "bytes in this buffer"),
        (RX_FLOW, "flow handle with flow_hit, RSS hash otherwise"),
        (
            RX_HEADER_LEN,
            "bytes up to the layer-4 payload, 0 if not parsed that far",
        ),
        (RX_SEGMENTS, "segments, 1 unless coalesced"),
        (RX_VLAN, "outermost VLAN tag, with vlan_present"),
        (
            RX_RAW_SUM,
            "ones' complement sum behind the Ethernet header; coalesced: MSS",
        ),
        (RX_L3, "IPv4 header: 0 not checked, 1 ok, 2 bad"),
        (RX_L4, "TCP/UDP: 0 not checked, 1 ok, 2 bad"),
        (RX_MORE, "the frame goes on in the next descriptor"),
        (RX_SPLIT, "header in the header slot, feature HEADER_SPLIT"),
        (RX_FLOW_HIT, "flow is a handle"),
        (RX_VLAN_PRESENT, "vlan is valid"),
        (RX_IPV6, "layer 3 is IPv6"),
        (RX_TCP, "layer 4 is TCP"),
        (
            RX_UDP,
            "layer 4 is UDP; coalesced: fixed IPv4 identification",
        ),
        (TYPE, "1, or 5 for coalesced segments"),
        (PHASE, "phase"),
    ],
};

/// TX: SQ index behind the request: all descriptors before it are done.
pub const TX_HEAD: Field = Field::new("sq_head", 0, 16);
/// TX and command: flow handle of the request.
pub const HANDLE: Field = Field::new("handle", 32, 32);
/// TX: frames that went out for this request.
pub const TX_SEGMENTS: Field = Field::new("segments", 64, 17);
/// TX and command: [`Status`]; event: [`QueueFault`].
pub const STATUS: Field = Field::new("status", 88, 8);

/// Transmit completion.
pub const TX: Layout = Layout {
    name: "Transmit completion",
    doc: "All requests up to sq_head are done. Written when the request asked for it, and for each that failed.",
    fields: &[
        (TX_HEAD, "free-running SQ index behind the request"),
        (HANDLE, "flow handle of the request"),
        (TX_SEGMENTS, "frames sent for this request"),
        (STATUS, "status"),
        (TYPE, "2"),
        (PHASE, "phase"),
    ],
};

/// Command: command-ring index behind the command.
pub const COMMAND_HEAD: Field = Field::new("cmd_head", 0, 16);

/// Command completion.
pub const COMMAND: Layout = Layout {
    name: "Command completion",
    doc: "A command is done (feature FLOW_TABLE).",
    fields: &[
        (
            COMMAND_HEAD,
            "free-running command index behind the command",
        ),
        (HANDLE, "flow handle of the command"),
        (STATUS, "status"),
        (TYPE, "3"),
        (PHASE, "phase"),
    ],
};

/// Event: index of the descriptor at fault.
pub const EVENT_INDEX: Field = Field::new("index", 0, 16);

/// Event.
pub const EVENT: Layout = Layout {
    name: "Event",
    doc: "The queue pair was quarantined.",
    fields: &[
        (
            EVENT_INDEX,
            "index of the descriptor at fault, in the ring that the cause names",
        ),
        (STATUS, "queue fault"),
        (TYPE, "4"),
        (PHASE, "phase"),
    ],
};

/// What the NIC says of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Verdict {
    /// Not checked: not parsed, a fragment, UDP over IPv4 without checksum.
    #[default]
    NotChecked = 0,
    /// Checked and good.
    Ok = 1,
    /// Checked and bad.
    Bad = 2,
}

impl Verdict {
    const fn from_bits(bits: u64) -> Self {
        match bits {
            1 => Self::Ok,
            2 => Self::Bad,
            _ => Self::NotChecked,
        }
    }
}

/// Layer-4 protocol that the parser saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum L4Kind {
    /// Neither TCP nor UDP, or not parsed that far.
    #[default]
    Other,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A receive completion in typed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RxCompletion {
    /// Free-running index of the descriptor.
    pub index: u16,
    /// Bytes in this buffer.
    pub len: u16,
    /// Flow handle with `flow_hit`, RSS hash otherwise.
    pub flow: u32,
    /// `flow` is a handle.
    pub flow_hit: bool,
    /// Bytes up to the layer-4 payload, 0 if not parsed.
    pub header_len: u8,
    /// Segments in the frame.
    pub segments: u8,
    /// Outermost VLAN tag.
    pub vlan: Option<u16>,
    /// Ones' complement sum of all bytes behind the Ethernet header.
    pub raw_sum: u16,
    /// IPv4 header checksum.
    pub l3: Verdict,
    /// TCP or UDP checksum.
    pub l4: Verdict,
    /// The frame goes on in the next descriptor.
    pub more: bool,
    /// The header is in the header slot.
    pub split: bool,
    /// Layer 3 is IPv6.
    pub ipv6: bool,
    /// Layer 4.
    pub l4_kind: L4Kind,
    /// Coalesced segments: `raw_sum` is their MSS.
    pub coalesced: bool,
}

/// A completion in typed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// A receive buffer was filled.
    Rx(RxCompletion),
    /// Transmit requests are done.
    Tx {
        /// SQ index behind the request.
        head: u16,
        /// Its flow.
        handle: FlowHandle,
        /// Frames sent for it.
        segments: u32,
        /// Outcome.
        status: Status,
    },
    /// A command is done.
    Command {
        /// Command-ring index behind the command.
        head: u16,
        /// Its flow.
        handle: FlowHandle,
        /// Outcome.
        status: Status,
    },
    /// The queue pair is in quarantine.
    Event {
        /// Descriptor at fault.
        index: u16,
        /// Cause.
        fault: QueueFault,
    },
}

/// A completion that the driver cannot understand: unknown type or status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCompletion(pub u128);

impl Completion {
    /// The entry, with phase bit `phase`.
    pub const fn encode(&self, phase: bool) -> u128 {
        let d = match self {
            Self::Rx(rx) => rx.encode(),
            Self::Tx {
                head,
                handle,
                segments,
                status,
            } => {
                let d = TX_HEAD.set(TYPE.set(0, TYPE_TX), *head as u64);
                let d = TX_SEGMENTS.set(HANDLE.set(d, handle.raw() as u64), *segments as u64);
                STATUS.set(d, *status as u64)
            }
            Self::Command {
                head,
                handle,
                status,
            } => {
                let d = COMMAND_HEAD.set(TYPE.set(0, TYPE_COMMAND), *head as u64);
                STATUS.set(HANDLE.set(d, handle.raw() as u64), *status as u64)
            }
            Self::Event { index, fault } => STATUS.set(
                EVENT_INDEX.set(TYPE.set(0, TYPE_EVENT), *index as u64),
                *fault as u64,
            ),
        };
        PHASE.set(d, phase as u64)
    }

    /// The typed form of an entry whose phase was found right.
    ///
    /// # Errors
    /// [`UnknownCompletion`] for a type or status that this version of the contract does not know.
    pub const fn decode(d: u128) -> Result<Self, UnknownCompletion> {
        let raw_status = STATUS.get(d) as u8;
        let handle = FlowHandle::from_raw(HANDLE.get(d) as u32);
        match TYPE.get(d) {
            TYPE_RX | TYPE_RX_COALESCED => Ok(Self::Rx(RxCompletion::decode(d))),
            TYPE_TX => match Status::from_raw(raw_status) {
                Some(status) => Ok(Self::Tx {
                    head: TX_HEAD.get(d) as u16,
                    handle,
                    segments: TX_SEGMENTS.get(d) as u32,
                    status,
                }),
                None => Err(UnknownCompletion(d)),
            },
            TYPE_COMMAND => match Status::from_raw(raw_status) {
                Some(status) => Ok(Self::Command {
                    head: COMMAND_HEAD.get(d) as u16,
                    handle,
                    status,
                }),
                None => Err(UnknownCompletion(d)),
            },
            TYPE_EVENT => match QueueFault::from_raw(raw_status) {
                Some(fault) => Ok(Self::Event {
                    index: EVENT_INDEX.get(d) as u16,
                    fault,
                }),
                None => Err(UnknownCompletion(d)),
            },
            _ => Err(UnknownCompletion(d)),
        }
    }
}

impl RxCompletion {
    const fn encode(&self) -> u128 {
        let kind = if self.coalesced {
            TYPE_RX_COALESCED
        } else {
            TYPE_RX
        };
        let mut d = RX_INDEX.set(TYPE.set(0, kind), self.index as u64);
        d = RX_LEN.set(d, self.len as u64);
        d = RX_FLOW.set(d, self.flow as u64);
        d = RX_FLOW_HIT.set(d, self.flow_hit as u64);
        d = RX_HEADER_LEN.set(d, self.header_len as u64);
        d = RX_SEGMENTS.set(d, self.segments as u64);
        if let Some(tci) = self.vlan {
            d = RX_VLAN.set(RX_VLAN_PRESENT.set(d, 1), tci as u64);
        }
        d = RX_RAW_SUM.set(d, self.raw_sum as u64);
        d = RX_L3.set(d, self.l3 as u64);
        d = RX_L4.set(d, self.l4 as u64);
        d = RX_MORE.set(d, self.more as u64);
        d = RX_SPLIT.set(d, self.split as u64);
        d = RX_IPV6.set(d, self.ipv6 as u64);
        d = RX_TCP.set(d, matches!(self.l4_kind, L4Kind::Tcp) as u64);
        RX_UDP.set(d, matches!(self.l4_kind, L4Kind::Udp) as u64)
    }

    const fn decode(d: u128) -> Self {
        Self {
            index: RX_INDEX.get(d) as u16,
            len: RX_LEN.get(d) as u16,
            flow: RX_FLOW.get(d) as u32,
            flow_hit: RX_FLOW_HIT.is_set(d),
            header_len: RX_HEADER_LEN.get(d) as u8,
            segments: RX_SEGMENTS.get(d) as u8,
            vlan: if RX_VLAN_PRESENT.is_set(d) {
                Some(RX_VLAN.get(d) as u16)
            } else {
                None
            },
            raw_sum: RX_RAW_SUM.get(d) as u16,
            l3: Verdict::from_bits(RX_L3.get(d)),
            l4: Verdict::from_bits(RX_L4.get(d)),
            more: RX_MORE.is_set(d),
            split: RX_SPLIT.is_set(d),
            ipv6: RX_IPV6.is_set(d),
            l4_kind: if RX_TCP.is_set(d) {
                L4Kind::Tcp
            } else if RX_UDP.is_set(d) {
                L4Kind::Udp
            } else {
                L4Kind::Other
            },
            coalesced: TYPE.get(d) == TYPE_RX_COALESCED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_entry_decodes_or_is_refused_and_survives(raw: u128, phase: bool) {
            if let Ok(completion) = Completion::decode(raw) {
                let again = completion.encode(phase);
                prop_assert_eq!(Completion::decode(again), Ok(completion));
                prop_assert_eq!(PHASE.is_set(again), phase);
            }
        }
    }

    #[test]
    fn an_unknown_type_or_status_is_refused() {
        let tx = Completion::Tx {
            head: 3,
            handle: FlowHandle::NONE,
            segments: 65_536,
            status: Status::Ok,
        };
        assert_eq!(Completion::decode(tx.encode(true)), Ok(tx));
        assert!(Completion::decode(STATUS.set(tx.encode(true), 200)).is_err());
        assert!(Completion::decode(TYPE.set(tx.encode(true), 15)).is_err());
    }
}
