//! The IPv4 header (RFC 791) in a stream that begins with it.
//!
//! Contract: listens to the beats from layer 3 on, with their number (`slot`: 0 to 14, 15 for all later ones). Of the beat at hand it says at
//! once which of its two 32-bit words belong to the header, which are addresses, and whether layer 4 begins in it. Of the header
//! it says, one cycle after slot 1, what the outputs below say, until slot 0 of the next. Whether the packet is IPv4 at all, and whether
//! all of the header came, is for the user to know.
//!
//! - Latency: 0 for the beat at hand, 1 cycle for the header's fields.
//! - Throughput: one beat per cycle, no bubbles.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What is known of the header.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Ipv4State {
    /// Header length in 32-bit words (IHL).
    pub words: Bits<4>,
    /// Version 4 and IHL of 5 or more.
    pub good: Bit,
    /// No fragment.
    pub whole: Bit,
    /// Protocol is TCP.
    pub tcp: Bit,
    /// Protocol is UDP.
    pub udp: Bit,
}

/// IPv4 header; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Ipv4 {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Eight bytes.
    pub data: Signal<In, Bits<64>>,
    /// They are there.
    pub valid: Signal<In, Bit>,
    /// Number of the beat, at most 15.
    pub slot: Signal<In, Bits<4>>,
    /// The first word of this beat belongs to the header.
    pub head_a: Signal<Out, Bit>,
    /// The second word of this beat belongs to the header.
    pub head_b: Signal<Out, Bit>,
    /// The first word of this beat is an address.
    pub address_a: Signal<Out, Bit>,
    /// The second word of this beat is an address.
    pub address_b: Signal<Out, Bit>,
    /// Layer 4 begins in this beat.
    pub start: Signal<Out, Bit>,
    /// It begins, or began, with a beat's second word.
    pub half: Signal<Out, Bit>,
    /// Header length in 32-bit words.
    pub words: Signal<Out, Bits<4>>,
    /// Version and header length are possible.
    pub good: Signal<Out, Bit>,
    /// The packet is no fragment.
    pub whole: Signal<Out, Bit>,
    /// Protocol is TCP.
    pub tcp: Signal<Out, Bit>,
    /// Protocol is UDP.
    pub udp: Signal<Out, Bit>,
    s: DFF<Ipv4State>,
    version: Signal<Local, Bits<4>>,
    ihl: Signal<Local, Bits<4>>,
    fragment_low: Signal<Local, Bits<8>>,
    fragment_high: Signal<Local, Bits<6>>,
    protocol: Signal<Local, Bits<8>>,
    length: Signal<Local, Bits<4>>,
    pairs: Signal<Local, Bits<4>>,
    odd: Signal<Local, Bit>,
}

impl Logic for Ipv4 {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, s);
        self.ihl.next = self.data.val().get_bits::<4>(0);
        self.version.next = self.data.val().get_bits::<4>(4);
        // More fragments and the offset; not "reserved" and "don't fragment", the top two bits of byte 6.
        self.fragment_high.next = self.data.val().get_bits::<6>(48);
        self.fragment_low.next = self.data.val().get_bits::<8>(56);
        self.protocol.next = self.data.val().get_bits::<8>(8);
        if self.valid.val() & (self.slot.val() == 0) {
            self.s.d.next.words = self.ihl.val();
            self.s.d.next.good = (self.version.val() == 4) & (self.ihl.val() >= 5);
            self.s.d.next.whole = (self.fragment_low.val() == 0) & (self.fragment_high.val() == 0);
            self.s.d.next.tcp = false;
            self.s.d.next.udp = false;
        }
        if self.valid.val() & (self.slot.val() == 1) {
            self.s.d.next.tcp = self.protocol.val() == 6;
            self.s.d.next.udp = self.protocol.val() == 17;
        }
        self.length.next = self.s.q.val().words;
        self.pairs.next = bit_cast::<4, 3>(self.length.val().get_bits::<3>(1));
        self.odd.next = self.length.val().get_bit(0);
        self.head_b.next = (self.slot.val() == 0) | (self.slot.val() < self.pairs.val());
        self.head_a.next = (self.slot.val() == 0)
            | (self.slot.val() < self.pairs.val())
            | ((self.slot.val() == self.pairs.val()) & self.odd.val());
        self.address_a.next = self.slot.val() == 2;
        self.address_b.next = self.slot.val() == 1;
        self.start.next = (self.slot.val() == self.pairs.val()) & (self.slot.val() >= 2);
        self.half.next = self.odd.val();
        self.words.next = self.s.q.val().words;
        self.good.next = self.s.q.val().good;
        self.whole.next = self.s.q.val().whole;
        self.tcp.next = self.s.q.val().tcp;
        self.udp.next = self.s.q.val().udp;
    }
}
