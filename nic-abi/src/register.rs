//! What a register is, and the macro that defines a block of them once.

/// Access rights of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only; writes are ignored.
    ReadOnly,
    /// Read and write.
    ReadWrite,
    /// Write only; reads as 0.
    WriteOnly,
}

impl Access {
    /// Short form for documents.
    pub const fn short(self) -> &'static str {
        match self {
            Self::ReadOnly => "RO",
            Self::ReadWrite => "RW",
            Self::WriteOnly => "WO",
        }
    }
}

/// A run of bits in a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    /// Name.
    pub name: &'static str,
    /// Lowest bit.
    pub lsb: u32,
    /// Number of bits.
    pub width: u32,
    /// Meaning.
    pub doc: &'static str,
}

impl Bits {
    /// The bits as a mask in place.
    pub const fn mask(self) -> u32 {
        (u32::MAX >> (32 - self.width)) << self.lsb
    }

    /// Their value in `word`.
    pub const fn get(self, word: u32) -> u32 {
        (word & self.mask()) >> self.lsb
    }

    /// `word` with the bits replaced by `value`.
    pub const fn set(self, word: u32, value: u32) -> u32 {
        (word & !self.mask()) | ((value << self.lsb) & self.mask())
    }

    /// `value` in place, all else 0.
    pub const fn of(self, value: u32) -> u32 {
        self.set(0, value)
    }
}

/// One 32-bit register of a block.
#[derive(Debug, Clone, Copy)]
pub struct Register {
    /// Name.
    pub name: &'static str,
    /// Byte offset from the block's base (first instance).
    pub offset: u32,
    /// Access rights.
    pub access: Access,
    /// Value after reset; for read-only registers that tell something variable, 0.
    pub reset: u32,
    /// Meaning.
    pub doc: &'static str,
    /// Bits with names of their own; empty if the register is one number.
    pub bits: &'static [Bits],
}

impl Register {
    /// Bits that a write changes: all of them for a register without named bits.
    pub const fn writable(&self) -> u32 {
        if matches!(self.access, Access::ReadOnly) {
            return 0;
        }
        if self.bits.is_empty() {
            return u32::MAX;
        }
        let mut mask = 0;
        let mut i = 0;
        while i < self.bits.len() {
            mask |= self.bits[i].mask();
            i += 1;
        }
        mask
    }
}

/// A block of registers in BAR0, possibly in several instances (queue pairs, vectors).
#[derive(Debug, Clone, Copy)]
pub struct Block {
    /// Name.
    pub name: &'static str,
    /// Meaning.
    pub doc: &'static str,
    /// Byte offset of the first instance in BAR0.
    pub base: u32,
    /// Bytes from one instance to the next.
    pub stride: u32,
    /// Most instances.
    pub count: u32,
    /// Its registers; empty where entries are described elsewhere (statistics).
    pub registers: &'static [Register],
}

impl Block {
    /// BAR0 offset of `register` in instance `instance`.
    pub const fn at(&self, instance: u32, register: Register) -> u32 {
        self.base + instance * self.stride + register.offset
    }
}

macro_rules! registers {
    ($($(#[$m:meta])* $name:ident @ $offset:literal $access:ident = $reset:expr, $doc:literal
        { $($bit:ident [$lsb:literal; $width:literal] $bdoc:literal),* $(,)? };)*) => {
        $(
            #[doc = $doc] $(#[$m])*
            pub const $name: $crate::register::Register = $crate::register::Register {
                name: stringify!($name), offset: $offset, access: $crate::register::Access::$access,
                reset: $reset, doc: $doc,
                bits: &[$($crate::register::Bits { name: stringify!($bit), lsb: $lsb, width: $width, doc: $bdoc }),*],
            };
            $(
                #[doc = $bdoc]
                pub const $bit: $crate::register::Bits =
                    $crate::register::Bits { name: stringify!($bit), lsb: $lsb, width: $width, doc: $bdoc };
            )*
        )*
        /// All registers of the block in order.
        pub const ALL: &[$crate::register::Register] = &[$($name,)*];
    };
}
pub(crate) use registers;
