//! Response memory: takes read data at once, hands them on read by read.
//!
//! Contract: `rd_rsp.ready` is always high; the gatherer has seen to the room. Words are stored in order; when the last one of a read
//! has come, its result (did it fail?) is offered, and only then may the read's words be taken: the failure of a read is
//! known before its first byte goes anywhere. `pop` moves to the next word; `word` is the one that was in front two cycles before.
//!
//! - Latency: 2 cycles from the last word to its result, 2 from `pop` to `word`.
//! - Throughput: one word in and one out per cycle, no bubbles.
//! - Block RAM: `2^A` words of 64 bits with registered output.

use crate::host::mem::MemReadRspSink;
use crate::memory::bram::Bram;
use crate::memory::sync_fifo::SyncFifo;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Response memory of `2^A` words; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Responses<const A: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Data of payload reads; other tags never come here.
    pub rd_rsp: MemReadRspSink,
    /// The oldest read whose result is not taken failed.
    pub result: Signal<Out, Bit>,
    /// It has ended.
    pub result_valid: Signal<Out, Bit>,
    /// The result is taken.
    pub result_ready: Signal<In, Bit>,
    /// Go on to the next word.
    pub pop: Signal<In, Bit>,
    /// The word that was in front two cycles before.
    pub word: Signal<Out, Bits<64>>,
    memory: Bram<Bits<64>, A>,
    results: SyncFifo<Bit, 5>,
    written: DFF<Bits<A>>,
    taken: DFF<Bits<A>>,
    failing: DFF<Bit>,
}

impl<const A: usize> Logic for Responses<A> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, written, taken, failing);
        clock!(self, clock, memory, results);
        self.rd_rsp.ready.next = true;
        self.results.reset.next = self.reset.val();
        self.memory.waddr.next = self.written.q.val();
        self.memory.wdata.next = self.rd_rsp.data.val();
        self.memory.wen.next = self.rd_rsp.valid.val();
        self.results.in_data.next = self.failing.q.val() | self.rd_rsp.err.val();
        self.results.in_valid.next = self.rd_rsp.valid.val() & self.rd_rsp.last.val();
        if self.rd_rsp.valid.val() {
            self.written.d.next = self.written.q.val() + 1;
            self.failing.d.next =
                (self.failing.q.val() | self.rd_rsp.err.val()) & !self.rd_rsp.last.val();
        }
        self.memory.raddr.next = self.taken.q.val();
        if self.pop.val() {
            self.taken.d.next = self.taken.q.val() + 1;
        }
        self.word.next = self.memory.rdata.val();
        self.result.next = self.results.out_data.val();
        self.result_valid.next = self.results.out_valid.val();
        self.results.out_ready.next = self.result_ready.val();
        if self.reset.val() {
            self.written.d.next = 0.into();
            self.taken.d.next = 0.into();
            self.failing.d.next = false;
        }
    }
}
