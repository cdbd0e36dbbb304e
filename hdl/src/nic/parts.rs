//! The core: all of the NIC but the host adapter and the wire.
//!
//! Contract: docs/GATEWARE.md, one clock, one synchronous reset. Wiring only.

use crate::dma::{read_mux::ReadMux, write_mux::WriteMux};
use crate::host::mem::{IrqSource, MemReadReqSource, MemReadRspSink, MemWriteSource, RegTarget};
use crate::queue::{queues::Queues, register_map::Identity};
use crate::rx::Rx;
use crate::stream::axis::{AxisSink, AxisSource};
use crate::tx::Tx;
use rust_hdl_core::prelude::*;

/// Longest payload read of transmit in bytes.
const READ_BYTES: u64 = 1024;

/// The core of a NIC of `Q` queue pairs; see the [module](self).
#[derive(LogicBlock)]
pub struct Core<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Register accesses.
    pub regs: RegTarget,
    /// Memory reads.
    pub rd_req: MemReadReqSource,
    /// Their data.
    pub rd_rsp: MemReadRspSink,
    /// Memory writes.
    pub wr: MemWriteSource,
    /// Interrupts.
    pub irq: IrqSource,
    /// Nothing is outstanding in the host adapter.
    pub idle: Signal<In, Bit>,
    /// Counter pulses of the host adapter.
    pub stat: Signal<In, Bits<32>>,
    /// Function-level resets since power-on.
    pub epoch: Signal<In, Bits<32>>,
    /// The link is up.
    pub link_up: Signal<In, Bit>,
    /// Its rate in Mb/s.
    pub rate: Signal<In, Bits<32>>,
    /// Frames to be sent.
    pub tx_frames: AxisSource,
    /// Frames received.
    pub rx_frames: AxisSink,
    queues: Queues<Q>,
    read_mux: ReadMux,
    write_mux: WriteMux,
    tx: Tx<Q, 9, 10>,
    rx: Rx<Q>,
}

impl<const Q: usize> Core<Q> {
    /// The core of a NIC that tells `identity` of itself and sends frames of up to its limit.
    ///
    /// # Panics
    /// If there are no queue pairs or more than eight, or if two of the longest frames do not fit the transmit buffer.
    #[must_use]
    pub fn new(identity: &Identity) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            regs: Default::default(),
            rd_req: Default::default(),
            rd_rsp: Default::default(),
            wr: Default::default(),
            irq: Default::default(),
            idle: Default::default(),
            stat: Default::default(),
            epoch: Default::default(),
            link_up: Default::default(),
            rate: Default::default(),
            tx_frames: Default::default(),
            rx_frames: Default::default(),
            queues: Queues::new(identity),
            read_mux: Default::default(),
            write_mux: Default::default(),
            tx: Tx::new(identity.frame_limit.into(), READ_BYTES),
            rx: Default::default(),
        }
    }
}

impl<const Q: usize> Core<Q> {
    /// See [`Patch::keep_last_flags`](crate::tx::patch::Patch::keep_last_flags).
    pub(crate) fn keep_last_flags(&mut self) {
        self.tx.keep_last_flags();
    }
}

impl<const Q: usize> Logic for Core<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        self.queues.clock.next = self.clock.val();
        self.queues.reset.next = self.reset.val();
        self.read_mux.clock.next = self.clock.val();
        self.read_mux.reset.next = self.reset.val();
        self.write_mux.clock.next = self.clock.val();
        self.write_mux.reset.next = self.reset.val();
        self.tx.clock.next = self.clock.val();
        self.tx.reset.next = self.reset.val();
        self.rx.clock.next = self.clock.val();
        self.rx.reset.next = self.reset.val();
        // Registers, interrupts, state.
        self.queues.regs.addr.next = self.regs.addr.val();
        self.queues.regs.wdata.next = self.regs.wdata.val();
        self.queues.regs.write.next = self.regs.write.val();
        self.queues.regs.valid.next = self.regs.valid.val();
        self.regs.ready.next = self.queues.regs.ready.val();
        self.regs.done.next = self.queues.regs.done.val();
        self.regs.rdata.next = self.queues.regs.rdata.val();
        self.irq.vector.next = self.queues.irq.vector.val();
        self.irq.valid.next = self.queues.irq.valid.val();
        self.queues.irq.ready.next = self.irq.ready.val();
        self.queues.epoch.next = self.epoch.val();
        self.queues.link_up.next = self.link_up.val();
        self.queues.rate.next = self.rate.val();
        self.queues.idle.next = self.idle.val();
        self.queues.stat.next = self.stat.val() | self.tx.stat.val() | self.rx.stat.val();
        self.queues.tx_bytes.next = self.tx.stat_bytes.val();
        self.queues.rx_bytes.next = self.rx.stat_bytes.val();
        self.queues.tx_busy.next = self.tx.busy.val();
        self.queues.rx_busy.next = self.rx.busy.val();
        self.tx.run.next = self.queues.run.val();
        self.rx.run.next = self.queues.run.val();
        self.rx.pending.next = self.queues.rq_pending.val();
        // What may be begun, and the completions that it promises.
        self.tx.whole.next = self.queues.sq_whole.val();
        self.tx.open.next = self.queues.open.val();
        self.rx.open.next = self.queues.open.val();
        self.queues.tx_claim.next = self.tx.claim.val();
        self.queues.tx_waive.next = self.tx.waive.val();
        self.queues.rx_claim.next = self.rx.claim.val();
        self.queues.rx_waive.next = self.rx.waive.val();
        // Reads.
        self.read_mux.req[0].addr.next = self.queues.sq_req.addr.val();
        self.read_mux.req[0].len.next = self.queues.sq_req.len.val();
        self.read_mux.req[0].tag.next = self.queues.sq_req.tag.val();
        self.read_mux.req[0].valid.next = self.queues.sq_req.valid.val();
        self.queues.sq_req.ready.next = self.read_mux.req[0].ready.val();
        self.queues.sq_rsp.data.next = self.read_mux.rsp[0].data.val();
        self.queues.sq_rsp.tag.next = self.read_mux.rsp[0].tag.val();
        self.queues.sq_rsp.last.next = self.read_mux.rsp[0].last.val();
        self.queues.sq_rsp.err.next = self.read_mux.rsp[0].err.val();
        self.queues.sq_rsp.valid.next = self.read_mux.rsp[0].valid.val();
        self.read_mux.rsp[0].ready.next = self.queues.sq_rsp.ready.val();
        self.read_mux.req[1].addr.next = self.queues.rq_req.addr.val();
        self.read_mux.req[1].len.next = self.queues.rq_req.len.val();
        self.read_mux.req[1].tag.next = self.queues.rq_req.tag.val();
        self.read_mux.req[1].valid.next = self.queues.rq_req.valid.val();
        self.queues.rq_req.ready.next = self.read_mux.req[1].ready.val();
        self.queues.rq_rsp.data.next = self.read_mux.rsp[1].data.val();
        self.queues.rq_rsp.tag.next = self.read_mux.rsp[1].tag.val();
        self.queues.rq_rsp.last.next = self.read_mux.rsp[1].last.val();
        self.queues.rq_rsp.err.next = self.read_mux.rsp[1].err.val();
        self.queues.rq_rsp.valid.next = self.read_mux.rsp[1].valid.val();
        self.read_mux.rsp[1].ready.next = self.queues.rq_rsp.ready.val();
        self.read_mux.req[2].addr.next = self.tx.rd_req.addr.val();
        self.read_mux.req[2].len.next = self.tx.rd_req.len.val();
        self.read_mux.req[2].tag.next = self.tx.rd_req.tag.val();
        self.read_mux.req[2].valid.next = self.tx.rd_req.valid.val();
        self.tx.rd_req.ready.next = self.read_mux.req[2].ready.val();
        self.tx.rd_rsp.data.next = self.read_mux.rsp[2].data.val();
        self.tx.rd_rsp.tag.next = self.read_mux.rsp[2].tag.val();
        self.tx.rd_rsp.last.next = self.read_mux.rsp[2].last.val();
        self.tx.rd_rsp.err.next = self.read_mux.rsp[2].err.val();
        self.tx.rd_rsp.valid.next = self.read_mux.rsp[2].valid.val();
        self.read_mux.rsp[2].ready.next = self.tx.rd_rsp.ready.val();
        self.rd_req.addr.next = self.read_mux.rd_req.addr.val();
        self.rd_req.len.next = self.read_mux.rd_req.len.val();
        self.rd_req.tag.next = self.read_mux.rd_req.tag.val();
        self.rd_req.valid.next = self.read_mux.rd_req.valid.val();
        self.read_mux.rd_req.ready.next = self.rd_req.ready.val();
        self.read_mux.rd_rsp.data.next = self.rd_rsp.data.val();
        self.read_mux.rd_rsp.tag.next = self.rd_rsp.tag.val();
        self.read_mux.rd_rsp.last.next = self.rd_rsp.last.val();
        self.read_mux.rd_rsp.err.next = self.rd_rsp.err.val();
        self.read_mux.rd_rsp.valid.next = self.rd_rsp.valid.val();
        self.rd_rsp.ready.next = self.read_mux.rd_rsp.ready.val();
        // Writes: completions, data.
        self.write_mux.s[0].addr.next = self.queues.wr.addr.val();
        self.write_mux.s[0].len.next = self.queues.wr.len.val();
        self.write_mux.s[0].data.next = self.queues.wr.data.val();
        self.write_mux.s[0].last.next = self.queues.wr.last.val();
        self.write_mux.s[0].valid.next = self.queues.wr.valid.val();
        self.queues.wr.ready.next = self.write_mux.s[0].ready.val();
        self.write_mux.s[1].addr.next = self.rx.wr.addr.val();
        self.write_mux.s[1].len.next = self.rx.wr.len.val();
        self.write_mux.s[1].data.next = self.rx.wr.data.val();
        self.write_mux.s[1].last.next = self.rx.wr.last.val();
        self.write_mux.s[1].valid.next = self.rx.wr.valid.val();
        self.rx.wr.ready.next = self.write_mux.s[1].ready.val();
        self.wr.addr.next = self.write_mux.wr.addr.val();
        self.wr.len.next = self.write_mux.wr.len.val();
        self.wr.data.next = self.write_mux.wr.data.val();
        self.wr.last.next = self.write_mux.wr.last.val();
        self.wr.valid.next = self.write_mux.wr.valid.val();
        self.write_mux.wr.ready.next = self.wr.ready.val();
        // Completions and faults.
        self.queues.tx_completion.data.next = self.tx.completion.data.val();
        self.queues.tx_completion.queue.next = self.tx.completion.queue.val();
        self.queues.tx_completion.valid.next = self.tx.completion.valid.val();
        self.tx.completion.ready.next = self.queues.tx_completion.ready.val();
        self.queues.tx_fault.queue.next = self.tx.fault.queue.val();
        self.queues.tx_fault.cause.next = self.tx.fault.cause.val();
        self.queues.tx_fault.index.next = self.tx.fault.index.val();
        self.queues.tx_fault.valid.next = self.tx.fault.valid.val();
        self.tx.fault.ready.next = self.queues.tx_fault.ready.val();
        self.queues.rx_completion.data.next = self.rx.completion.data.val();
        self.queues.rx_completion.queue.next = self.rx.completion.queue.val();
        self.queues.rx_completion.valid.next = self.rx.completion.valid.val();
        self.rx.completion.ready.next = self.queues.rx_completion.ready.val();
        self.queues.rx_fault.queue.next = self.rx.fault.queue.val();
        self.queues.rx_fault.cause.next = self.rx.fault.cause.val();
        self.queues.rx_fault.index.next = self.rx.fault.index.val();
        self.queues.rx_fault.valid.next = self.rx.fault.valid.val();
        self.rx.fault.ready.next = self.queues.rx_fault.ready.val();
        // Frames.
        self.tx_frames.tdata.next = self.tx.m.tdata.val();
        self.tx_frames.tkeep.next = self.tx.m.tkeep.val();
        self.tx_frames.tlast.next = self.tx.m.tlast.val();
        self.tx_frames.tvalid.next = self.tx.m.tvalid.val();
        self.tx.m.tready.next = self.tx_frames.tready.val();
        self.rx.frames.tdata.next = self.rx_frames.tdata.val();
        self.rx.frames.tkeep.next = self.rx_frames.tkeep.val();
        self.rx.frames.tlast.next = self.rx_frames.tlast.val();
        self.rx.frames.tvalid.next = self.rx_frames.tvalid.val();
        self.rx_frames.tready.next = self.rx.frames.tready.val();
        // The port's configuration.
        self.rx.rx_enable.next = self.queues.rx_enable.val();
        self.rx.promiscuous.next = self.queues.promiscuous.val();
        self.rx.broadcast.next = self.queues.broadcast.val();
        self.rx.all_multicast.next = self.queues.all_multicast.val();
        self.rx.mac.next = self.queues.mac.val();
        self.rx.max_frame.next = self.queues.max_frame.val();
        self.rx.rx_queue.next = self.queues.rx_queue.val();
        self.rx.multicast_valid.next = self.queues.multicast_valid.val();
        for i in 0..8 {
            self.rx.multicast[i].next = self.queues.multicast[i].val();
        }
        // Descriptors.
        for i in 0..Q {
            self.tx.sq[i].data.next = self.queues.sq_desc[i].data.val();
            self.tx.sq[i].index.next = self.queues.sq_desc[i].index.val();
            self.tx.sq[i].valid.next = self.queues.sq_desc[i].valid.val();
            self.queues.sq_desc[i].ready.next = self.tx.sq[i].ready.val();
            self.rx.desc[i].data.next = self.queues.rq_desc[i].data.val();
            self.rx.desc[i].index.next = self.queues.rq_desc[i].index.val();
            self.rx.desc[i].valid.next = self.queues.rq_desc[i].valid.val();
            self.queues.rq_desc[i].ready.next = self.rx.desc[i].ready.val();
        }
    }
}
