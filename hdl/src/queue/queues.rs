//! The queue pairs: everything between the host's registers and rings and the two datapaths.
//!
//! Contract: docs/GATEWARE.md, "Queue state", "Descriptors", "Completions", "Faults", "Statistics". `run` falls in the cycle
//! after the write or the fault that ends it. STATUS_ACTIVE of a queue pair is the or of the engines' busy bits, reads of
//! descriptors in flight, completions not yet written and an event not yet taken.
//!
//! Wiring only: latency and throughput are those of the parts.

use super::completion_queue::CompletionQueue;
use super::csr::Csr;
use super::descriptor_fetch::{DescriptorFetch, Ring};
use super::device::Device;
use super::faults::Faults;
use super::pair::Pair;
use super::port::Port;
use super::ports::{CompletionSink, DescriptorSource, FaultSink};
use super::register_map::Identity;
use super::stats::Stats;
use crate::host::mem::{IrqSource, MemReadReqSource, MemReadRspSink, MemWriteSource, RegTarget};
use nic_abi::stats::Stat;
use rust_hdl_core::prelude::*;

/// The queue pairs; see the [module](self).
#[derive(LogicBlock)]
pub struct Queues<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Register accesses, all of BAR0 but MSI-X.
    pub regs: RegTarget,
    /// Reads of submission descriptors, tag 0.
    pub sq_req: MemReadReqSource,
    /// Their data.
    pub sq_rsp: MemReadRspSink,
    /// Reads of receive descriptors, tag 1.
    pub rq_req: MemReadReqSource,
    /// Their data.
    pub rq_rsp: MemReadRspSink,
    /// Writes of completions.
    pub wr: MemWriteSource,
    /// Interrupts.
    pub irq: IrqSource,
    /// Submission descriptors.
    pub sq_desc: [DescriptorSource; Q],
    /// Receive descriptors.
    pub rq_desc: [DescriptorSource; Q],
    /// Queue pairs whose next transmit request is there as a whole.
    pub sq_whole: Signal<Out, Bits<8>>,
    /// Queue pairs with receive descriptors posted and not delivered.
    pub rq_pending: Signal<Out, Bits<8>>,
    /// Queue pairs with room for the completions of new work.
    pub open: Signal<Out, Bits<8>>,
    /// Transmit promises a completion of these queue pairs.
    pub tx_claim: Signal<In, Bits<8>>,
    /// Transmit takes a promise back.
    pub tx_waive: Signal<In, Bits<8>>,
    /// Receive promises a completion of these queue pairs.
    pub rx_claim: Signal<In, Bits<8>>,
    /// Receive takes a promise back.
    pub rx_waive: Signal<In, Bits<8>>,
    /// Completions of transmit.
    pub tx_completion: CompletionSink,
    /// Completions of receive.
    pub rx_completion: CompletionSink,
    /// Faults of transmit.
    pub tx_fault: FaultSink,
    /// Faults of receive.
    pub rx_fault: FaultSink,
    /// Queue pairs at work in transmit.
    pub tx_busy: Signal<In, Bits<8>>,
    /// Queue pairs at work in receive.
    pub rx_busy: Signal<In, Bits<8>>,
    /// Queue pairs that may start new work.
    pub run: Signal<Out, Bits<8>>,
    /// Function-level resets since power-on; kept outside of the reset.
    pub epoch: Signal<In, Bits<32>>,
    /// The link is up.
    pub link_up: Signal<In, Bit>,
    /// Its rate in Mb/s.
    pub rate: Signal<In, Bits<32>>,
    /// Nothing is outstanding in the host adapter.
    pub idle: Signal<In, Bit>,
    /// Pulses of all other parts.
    pub stat: Signal<In, Bits<32>>,
    /// Bytes of the frame received that is counted in this cycle.
    pub rx_bytes: Signal<In, Bits<16>>,
    /// Bytes of the frame sent that is counted in this cycle.
    pub tx_bytes: Signal<In, Bits<16>>,
    /// Receive frames.
    pub rx_enable: Signal<Out, Bit>,
    /// Take frames for any station.
    pub promiscuous: Signal<Out, Bit>,
    /// Take broadcasts.
    pub broadcast: Signal<Out, Bit>,
    /// Take all multicasts.
    pub all_multicast: Signal<Out, Bit>,
    /// Station address, first byte lowest.
    pub mac: Signal<Out, Bits<48>>,
    /// Longest frame received, without FCS.
    pub max_frame: Signal<Out, Bits<14>>,
    /// Queue pair for frames that nothing else places.
    pub rx_queue: Signal<Out, Bits<4>>,
    /// Multicast addresses, first byte lowest.
    pub multicast: [Signal<Out, Bits<48>>; 8],
    /// Which of them are used.
    pub multicast_valid: Signal<Out, Bits<8>>,
    csr: Csr,
    device: Device,
    port: Port,
    stats: Stats,
    faults: Faults<Q>,
    pair: [Pair; Q],
    sq_fetch: DescriptorFetch<Q>,
    rq_fetch: DescriptorFetch<Q>,
    completions: CompletionQueue<Q>,
    running: [Signal<Local, Bits<8>>; 9],
    restart: [Signal<Local, Bits<8>>; 9],
    arm: [Signal<Local, Bits<8>>; 9],
    disarm: [Signal<Local, Bits<8>>; 9],
    event_due: [Signal<Local, Bits<8>>; 9],
    shown: [Signal<Local, Bits<32>>; 9],
    may_run: Signal<Local, Bits<8>>,
    busy: Signal<Local, Bits<8>>,
    pulse: Signal<Local, Bits<32>>,
    completion_pulse: Constant<Bits<32>>,
}

impl<const Q: usize> Queues<Q> {
    /// The queue pairs of a NIC that tells `identity` of itself.
    ///
    /// # Panics
    /// If there are no queue pairs or more than eight.
    #[must_use]
    pub fn new(identity: &Identity) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            regs: Default::default(),
            sq_req: Default::default(),
            sq_rsp: Default::default(),
            rq_req: Default::default(),
            rq_rsp: Default::default(),
            wr: Default::default(),
            irq: Default::default(),
            sq_desc: std::array::from_fn(|_| Default::default()),
            rq_desc: std::array::from_fn(|_| Default::default()),
            sq_whole: Default::default(),
            rq_pending: Default::default(),
            open: Default::default(),
            tx_claim: Default::default(),
            tx_waive: Default::default(),
            rx_claim: Default::default(),
            rx_waive: Default::default(),
            tx_completion: Default::default(),
            rx_completion: Default::default(),
            tx_fault: Default::default(),
            rx_fault: Default::default(),
            tx_busy: Default::default(),
            rx_busy: Default::default(),
            run: Default::default(),
            epoch: Default::default(),
            link_up: Default::default(),
            rate: Default::default(),
            idle: Default::default(),
            stat: Default::default(),
            rx_bytes: Default::default(),
            tx_bytes: Default::default(),
            rx_enable: Default::default(),
            promiscuous: Default::default(),
            broadcast: Default::default(),
            all_multicast: Default::default(),
            mac: Default::default(),
            max_frame: Default::default(),
            rx_queue: Default::default(),
            multicast: Default::default(),
            multicast_valid: Default::default(),
            csr: Csr::new(Q, identity),
            device: Default::default(),
            port: Port::new(identity),
            stats: Default::default(),
            faults: Default::default(),
            pair: std::array::from_fn(|i| Pair::new(i as u64)),
            sq_fetch: DescriptorFetch::new(Ring::Submission),
            rq_fetch: DescriptorFetch::new(Ring::Receive),
            completions: Default::default(),
            running: Default::default(),
            restart: Default::default(),
            arm: Default::default(),
            disarm: Default::default(),
            event_due: Default::default(),
            shown: Default::default(),
            may_run: Default::default(),
            busy: Default::default(),
            pulse: Default::default(),
            completion_pulse: Constant::new((1_u64 << Stat::Completions as u64).into()),
        }
    }
}

impl<const Q: usize> Logic for Queues<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        // What the queue pairs say, one bit each.
        self.running[0].next = 0.into();
        self.restart[0].next = 0.into();
        self.arm[0].next = 0.into();
        self.disarm[0].next = 0.into();
        self.event_due[0].next = 0.into();
        self.shown[0].next = self.device.live.val();
        for i in 0..Q {
            self.running[i + 1].next = self.running[i].val().replace_bit(i, self.pair[i].run.val());
            self.restart[i + 1].next = self.restart[i]
                .val()
                .replace_bit(i, self.pair[i].restart.val());
            self.arm[i + 1].next = self.arm[i].val().replace_bit(i, self.pair[i].arm.val());
            self.disarm[i + 1].next = self.disarm[i]
                .val()
                .replace_bit(i, self.pair[i].disarm.val());
            self.event_due[i + 1].next = self.event_due[i]
                .val()
                .replace_bit(i, self.pair[i].event_due.val());
            self.shown[i + 1].next = self.shown[i].val() | self.pair[i].live.val();
        }
        for i in Q..8 {
            self.running[i + 1].next = self.running[i].val();
            self.restart[i + 1].next = self.restart[i].val();
            self.arm[i + 1].next = self.arm[i].val();
            self.disarm[i + 1].next = self.disarm[i].val();
            self.event_due[i + 1].next = self.event_due[i].val();
            self.shown[i + 1].next = self.shown[i].val();
        }
        self.busy.next = self.tx_busy.val()
            | self.rx_busy.val()
            | self.sq_fetch.busy.val()
            | self.rq_fetch.busy.val()
            | self.completions.busy.val()
            | self.faults.events.val()
            | self.event_due[8].val();
        // Registers.
        self.csr.clock.next = self.clock.val();
        self.csr.reset.next = self.reset.val();
        self.csr.regs.addr.next = self.regs.addr.val();
        self.csr.regs.wdata.next = self.regs.wdata.val();
        self.csr.regs.write.next = self.regs.write.val();
        self.csr.regs.valid.next = self.regs.valid.val();
        self.regs.ready.next = self.csr.regs.ready.val();
        self.regs.done.next = self.csr.regs.done.val();
        self.regs.rdata.next = self.csr.regs.rdata.val();
        self.device.clock.next = self.clock.val();
        self.device.reset.next = self.reset.val();
        self.device.access.target.next = self.csr.access.target.val();
        self.device.access.number.next = self.csr.access.number.val();
        self.device.access.data.next = self.csr.access.data.val();
        self.device.access.write.next = self.csr.access.write.val();
        self.device.epoch.next = self.epoch.val();
        self.device.link_up.next = self.link_up.val();
        self.device.rate.next = self.rate.val();
        self.device.idle.next = self.idle.val();
        self.device.busy.next = self.busy.val().any();
        self.port.clock.next = self.clock.val();
        self.port.reset.next = self.reset.val();
        self.port.access.target.next = self.csr.access.target.val();
        self.port.access.number.next = self.csr.access.number.val();
        self.port.access.data.next = self.csr.access.data.val();
        self.port.access.write.next = self.csr.access.write.val();
        self.rx_enable.next = self.port.rx_enable.val();
        self.promiscuous.next = self.port.promiscuous.val();
        self.broadcast.next = self.port.broadcast.val();
        self.all_multicast.next = self.port.all_multicast.val();
        self.mac.next = self.port.mac.val();
        self.max_frame.next = self.port.max_frame.val();
        self.rx_queue.next = self.port.rx_queue.val();
        for i in 0..8 {
            self.multicast[i].next = self.port.multicast[i].val();
        }
        self.multicast_valid.next = self.port.multicast_valid.val();
        // Statistics.
        self.pulse.next = self.stat.val();
        if self.completions.counted.val() {
            self.pulse.next = self.stat.val() | self.completion_pulse.val();
        }
        self.stats.clock.next = self.clock.val();
        self.stats.reset.next = self.reset.val();
        self.stats.pulse.next = self.pulse.val();
        self.stats.rx_bytes.next = self.rx_bytes.val();
        self.stats.tx_bytes.next = self.tx_bytes.val();
        self.stats.index.next = self.csr.counter.val();
        self.stats.read.next = self.csr.counter_read.val();
        self.csr.counter_value.next = self.stats.value.val();
        self.csr.counter_valid.next = self.stats.valid.val();
        // Faults and events.
        self.faults.clock.next = self.clock.val();
        self.faults.reset.next = self.reset.val();
        self.faults.fault[0].queue.next = self.tx_fault.queue.val();
        self.faults.fault[0].cause.next = self.tx_fault.cause.val();
        self.faults.fault[0].index.next = self.tx_fault.index.val();
        self.faults.fault[0].valid.next = self.tx_fault.valid.val();
        self.tx_fault.ready.next = self.faults.fault[0].ready.val();
        self.faults.fault[1].queue.next = self.rx_fault.queue.val();
        self.faults.fault[1].cause.next = self.rx_fault.cause.val();
        self.faults.fault[1].index.next = self.rx_fault.index.val();
        self.faults.fault[1].valid.next = self.rx_fault.valid.val();
        self.rx_fault.ready.next = self.faults.fault[1].ready.val();
        self.faults.fault[2].queue.next = self.sq_fetch.fault.queue.val();
        self.faults.fault[2].cause.next = self.sq_fetch.fault.cause.val();
        self.faults.fault[2].index.next = self.sq_fetch.fault.index.val();
        self.faults.fault[2].valid.next = self.sq_fetch.fault.valid.val();
        self.sq_fetch.fault.ready.next = self.faults.fault[2].ready.val();
        self.faults.fault[3].queue.next = self.rq_fetch.fault.queue.val();
        self.faults.fault[3].cause.next = self.rq_fetch.fault.cause.val();
        self.faults.fault[3].index.next = self.rq_fetch.fault.index.val();
        self.faults.fault[3].valid.next = self.rq_fetch.fault.valid.val();
        self.rq_fetch.fault.ready.next = self.faults.fault[3].ready.val();
        // Descriptors.
        self.sq_fetch.clock.next = self.clock.val();
        self.sq_fetch.reset.next = self.reset.val();
        self.sq_fetch.access.target.next = self.csr.access.target.val();
        self.sq_fetch.access.number.next = self.csr.access.number.val();
        self.sq_fetch.access.data.next = self.csr.access.data.val();
        self.sq_fetch.access.write.next = self.csr.access.write.val();
        self.sq_req.addr.next = self.sq_fetch.req.addr.val();
        self.sq_req.len.next = self.sq_fetch.req.len.val();
        self.sq_req.tag.next = self.sq_fetch.req.tag.val();
        self.sq_req.valid.next = self.sq_fetch.req.valid.val();
        self.sq_fetch.req.ready.next = self.sq_req.ready.val();
        self.sq_fetch.rsp.data.next = self.sq_rsp.data.val();
        self.sq_fetch.rsp.tag.next = self.sq_rsp.tag.val();
        self.sq_fetch.rsp.last.next = self.sq_rsp.last.val();
        self.sq_fetch.rsp.err.next = self.sq_rsp.err.val();
        self.sq_fetch.rsp.valid.next = self.sq_rsp.valid.val();
        self.sq_rsp.ready.next = self.sq_fetch.rsp.ready.val();
        self.sq_whole.next = self.sq_fetch.whole.val();
        self.rq_fetch.clock.next = self.clock.val();
        self.rq_fetch.reset.next = self.reset.val();
        self.rq_fetch.access.target.next = self.csr.access.target.val();
        self.rq_fetch.access.number.next = self.csr.access.number.val();
        self.rq_fetch.access.data.next = self.csr.access.data.val();
        self.rq_fetch.access.write.next = self.csr.access.write.val();
        self.rq_req.addr.next = self.rq_fetch.req.addr.val();
        self.rq_req.len.next = self.rq_fetch.req.len.val();
        self.rq_req.tag.next = self.rq_fetch.req.tag.val();
        self.rq_req.valid.next = self.rq_fetch.req.valid.val();
        self.rq_fetch.req.ready.next = self.rq_req.ready.val();
        self.rq_fetch.rsp.data.next = self.rq_rsp.data.val();
        self.rq_fetch.rsp.tag.next = self.rq_rsp.tag.val();
        self.rq_fetch.rsp.last.next = self.rq_rsp.last.val();
        self.rq_fetch.rsp.err.next = self.rq_rsp.err.val();
        self.rq_fetch.rsp.valid.next = self.rq_rsp.valid.val();
        self.rq_rsp.ready.next = self.rq_fetch.rsp.ready.val();
        self.rq_pending.next = self.rq_fetch.pending.val();
        // Completions.
        self.completions.clock.next = self.clock.val();
        self.completions.reset.next = self.reset.val();
        self.completions.access.target.next = self.csr.access.target.val();
        self.completions.access.number.next = self.csr.access.number.val();
        self.completions.access.data.next = self.csr.access.data.val();
        self.completions.access.write.next = self.csr.access.write.val();
        self.open.next = self.completions.open.val();
        self.completions.tx_claim.next = self.tx_claim.val();
        self.completions.tx_waive.next = self.tx_waive.val();
        self.completions.rx_claim.next = self.rx_claim.val();
        self.completions.rx_waive.next = self.rx_waive.val();
        self.completions.events.data.next = self.faults.completion.data.val();
        self.completions.events.queue.next = self.faults.completion.queue.val();
        self.completions.events.valid.next = self.faults.completion.valid.val();
        self.faults.completion.ready.next = self.completions.events.ready.val();
        self.completions.tx.data.next = self.tx_completion.data.val();
        self.completions.tx.queue.next = self.tx_completion.queue.val();
        self.completions.tx.valid.next = self.tx_completion.valid.val();
        self.tx_completion.ready.next = self.completions.tx.ready.val();
        self.completions.rx.data.next = self.rx_completion.data.val();
        self.completions.rx.queue.next = self.rx_completion.queue.val();
        self.completions.rx.valid.next = self.rx_completion.valid.val();
        self.rx_completion.ready.next = self.completions.rx.ready.val();
        self.wr.addr.next = self.completions.wr.addr.val();
        self.wr.len.next = self.completions.wr.len.val();
        self.wr.data.next = self.completions.wr.data.val();
        self.wr.last.next = self.completions.wr.last.val();
        self.wr.valid.next = self.completions.wr.valid.val();
        self.completions.wr.ready.next = self.wr.ready.val();
        self.irq.vector.next = self.completions.irq.vector.val();
        self.irq.valid.next = self.completions.irq.valid.val();
        self.completions.irq.ready.next = self.irq.ready.val();
        // The queue pairs.
        for i in 0..Q {
            self.pair[i].clock.next = self.clock.val();
            self.pair[i].reset.next = self.reset.val();
            self.pair[i].access.target.next = self.csr.access.target.val();
            self.pair[i].access.number.next = self.csr.access.number.val();
            self.pair[i].access.data.next = self.csr.access.data.val();
            self.pair[i].access.write.next = self.csr.access.write.val();
            self.pair[i].busy.next = self.busy.val().get_bit(i);
            self.pair[i].sq_head.next = self.sq_fetch.head[i].val();
            self.pair[i].rq_head.next = self.rq_fetch.head[i].val();
            self.pair[i].cq_tail.next = self.completions.tail[i].val();
            self.pair[i].fault.next = self.faults.strobe.val().get_bit(i);
            self.pair[i].fault_cause.next = self.faults.cause.val();
            self.pair[i].fault_index.next = self.faults.index.val();
            self.pair[i].event_taken.next = self.faults.event_taken.val().get_bit(i);
            self.faults.event_cause[i].next = self.pair[i].event_cause.val();
            self.faults.event_index[i].next = self.pair[i].event_index.val();
            self.sq_fetch.log2[i].next = self.pair[i].sq_log2.val();
            self.sq_fetch.tail[i].next = self.pair[i].sq_tail.val();
            self.rq_fetch.log2[i].next = self.pair[i].rq_log2.val();
            self.rq_fetch.tail[i].next = self.pair[i].rq_tail.val();
            self.completions.size[i].next = self.pair[i].cq_size.val();
            self.completions.consumer[i].next = self.pair[i].cq_head.val();
            self.completions.vector[i].next = self.pair[i].irq_vector.val();
            self.completions.delay[i].next = self.pair[i].delay.val();
            self.completions.count[i].next = self.pair[i].count.val();
            self.sq_desc[i].data.next = self.sq_fetch.desc[i].data.val();
            self.sq_desc[i].index.next = self.sq_fetch.desc[i].index.val();
            self.sq_desc[i].valid.next = self.sq_fetch.desc[i].valid.val();
            self.sq_fetch.desc[i].ready.next = self.sq_desc[i].ready.val();
            self.rq_desc[i].data.next = self.rq_fetch.desc[i].data.val();
            self.rq_desc[i].index.next = self.rq_fetch.desc[i].index.val();
            self.rq_desc[i].valid.next = self.rq_fetch.desc[i].valid.val();
            self.rq_fetch.desc[i].ready.next = self.rq_desc[i].ready.val();
        }
        self.may_run.next = 0.into();
        if self.device.active.val() {
            self.may_run.next = self.running[8].val();
        }
        self.run.next = self.may_run.val();
        self.sq_fetch.run.next = self.may_run.val();
        self.rq_fetch.run.next = self.may_run.val();
        self.sq_fetch.restart.next = self.restart[8].val();
        self.rq_fetch.restart.next = self.restart[8].val();
        self.completions.restart.next = self.restart[8].val();
        self.completions.arm.next = self.arm[8].val();
        self.completions.disarm.next = self.disarm[8].val();
        self.faults.event_due.next = self.event_due[8].val();
        self.csr.live.next = self.shown[8].val();
    }
}
