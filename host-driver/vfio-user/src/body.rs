//! The fixed structures of message bodies.
//!
//! Each has `LEN` bytes on the wire, without gaps, in the machine's byte order.

/// A cursor over the bytes of a body.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }
}

macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// Bytes on the wire.
            pub const LEN: usize = 0 $(+ size_of::<$type>())*;

            /// Parses the start of `bytes`; `None` if they are too few. Gives the rest too.
            pub fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
                let mut fields = Fields(bytes);
                let parsed = Self { $($field: <$type>::from_ne_bytes(fields.take()?),)* };
                Some((parsed, &bytes[Self::LEN..]))
            }

            /// The bytes on the wire.
            pub fn encode(&self) -> Vec<u8> {
                let mut bytes = Vec::with_capacity(Self::LEN);
                $(bytes.extend_from_slice(&self.$field.to_ne_bytes());)*
                bytes
            }
        }
    )*};
}

structures! {
    /// `VFIO_USER_DMA_MAP`: the file descriptor, if any, comes beside it.
    DmaMap {
        /// Bytes of this structure.
        argsz: u32,
        /// [`DmaFlags`](crate::pci::DmaFlags).
        flags: u32,
        /// Where the range begins in the file.
        offset: u64,
        /// First bus address.
        address: u64,
        /// Bytes.
        size: u64,
    }

    /// `VFIO_USER_DMA_UNMAP`, and its reply.
    DmaUnmap {
        /// Most bytes that the reply may have.
        argsz: u32,
        /// [`UnmapFlags`](crate::pci::UnmapFlags).
        flags: u32,
        /// First bus address.
        address: u64,
        /// Bytes.
        size: u64,
    }

    /// `VFIO_USER_DEVICE_GET_INFO`, and its reply.
    DeviceInfo {
        /// Bytes that the reply may have; in the reply, has.
        argsz: u32,
        /// [`DeviceFlags`](crate::pci::DeviceFlags).
        flags: u32,
        /// Number of regions.
        num_regions: u32,
        /// Number of kinds of interrupts.
        num_irqs: u32,
    }

    /// `VFIO_USER_DEVICE_GET_REGION_INFO`, and its reply.
    RegionInfo {
        /// Bytes that the reply may have; in the reply, has with all its capabilities.
        argsz: u32,
        /// [`RegionFlags`](crate::pci::RegionFlags).
        flags: u32,
        /// Which region.
        index: u32,
        /// Where the list of capabilities begins, from the start of this structure.
        cap_offset: u32,
        /// Bytes of the region.
        size: u64,
        /// Where the region begins in the file that can be mapped.
        offset: u64,
    }

    /// `VFIO_USER_DEVICE_GET_IRQ_INFO`, and its reply.
    IrqInfo {
        /// Bytes that the reply may have; in the reply, has.
        argsz: u32,
        /// [`IrqFlags`](crate::pci::IrqFlags).
        flags: u32,
        /// Which kind of interrupt.
        index: u32,
        /// How many there are of the kind.
        count: u32,
    }

    /// `VFIO_USER_DEVICE_SET_IRQS`, before its data.
    IrqSet {
        /// Bytes of this structure with its data.
        argsz: u32,
        /// [`IrqSetFlags`](crate::pci::IrqSetFlags).
        flags: u32,
        /// Which kind of interrupt.
        index: u32,
        /// First of the kind.
        start: u32,
        /// How many.
        count: u32,
    }

    /// `VFIO_USER_REGION_READ` and `VFIO_USER_REGION_WRITE`, before the data.
    RegionAccess {
        /// Byte offset in the region.
        offset: u64,
        /// Which region.
        region: u32,
        /// Bytes of data.
        count: u32,
    }

    /// `VFIO_USER_DMA_READ` and `VFIO_USER_DMA_WRITE`, before the data.
    DmaAccess {
        /// Bus address.
        address: u64,
        /// Bytes of data.
        count: u64,
    }

    /// How the body of `VFIO_USER_VERSION` begins.
    VersionNumber {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn structures_are_as_long_as_the_specification_says() {
        let found = [
            DmaMap::LEN,
            DmaUnmap::LEN,
            DeviceInfo::LEN,
            RegionInfo::LEN,
            IrqInfo::LEN,
            IrqSet::LEN,
            RegionAccess::LEN,
            DmaAccess::LEN,
            VersionNumber::LEN,
        ];
        assert_eq!(found, [32, 24, 16, 32, 16, 20, 16, 16, 4]);
    }

    #[test]
    fn fields_lie_where_the_specification_says() {
        let bytes: Vec<u8> = (0..32).collect();
        let (map, rest) = DmaMap::parse(&bytes).unwrap();
        assert!(rest.is_empty());
        assert_eq!(map.flags.to_ne_bytes(), [4, 5, 6, 7]);
        assert_eq!(map.address.to_ne_bytes()[0], 16);
        assert_eq!(map.encode(), bytes);
        assert_eq!(DmaMap::parse(&bytes[..31]), None);
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_what_was_encoded(offset: u64, region: u32, count: u32, tail: Vec<u8>) {
            let access = RegionAccess { offset, region, count };
            let mut bytes = access.encode();
            bytes.extend_from_slice(&tail);
            prop_assert_eq!(RegionAccess::parse(&bytes), Some((access, &tail[..])));
        }
    }
}
