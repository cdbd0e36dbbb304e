//! Shifts layer 3, behind up to two VLAN tags, to byte 0 of a beat.
//!
//! Contract: takes the beats of frames as they come (nothing is held up) and gives the bytes from layer 3 on, eight a beat,
//! the first in bits 7:0. `first` and `last` mark a frame's beats; `keep` is full but on the last. A frame of more than
//! 8 bytes that ends before its first layer-3 beat could be formed gives one beat that is first, last and empty (`keep` 0);
//! a frame of 8 bytes or less gives none.
//!
//! `ipv4`, `ipv6` (layer-3 type), `tags` (skipped), `vlan` and `vlan_present` hold during all output beats of their frame.
//! A frame's last output beat comes one or two cycles after its last input beat. Rules: docs/RX-PARSING.md.
//!
//! - Latency: 1 cycle from the beat that completes an output beat; the rest of the last beat follows one later.
//! - Throughput: one beat per cycle, frames back to back; the output has never more beats than the input.
//! - Bubbles: none.

use super::ethernet::Ethernet;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Where the aligner is in the frame, and its output.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct AlignerState {
    /// Beats of the frame so far, at most 3.
    pub beat: Bits<2>,
    /// The first output beat was given.
    pub begun: Bit,
    /// The rest of the last beat is still to be given.
    pub flush: Bit,
    /// The beat before.
    pub held: Bits<64>,
    /// Its bytes.
    pub held_keep: Bits<8>,
    /// The output beat.
    pub data: Bits<64>,
    /// Its bytes.
    pub keep: Bits<8>,
    /// There is one.
    pub valid: Bit,
    /// It is the first.
    pub first: Bit,
    /// It is the last.
    pub last: Bit,
}

/// Layer-3 aligner; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Aligner {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Beat of the frame.
    pub tdata: Signal<In, Bits<64>>,
    /// Its bytes.
    pub tkeep: Signal<In, Bits<8>>,
    /// It is the frame's last.
    pub tlast: Signal<In, Bit>,
    /// It is there.
    pub tvalid: Signal<In, Bit>,
    /// Eight bytes from layer 3 on.
    pub data: Signal<Out, Bits<64>>,
    /// Which of them exist.
    pub keep: Signal<Out, Bits<8>>,
    /// They are there.
    pub valid: Signal<Out, Bit>,
    /// First of the frame.
    pub first: Signal<Out, Bit>,
    /// Last of the frame.
    pub last: Signal<Out, Bit>,
    /// Layer-3 type is IPv4's.
    pub ipv4: Signal<Out, Bit>,
    /// Layer-3 type is IPv6's.
    pub ipv6: Signal<Out, Bit>,
    /// Tags before layer 3, 0 to 2.
    pub tags: Signal<Out, Bits<2>>,
    /// The outermost tag, 0 without one.
    pub vlan: Signal<Out, Bits<16>>,
    /// There is one.
    pub vlan_present: Signal<Out, Bit>,
    ethernet: Ethernet,
    s: DFF<AlignerState>,
    held: Signal<Local, Bits<64>>,
    held_keep: Signal<Local, Bits<8>>,
    by_six: Signal<Local, Bit>,
    keep_now: Signal<Local, Bits<8>>,
    gives: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    more: Signal<Local, Bit>,
    ends_short: Signal<Local, Bit>,
}

impl Logic for Aligner {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, s);
        clock!(self, clock, ethernet);
        self.ethernet.tdata.next = self.tdata.val();
        self.ethernet.tkeep.next = self.tkeep.val();
        self.ethernet.tvalid.next = self.tvalid.val();
        self.ethernet.beat.next = self.s.q.val().beat;
        self.ipv4.next = self.ethernet.ipv4.val();
        self.ipv6.next = self.ethernet.ipv6.val();
        self.vlan.next = self.ethernet.vlan.val();
        self.vlan_present.next = self.ethernet.vlan_present.val();
        self.tags.next = 0.into();
        if self.ethernet.one_tag.val() {
            self.tags.next = 1.into();
        }
        if self.ethernet.two_tags.val() {
            self.tags.next = 2.into();
        }
        self.held.next = self.s.q.val().held;
        self.held_keep.next = self.s.q.val().held_keep;
        // Layer 3 begins at byte 14 or 22, lane 6, or at byte 18, lane 2.
        self.by_six.next = !self.ethernet.one_tag.val() | self.ethernet.two_tags.val();
        self.gives.next = self.tvalid.val()
            & ((self.s.q.val().beat == 3)
                | ((self.s.q.val().beat == 2) & !self.ethernet.one_tag.val()));
        self.ends.next = self.tvalid.val() & self.tlast.val();
        self.ends_short.next = self.ends.val() & !self.gives.val() & (self.s.q.val().beat != 0);
        self.keep_now.next = self.tkeep.val();
        if self.s.q.val().flush {
            self.keep_now.next = 0.into();
        }
        if self.by_six.val() {
            self.more.next = self.gives.val() & self.tlast.val() & self.tkeep.val().get_bit(6);
            self.s.d.next.data = (bit_cast::<64, 48>(self.tdata.val().get_bits::<48>(0)) << 16)
                | bit_cast::<64, 16>(self.held.val().get_bits::<16>(48));
            self.s.d.next.keep = (bit_cast::<8, 6>(self.keep_now.val().get_bits::<6>(0)) << 2)
                | bit_cast::<8, 2>(self.held_keep.val().get_bits::<2>(6));
        } else {
            self.more.next = self.gives.val() & self.tlast.val() & self.tkeep.val().get_bit(2);
            self.s.d.next.data = (bit_cast::<64, 16>(self.tdata.val().get_bits::<16>(0)) << 48)
                | bit_cast::<64, 48>(self.held.val().get_bits::<48>(16));
            self.s.d.next.keep = (bit_cast::<8, 2>(self.keep_now.val().get_bits::<2>(0)) << 6)
                | bit_cast::<8, 6>(self.held_keep.val().get_bits::<6>(2));
        }
        if self.ends_short.val() {
            self.s.d.next.keep = 0.into();
        }
        self.s.d.next.valid = self.gives.val() | self.ends_short.val() | self.s.q.val().flush;
        self.s.d.next.first = !self.s.q.val().begun;
        self.s.d.next.last = self.ends_short.val()
            | self.s.q.val().flush
            | (self.ends.val() & self.gives.val() & !self.more.val());
        self.s.d.next.flush = self.more.val();
        self.s.d.next.begun = ((self.s.q.val().begun & !self.s.q.val().flush) | self.gives.val())
            & (!self.ends.val() | self.more.val());
        if self.tvalid.val() {
            self.s.d.next.held = self.tdata.val();
            self.s.d.next.held_keep = self.tkeep.val();
            if self.tlast.val() {
                self.s.d.next.beat = 0.into();
            } else if self.s.q.val().beat != 3 {
                self.s.d.next.beat = self.s.q.val().beat + 1;
            }
        }
        self.data.next = self.s.q.val().data;
        self.keep.next = self.s.q.val().keep;
        self.valid.next = self.s.q.val().valid;
        self.first.next = self.s.q.val().first;
        self.last.next = self.s.q.val().last;
        if self.reset.val() {
            self.s.d.next.beat = 0.into();
            self.s.d.next.begun = false;
            self.s.d.next.flush = false;
            self.s.d.next.valid = false;
        }
    }
}
