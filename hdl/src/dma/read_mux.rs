//! Three readers on one read channel.
//!
//! Contract: requests are passed on round robin, each with its input's number as tag (whatever tag it came with). Responses go
//! to the reader their tag names, in the order in which they come. A reader that is not ready holds all of them.
//! `ready` and the request at the output come from registers: which reader may go next is settled a cycle ahead.
//!
//! - Latency: 1 cycle from a request to the output for the reader whose turn it is, 2 for another; responses: none.
//! - Throughput: one request every other cycle (the adapter takes one in 4), one beat per cycle.

use crate::host::mem::{
    MemRead, MemReadReqSink, MemReadReqSource, MemReadRspSink, MemReadRspSource,
};
use crate::stream::slice::Relay;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Read multiplexer; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct ReadMux {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Requests of the readers.
    pub req: [MemReadReqSink; 3],
    /// Responses to the readers.
    pub rsp: [MemReadRspSource; 3],
    /// Requests to the adapter.
    pub rd_req: MemReadReqSource,
    /// Responses from the adapter.
    pub rd_rsp: MemReadRspSink,
    relay: Relay<MemRead>,
    turn: DFF<Bits<2>>,
    number: [Constant<Bits<2>>; 3],
    chosen: Signal<Local, Bit>,
    reader: Signal<Local, Bits<2>>,
}

impl Default for ReadMux {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            req: Default::default(),
            rsp: Default::default(),
            rd_req: Default::default(),
            rd_rsp: Default::default(),
            relay: Default::default(),
            turn: Default::default(),
            number: [0_u64, 1, 2].map(|n| Constant::new(n.into())),
            chosen: Default::default(),
            reader: Default::default(),
        }
    }
}

impl Logic for ReadMux {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, turn);
        clock!(self, clock, relay);
        self.relay.reset.next = self.reset.val();
        self.relay.in_data.next.addr = self.req[0].addr.val();
        self.relay.in_data.next.len = self.req[0].len.val();
        self.chosen.next = self.req[0].valid.val();
        if self.turn.q.val() == 1 {
            self.relay.in_data.next.addr = self.req[1].addr.val();
            self.relay.in_data.next.len = self.req[1].len.val();
            self.chosen.next = self.req[1].valid.val();
        } else if self.turn.q.val() == 2 {
            self.relay.in_data.next.addr = self.req[2].addr.val();
            self.relay.in_data.next.len = self.req[2].len.val();
            self.chosen.next = self.req[2].valid.val();
        }
        self.relay.in_data.next.tag = bit_cast::<4, 2>(self.turn.q.val());
        self.relay.in_valid.next = self.chosen.val();
        // Straight from registers, for the readers and for simulators, which would see a loop through them.
        for i in 0..3 {
            self.req[i].ready.next =
                self.relay.in_ready.val() & (self.turn.q.val() == self.number[i].val());
        }
        // The turn goes to the next one that asks when its holder was served or does not ask.
        if self.relay.in_ready.val() | !self.chosen.val() {
            if self.turn.q.val() == 0 {
                if self.req[1].valid.val() {
                    self.turn.d.next = 1.into();
                } else if self.req[2].valid.val() {
                    self.turn.d.next = 2.into();
                }
            } else if self.turn.q.val() == 1 {
                if self.req[2].valid.val() {
                    self.turn.d.next = 2.into();
                } else if self.req[0].valid.val() {
                    self.turn.d.next = 0.into();
                }
            } else if self.req[0].valid.val() {
                self.turn.d.next = 0.into();
            } else if self.req[1].valid.val() {
                self.turn.d.next = 1.into();
            }
        }
        self.rd_req.addr.next = self.relay.out_data.val().addr;
        self.rd_req.len.next = self.relay.out_data.val().len;
        self.rd_req.tag.next = self.relay.out_data.val().tag;
        self.rd_req.valid.next = self.relay.out_valid.val();
        self.relay.out_ready.next = self.rd_req.ready.val();
        self.reader.next = self.rd_rsp.tag.val().get_bits::<2>(0);
        self.rd_rsp.ready.next = true;
        for i in 0..3 {
            self.rsp[i].data.next = self.rd_rsp.data.val();
            self.rsp[i].tag.next = self.rd_rsp.tag.val();
            self.rsp[i].last.next = self.rd_rsp.last.val();
            self.rsp[i].err.next = self.rd_rsp.err.val();
            self.rsp[i].valid.next = false;
            if self.reader.val() == self.number[i].val() {
                self.rsp[i].valid.next = self.rd_rsp.valid.val();
                self.rd_rsp.ready.next = self.rsp[i].ready.val();
            }
        }
        if self.reset.val() {
            self.turn.d.next = 0.into();
        }
    }
}
