//! The fields of TCP's (RFC 9293) and UDP's (RFC 768) header that checking needs.
//!
//! Contract: listens to beats from layer 3 on. `start` marks the one in which layer 4 begins: with its first 32-bit word, or with the second if
//! `half`, which holds for the rest of the packet; `left` counts the IP packet's bytes from the beginning of that beat. One cycle after
//! the beat that has it each output is there, until the next packet's. The fields of TCP and UDP are cut out both: the user knows
//! which it is, and whether the packet is long enough to have them.
//!
//! - Latency: 1 cycle.
//! - Throughput: one beat per cycle, no bubbles.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What is known of layer 4.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Layer4State {
    /// Number of the next beat of layer 4, at most 3.
    pub slot: Bits<2>,
    /// Bytes of layer 4.
    pub length: Bits<16>,
    /// TCP's data offset in 32-bit words.
    pub offset: Bits<4>,
    /// UDP's length.
    pub udp_length: Bits<16>,
    /// UDP's checksum is 0.
    pub unsummed: Bit,
}

/// Fields of layer 4; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Layer4 {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Eight bytes.
    pub data: Signal<In, Bits<64>>,
    /// They are there.
    pub valid: Signal<In, Bit>,
    /// Layer 4 begins in this beat.
    pub start: Signal<In, Bit>,
    /// It begins, or began, with the second word.
    pub half: Signal<In, Bit>,
    /// Bytes of the IP packet from this beat on.
    pub left: Signal<In, Bits<16>>,
    /// Bytes of layer 4; 0 if the packet ends before it.
    pub length: Signal<Out, Bits<16>>,
    /// TCP's data offset in 32-bit words.
    pub offset: Signal<Out, Bits<4>>,
    /// UDP's length.
    pub udp_length: Signal<Out, Bits<16>>,
    /// UDP's checksum is 0.
    pub unsummed: Signal<Out, Bit>,
    s: DFF<Layer4State>,
    now: Signal<Local, Bits<2>>,
    second: Signal<Local, Bits<16>>,
    words: Signal<Local, Bits<14>>,
    udp_length_at: Signal<Local, Bits<16>>,
    checksum_at: Signal<Local, Bits<16>>,
    offset_at: Signal<Local, Bits<4>>,
    has_udp: Signal<Local, Bit>,
    has_offset: Signal<Local, Bit>,
}

impl Logic for Layer4 {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, s);
        self.now.next = self.s.q.val().slot;
        if self.start.val() {
            self.now.next = 0.into();
        }
        self.second.next = self.left.val() - 4;
        self.words.next = self.left.val().get_bits::<14>(2);
        // Where the fields lie depends on the word that layer 4 begins with.
        if self.half.val() {
            self.udp_length_at.next = self.data.val().get_bits::<16>(0);
            self.checksum_at.next = self.data.val().get_bits::<16>(16);
            self.offset_at.next = self.data.val().get_bits::<4>(4);
            self.has_udp.next = self.now.val() == 1;
            self.has_offset.next = self.now.val() == 2;
        } else {
            self.udp_length_at.next = self.data.val().get_bits::<16>(32);
            self.checksum_at.next = self.data.val().get_bits::<16>(48);
            self.offset_at.next = self.data.val().get_bits::<4>(36);
            self.has_udp.next = self.now.val() == 0;
            self.has_offset.next = self.now.val() == 1;
        }
        if self.valid.val() {
            if self.now.val() == 3 {
                self.s.d.next.slot = 3.into();
            } else {
                self.s.d.next.slot = self.now.val() + 1;
            }
            if self.start.val() {
                self.s.d.next.length = self.left.val();
                if self.half.val() {
                    self.s.d.next.length = self.second.val();
                    if self.words.val() == 0 {
                        self.s.d.next.length = 0.into();
                    }
                }
            }
            if self.has_udp.val() {
                self.s.d.next.udp_length =
                    (bit_cast::<16, 8>(self.udp_length_at.val().get_bits::<8>(0)) << 8)
                        | bit_cast::<16, 8>(self.udp_length_at.val().get_bits::<8>(8));
                self.s.d.next.unsummed = self.checksum_at.val() == 0;
            }
            if self.has_offset.val() {
                self.s.d.next.offset = self.offset_at.val();
            }
        }
        self.length.next = self.s.q.val().length;
        self.offset.next = self.s.q.val().offset;
        self.udp_length.next = self.s.q.val().udp_length;
        self.unsummed.next = self.s.q.val().unsummed;
    }
}
