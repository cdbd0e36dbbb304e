//! Commands: FLOW_ADD and FLOW_DEL, 32 bytes, on the command ring of the flow's own queue pair.
//!
//! Only a NIC with the feature block FLOW_TABLE takes them. ADD's completion precedes the first
//! completion that carries its handle; DEL's is a fence: before it everything belongs to the old
//! generation, after it nothing does, and no DMA write for the flow follows it.
//!
//! The first 16 bytes are [`HEAD`], the second the peer's address as on the wire (IPv4: the first
//! four bytes, then zeros).

use crate::field::{Field, Layout};
use crate::handle::FlowHandle;

/// Operation: 1 add, 2 delete.
pub const OPCODE: Field = Field::new("opcode", 0, 4);
/// DEL: also stop transmission at the next segment boundary.
pub const CANCEL: Field = Field::new("cancel", 4, 1);
/// ADD: the key is IPv6.
pub const IPV6: Field = Field::new("ipv6", 5, 1);
/// ADD: the key is a flow with an outermost VLAN tag.
pub const TAGGED: Field = Field::new("tagged", 6, 1);
/// ADD: outermost VLAN id.
pub const VLAN_ID: Field = Field::new("vlan_id", 16, 12);
/// Handle that the host chose.
pub const HANDLE: Field = Field::new("handle", 32, 32);
/// ADD: index of the local address in the NIC's address list.
pub const LOCAL_ADDR: Field = Field::new("local_addr", 64, 8);
/// ADD: local TCP port.
pub const LOCAL_PORT: Field = Field::new("local_port", 80, 16);
/// ADD: peer's TCP port.
pub const REMOTE_PORT: Field = Field::new("remote_port", 96, 16);

/// Opcode of FLOW_ADD.
pub const OP_ADD: u64 = 1;
/// Opcode of FLOW_DEL.
pub const OP_DEL: u64 = 2;

/// The first half of a command.
pub const HEAD: Layout = Layout {
    name: "Command",
    doc: "First half of a command; the second half of FLOW_ADD is the peer's address.",
    fields: &[
        (OPCODE, "1 FLOW_ADD, 2 FLOW_DEL"),
        (CANCEL, "DEL: 0 DRAIN, 1 CANCEL"),
        (IPV6, "ADD: key is IPv6"),
        (TAGGED, "ADD: flow carries a VLAN tag"),
        (VLAN_ID, "ADD: outermost VLAN id"),
        (HANDLE, "flow handle"),
        (LOCAL_ADDR, "ADD: index of the local address"),
        (LOCAL_PORT, "ADD: local port"),
        (REMOTE_PORT, "ADD: peer's port"),
    ],
};

/// How FLOW_DEL ends a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelMode {
    /// Stop receive matching only: close, TIME_WAIT.
    Drain,
    /// Also stop transmission at the next segment boundary: abort.
    Cancel,
}

/// What a flow is matched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// Peer's address as on the wire; IPv4 in the first four bytes.
    pub remote_addr: [u8; 16],
    /// The key is IPv6.
    pub ipv6: bool,
    /// Outermost VLAN id, or untagged.
    pub vlan: Option<u16>,
    /// Index of the local address.
    pub local_addr: u8,
    /// Local port.
    pub local_port: u16,
    /// Peer's port.
    pub remote_port: u16,
}

/// A command in typed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Put a flow into the table.
    FlowAdd {
        /// Handle that completions will carry.
        handle: FlowHandle,
        /// What is matched.
        key: FlowKey,
    },
    /// Take a flow out of the table.
    FlowDel {
        /// Its handle.
        handle: FlowHandle,
        /// DRAIN or CANCEL.
        mode: DelMode,
    },
}

impl Command {
    /// The command's two halves.
    pub const fn encode(&self) -> [u128; 2] {
        match self {
            Self::FlowAdd { handle, key } => {
                let mut d = HANDLE.set(OPCODE.set(0, OP_ADD), handle.raw() as u64);
                d = IPV6.set(d, key.ipv6 as u64);
                if let Some(id) = key.vlan {
                    d = VLAN_ID.set(TAGGED.set(d, 1), id as u64);
                }
                d = LOCAL_ADDR.set(d, key.local_addr as u64);
                d = LOCAL_PORT.set(d, key.local_port as u64);
                d = REMOTE_PORT.set(d, key.remote_port as u64);
                [d, u128::from_le_bytes(key.remote_addr)]
            }
            Self::FlowDel { handle, mode } => {
                let d = HANDLE.set(OPCODE.set(0, OP_DEL), handle.raw() as u64);
                [CANCEL.set(d, matches!(mode, DelMode::Cancel) as u64), 0]
            }
        }
    }

    /// The typed form; `None` for an unknown opcode.
    pub const fn decode([d, addr]: [u128; 2]) -> Option<Self> {
        let handle = FlowHandle::from_raw(HANDLE.get(d) as u32);
        match OPCODE.get(d) {
            OP_ADD => Some(Self::FlowAdd {
                handle,
                key: FlowKey {
                    remote_addr: addr.to_le_bytes(),
                    ipv6: IPV6.is_set(d),
                    vlan: if TAGGED.is_set(d) {
                        Some(VLAN_ID.get(d) as u16)
                    } else {
                        None
                    },
                    local_addr: LOCAL_ADDR.get(d) as u8,
                    local_port: LOCAL_PORT.get(d) as u16,
                    remote_port: REMOTE_PORT.get(d) as u16,
                },
            }),
            OP_DEL => Some(Self::FlowDel {
                handle,
                mode: if CANCEL.is_set(d) {
                    DelMode::Cancel
                } else {
                    DelMode::Drain
                },
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_command_survives(handle: u32, remote_addr: [u8; 16], ipv6: bool, vlan in proptest::option::of(0u16..4096),
                              local_addr: u8, local_port: u16, remote_port: u16, cancel: bool) {
            let handle = FlowHandle::from_raw(handle);
            let key = FlowKey { remote_addr, ipv6, vlan, local_addr, local_port, remote_port };
            let add = Command::FlowAdd { handle, key };
            prop_assert_eq!(Command::decode(add.encode()), Some(add));
            let mode = if cancel { DelMode::Cancel } else { DelMode::Drain };
            let del = Command::FlowDel { handle, mode };
            prop_assert_eq!(Command::decode(del.encode()), Some(del));
        }
    }
}
