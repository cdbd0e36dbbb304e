//! Counts a packet's beats and its bytes, and says of each beat which of its bytes enter which checksum.
//!
//! Contract: `slot` is the number of the beat on `data` (15 for all from the sixteenth on), at once, for [`ipv4`](super::ipv4) and
//! [`ipv6`](super::ipv6), which say what the beat holds. One cycle later the beat is on the outputs with
//! - `head_a`, `head_b`: its first and second 32-bit word belong to the IPv4 header;
//! - `sum_a`, `sum_b`: they enter the layer-4 sum, as addresses or as layer 4;
//! - `take`: the bytes that count, of layer 4 none behind the end of the IP packet;
//! - `start`: layer 4 begins in it; `begun`: in it or before;
//! - `left`: bytes of the IP packet from its beginning on (IPv6: from the fixed header's end on; before that, the payload length);
//! - `words`: whole 32-bit words of the frame from layer 3 to its end, at most 32;
//! - `fits`: the IP packet does not go on behind it (as far as `left` counts: from slot 0 for IPv4, 5 for IPv6).
//!
//! - Latency: 1 cycle.
//! - Throughput: one beat per cycle, no bubbles.

use super::kept::Kept;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// The beat on the outputs, and where the next one lies.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct WalkState {
    /// Number of the next beat, at most 15.
    pub slot: Bits<4>,
    /// Bytes of the IP packet from the next beat on.
    pub next_left: Bits<16>,
    /// The beat.
    pub data: Bits<64>,
    /// It is there.
    pub valid: Bit,
    /// It is the frame's first.
    pub first: Bit,
    /// It is the frame's last.
    pub last: Bit,
    /// See the module.
    pub take: Bits<8>,
    /// See the module.
    pub head_a: Bit,
    /// See the module.
    pub head_b: Bit,
    /// See the module.
    pub sum_a: Bit,
    /// See the module.
    pub sum_b: Bit,
    /// See the module.
    pub start: Bit,
    /// See the module.
    pub begun: Bit,
    /// See the module.
    pub left: Bits<16>,
    /// See the module.
    pub words: Bits<6>,
    /// See the module.
    pub fits: Bit,
}

/// Walk along the packet; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Walk {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Eight bytes from layer 3 on.
    pub data: Signal<In, Bits<64>>,
    /// Which of them exist.
    pub keep: Signal<In, Bits<8>>,
    /// They are there.
    pub valid: Signal<In, Bit>,
    /// First of the frame.
    pub first: Signal<In, Bit>,
    /// Last of the frame.
    pub last: Signal<In, Bit>,
    /// It is IPv6, else IPv4.
    pub ipv6: Signal<In, Bit>,
    /// The first word belongs to the IPv4 header.
    pub head_a: Signal<In, Bit>,
    /// The second word belongs to the IPv4 header.
    pub head_b: Signal<In, Bit>,
    /// The first word is an address.
    pub address_a: Signal<In, Bit>,
    /// The second word is an address.
    pub address_b: Signal<In, Bit>,
    /// Layer 4 begins in this beat.
    pub start: Signal<In, Bit>,
    /// With the second word.
    pub half: Signal<In, Bit>,
    /// The beat's number, at most 15.
    pub slot: Signal<Out, Bits<4>>,
    /// The beat one cycle later, and what is known of it.
    pub beat: Signal<Out, WalkState>,
    kept: Kept,
    s: DFF<WalkState>,
    total: Signal<Local, Bits<16>>,
    payload: Signal<Local, Bits<16>>,
    left: Signal<Local, Bits<16>>,
    lower: Signal<Local, Bits<16>>,
    eights: Signal<Local, Bits<13>>,
    rest: Signal<Local, Bits<3>>,
    below: Signal<Local, Bits<8>>,
    layer4: Signal<Local, Bit>,
    layer4_a: Signal<Local, Bit>,
}

impl Logic for Walk {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, s);
        self.kept.tkeep.next = self.keep.val();
        self.slot.next = self.s.q.val().slot;
        self.beat.next = self.s.q.val();

        // Bytes of the packet from here on; IPv6's payload begins with slot 5.
        self.total.next = (bit_cast::<16, 8>(self.data.val().get_bits::<8>(16)) << 8)
            | bit_cast::<16, 8>(self.data.val().get_bits::<8>(24));
        self.payload.next = (bit_cast::<16, 8>(self.data.val().get_bits::<8>(32)) << 8)
            | bit_cast::<16, 8>(self.data.val().get_bits::<8>(40));
        self.left.next = self.s.q.val().next_left;
        if self.s.q.val().slot == 0 {
            self.left.next = self.total.val();
            if self.ipv6.val() {
                self.left.next = self.payload.val();
            }
        }
        self.eights.next = self.left.val().get_bits::<13>(3);
        self.rest.next = self.left.val().get_bits::<3>(0);
        self.lower.next = self.left.val() - 8;
        if self.ipv6.val() & (self.s.q.val().slot < 5) {
            self.lower.next = self.left.val();
        } else if self.eights.val() == 0 {
            self.lower.next = 0.into();
        }

        // Of layer 4 only what lies in the packet counts.
        self.layer4.next = (self.start.val() | self.s.q.val().begun) & (self.s.q.val().slot != 0);
        self.layer4_a.next = self.layer4.val() & !(self.start.val() & self.half.val());
        match self.rest.val().index() {
            0 => {
                self.below.next = 0.into();
            }
            1 => {
                self.below.next = 1.into();
            }
            2 => {
                self.below.next = 3.into();
            }
            3 => {
                self.below.next = 7.into();
            }
            4 => {
                self.below.next = 15.into();
            }
            5 => {
                self.below.next = 31.into();
            }
            6 => {
                self.below.next = 63.into();
            }
            _ => {
                self.below.next = 127.into();
            }
        }
        self.s.d.next.take = self.below.val();
        if (self.eights.val() != 0) | !self.layer4.val() {
            self.s.d.next.take = 255.into();
        } else if !self.layer4_a.val() {
            self.s.d.next.take = self.below.val() | 15;
        }

        self.s.d.next.data = self.data.val();
        self.s.d.next.valid = self.valid.val();
        self.s.d.next.first = self.first.val();
        self.s.d.next.last = self.last.val();
        self.s.d.next.head_a = self.head_a.val();
        self.s.d.next.head_b = self.head_b.val();
        self.s.d.next.sum_a = self.address_a.val() | self.layer4_a.val();
        self.s.d.next.sum_b = self.address_b.val() | self.layer4.val();
        self.s.d.next.start = self.start.val() & (self.s.q.val().slot != 0);
        self.s.d.next.left = self.left.val();
        self.s.d.next.fits = self.left.val() <= bit_cast::<16, 4>(self.kept.bytes.val());
        self.s.d.next.words = (bit_cast::<6, 4>(self.s.q.val().slot) << 1)
            + bit_cast::<6, 2>(self.kept.bytes.val().get_bits::<2>(2));
        if self.valid.val() {
            self.s.d.next.begun = self.layer4.val();
            self.s.d.next.next_left = self.lower.val();
            if self.last.val() {
                self.s.d.next.slot = 0.into();
            } else if self.s.q.val().slot != 15 {
                self.s.d.next.slot = self.s.q.val().slot + 1;
            }
        }
        if self.reset.val() {
            self.s.d.next.slot = 0.into();
            self.s.d.next.valid = false;
        }
    }
}
