//! The sum of the chosen bytes of one beat.
//!
//! Contract: `sum` is the plain (not folded) sum of the beat's four little-endian 16-bit words, in which bytes whose `take` bit is low
//! count as zero.
//!
//! - Latency: 1 cycle (`sum` is a register behind a balanced tree of three adders).
//! - Throughput: one beat per cycle, no bubbles. The register follows its inputs every cycle: whoever uses it knows when.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Sum of a beat's chosen bytes; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct BeatSum {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Eight bytes, the first on the wire in bits 7:0.
    pub tdata: Signal<In, Bits<64>>,
    /// Which bytes count.
    pub take: Signal<In, Bits<8>>,
    /// Their sum, one cycle later.
    pub sum: Signal<Out, Bits<18>>,
    low: [Signal<Local, Bits<16>>; 4],
    high: [Signal<Local, Bits<16>>; 4],
    word: [Signal<Local, Bits<16>>; 4],
    front: Signal<Local, Bits<17>>,
    back: Signal<Local, Bits<17>>,
    total: DFF<Bits<18>>,
}

impl Logic for BeatSum {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, total);
        for i in 0..4 {
            self.low[i].next = 0.into();
            self.high[i].next = 0.into();
            if self.take.val().get_bit(i * 2) {
                self.low[i].next = self.tdata.val().get_bits::<16>(i * 16) & 0x00ff;
            }
            if self.take.val().get_bit(i * 2 + 1) {
                self.high[i].next = self.tdata.val().get_bits::<16>(i * 16) & 0xff00;
            }
            self.word[i].next = self.low[i].val() | self.high[i].val();
        }
        self.front.next =
            bit_cast::<17, 16>(self.word[0].val()) + bit_cast::<17, 16>(self.word[1].val());
        self.back.next =
            bit_cast::<17, 16>(self.word[2].val()) + bit_cast::<17, 16>(self.word[3].val());
        self.total.d.next =
            bit_cast::<18, 17>(self.front.val()) + bit_cast::<18, 17>(self.back.val());
        self.sum.next = self.total.q.val();
    }
}
