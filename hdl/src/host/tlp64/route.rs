//! Inbound TLPs: completions apart from requests.
//!
//! Contract: every TLP goes whole to one of the two sides, by the type in its first beat. A side that is not ready holds both.
//!
//! - Latency: 1 cycle (a register slice at the input).
//! - Throughput: one beat per cycle.

use super::header::Fields;
use crate::stream::axis::{AxisSink, AxisSource};
use crate::stream::skid::AxisSkid;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// TLP router; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Route {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// All TLPs.
    pub s: AxisSink,
    /// Completions.
    pub completion: AxisSource,
    /// Everything else.
    pub request: AxisSource,
    skid: AxisSkid,
    fields: Fields,
    within_tlp: DFF<Bit>,
    to_completion: DFF<Bit>,
    choice: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
}

impl Logic for Route {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, within_tlp, to_completion);
        clock!(self, clock, skid);
        self.skid.reset.next = self.reset.val();
        self.skid.s.tdata.next = self.s.tdata.val();
        self.skid.s.tkeep.next = self.s.tkeep.val();
        self.skid.s.tlast.next = self.s.tlast.val();
        self.skid.s.tvalid.next = self.s.tvalid.val();
        self.s.tready.next = self.skid.s.tready.val();
        self.fields.tdata.next = self.skid.m.tdata.val();
        self.choice.next = self.fields.completion.val();
        if self.within_tlp.q.val() {
            self.choice.next = self.to_completion.q.val();
        }
        self.completion.tdata.next = self.skid.m.tdata.val();
        self.completion.tkeep.next = self.skid.m.tkeep.val();
        self.completion.tlast.next = self.skid.m.tlast.val();
        self.completion.tvalid.next = self.skid.m.tvalid.val() & self.choice.val();
        self.request.tdata.next = self.skid.m.tdata.val();
        self.request.tkeep.next = self.skid.m.tkeep.val();
        self.request.tlast.next = self.skid.m.tlast.val();
        self.request.tvalid.next = self.skid.m.tvalid.val() & !self.choice.val();
        self.ready.next = self.request.tready.val();
        if self.choice.val() {
            self.ready.next = self.completion.tready.val();
        }
        self.skid.m.tready.next = self.ready.val();
        if self.skid.m.tvalid.val() & self.ready.val() {
            self.within_tlp.d.next = !self.skid.m.tlast.val();
            self.to_completion.d.next = self.choice.val();
        }
        if self.reset.val() {
            self.within_tlp.d.next = false;
        }
    }
}
