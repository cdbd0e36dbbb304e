//! The IPv6 header and its chain of extension headers (RFC 8200) in a stream that begins with it.
//!
//! Contract: listens to the beats from layer 3 on, with their number (`slot`: 0 to 14, 15 for all later ones). Of the beat at hand it says
//! at once whether it holds addresses or belongs to the chain, and whether layer 4 begins in it: extension headers are multiples of 8 bytes, so
//! it always begins at byte 0 of a beat. One cycle after that beat the outputs below say what it is, until the next packet's slot 0. Hop-by-hop, routing (with no
//! segments left) and destination options are skipped, 128 bytes of them at most; anything else ends the chain without layer 4.
//!
//! - Latency: 0 for the beat at hand, 1 cycle for the fields.
//! - Throughput: one beat per cycle, no bubbles, whatever the chain.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Where the parser is in the chain.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Ipv6State {
    /// Version 6.
    pub good: Bit,
    /// The chain is being followed.
    pub chain: Bit,
    /// The next header is one that is skipped.
    pub skip: Bit,
    /// The next header is a routing header.
    pub routing: Bit,
    /// The next header is TCP.
    pub tcp: Bit,
    /// The next header is UDP.
    pub udp: Bit,
    /// Beats of the present extension header still to come.
    pub left: Bits<8>,
    /// Beats of extension headers so far.
    pub beats: Bits<5>,
    /// Layer 4 was found.
    pub found: Bit,
}

/// IPv6 header; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Ipv6 {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Eight bytes.
    pub data: Signal<In, Bits<64>>,
    /// They are there.
    pub valid: Signal<In, Bit>,
    /// Number of the beat, at most 15.
    pub slot: Signal<In, Bits<4>>,
    /// This beat holds addresses.
    pub address: Signal<Out, Bit>,
    /// Layer 4 begins in this beat.
    pub start: Signal<Out, Bit>,
    /// The version is 6.
    pub good: Signal<Out, Bit>,
    /// Layer 4 was found.
    pub found: Signal<Out, Bit>,
    /// It is TCP.
    pub tcp: Signal<Out, Bit>,
    /// It is UDP.
    pub udp: Signal<Out, Bit>,
    /// Extension headers before it, in units of 8 bytes.
    pub beats: Signal<Out, Bits<5>>,
    s: DFF<Ipv6State>,
    version: Signal<Local, Bits<4>>,
    next_header: Signal<Local, Bits<8>>,
    segments_left: Signal<Local, Bits<8>>,
    opens: Signal<Local, Bit>,
    enters: Signal<Local, Bit>,
    body: Signal<Local, Bit>,
    learns: Signal<Local, Bit>,
}

impl Logic for Ipv6 {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, s);
        self.version.next = self.data.val().get_bits::<4>(4);
        self.opens.next = self.valid.val() & (self.slot.val() == 0);
        self.body.next = self.s.q.val().left != 0;
        self.enters.next =
            self.valid.val() & self.s.q.val().chain & !self.body.val() & self.s.q.val().skip;
        self.start.next = self.s.q.val().chain
            & !self.body.val()
            & (self.slot.val() >= 5)
            & (self.s.q.val().tcp | self.s.q.val().udp);
        self.next_header.next = self.data.val().get_bits::<8>(0);
        if self.slot.val() == 0 {
            self.next_header.next = self.data.val().get_bits::<8>(48);
        }
        self.segments_left.next = self.data.val().get_bits::<8>(24);
        self.learns.next = self.opens.val() | self.enters.val();
        if self.valid.val() & self.s.q.val().chain {
            if self.body.val() {
                self.s.d.next.left = self.s.q.val().left - 1;
                self.s.d.next.beats = self.s.q.val().beats + 1;
            } else if self.s.q.val().skip {
                self.s.d.next.left = self.data.val().get_bits::<8>(8);
                self.s.d.next.beats = self.s.q.val().beats + 1;
                if self.s.q.val().routing & (self.segments_left.val() != 0) {
                    self.s.d.next.chain = false;
                }
            } else {
                self.s.d.next.chain = false;
                self.s.d.next.found = self.s.q.val().tcp | self.s.q.val().udp;
            }
            // One beat too many: 128 bytes are 16.
            if (self.s.q.val().beats == 16) & (self.body.val() | self.s.q.val().skip) {
                self.s.d.next.chain = false;
            }
        }
        if self.learns.val() {
            self.s.d.next.skip = (self.next_header.val() == 0)
                | (self.next_header.val() == 43)
                | (self.next_header.val() == 60);
            self.s.d.next.routing = self.next_header.val() == 43;
            self.s.d.next.tcp = self.next_header.val() == 6;
            self.s.d.next.udp = self.next_header.val() == 17;
        }
        if self.opens.val() {
            self.s.d.next.good = self.version.val() == 6;
            self.s.d.next.chain = false;
            self.s.d.next.found = false;
            self.s.d.next.left = 0.into();
            self.s.d.next.beats = 0.into();
        }
        if self.valid.val() & (self.slot.val() == 4) {
            self.s.d.next.chain = true;
        }
        self.address.next = (self.slot.val() >= 1) & (self.slot.val() <= 4);
        self.good.next = self.s.q.val().good;
        self.found.next = self.s.q.val().found;
        self.tcp.next = self.s.q.val().tcp;
        self.udp.next = self.s.q.val().udp;
        self.beats.next = self.s.q.val().beats;
        if self.reset.val() {
            self.s.d.next.chain = false;
        }
    }
}
