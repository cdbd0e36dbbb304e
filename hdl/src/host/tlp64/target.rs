//! Requests to BAR0, parsed and judged.
//!
//! Contract: takes TLPs that are no completions, one at a time, and offers each that is to be acted on as `req_*`. Served are memory
//! reads and writes of one whole DW. A read of no bytes (2.2.5: all byte enables 0) is `req_empty`. Every other request
//! that needs an answer is `req_unsupported`; the rest (larger or partial or poisoned writes, messages, whatever is cut short or
//! unknown) is dropped. These last two pulse `unsupported`. The parser waits for nothing but the TLP's last beat and `req_ready`.
//!
//! - Latency: 2 cycles from the last beat to `req_valid`.
//! - Throughput: a request of 2 beats per 4 cycles, if taken at once.

use super::header::{Fields, SwapDws};
use crate::stream::axis::AxisSink;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the parser is doing.
#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
pub enum TargetState {
    /// DW 0 and 1.
    First,
    /// DW 2 and 3.
    Second,
    /// What follows.
    Rest,
    /// Judges.
    Judge,
    /// Offers.
    Offer,
}

/// Request parser; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Target {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Requests and messages.
    pub s: AxisSink,
    /// A request is there.
    pub req_valid: Signal<Out, Bit>,
    /// It is taken.
    pub req_ready: Signal<In, Bit>,
    /// It is a write, which needs no answer.
    pub req_write: Signal<Out, Bit>,
    /// It reads no bytes.
    pub req_empty: Signal<Out, Bit>,
    /// It is to be refused.
    pub req_unsupported: Signal<Out, Bit>,
    /// It is a memory request.
    pub req_memory: Signal<Out, Bit>,
    /// Offset in BAR0.
    pub req_addr: Signal<Out, Bits<16>>,
    /// Data of a write.
    pub req_wdata: Signal<Out, Bits<32>>,
    /// Traffic class.
    pub req_tc: Signal<Out, Bits<3>>,
    /// ID-based ordering.
    pub req_ido: Signal<Out, Bit>,
    /// Relaxed ordering, no snoop.
    pub req_attr: Signal<Out, Bits<2>>,
    /// Who asks.
    pub req_requester: Signal<Out, Bits<16>>,
    /// Tag.
    pub req_tag: Signal<Out, Bits<8>>,
    /// Length in DW.
    pub req_length: Signal<Out, Bits<10>>,
    /// Byte enables of the first DW.
    pub req_first_be: Signal<Out, Bits<4>>,
    /// Byte enables of the last DW.
    pub req_last_be: Signal<Out, Bits<4>>,
    /// A request was refused or dropped.
    pub unsupported: Signal<Out, Bit>,
    fields: Fields,
    swap: SwapDws,
    state: DFF<TargetState>,
    memory: DFF<Bit>,
    non_posted: DFF<Bit>,
    with_data: DFF<Bit>,
    four_dw: DFF<Bit>,
    poisoned: DFF<Bit>,
    tc: DFF<Bits<3>>,
    ido: DFF<Bit>,
    attr: DFF<Bits<2>>,
    requester: DFF<Bits<16>>,
    tag: DFF<Bits<8>>,
    length: DFF<Bits<10>>,
    first_be: DFF<Bits<4>>,
    last_be: DFF<Bits<4>>,
    addr: DFF<Bits<16>>,
    wdata: DFF<Bits<32>>,
    complete: DFF<Bit>,
    serve_r: DFF<Bit>,
    empty_r: DFF<Bit>,
    unsupported_r: DFF<Bit>,
    word: Signal<Local, Bit>,
    whole: Signal<Local, Bit>,
    empty: Signal<Local, Bit>,
    serve: Signal<Local, Bit>,
    answer: Signal<Local, Bit>,
}

impl Logic for Target {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, memory, non_posted, with_data, four_dw, poisoned, tc, ido
        );
        dff_setup!(
            self, clock, attr, requester, tag, length, first_be, last_be, addr, wdata
        );
        dff_setup!(self, clock, complete, unsupported_r, serve_r, empty_r);
        self.fields.tdata.next = self.s.tdata.val();
        self.swap.a.next = self.s.tdata.val();
        self.s.tready.next = false;
        self.req_valid.next = false;
        self.unsupported_r.d.next = false;
        self.word.next = self.memory.q.val() & (self.length.q.val() == 1);
        self.whole.next = self.word.val() & (self.first_be.q.val() == 15);
        self.empty.next = self.word.val() & (self.first_be.q.val() == 0) & !self.with_data.q.val();
        self.serve.next = self.whole.val() & !(self.with_data.q.val() & self.poisoned.q.val());
        self.answer.next = self.non_posted.q.val();
        match self.state.q.val() {
            TargetState::First => {
                self.s.tready.next = true;
                self.memory.d.next = self.fields.memory.val();
                self.non_posted.d.next = self.fields.non_posted.val();
                self.with_data.d.next = self.fields.with_data.val();
                self.four_dw.d.next = self.fields.four_dw.val();
                self.poisoned.d.next = self.fields.poisoned.val();
                self.tc.d.next = self.fields.tc.val();
                self.ido.d.next = self.fields.ido.val();
                self.attr.d.next = self.fields.attr.val();
                self.requester.d.next = self.fields.requester.val();
                self.tag.d.next = self.fields.tag.val();
                self.length.d.next = self.fields.length.val();
                self.first_be.d.next = self.fields.first_be.val();
                self.last_be.d.next = self.fields.last_be.val();
                self.complete.d.next = false;
                if self.s.tvalid.val() {
                    self.state.d.next = TargetState::Second;
                    if self.s.tlast.val() {
                        self.state.d.next = TargetState::Judge;
                    }
                }
            }
            TargetState::Second => {
                self.s.tready.next = true;
                self.addr.d.next = bit_cast::<16, 14>(self.s.tdata.val().get_bits::<14>(2)) << 2;
                self.complete.d.next = !self.with_data.q.val() | self.s.tkeep.val().get_bit(4);
                self.wdata.d.next = self.swap.y.val().get_bits::<32>(32);
                if self.four_dw.q.val() {
                    self.addr.d.next =
                        bit_cast::<16, 14>(self.s.tdata.val().get_bits::<14>(34)) << 2;
                    self.complete.d.next = !self.with_data.q.val() & self.s.tkeep.val().get_bit(4);
                }
                if self.s.tvalid.val() {
                    self.state.d.next = TargetState::Rest;
                    if self.s.tlast.val() {
                        self.state.d.next = TargetState::Judge;
                    }
                }
            }
            TargetState::Rest => {
                self.s.tready.next = true;
                if self.s.tvalid.val() {
                    // Of a write with one DW and a 4-DW header these are the data.
                    if self.four_dw.q.val() & self.with_data.q.val() & !self.complete.q.val() {
                        self.wdata.d.next = self.swap.y.val().get_bits::<32>(0);
                        self.complete.d.next = true;
                    }
                    if self.s.tlast.val() {
                        self.state.d.next = TargetState::Judge;
                    }
                }
            }
            TargetState::Judge => {
                self.state.d.next = TargetState::First;
                if self.complete.q.val() & (self.serve.val() | self.empty.val() | self.answer.val())
                {
                    self.state.d.next = TargetState::Offer;
                }
                self.unsupported_r.d.next =
                    !(self.complete.q.val() & (self.serve.val() | self.empty.val()));
            }
            TargetState::Offer => {
                self.req_valid.next = true;
                if self.req_ready.val() {
                    self.state.d.next = TargetState::First;
                }
            }
        }
        self.serve_r.d.next = self.serve.val();
        self.empty_r.d.next = self.empty.val();
        self.req_write.next = self.with_data.q.val() & self.serve_r.q.val();
        self.req_empty.next = self.empty_r.q.val();
        self.req_unsupported.next = !(self.serve_r.q.val() | self.empty_r.q.val());
        self.req_memory.next = self.memory.q.val();
        self.req_addr.next = self.addr.q.val();
        self.req_wdata.next = self.wdata.q.val();
        self.req_tc.next = self.tc.q.val();
        self.req_ido.next = self.ido.q.val();
        self.req_attr.next = self.attr.q.val();
        self.req_requester.next = self.requester.q.val();
        self.req_tag.next = self.tag.q.val();
        self.req_length.next = self.length.q.val();
        self.req_first_be.next = self.first_be.q.val();
        self.req_last_be.next = self.last_be.q.val();
        self.unsupported.next = self.unsupported_r.q.val();
        if self.reset.val() {
            self.state.d.next = TargetState::First;
            self.unsupported_r.d.next = false;
        }
    }
}
