//! Values for models and test benches, and packed words cut by their layout.

pub mod layout;

use rust_hdl_core::prelude::{Bits, bit_cast};

crate::catalogue! {
    /// A decoder made by `layout_decoder!`.
    layout_decoder_sample: layout::SampleDecoder = layout::SampleDecoder::default();
    /// An encoder made by `layout_encoder!`.
    layout_encoder_sample: layout::SampleEncoder = layout::SampleEncoder::default();
}

/// The low `N` bits of `value`; for `N` above 128 the rest is zero. Not for kernels.
#[must_use]
pub fn from_u128<const N: usize>(value: u128) -> Bits<N> {
    let low = bit_cast::<N, 64>(Bits::from(value as u64));
    if N <= 64 {
        low
    } else {
        low | (bit_cast::<N, 64>(Bits::from((value >> 64) as u64)) << 64_u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_all_widths_come_back() {
        let value = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210;
        assert_eq!(from_u128::<128>(value).to_u128(), value);
        assert_eq!(from_u128::<72>(value).to_u128(), value & ((1 << 72) - 1));
        assert_eq!(from_u128::<64>(value).to_u64(), value as u64);
        assert_eq!(from_u128::<7>(value).to_u64(), 0x10);
        assert_eq!(from_u128::<200>(value).get_bits::<128>(0).to_u128(), value);
    }
}
