//! A run of bits in a 128-bit descriptor.

/// A run of bits in a descriptor held as a little-endian `u128`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The field's name in documents and in the gateware's ports.
    pub name: &'static str,
    /// Lowest bit, 0..=127.
    pub lsb: u32,
    /// Number of bits, 1..=64.
    pub width: u32,
}

impl Field {
    /// A field of `width` bits whose lowest is `lsb`.
    ///
    /// # Panics
    /// At compile time, when used in a constant: if the field is empty, wider than 64 bits or
    /// reaches beyond bit 127.
    pub const fn new(name: &'static str, lsb: u32, width: u32) -> Self {
        assert!(width >= 1 && width <= 64 && lsb + width <= 128);
        Self { name, lsb, width }
    }

    /// Largest value that the field holds.
    pub const fn max(self) -> u64 {
        if self.width == 64 {
            u64::MAX
        } else {
            (1 << self.width) - 1
        }
    }

    /// The field's value in `word`.
    pub const fn get(self, word: u128) -> u64 {
        (word >> self.lsb) as u64 & self.max()
    }

    /// True if a one-bit field is set (or a wider one is not zero).
    pub const fn is_set(self, word: u128) -> bool {
        self.get(word) != 0
    }

    /// `word` with the field replaced by `value`; bits of `value` beyond the field are cut off.
    pub const fn set(self, word: u128, value: u64) -> u128 {
        let mask = (self.max() as u128) << self.lsb;
        (word & !mask) | (((value & self.max()) as u128) << self.lsb)
    }

    /// True if two fields share a bit.
    pub const fn overlaps(self, other: Field) -> bool {
        self.lsb < other.lsb + other.width && other.lsb < self.lsb + self.width
    }
}

/// A named 128-bit layout: what the documents print and the gateware decodes.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Name of the layout in documents.
    pub name: &'static str,
    /// One sentence on what it is.
    pub doc: &'static str,
    /// Its fields with their meaning, lowest bit first; bits in no field are reserved and zero.
    pub fields: &'static [(Field, &'static str)],
}

impl Layout {
    /// Mask of all bits that belong to a field.
    pub const fn mask(&self) -> u128 {
        let mut mask = 0;
        let mut i = 0;
        while i < self.fields.len() {
            let f = self.fields[i].0;
            mask |= (f.max() as u128) << f.lsb;
            i += 1;
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitvec::{field::BitField, order::Lsb0, view::BitView};
    use proptest::prelude::*;

    proptest! {
        /// `bitvec` is the independent witness of where a field lies.
        #[test]
        fn a_field_lies_where_bitvec_says(word: [u64; 2], value: u64, lsb in 0u32..128, width in 1u32..=64) {
            let width = width.min(128 - lsb);
            let f = Field::new("f", lsb, width);
            let packed = u128::from(word[0]) | u128::from(word[1]) << 64;
            let range = lsb as usize..(lsb + width) as usize;
            let mut witness = word;
            prop_assert_eq!(f.get(packed), word.view_bits::<Lsb0>()[range.clone()].load_le::<u64>());
            witness.view_bits_mut::<Lsb0>()[range].store_le(value & f.max());
            let set = f.set(packed, value);
            prop_assert_eq!([set as u64, (set >> 64) as u64], witness);
        }
    }

    #[test]
    fn no_layout_has_overlapping_fields() {
        let layouts = [
            crate::tx::CONTEXT,
            crate::tx::BUFFER,
            crate::rx::DESCRIPTOR,
            crate::completion::RX,
            crate::completion::TX,
            crate::completion::COMMAND,
            crate::completion::EVENT,
            crate::command::HEAD,
        ];
        for layout in layouts {
            for (i, (a, _)) in layout.fields.iter().enumerate() {
                for (b, _) in &layout.fields[i + 1..] {
                    assert!(
                        !a.overlaps(*b),
                        "{}: {} and {}",
                        layout.name,
                        a.name,
                        b.name
                    );
                }
            }
        }
    }
}
