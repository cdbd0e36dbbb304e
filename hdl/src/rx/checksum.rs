//! The two checksums of a received packet: the IPv4 header's and layer 4's.
//!
//! Contract: takes the parser's beats with what they count for, and `pseudo` two cycles after the last. Five cycles after the one
//! in which the beat with `last` is on the inputs, for one cycle, `head_ok` and `layer4_ok` say whether the ones' complement sum (RFC 1071) is 0xFFFF: of the words of the IPv4 header; of
//! addresses, `pseudo` and layer 4. Whether there was anything to check is for the user to know.
//!
//! - Latency: 5 cycles: two words of a beat each, both, accumulator, two of the fold.
//! - Throughput: one beat per cycle, frames back to back; no bubbles.
//! - All sums are of little-endian words: the sum's byte order does not matter to the comparison (RFC 1071 §2(B)).

use super::walk::WalkState;
use crate::checksum::fold::Fold;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// The first two stages.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct BeatSums {
    /// Sum of the first word's halves.
    pub a: Bits<17>,
    /// Sum of the second word's halves.
    pub b: Bits<17>,
    /// What they count for.
    pub head_a: Bit,
    /// What they count for.
    pub head_b: Bit,
    /// What they count for.
    pub sum_a: Bit,
    /// What they count for.
    pub sum_b: Bit,
    /// There is a beat.
    pub valid: Bit,
    /// It is the first.
    pub first: Bit,
    /// It is the last.
    pub last: Bit,
    /// The beat's part of the header's sum.
    pub head: Bits<18>,
    /// The beat's part of layer 4's sum.
    pub layer4: Bits<19>,
    /// The second stage holds a beat.
    pub second_valid: Bit,
    /// It is the first.
    pub second_first: Bit,
    /// It is the last.
    pub second_last: Bit,
}

/// Checksums of a packet; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Checksum {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// A beat from layer 3 on, and what it counts for.
    pub beat: Signal<In, WalkState>,
    /// Protocol and layer-4 length, two cycles after the last beat.
    pub pseudo: Signal<In, Bits<17>>,
    /// The IPv4 header's sum is right.
    pub head_ok: Signal<Out, Bit>,
    /// Layer 4's sum is right.
    pub layer4_ok: Signal<Out, Bit>,
    s: DFF<BeatSums>,
    head: DFF<Bits<32>>,
    layer4: DFF<Bits<32>>,
    ended: DFF<Bit>,
    head_fold: Fold,
    layer4_fold: Fold,
    data: Signal<Local, Bits<64>>,
    take: Signal<Local, Bits<8>>,
    low: [Signal<Local, Bits<16>>; 4],
    high: [Signal<Local, Bits<16>>; 4],
    word: [Signal<Local, Bits<16>>; 4],
    head_a: Signal<Local, Bits<18>>,
    head_b: Signal<Local, Bits<18>>,
    sum_a: Signal<Local, Bits<19>>,
    sum_b: Signal<Local, Bits<19>>,
    extra: Signal<Local, Bits<32>>,
    head_before: Signal<Local, Bits<32>>,
    layer4_before: Signal<Local, Bits<32>>,
}

impl Logic for Checksum {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, s, head, layer4, ended);
        clock!(self, clock, head_fold, layer4_fold);
        // The words of the beat, in pairs.
        self.data.next = self.beat.val().data;
        self.take.next = self.beat.val().take;
        for i in 0..4 {
            self.low[i].next = 0.into();
            self.high[i].next = 0.into();
            if self.take.val().get_bit(i * 2) {
                self.low[i].next = self.data.val().get_bits::<16>(i * 16) & 0x00ff;
            }
            if self.take.val().get_bit(i * 2 + 1) {
                self.high[i].next = self.data.val().get_bits::<16>(i * 16) & 0xff00;
            }
            self.word[i].next = self.low[i].val() | self.high[i].val();
        }
        self.s.d.next.a =
            bit_cast::<17, 16>(self.word[0].val()) + bit_cast::<17, 16>(self.word[1].val());
        self.s.d.next.b =
            bit_cast::<17, 16>(self.word[2].val()) + bit_cast::<17, 16>(self.word[3].val());
        self.s.d.next.head_a = self.beat.val().head_a;
        self.s.d.next.head_b = self.beat.val().head_b;
        self.s.d.next.sum_a = self.beat.val().sum_a;
        self.s.d.next.sum_b = self.beat.val().sum_b;
        self.s.d.next.valid = self.beat.val().valid;
        self.s.d.next.first = self.beat.val().first;
        self.s.d.next.last = self.beat.val().last;

        // What of it counts for which sum.
        self.head_a.next = 0.into();
        self.head_b.next = 0.into();
        self.sum_a.next = 0.into();
        self.sum_b.next = 0.into();
        if self.s.q.val().head_a {
            self.head_a.next = bit_cast::<18, 17>(self.s.q.val().a);
        }
        if self.s.q.val().head_b {
            self.head_b.next = bit_cast::<18, 17>(self.s.q.val().b);
        }
        if self.s.q.val().sum_a {
            self.sum_a.next = bit_cast::<19, 17>(self.s.q.val().a);
        }
        if self.s.q.val().sum_b {
            self.sum_b.next = bit_cast::<19, 17>(self.s.q.val().b);
        }
        self.s.d.next.head = self.head_a.val() + self.head_b.val();
        self.s.d.next.layer4 = self.sum_a.val() + self.sum_b.val();
        self.s.d.next.second_valid = self.s.q.val().valid;
        self.s.d.next.second_first = self.s.q.val().first;
        self.s.d.next.second_last = self.s.q.val().last;

        // The packet's sums.
        self.extra.next = bit_cast::<32, 19>(self.s.q.val().layer4);
        if self.s.q.val().second_last {
            self.extra.next =
                bit_cast::<32, 19>(self.s.q.val().layer4) + bit_cast::<32, 17>(self.pseudo.val());
        }
        self.head_before.next = self.head.q.val();
        self.layer4_before.next = self.layer4.q.val();
        if self.s.q.val().second_first {
            self.head_before.next = 0.into();
            self.layer4_before.next = 0.into();
        }
        if self.s.q.val().second_valid {
            self.head.d.next = self.head_before.val() + bit_cast::<32, 18>(self.s.q.val().head);
            self.layer4.d.next = self.layer4_before.val() + self.extra.val();
        }
        self.ended.d.next = self.s.q.val().second_valid & self.s.q.val().second_last;
        self.head_fold.reset.next = self.reset.val();
        self.head_fold.total.next = self.head.q.val();
        self.head_fold.valid.next = self.ended.q.val();
        self.layer4_fold.reset.next = self.reset.val();
        self.layer4_fold.total.next = self.layer4.q.val();
        self.layer4_fold.valid.next = self.ended.q.val();
        self.head_ok.next = self.head_fold.sum.val() == 0xffff;
        self.layer4_ok.next = self.layer4_fold.sum.val() == 0xffff;
        if self.reset.val() {
            self.s.d.next.valid = false;
            self.s.d.next.second_valid = false;
            self.ended.d.next = false;
        }
    }
}
