//! Three readers on one read channel.
//!
//! Contract: requests are passed on round robin, each with its input's number as tag (whatever tag it came with); a request
//! once offered is not exchanged for another. Responses go to the reader their tag names, in the order in which they come.
//! A reader that is not ready holds all of them.
//!
//! - Latency: none; all paths are combinational.
//! - Throughput: one request and one beat per cycle.

use crate::host::mem::{MemReadReqSink, MemReadReqSource, MemReadRspSink, MemReadRspSource};
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
    held: DFF<Bit>,
    owner: DFF<Bits<2>>,
    number: [Constant<Bits<2>>; 3],
    grant: Signal<Local, Bits<2>>,
    reader: Signal<Local, Bits<2>>,
    valid: Signal<Local, Bit>,
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
            held: Default::default(),
            owner: Default::default(),
            number: [0_u64, 1, 2].map(|n| Constant::new(n.into())),
            grant: Default::default(),
            reader: Default::default(),
            valid: Default::default(),
        }
    }
}

impl Logic for ReadMux {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, held, owner);
        // The one after the last owner comes first.
        self.grant.next = self.owner.q.val();
        if !self.held.q.val() {
            if self.owner.q.val() == 0 {
                if self.req[1].valid.val() {
                    self.grant.next = 1.into();
                } else if self.req[2].valid.val() {
                    self.grant.next = 2.into();
                }
            } else if self.owner.q.val() == 1 {
                if self.req[2].valid.val() {
                    self.grant.next = 2.into();
                } else if self.req[0].valid.val() {
                    self.grant.next = 0.into();
                }
            } else if self.req[0].valid.val() {
                self.grant.next = 0.into();
            } else if self.req[1].valid.val() {
                self.grant.next = 1.into();
            }
        }
        self.rd_req.addr.next = self.req[0].addr.val();
        self.rd_req.len.next = self.req[0].len.val();
        self.valid.next = false;
        for i in 0..3 {
            self.req[i].ready.next = false;
            if self.grant.val() == self.number[i].val() {
                self.rd_req.addr.next = self.req[i].addr.val();
                self.rd_req.len.next = self.req[i].len.val();
                self.valid.next = self.req[i].valid.val();
                self.req[i].ready.next = self.rd_req.ready.val();
            }
        }
        self.rd_req.tag.next = bit_cast::<4, 2>(self.grant.val());
        self.rd_req.valid.next = self.valid.val();
        if self.valid.val() {
            self.owner.d.next = self.grant.val();
            self.held.d.next = !self.rd_req.ready.val();
        }
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
            self.held.d.next = false;
        }
    }
}
