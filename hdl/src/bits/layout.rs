//! Packed words cut and built by nic-abi's `Field`s, so that no position is ever written twice.
//!
//! ```
//! use longshore_hdl::{emit::emit, layout_decoder};
//! use nic_abi::tx;
//! use rust_hdl_core::prelude::*;
//!
//! layout_decoder! {
//!     /// A transmit buffer descriptor.
//!     pub struct BufferFields: 128 {
//!         addr: Bits<64> = tx::BUFFER_ADDR,
//!         len: Bits<17> = tx::BUFFER_LEN,
//!     }
//! }
//!
//! let verilog = emit("buffer_fields", &mut BufferFields::default()).unwrap().verilog;
//! assert!(verilog.contains("always @(*) len = word[80:64];"));
//! ```
//!
//! A decoder has the input `word` and an output per field; an encoder an input per field and the output `word`, with zeros
//! in bits of no field. Both are combinational leaves; a field's port has the field's width (refused at compile time
//! otherwise). Put them into a kernel as sub-modules: `self.fields.word.next = …; … = self.fields.addr.val();`

use super::from_u128;
use nic_abi::field::Field;
use rust_hdl_core::prelude::*;

/// A port type that a field can have: [`Bit`] or [`Bits`].
pub trait FieldPort: Synth {
    /// The port's value for a field's value.
    fn from_field(value: u64) -> Self;
    /// The field's value for the port's.
    fn to_field(self) -> u64;
}

impl FieldPort for Bit {
    fn from_field(value: u64) -> Self {
        value & 1 == 1
    }
    fn to_field(self) -> u64 {
        u64::from(self)
    }
}

impl<const N: usize> FieldPort for Bits<N> {
    fn from_field(value: u64) -> Self {
        from_u128(u128::from(value))
    }
    fn to_field(self) -> u64 {
        self.to_u64()
    }
}

/// The Verilog part select of a field, as in `[80:64]`.
#[must_use]
pub fn select(field: Field) -> String {
    match field.width {
        1 => format!("[{}]", field.lsb),
        width => format!("[{}:{}]", field.lsb + width - 1, field.lsb),
    }
}

/// Refuses, at compile time, a field that is not as wide as its port or not inside the word.
pub const fn check(field: Field, port: usize, word: usize) {
    assert!(
        field.width as usize == port,
        "a field's port must have the field's width"
    );
    assert!(
        (field.lsb + field.width) as usize <= word && word <= 128,
        "a field lies outside the word"
    );
}

/// Makes a combinational module that cuts a packed word into fields; see [`layout`](self).
#[macro_export]
macro_rules! layout_decoder {
    ($(#[$meta:meta])* $vis:vis struct $name:ident : $width:literal {
        $($(#[$field_meta:meta])* $field:ident : $kind:ty = $at:expr),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(LogicBlock, Default)]
        $vis struct $name {
            /// The packed word.
            pub word: Signal<In, Bits<$width>>,
            $($(#[$field_meta])* pub $field: Signal<Out, $kind>,)+
        }
        const _: () = {
            $($crate::bits::layout::check($at, <$kind as Synth>::BITS, $width);)+
        };
        impl Logic for $name {
            fn update(&mut self) {
                let word = self.word.val().to_u128();
                $(self.$field.next = $crate::bits::layout::FieldPort::from_field($at.get(word));)+
            }
            fn connect(&mut self) {
                $(self.$field.connect();)+
            }
            fn hdl(&self) -> Verilog {
                let mut text = String::new();
                $(text += &format!(
                    "always @(*) {} = word{};\n", stringify!($field), $crate::bits::layout::select($at)
                );)+
                Verilog::Custom(text)
            }
        }
    };
}

/// Makes a combinational module that builds a packed word from fields; see [`layout`](self).
#[macro_export]
macro_rules! layout_encoder {
    ($(#[$meta:meta])* $vis:vis struct $name:ident : $width:literal {
        $($(#[$field_meta:meta])* $field:ident : $kind:ty = $at:expr),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(LogicBlock, Default)]
        $vis struct $name {
            $($(#[$field_meta])* pub $field: Signal<In, $kind>,)+
            /// The packed word; zero in bits of no field.
            pub word: Signal<Out, Bits<$width>>,
        }
        const _: () = {
            let mut taken = 0_u128;
            $(
                $crate::bits::layout::check($at, <$kind as Synth>::BITS, $width);
                let mask = ($at.max() as u128) << $at.lsb;
                assert!(taken & mask == 0, "two fields share a bit");
                taken |= mask;
            )+
            assert!(taken != 0);
        };
        impl Logic for $name {
            fn update(&mut self) {
                let mut word = 0_u128;
                $(word = $at.set(word, $crate::bits::layout::FieldPort::to_field(self.$field.val()));)+
                self.word.next = $crate::bits::from_u128(word);
            }
            fn connect(&mut self) {
                self.word.connect();
            }
            fn hdl(&self) -> Verilog {
                let mut text = format!("always @(*) begin\n  word = {}'d0;\n", $width);
                $(text += &format!(
                    "  word{} = {};\n", $crate::bits::layout::select($at), stringify!($field)
                );)+
                text += "end\n";
                Verilog::Custom(text)
            }
        }
    };
}

layout_decoder! {
    /// A transmit context cut into pieces: the decoder in lock step.
    pub struct SampleDecoder: 128 {
        /// See nic-abi.
        handle: Bits<32> = nic_abi::tx::HANDLE,
        /// See nic-abi.
        payload_len: Bits<17> = nic_abi::tx::PAYLOAD_LEN,
        /// See nic-abi.
        tso: Bit = nic_abi::tx::TSO,
        /// See nic-abi.
        kind: Bits<4> = nic_abi::tx::TYPE,
    }
}

layout_encoder! {
    /// A transmit context built from pieces: the encoder in lock step.
    pub struct SampleEncoder: 128 {
        /// See nic-abi.
        handle: Bits<32> = nic_abi::tx::HANDLE,
        /// See nic-abi.
        payload_len: Bits<17> = nic_abi::tx::PAYLOAD_LEN,
        /// See nic-abi.
        tso: Bit = nic_abi::tx::TSO,
        /// See nic-abi.
        kind: Bits<4> = nic_abi::tx::TYPE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_are_verilog_part_selects() {
        assert_eq!(select(Field::new("f", 64, 17)), "[80:64]");
        assert_eq!(select(Field::new("f", 113, 1)), "[113]");
    }

    #[test]
    fn what_the_encoder_builds_the_decoder_cuts() {
        let (mut encoder, mut decoder) = (SampleEncoder::default(), SampleDecoder::default());
        encoder.handle.next = 0xdead_beef_u64.into();
        encoder.payload_len.next = 65_536_u64.into();
        encoder.tso.next = true;
        encoder.kind.next = 9_u64.into();
        encoder.update_all();
        encoder.update_all();
        decoder.word.next = encoder.word.val();
        decoder.update_all();
        decoder.update_all();
        assert_eq!(decoder.handle.val().to_u64(), 0xdead_beef);
        assert_eq!(decoder.payload_len.val().to_u64(), 65_536);
        assert!(decoder.tso.val());
        assert_eq!(decoder.kind.val().to_u64(), 9);
    }
}
