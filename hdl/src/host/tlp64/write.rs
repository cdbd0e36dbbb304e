//! Memory writes as MWr TLPs.
//!
//! Contract: every burst is cut at multiples of MPS ([`Split`]) and sent as MWr TLPs, its data passing straight through: a burst
//! begun must go on by itself, because it holds the transmitter. A beat of data is taken only when the header of its TLP
//! has left, so the write is ordered before all that is taken later. Without bus mastering when the burst begins it
//! is taken and dropped, with one pulse of `dropped`.
//!
//! - Latency: 5 cycles from the burst's first beat to the first header.
//! - Throughput: with 3-DW headers `2 + floor(n / 2)` beats for a TLP of `n` DW and no bubbles within a burst (MPS ≥ 128 B); with
//!   4-DW headers `2 + ceil(n / 2)`. 1,514 B at MPS 256 and 3-DW headers: 201 beats + 5 cycles.

use super::{
    header::{RequestHeader, SwapDws},
    split::Split,
};
use crate::host::mem::MemWriteSink;
use crate::stream::axis::{AxisSource, Beat};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the writer is doing.
#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
pub enum WriteState {
    /// DW 0 and 1.
    First,
    /// DW 2 and 3, or DW 2 and the first data.
    Second,
    /// Data.
    Data,
}

/// MWr generator; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Write {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// This function's id.
    pub requester_id: Signal<In, Bits<16>>,
    /// Max_Payload_Size as in Device Control.
    pub mps: Signal<In, Bits<3>>,
    /// Writes may go out.
    pub bus_master: Signal<In, Bit>,
    /// Bursts.
    pub wr: MemWriteSink,
    /// MWr TLPs.
    pub m: AxisSource,
    /// Nothing at work.
    pub idle: Signal<Out, Bit>,
    /// A burst was dropped.
    pub dropped: Signal<Out, Bit>,
    split: Split,
    header: RequestHeader,
    swap: SwapDws,
    state: DFF<WriteState>,
    // The burst at the input was handed to the splitter; it is being dropped.
    begun: DFF<Bit>,
    dropping: DFF<Bit>,
    dropped_r: DFF<Bit>,
    left: DFF<Bits<8>>,
    held: DFF<Bits<32>>,
    beat: DFF<Beat>,
    beat_valid: DFF<Bit>,
    go: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    low: Signal<Local, Bits<32>>,
    shifted: Signal<Local, Bits<64>>,
    one_left: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    drop_last: Signal<Local, Bit>,
    put: Signal<Local, Bit>,
}

impl Logic for Write {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, begun, dropping, dropped_r, left, held, beat, beat_valid
        );
        clock!(self, clock, split);
        self.split.reset.next = self.reset.val();
        self.split.s_size.next = self.mps.val();
        self.split.s_addr.next = self.wr.addr.val();
        self.split.s_len.next = self.wr.len.val();
        self.split.s_valid.next = self.wr.valid.val() & self.bus_master.val() & !self.begun.q.val();
        if self.wr.valid.val() & !self.begun.q.val() {
            self.begun.d.next = self.split.s_ready.val() | !self.bus_master.val();
            self.dropping.d.next = !self.bus_master.val();
        }
        self.header.write.next = true;
        self.header.addr.next = self.split.m_addr.val();
        self.header.length.next = bit_cast::<10, 8>(self.split.m_dws.val());
        self.header.requester.next = self.requester_id.val();
        self.header.tag.next = 0.into();
        self.header.first_be.next = self.split.m_first_be.val();
        self.header.last_be.next = self.split.m_last_be.val();
        self.swap.a.next = self.wr.data.val();
        self.low.next = self.swap.y.val().get_bits::<32>(0);
        self.shifted.next =
            (bit_cast::<64, 32>(self.low.val()) << 32) | bit_cast::<64, 32>(self.held.q.val());
        self.m.tdata.next = self.beat.q.val().tdata;
        self.m.tkeep.next = self.beat.q.val().tkeep;
        self.m.tlast.next = self.beat.q.val().tlast;
        self.m.tvalid.next = self.beat_valid.q.val();
        self.go.next = self.m.tready.val() | !self.beat_valid.q.val();
        self.one_left.next = self.left.q.val() == 1;
        self.take.next = false;
        self.put.next = false;
        self.ends.next = false;
        if self.m.tready.val() {
            self.beat_valid.d.next = false;
        }
        match self.state.q.val() {
            WriteState::First => {
                if self.go.val() & self.split.m_valid.val() {
                    self.beat.d.next.tdata = self.header.first.val();
                    self.beat.d.next.tkeep = 255.into();
                    self.put.next = true;
                    self.left.d.next = self.split.m_dws.val();
                    self.state.d.next = WriteState::Second;
                }
            }
            WriteState::Second => {
                self.held.d.next = self.swap.y.val().get_bits::<32>(32);
                self.beat.d.next.tkeep = 255.into();
                if self.go.val() & self.header.four_dw.val() {
                    self.beat.d.next.tdata = self.header.second.val();
                    self.put.next = true;
                    self.state.d.next = WriteState::Data;
                } else if self.go.val() & self.wr.valid.val() {
                    self.beat.d.next.tdata =
                        self.header.second.val() | (bit_cast::<64, 32>(self.low.val()) << 32);
                    self.put.next = true;
                    self.take.next = true;
                    self.left.d.next = self.left.q.val() - 1;
                    self.ends.next = self.one_left.val();
                    self.state.d.next = WriteState::Data;
                }
            }
            WriteState::Data => {
                self.beat.d.next.tdata = self.shifted.val();
                if self.header.four_dw.val() {
                    self.beat.d.next.tdata = self.swap.y.val();
                }
                self.beat.d.next.tkeep = 255.into();
                if self.one_left.val() {
                    self.beat.d.next.tkeep = 15.into();
                }
                // The last DW of a 3-DW TLP may be held already.
                if self.go.val() & self.one_left.val() & !self.header.four_dw.val() {
                    self.put.next = true;
                    self.ends.next = true;
                } else if self.go.val() & self.wr.valid.val() {
                    self.held.d.next = self.swap.y.val().get_bits::<32>(32);
                    self.put.next = true;
                    self.take.next = true;
                    self.left.d.next = self.left.q.val() - 2;
                    self.ends.next = self.one_left.val() | (self.left.q.val() == 2);
                }
            }
        }
        // A beat that is not put must stay as it is.
        if !self.put.val() {
            self.beat.d.next = self.beat.q.val();
        } else {
            self.beat.d.next.tlast = self.ends.val();
            self.beat_valid.d.next = true;
        }
        if self.ends.val() {
            self.state.d.next = WriteState::First;
        }
        self.split.m_ready.next = self.ends.val();
        self.wr.ready.next = self.take.val() | self.dropping.q.val();
        self.drop_last.next = self.dropping.q.val() & self.wr.valid.val() & self.wr.last.val();
        if self.wr.last.val() & (self.take.val() | self.drop_last.val()) {
            self.begun.d.next = false;
            self.dropping.d.next = false;
        }
        self.dropped_r.d.next = self.drop_last.val();
        self.dropped.next = self.dropped_r.q.val();
        self.idle.next = !(self.wr.valid.val()
            | self.begun.q.val()
            | self.split.m_valid.val()
            | self.beat_valid.q.val());
        if self.reset.val() {
            self.state.d.next = WriteState::First;
            self.begun.d.next = false;
            self.dropping.d.next = false;
            self.dropped_r.d.next = false;
            self.beat_valid.d.next = false;
        }
    }
}
