//! Memory reads as MRd TLPs.
//!
//! Contract: every read is cut at multiples of MRRS ([`Split`]); each piece gets the next tag in ring order, is announced on
//! `alloc_*` for one cycle and then leaves as one MRd of two beats. A tag in use is waited for, a retired one passed
//! over. Without bus mastering, or with all tags retired, a piece is announced as `alloc_failed` and no TLP leaves.
//!
//! - Latency: 6 cycles from the request to the first beat, if the tag is free.
//! - Throughput: one MRd per 4 cycles.
//! - `idle` is low while a request is at work.

use super::{header::RequestHeader, split::Split};
use crate::stream::axis::AxisSource;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the request side is doing.
#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
pub enum ReadRequestState {
    /// Looks for a piece and its tag.
    Tag,
    /// Announces the piece.
    Announce,
    /// DW 0 and 1.
    First,
    /// DW 2 and 3.
    Second,
}

/// MRd generator; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct ReadRequest {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// This function's id.
    pub requester_id: Signal<In, Bits<16>>,
    /// Max_Read_Request_Size as in Device Control.
    pub mrrs: Signal<In, Bits<3>>,
    /// Reads may go out.
    pub bus_master: Signal<In, Bit>,
    /// The read: address.
    pub addr: Signal<In, Bits<64>>,
    /// The read: bytes.
    pub len: Signal<In, Bits<13>>,
    /// The read: engine.
    pub engine: Signal<In, Bits<4>>,
    /// The read is there.
    pub valid: Signal<In, Bit>,
    /// The read is taken.
    pub ready: Signal<Out, Bit>,
    /// Tags in use.
    pub used: Signal<In, Bits<16>>,
    /// Tags never to be used again.
    pub retired: Signal<In, Bits<16>>,
    /// A piece gets a tag in this cycle.
    pub alloc: Signal<Out, Bit>,
    /// It will not go out: answer it with an error.
    pub alloc_failed: Signal<Out, Bit>,
    /// Its tag; at all times the tag that is next.
    pub alloc_tag: Signal<Out, Bits<4>>,
    /// Address of its first byte within 512 B.
    pub alloc_start: Signal<Out, Bits<9>>,
    /// Address of its last byte within 512 B.
    pub alloc_end: Signal<Out, Bits<9>>,
    /// Its bytes.
    pub alloc_bytes: Signal<Out, Bits<10>>,
    /// Its engine.
    pub alloc_engine: Signal<Out, Bits<4>>,
    /// It is the last of its read.
    pub alloc_last: Signal<Out, Bit>,
    /// MRd TLPs.
    pub m: AxisSource,
    /// Nothing at work.
    pub idle: Signal<Out, Bit>,
    split: Split,
    header: RequestHeader,
    state: DFF<ReadRequestState>,
    tag: DFF<Bits<4>>,
    failed: DFF<Bit>,
    owner: DFF<Bits<4>>,
    working: DFF<Bit>,
    dead: DFF<Bit>,
    taken: Signal<Local, Bit>,
    done: Signal<Local, Bit>,
}

impl Logic for ReadRequest {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, tag, failed, owner, working, dead);
        clock!(self, clock, split);
        self.split.reset.next = self.reset.val();
        self.split.s_size.next = self.mrrs.val();
        self.split.s_addr.next = self.addr.val();
        self.split.s_len.next = self.len.val();
        // One read at a time, so that its engine need not be kept for each piece.
        self.split.s_valid.next = self.valid.val() & !self.working.q.val();
        self.ready.next = self.split.s_ready.val() & !self.working.q.val();
        self.taken.next = self.valid.val() & self.split.s_ready.val() & !self.working.q.val();
        if self.taken.val() {
            self.owner.d.next = self.engine.val();
            self.working.d.next = true;
        }
        self.header.write.next = false;
        self.header.addr.next = self.split.m_addr.val();
        self.header.length.next = bit_cast::<10, 8>(self.split.m_dws.val());
        self.header.requester.next = self.requester_id.val();
        self.header.tag.next = bit_cast::<8, 4>(self.tag.q.val());
        self.header.first_be.next = self.split.m_first_be.val();
        self.header.last_be.next = self.split.m_last_be.val();
        self.alloc.next = false;
        self.alloc_failed.next = self.failed.q.val();
        self.alloc_tag.next = self.tag.q.val();
        self.alloc_start.next = self.split.m_addr.val().get_bits::<9>(0);
        self.alloc_end.next = self.split.m_end.val();
        self.alloc_bytes.next = self.split.m_bytes.val();
        self.alloc_engine.next = self.owner.q.val();
        self.alloc_last.next = self.split.m_last.val();
        self.m.tdata.next = self.header.first.val();
        self.m.tkeep.next = 255.into();
        self.m.tlast.next = false;
        self.m.tvalid.next = false;
        self.dead.d.next = self.retired.val().all() | !self.bus_master.val();
        self.done.next = false;
        match self.state.q.val() {
            ReadRequestState::Tag => {
                self.failed.d.next = self.dead.q.val();
                if self.split.m_valid.val() & !self.used.val().get_bit(self.tag.q.val().index()) {
                    // Failed pieces may have retired tags: no completion is expected for them.
                    if self.retired.val().get_bit(self.tag.q.val().index()) & !self.dead.q.val() {
                        self.tag.d.next = self.tag.q.val() + 1;
                    } else {
                        self.state.d.next = ReadRequestState::Announce;
                    }
                }
            }
            ReadRequestState::Announce => {
                self.alloc.next = true;
                self.state.d.next = ReadRequestState::First;
                if self.failed.q.val() {
                    self.done.next = true;
                }
            }
            ReadRequestState::First => {
                self.m.tvalid.next = true;
                if self.m.tready.val() {
                    self.state.d.next = ReadRequestState::Second;
                }
            }
            ReadRequestState::Second => {
                self.m.tdata.next = self.header.second.val();
                if !self.header.four_dw.val() {
                    self.m.tkeep.next = 15.into();
                }
                self.m.tlast.next = true;
                self.m.tvalid.next = true;
                self.done.next = self.m.tready.val();
            }
        }
        self.split.m_ready.next = self.done.val();
        if self.done.val() {
            self.tag.d.next = self.tag.q.val() + 1;
            self.state.d.next = ReadRequestState::Tag;
            if self.split.m_last.val() {
                self.working.d.next = false;
            }
        }
        self.idle.next = !self.working.q.val();
        if self.reset.val() {
            self.state.d.next = ReadRequestState::Tag;
            self.working.d.next = false;
            self.tag.d.next = 0.into();
        }
    }
}
