//! Moves bytes to where they lie in the segment: barrel rotator and carry.
//!
//! Contract: every cycle may bring one step, which takes `take` bytes (0..=8) from lane `lane` of a memory word upwards
//! and puts them at byte `at` of the beat under construction. `word` is the word of the step *two cycles before*: the step's control
//! runs beside the memory's two read cycles. With `emit` the beat is finished: it comes out as a chunk (with `last`, `count` and `kind`
//! as given), and bytes beyond its eighth begin the next. Bytes that no step has filled are zero.
//!
//! - Latency: 3 cycles from step to chunk. The chunk is a pulse that cannot wait: the user leaves room for three.
//! - Throughput: one step per cycle, no bubbles.
//! - The rotator is 8 × 8 bytes in three levels between two registers; 64 bits wide, it needs no pipelining of its own at 125 MHz.

use super::byte_mask::ByteMask;
use super::records::Chunk;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// One step; see the [module](self).
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Step {
    /// First byte's lane in the memory word.
    pub lane: Bits<3>,
    /// Bytes taken.
    pub take: Bits<4>,
    /// Where the first goes.
    pub at: Bits<3>,
    /// The beat is finished.
    pub emit: Bit,
    /// It is the segment's last.
    pub last: Bit,
    /// Bytes of the last beat.
    pub count: Bits<4>,
    /// Kind of the chunk.
    pub kind: Bits<2>,
}

/// A step behind the first register: what remains to be done with it.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Move {
    turn: Bits<3>,
    here: Bits<8>,
    beyond: Bits<8>,
    emit: Bit,
    last: Bit,
    count: Bits<4>,
    kind: Bits<2>,
}

/// Barrel rotator with carry; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Aligner {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset: drops the beat under construction.
    pub reset: Signal<In, Bit>,
    /// The step.
    pub step: Signal<In, Step>,
    /// There is one.
    pub step_valid: Signal<In, Bit>,
    /// Memory word of the step two cycles before.
    pub word: Signal<In, Bits<64>>,
    /// A finished beat.
    pub chunk: Signal<Out, Chunk>,
    /// There is one.
    pub chunk_valid: Signal<Out, Bit>,
    asked: DFF<Step>,
    asked_valid: DFF<Bit>,
    fetched: DFF<Move>,
    fetched_valid: DFF<Bit>,
    turned: DFF<Move>,
    turned_valid: DFF<Bit>,
    bytes: DFF<Bits<64>>,
    carry: DFF<Bits<64>>,
    keep: ByteMask,
    pass: ByteMask,
    full: Constant<Bits<16>>,
    spare: Signal<Local, Bits<4>>,
    ones: Signal<Local, Bits<16>>,
    range: Signal<Local, Bits<16>>,
    turn: Signal<Local, Bits<3>>,
    turn_by: Signal<Local, Bits<3>>,
    by_one: Signal<Local, Bits<64>>,
    by_two: Signal<Local, Bits<64>>,
    by_four: Signal<Local, Bits<64>>,
    merged: Signal<Local, Bits<64>>,
}

impl Default for Aligner {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            step: Default::default(),
            step_valid: Default::default(),
            word: Default::default(),
            chunk: Default::default(),
            chunk_valid: Default::default(),
            asked: Default::default(),
            asked_valid: Default::default(),
            fetched: Default::default(),
            fetched_valid: Default::default(),
            turned: Default::default(),
            turned_valid: Default::default(),
            bytes: Default::default(),
            carry: Default::default(),
            keep: Default::default(),
            pass: Default::default(),
            full: Constant::new(0xff_u64.into()),
            spare: Default::default(),
            ones: Default::default(),
            range: Default::default(),
            turn: Default::default(),
            turn_by: Default::default(),
            by_one: Default::default(),
            by_two: Default::default(),
            by_four: Default::default(),
            merged: Default::default(),
        }
    }
}

impl Logic for Aligner {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            asked,
            asked_valid,
            fetched,
            fetched_valid,
            turned,
            turned_valid,
            bytes,
            carry
        );
        self.asked.d.next = self.step.val();
        self.asked_valid.d.next = self.step_valid.val();
        // Beside the memory's second cycle: which bytes, and how far.
        self.spare.next = 8 - self.asked.q.val().take;
        self.ones.next = self.full.val() >> self.spare.val();
        self.range.next = self.ones.val() << self.asked.q.val().at;
        self.turn.next = self.asked.q.val().at - self.asked.q.val().lane;
        self.fetched.d.next.turn = self.turn.val();
        self.fetched.d.next.here = self.range.val().get_bits::<8>(0);
        self.fetched.d.next.beyond = self.range.val().get_bits::<8>(8);
        self.fetched.d.next.emit = self.asked.q.val().emit;
        self.fetched.d.next.last = self.asked.q.val().last;
        self.fetched.d.next.count = self.asked.q.val().count;
        self.fetched.d.next.kind = self.asked.q.val().kind;
        self.fetched_valid.d.next = self.asked_valid.q.val();
        // The word is here: turn it.
        self.turn_by.next = self.fetched.q.val().turn;
        self.by_one.next = self.word.val();
        if self.turn_by.val().get_bit(0) {
            self.by_one.next = (self.word.val() << 8) | (self.word.val() >> 56);
        }
        self.by_two.next = self.by_one.val();
        if self.turn_by.val().get_bit(1) {
            self.by_two.next = (self.by_one.val() << 16) | (self.by_one.val() >> 48);
        }
        self.by_four.next = self.by_two.val();
        if self.turn_by.val().get_bit(2) {
            self.by_four.next = (self.by_two.val() << 32) | (self.by_two.val() >> 32);
        }
        self.bytes.d.next = self.by_four.val();
        self.turned.d.next = self.fetched.q.val();
        self.turned_valid.d.next = self.fetched_valid.q.val();
        // Merge.
        self.keep.take.next = self.turned.q.val().here;
        self.pass.take.next = self.turned.q.val().beyond;
        self.merged.next = self.carry.q.val() | (self.bytes.q.val() & self.keep.mask.val());
        self.chunk.next.data = self.merged.val();
        self.chunk.next.count = self.turned.q.val().count;
        self.chunk.next.last = self.turned.q.val().last;
        self.chunk.next.kind = self.turned.q.val().kind;
        self.chunk_valid.next = self.turned_valid.q.val() & self.turned.q.val().emit;
        if self.turned_valid.q.val() {
            self.carry.d.next = self.merged.val();
            if self.turned.q.val().emit {
                self.carry.d.next = self.bytes.q.val() & self.pass.mask.val();
            }
        }
        if self.reset.val() {
            self.asked_valid.d.next = false;
            self.fetched_valid.d.next = false;
            self.turned_valid.d.next = false;
            self.carry.d.next = 0.into();
        }
    }
}
