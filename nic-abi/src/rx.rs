//! Receive: the driver posts buffers in the receive queue (RQ); completions tell what lies in them.
//!
//! A frame is written as it came, Ethernet header first, without FCS. A frame longer than the buffer
//! goes on in the next one, with MORE set in every completion but the last. A frame that runs out of buffers, or whose queue pair's completion ring
//! has no room ([`crate::ring::COMPLETIONS_KEPT`]), is dropped and counted; it never waits for the driver. That does not happen to
//! a driver whose posted buffers, transmit requests under way, and completions that it has not given back never add up to more than the ring but
//! those two entries.

use crate::fault::QueueFault;
use crate::field::{Field, Layout};

/// Value of the type field of a receive descriptor.
pub const TYPE_RECEIVE: u64 = 3;
/// Alignment of a receive buffer in bytes; its length is a multiple of it.
pub const BUFFER_ALIGN: u64 = 64;
/// Largest receive buffer in bytes: the largest multiple of [`BUFFER_ALIGN`] that a completion's 16-bit length can tell.
pub const BUFFER_MAX: u32 = (1 << 16) - BUFFER_ALIGN as u32;

/// Most descriptors of one frame: a frame that needs more is dropped as `rx_no_buffer`.
pub const DESCRIPTORS_MAX: usize = 64;

/// Bus address of the buffer.
pub const ADDR: Field = Field::new("addr", 0, 64);
/// Bytes of the buffer.
pub const LEN: Field = Field::new("len", 64, 17);
/// Descriptor type.
pub const TYPE: Field = Field::new("kind", 124, 4);

/// The receive descriptor.
pub const DESCRIPTOR: Layout = Layout {
    name: "Receive buffer",
    doc: "A buffer that the NIC may fill.",
    fields: &[
        (ADDR, "bus address, 64 B aligned"),
        (LEN, "bytes, a multiple of 64, 64..=65,472"),
        (TYPE, "3"),
    ],
};

/// A receive descriptor in typed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RxDescriptor {
    /// Bus address, aligned to [`BUFFER_ALIGN`].
    pub addr: u64,
    /// Bytes, a multiple of [`BUFFER_ALIGN`].
    pub len: u32,
}

impl RxDescriptor {
    /// The descriptor.
    pub const fn encode(&self) -> u128 {
        LEN.set(
            ADDR.set(TYPE.set(0, TYPE_RECEIVE), self.addr),
            self.len as u64,
        )
    }

    /// The typed form of a descriptor; `None` if its type is another.
    pub const fn decode(d: u128) -> Option<Self> {
        if TYPE.get(d) != TYPE_RECEIVE {
            return None;
        }
        Some(Self {
            addr: ADDR.get(d),
            len: LEN.get(d) as u32,
        })
    }
}

/// The checks that a receive descriptor must pass, in the order in which the NIC makes them.
///
/// # Errors
/// The fault that quarantines the queue pair: BadDescriptorType, BadAlignment (address), BadLength (not
/// a multiple of 64, or outside of 64..=[`BUFFER_MAX`]).
pub const fn check(d: u128) -> Result<RxDescriptor, QueueFault> {
    let Some(descriptor) = RxDescriptor::decode(d) else {
        return Err(QueueFault::BadDescriptorType);
    };
    if !descriptor.addr.is_multiple_of(BUFFER_ALIGN) {
        return Err(QueueFault::BadAlignment);
    }
    let len = descriptor.len;
    if len == 0 || len > BUFFER_MAX || !len.is_multiple_of(BUFFER_ALIGN as u32) {
        return Err(QueueFault::BadLength);
    }
    Ok(descriptor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_survives() {
        let d = RxDescriptor {
            addr: 0x1234_5678_9abc_dec0,
            len: BUFFER_MAX,
        };
        assert_eq!(RxDescriptor::decode(d.encode()), Some(d));
        assert_eq!(RxDescriptor::decode(0), None);
        assert_eq!(check(d.encode()), Ok(d));
        assert_eq!(check(0), Err(QueueFault::BadDescriptorType));
        assert_eq!(
            check(RxDescriptor { addr: 32, ..d }.encode()),
            Err(QueueFault::BadAlignment)
        );
        for len in [0, 32, 65_536, 65_600] {
            assert_eq!(
                check(RxDescriptor { len, ..d }.encode()),
                Err(QueueFault::BadLength)
            );
        }
    }
}
