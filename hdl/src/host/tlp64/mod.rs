//! The PCIe adapter on a raw 64-bit TLP stream.
//!
//! Contract: docs/GATEWARE.md, "TLP64", for both streams; `host::mem` for the core's side. 16 read tags with 512 B each.
//!
//! ```text
//! wr, irq ─► boundary ─►  (to write, msix)
//! rd_req ─► read_request ─► MRd ─┐                 tlp_rx ─► route ─┬─► completion ─► reorder ─► rd_rsp
//! wr ─────► write ────────► MWr ─┼─► transmit ─► tlp_tx             └─► target ─► access ─► regs
//! irq ────► msix ─────────► MWr ─┤                                                   └─► msix table
//!           access ───────► CplD ┘                slots: the state of the read tags
//! ```
//!
//! - Order: one stream out, whole TLPs in the order of their grants; a write's data are taken from [`boundary`] only after its
//!   header is granted, which holds interrupts and register answers back until then. So these and later writes never pass it.
//! - MPS and MRRS above 512 B are used as 512 B. The read completion boundary needs no setting: completions may be cut anywhere.
//! - Bus mastering off: reads are answered with errors (`BusReadErrors`), writes taken and dropped (`BusUnsupported`), interrupts
//!   kept pending.
//! - Time-out: see [`reorder`]; a late completion is `BusUnexpected`, its tag stays out of use until reset. When all tags are,
//!   reads are answered with errors.
//! - Inbound requests are taken one at a time and hold completions behind them until answered: the link must let completions out
//!   although it has no credit for reads, or have credit for 16 of them.
//! - Read latency: 7 cycles from `rd_req` to `tlp_tx`, 10 from the last beat of the completion to `rd_rsp`.

pub mod access;
pub mod boundary;
pub mod completion;
pub mod completion_store;
pub mod counts;
pub mod header;
pub mod msix;
pub mod progress;
pub mod read_request;
pub mod reorder;
pub mod route;
pub mod slots;
pub mod split;
pub mod target;
pub mod transmit;
pub mod write;

use super::mem::{IrqSink, MemReadReqSink, MemReadRspSource, MemWriteSink, RegInitiator};
use crate::stream::axis::{AxisSink, AxisSource};
use rust_hdl_core::prelude::*;

/// Cycles after which a read has failed, for hardware: 50 ms at 250 MHz (PCI Express Base 2.8).
pub const READ_TIMEOUT: u32 = 12_500_000;

/// The PCIe adapter; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Tlp64 {
    /// Clock of everything.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// TLPs from the link.
    pub tlp_rx: AxisSink,
    /// TLPs to the link.
    pub tlp_tx: AxisSource,
    /// This function's bus, device and function number.
    pub requester_id: Signal<In, Bits<16>>,
    /// Max_Payload_Size as in Device Control.
    pub mps: Signal<In, Bits<3>>,
    /// Max_Read_Request_Size as in Device Control.
    pub mrrs: Signal<In, Bits<3>>,
    /// Bus Master Enable.
    pub bus_master: Signal<In, Bit>,
    /// MSI-X Enable.
    pub msix_enable: Signal<In, Bit>,
    /// MSI-X Function Mask.
    pub msix_mask: Signal<In, Bit>,
    /// Memory reads.
    pub rd_req: MemReadReqSink,
    /// Their data.
    pub rd_rsp: MemReadRspSource,
    /// Memory writes.
    pub wr: MemWriteSink,
    /// Interrupts.
    pub irq: IrqSink,
    /// Register accesses.
    pub regs: RegInitiator,
    /// No read is outstanding and no write at work.
    pub idle: Signal<Out, Bit>,
    /// Pulses of the counters.
    pub stat: Signal<Out, Bits<32>>,
    boundary: boundary::Boundary,
    route: route::Route,
    target: target::Target,
    access: access::Access,
    msix: msix::Msix,
    read_request: read_request::ReadRequest,
    slots: slots::Slots,
    completion: completion::Completion,
    reorder: reorder::Reorder,
    write: write::Write,
    transmit: transmit::Transmit,
    counts: counts::Counts,
}

impl Tlp64 {
    /// With a read time-out of `timeout` cycles.
    ///
    /// # Panics
    /// If it is 0 or does not fit 24 bits.
    #[must_use]
    pub fn new(timeout: u32) -> Self {
        Self {
            reorder: reorder::Reorder::new(timeout),
            clock: Default::default(),
            reset: Default::default(),
            tlp_rx: Default::default(),
            tlp_tx: Default::default(),
            requester_id: Default::default(),
            mps: Default::default(),
            mrrs: Default::default(),
            bus_master: Default::default(),
            msix_enable: Default::default(),
            msix_mask: Default::default(),
            rd_req: Default::default(),
            rd_rsp: Default::default(),
            wr: Default::default(),
            irq: Default::default(),
            regs: Default::default(),
            idle: Default::default(),
            stat: Default::default(),
            boundary: Default::default(),
            route: Default::default(),
            target: Default::default(),
            access: Default::default(),
            msix: Default::default(),
            read_request: Default::default(),
            slots: Default::default(),
            completion: Default::default(),
            write: Default::default(),
            transmit: Default::default(),
            counts: Default::default(),
        }
    }
}

impl Default for Tlp64 {
    fn default() -> Self {
        Self::new(READ_TIMEOUT)
    }
}

impl Logic for Tlp64 {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(
            self,
            clock,
            boundary,
            route,
            target,
            access,
            msix,
            read_request,
            slots
        );
        clock!(self, clock, completion, reorder, write, transmit, counts);
        self.boundary.reset.next = self.reset.val();
        self.route.reset.next = self.reset.val();
        self.target.reset.next = self.reset.val();
        self.access.reset.next = self.reset.val();
        self.msix.reset.next = self.reset.val();
        self.read_request.reset.next = self.reset.val();
        self.slots.reset.next = self.reset.val();
        self.completion.reset.next = self.reset.val();
        self.reorder.reset.next = self.reset.val();
        self.write.reset.next = self.reset.val();
        self.transmit.reset.next = self.reset.val();
        self.counts.reset.next = self.reset.val();
        // Inbound.
        self.route.s.tdata.next = self.tlp_rx.tdata.val();
        self.route.s.tkeep.next = self.tlp_rx.tkeep.val();
        self.route.s.tlast.next = self.tlp_rx.tlast.val();
        self.route.s.tvalid.next = self.tlp_rx.tvalid.val();
        self.tlp_rx.tready.next = self.route.s.tready.val();
        self.completion.s.tdata.next = self.route.completion.tdata.val();
        self.completion.s.tkeep.next = self.route.completion.tkeep.val();
        self.completion.s.tlast.next = self.route.completion.tlast.val();
        self.completion.s.tvalid.next = self.route.completion.tvalid.val();
        self.route.completion.tready.next = self.completion.s.tready.val();
        self.target.s.tdata.next = self.route.request.tdata.val();
        self.target.s.tkeep.next = self.route.request.tkeep.val();
        self.target.s.tlast.next = self.route.request.tlast.val();
        self.target.s.tvalid.next = self.route.request.tvalid.val();
        self.route.request.tready.next = self.target.s.tready.val();
        // Registers.
        self.access.completer_id.next = self.requester_id.val();
        self.access.req_valid.next = self.target.req_valid.val();
        self.target.req_ready.next = self.access.req_ready.val();
        self.access.req_write.next = self.target.req_write.val();
        self.access.req_empty.next = self.target.req_empty.val();
        self.access.req_unsupported.next = self.target.req_unsupported.val();
        self.access.req_memory.next = self.target.req_memory.val();
        self.access.req_addr.next = self.target.req_addr.val();
        self.access.req_wdata.next = self.target.req_wdata.val();
        self.access.req_tc.next = self.target.req_tc.val();
        self.access.req_ido.next = self.target.req_ido.val();
        self.access.req_attr.next = self.target.req_attr.val();
        self.access.req_requester.next = self.target.req_requester.val();
        self.access.req_tag.next = self.target.req_tag.val();
        self.access.req_length.next = self.target.req_length.val();
        self.access.req_first_be.next = self.target.req_first_be.val();
        self.access.req_last_be.next = self.target.req_last_be.val();
        self.regs.addr.next = self.access.regs.addr.val();
        self.regs.wdata.next = self.access.regs.wdata.val();
        self.regs.write.next = self.access.regs.write.val();
        self.regs.valid.next = self.access.regs.valid.val();
        self.access.regs.ready.next = self.regs.ready.val();
        self.access.regs.done.next = self.regs.done.val();
        self.boundary.answered.next = self.regs.done.val();
        self.access.clear.next = self.boundary.clear.val();
        self.access.regs.rdata.next = self.regs.rdata.val();
        // Interrupts.
        self.msix.requester_id.next = self.requester_id.val();
        self.msix.bus_master.next = self.bus_master.val();
        self.msix.enable.next = self.msix_enable.val();
        self.msix.function_mask.next = self.msix_mask.val();
        self.boundary.irq.vector.next = self.irq.vector.val();
        self.boundary.irq.valid.next = self.irq.valid.val();
        self.irq.ready.next = self.boundary.irq.ready.val();
        self.msix.irq.vector.next = self.boundary.m_irq.vector.val();
        self.msix.irq.valid.next = self.boundary.m_irq.valid.val();
        self.boundary.m_irq.ready.next = self.msix.irq.ready.val();
        self.msix.host_valid.next = self.access.msix_valid.val();
        self.msix.host_pba.next = self.access.msix_pba.val();
        self.msix.host_write.next = self.target.req_write.val();
        self.msix.host_addr.next = self.target.req_addr.val();
        self.msix.host_wdata.next = self.target.req_wdata.val();
        self.access.msix_done.next = self.msix.host_done.val();
        self.access.msix_rdata.next = self.msix.host_rdata.val();
        // Reads.
        self.read_request.requester_id.next = self.requester_id.val();
        self.read_request.mrrs.next = self.mrrs.val();
        self.read_request.bus_master.next = self.bus_master.val();
        self.read_request.addr.next = self.rd_req.addr.val();
        self.read_request.len.next = self.rd_req.len.val();
        self.read_request.engine.next = self.rd_req.tag.val();
        self.read_request.valid.next = self.rd_req.valid.val();
        self.rd_req.ready.next = self.read_request.ready.val();
        self.read_request.used.next = self.slots.used.val();
        self.read_request.retired.next = self.slots.retired.val();
        self.slots.alloc.next = self.read_request.alloc.val();
        self.slots.alloc_failed.next = self.read_request.alloc_failed.val();
        self.slots.alloc_tag.next = self.read_request.alloc_tag.val();
        self.completion.alloc.next = self.read_request.alloc.val();
        self.completion.alloc_tag.next = self.read_request.alloc_tag.val();
        self.completion.alloc_start.next = self.read_request.alloc_start.val();
        self.completion.alloc_bytes.next = self.read_request.alloc_bytes.val();
        self.reorder.alloc.next = self.read_request.alloc.val();
        self.reorder.alloc_tag.next = self.read_request.alloc_tag.val();
        self.reorder.alloc_start.next = self.read_request.alloc_start.val();
        self.reorder.alloc_end.next = self.read_request.alloc_end.val();
        self.reorder.alloc_engine.next = self.read_request.alloc_engine.val();
        self.reorder.alloc_last.next = self.read_request.alloc_last.val();
        self.completion.requester_id.next = self.requester_id.val();
        self.completion.outstanding.next = self.slots.outstanding.val();
        self.reorder.even_addr.next = self.completion.even_addr.val();
        self.reorder.even_data.next = self.completion.even_data.val();
        self.reorder.even_wen.next = self.completion.even_wen.val();
        self.reorder.odd_addr.next = self.completion.odd_addr.val();
        self.reorder.odd_data.next = self.completion.odd_data.val();
        self.reorder.odd_wen.next = self.completion.odd_wen.val();
        self.slots.cpl.next = self.completion.done.val();
        self.slots.cpl_tag.next = self.completion.done_tag.val();
        self.slots.cpl_stray.next = self.completion.done_stray.val();
        self.slots.cpl_done.next = self.completion.done_last.val();
        self.slots.cpl_err.next = self.completion.done_err.val();
        self.slots.cpl_retire.next = self.completion.done_retire.val();
        self.slots.expire.next = self.reorder.expire.val();
        self.slots.finish.next = self.reorder.finish.val();
        self.slots.head_tag.next = self.reorder.head_tag.val();
        self.reorder.used.next = self.slots.used.val();
        self.reorder.done.next = self.slots.done.val();
        self.reorder.err.next = self.slots.err.val();
        self.rd_rsp.data.next = self.reorder.rsp.data.val();
        self.rd_rsp.tag.next = self.reorder.rsp.tag.val();
        self.rd_rsp.last.next = self.reorder.rsp.last.val();
        self.rd_rsp.err.next = self.reorder.rsp.err.val();
        self.rd_rsp.valid.next = self.reorder.rsp.valid.val();
        self.reorder.rsp.ready.next = self.rd_rsp.ready.val();
        // Writes.
        self.write.requester_id.next = self.requester_id.val();
        self.write.mps.next = self.mps.val();
        self.write.bus_master.next = self.bus_master.val();
        self.boundary.wr.addr.next = self.wr.addr.val();
        self.boundary.wr.len.next = self.wr.len.val();
        self.boundary.wr.data.next = self.wr.data.val();
        self.boundary.wr.last.next = self.wr.last.val();
        self.boundary.wr.valid.next = self.wr.valid.val();
        self.wr.ready.next = self.boundary.wr.ready.val();
        self.write.wr.addr.next = self.boundary.m_wr.addr.val();
        self.write.wr.len.next = self.boundary.m_wr.len.val();
        self.write.wr.data.next = self.boundary.m_wr.data.val();
        self.write.wr.last.next = self.boundary.m_wr.last.val();
        self.write.wr.valid.next = self.boundary.m_wr.valid.val();
        self.boundary.m_wr.ready.next = self.write.wr.ready.val();
        // Outbound.
        self.transmit.write.tdata.next = self.write.m.tdata.val();
        self.transmit.write.tkeep.next = self.write.m.tkeep.val();
        self.transmit.write.tlast.next = self.write.m.tlast.val();
        self.transmit.write.tvalid.next = self.write.m.tvalid.val();
        self.write.m.tready.next = self.transmit.write.tready.val();
        self.transmit.msix.tdata.next = self.msix.m.tdata.val();
        self.transmit.msix.tkeep.next = self.msix.m.tkeep.val();
        self.transmit.msix.tlast.next = self.msix.m.tlast.val();
        self.transmit.msix.tvalid.next = self.msix.m.tvalid.val();
        self.msix.m.tready.next = self.transmit.msix.tready.val();
        self.transmit.answer.tdata.next = self.access.m.tdata.val();
        self.transmit.answer.tkeep.next = self.access.m.tkeep.val();
        self.transmit.answer.tlast.next = self.access.m.tlast.val();
        self.transmit.answer.tvalid.next = self.access.m.tvalid.val();
        self.access.m.tready.next = self.transmit.answer.tready.val();
        self.transmit.read.tdata.next = self.read_request.m.tdata.val();
        self.transmit.read.tkeep.next = self.read_request.m.tkeep.val();
        self.transmit.read.tlast.next = self.read_request.m.tlast.val();
        self.transmit.read.tvalid.next = self.read_request.m.tvalid.val();
        self.read_request.m.tready.next = self.transmit.read.tready.val();
        self.tlp_tx.tdata.next = self.transmit.m.tdata.val();
        self.tlp_tx.tkeep.next = self.transmit.m.tkeep.val();
        self.tlp_tx.tlast.next = self.transmit.m.tlast.val();
        self.tlp_tx.tvalid.next = self.transmit.m.tvalid.val();
        self.transmit.m.tready.next = self.tlp_tx.tready.val();
        // Counters.
        self.counts.reads.next = self.transmit.reads.val();
        self.counts.writes.next = self.transmit.writes.val();
        self.counts.interrupts.next = self.transmit.interrupts.val();
        self.counts.read_error.next = self.slots.read_error.val();
        self.counts.expired.next = self.slots.timed_out.val();
        self.counts.unexpected.next = self.slots.unexpected.val();
        self.counts.refused.next = self.target.unsupported.val();
        self.counts.dropped.next = self.write.dropped.val();
        self.stat.next = self.counts.stat.val();
        self.idle.next =
            self.read_request.idle.val() & !self.slots.used.val().any() & self.write.idle.val();
    }
}

crate::catalogue! {
    /// The PCIe adapter, with a read time-out short enough for tests.
    tlp64: Tlp64 = Tlp64::new(2_000);
}
