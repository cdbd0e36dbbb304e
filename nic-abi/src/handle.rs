//! Flow handles: the host chooses them, the NIC only carries them.

/// `{index, generation}` of a flow, chosen by the host.
///
/// The generation is never 0 for a handle in use. [`FlowHandle::NONE`] (all ones) belongs to no flow
/// and is never cancelled: SYN, RST, ARP and flows without a slot are sent under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowHandle(u32);

impl FlowHandle {
    /// Belongs to nothing.
    pub const NONE: Self = Self(u32::MAX);

    /// A handle from its parts; `None` for generation 0 and for the pattern of [`FlowHandle::NONE`].
    pub const fn new(index: u16, generation: u16) -> Option<Self> {
        let raw = (generation as u32) << 16 | index as u32;
        if generation == 0 || raw == u32::MAX {
            None
        } else {
            Some(Self(raw))
        }
    }

    /// A handle as it stands in a completion. Any pattern is taken: the driver compares, it never trusts.
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The 32 bits that cross the bus: index in the lower half, generation in the upper.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// Slot index.
    pub const fn index(self) -> u16 {
        self.0 as u16
    }

    /// Slot generation.
    pub const fn generation(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// True unless this is [`FlowHandle::NONE`].
    pub const fn is_some(self) -> bool {
        self.0 != u32::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_zero_and_none_cannot_be_made() {
        assert!(FlowHandle::new(7, 0).is_none());
        assert!(FlowHandle::new(u16::MAX, u16::MAX).is_none());
        let h = FlowHandle::new(0x1234, 0x0001).unwrap();
        assert_eq!(
            (h.raw(), h.index(), h.generation()),
            (0x0001_1234, 0x1234, 1)
        );
    }
}
