//! Reception as a whole.
//!
//! Contract: docs/GATEWARE.md ("Receive", "Channels", "Queue state", "Statistics"); what is said of a frame and how it ends: docs/RX-PARSING.md.
//! `frames.tready` is always high: a frame that finds the FIFO full is dropped and counted. Each frame ends in exactly one pulse of an outcome; it is counted in
//! `rx_frames` when its last beat came, with its length on `stat_bytes`.
//!
//! - Latency: 18 cycles from a frame's last beat in to its first on `wr` with an idle writer: 9 of the [front end](super::front), 4 of the FIFO, 5 of the
//!   [writer](super::writer).
//! - Throughput: up to the FIFO one beat per cycle, frames of every size back to back (8 cycles for 60 bytes; bar: 10.5). From the FIFO
//!   on: 14 cycles for 60 bytes (bar: 16.8), 196 for 1,514 (bar: 200).
//! - Buffers 16 KiB and 64 frames.

use super::front::Front;
use super::verdict::FrameMeta;
use super::writer::engine::Writer;
use crate::host::mem::MemWriteSource;
use crate::queue::ports::{CompletionSource, DescriptorSink, FaultSource};
use crate::stream::axis::AxisSink;
use crate::stream::frame_fifo::FrameFifo;
use nic_abi::stats::Stat;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// The counters of reception are the first twelve, in this order.
const COUNTED: [Stat; 12] = [
    Stat::RxFrames,
    Stat::RxBytes,
    Stat::RxDelivered,
    Stat::RxDisabled,
    Stat::RxRunt,
    Stat::RxOversize,
    Stat::RxFiltered,
    Stat::RxOverflow,
    Stat::RxNoBuffer,
    Stat::RxL3Bad,
    Stat::RxL4Bad,
    Stat::RxL4Ok,
];
const _: () = {
    let mut i = 0;
    while i < COUNTED.len() {
        assert!(COUNTED[i] as usize == i);
        i += 1;
    }
};

/// Reception for `Q` queue pairs; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Rx<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Frames from the wire.
    pub frames: AxisSink,
    /// Receive frames.
    pub rx_enable: Signal<In, Bit>,
    /// Take frames for any station.
    pub promiscuous: Signal<In, Bit>,
    /// Take broadcasts.
    pub broadcast: Signal<In, Bit>,
    /// Take all multicasts.
    pub all_multicast: Signal<In, Bit>,
    /// Station address, byte 0 in bits 7:0.
    pub mac: Signal<In, Bits<48>>,
    /// Longest frame in bytes.
    pub max_frame: Signal<In, Bits<14>>,
    /// Queue pair for frames.
    pub rx_queue: Signal<In, Bits<4>>,
    /// Multicast addresses.
    pub multicast: [Signal<In, Bits<48>>; 8],
    /// Which of them count.
    pub multicast_valid: Signal<In, Bits<8>>,
    /// Queue pairs that may start new work.
    pub run: Signal<In, Bits<8>>,
    /// Queue pairs with receive descriptors posted and not delivered.
    pub pending: Signal<In, Bits<8>>,
    /// Queue pairs with room for the completion of one more buffer.
    pub open: Signal<In, Bits<8>>,
    /// Queue pairs that a completion is promised of.
    pub claim: Signal<Out, Bits<8>>,
    /// Queue pairs of which such a promise is taken back.
    pub waive: Signal<Out, Bits<8>>,
    /// Receive descriptors.
    pub desc: [DescriptorSink; Q],
    /// Data.
    pub wr: MemWriteSource,
    /// Completions.
    pub completion: CompletionSource,
    /// Bad descriptors.
    pub fault: FaultSource,
    /// Queue pairs at work.
    pub busy: Signal<Out, Bits<8>>,
    /// Counter pulses.
    pub stat: Signal<Out, Bits<32>>,
    /// Bytes of the frame that is counted in this cycle.
    pub stat_bytes: Signal<Out, Bits<16>>,
    front: Front,
    fifo: FrameFifo<FrameMeta, 11, 6>,
    writer: Writer<Q>,
    owed: DFF<Bits<8>>,
    pays: Signal<Local, Bit>,
    pulse: [Signal<Local, Bit>; 12],
    gathered: [Signal<Local, Bits<32>>; 13],
}

impl<const Q: usize> Default for Rx<Q> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            frames: Default::default(),
            rx_enable: Default::default(),
            promiscuous: Default::default(),
            broadcast: Default::default(),
            all_multicast: Default::default(),
            mac: Default::default(),
            max_frame: Default::default(),
            rx_queue: Default::default(),
            multicast: Default::default(),
            multicast_valid: Default::default(),
            run: Default::default(),
            pending: Default::default(),
            open: Default::default(),
            claim: Default::default(),
            waive: Default::default(),
            desc: std::array::from_fn(|_| Default::default()),
            wr: Default::default(),
            completion: Default::default(),
            fault: Default::default(),
            busy: Default::default(),
            stat: Default::default(),
            stat_bytes: Default::default(),
            front: Default::default(),
            fifo: Default::default(),
            writer: Default::default(),
            owed: Default::default(),
            pays: Default::default(),
            pulse: Default::default(),
            gathered: Default::default(),
        }
    }
}

impl<const Q: usize> Logic for Rx<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, owed);
        clock!(self, clock, front, fifo, writer);
        self.front.reset.next = self.reset.val();
        self.fifo.reset.next = self.reset.val();
        self.writer.reset.next = self.reset.val();

        self.frames.tready.next = true;
        self.front.tdata.next = self.frames.tdata.val();
        self.front.tkeep.next = self.frames.tkeep.val();
        self.front.tlast.next = self.frames.tlast.val();
        self.front.tvalid.next = self.frames.tvalid.val();
        self.front.rx_enable.next = self.rx_enable.val();
        self.front.promiscuous.next = self.promiscuous.val();
        self.front.broadcast.next = self.broadcast.val();
        self.front.all_multicast.next = self.all_multicast.val();
        self.front.mac.next = self.mac.val();
        self.front.max_frame.next = self.max_frame.val();
        self.front.multicast_valid.next = self.multicast_valid.val();
        for i in 0..8 {
            self.front.multicast[i].next = self.multicast[i].val();
        }

        self.fifo.s.tdata.next = self.front.beat.val().tdata;
        self.fifo.s.tkeep.next = self.front.beat.val().tkeep;
        self.fifo.s.tlast.next = self.front.beat.val().tlast;
        self.fifo.s.tvalid.next = self.front.beat.val().tvalid;
        self.fifo.meta.next = self.front.meta.val();
        self.fifo.discard.next = self.front.beat.val().discard;

        self.writer.s.tdata.next = self.fifo.m.tdata.val();
        self.writer.s.tkeep.next = self.fifo.m.tkeep.val();
        self.writer.s.tlast.next = self.fifo.m.tlast.val();
        self.writer.s.tvalid.next = self.fifo.m.tvalid.val();
        self.fifo.m.tready.next = self.writer.s.tready.val();
        self.writer.meta.next = self.fifo.m_meta.val();
        self.writer.length.next = self.fifo.m_length.val();
        self.writer.rx_queue.next = self.rx_queue.val();
        self.writer.run.next = self.run.val();
        self.writer.pending.next = self.pending.val();
        self.writer.open.next = self.open.val();
        self.claim.next = self.writer.claim.val();
        self.waive.next = self.writer.waive.val();
        for i in 0..Q {
            self.writer.desc[i].data.next = self.desc[i].data.val();
            self.writer.desc[i].index.next = self.desc[i].index.val();
            self.writer.desc[i].valid.next = self.desc[i].valid.val();
            self.desc[i].ready.next = self.writer.desc[i].ready.val();
        }
        self.wr.addr.next = self.writer.wr.addr.val();
        self.wr.len.next = self.writer.wr.len.val();
        self.wr.data.next = self.writer.wr.data.val();
        self.wr.last.next = self.writer.wr.last.val();
        self.wr.valid.next = self.writer.wr.valid.val();
        self.writer.wr.ready.next = self.wr.ready.val();
        self.completion.data.next = self.writer.completion.data.val();
        self.completion.queue.next = self.writer.completion.queue.val();
        self.completion.valid.next = self.writer.completion.valid.val();
        self.writer.completion.ready.next = self.completion.ready.val();
        self.fault.queue.next = self.writer.fault.queue.val();
        self.fault.cause.next = self.writer.fault.cause.val();
        self.fault.index.next = self.writer.fault.index.val();
        self.fault.valid.next = self.writer.fault.valid.val();
        self.writer.fault.ready.next = self.fault.ready.val();
        self.busy.next = self.writer.busy.val();

        // Filter and writer may both end a frame as disabled in one cycle: the writer's are owed and paid when the filter has none.
        self.pays.next = (self.owed.q.val() != 0) & !self.front.judged.val().disabled;
        if self.writer.disabled.val() & !self.pays.val() {
            self.owed.d.next = self.owed.q.val() + 1;
        }
        if self.pays.val() & !self.writer.disabled.val() {
            self.owed.d.next = self.owed.q.val() - 1;
        }
        self.pulse[0].next = self.front.judged.val().frame;
        self.pulse[1].next = self.front.judged.val().frame;
        self.pulse[2].next = self.writer.delivered.val();
        self.pulse[3].next = self.front.judged.val().disabled | self.pays.val();
        self.pulse[4].next = self.front.judged.val().runt;
        self.pulse[5].next = self.front.judged.val().oversize;
        self.pulse[6].next = self.front.judged.val().filtered;
        self.pulse[7].next = self.fifo.overflowed.val();
        self.pulse[8].next = self.writer.no_buffer.val();
        self.pulse[9].next = self.writer.l3_bad.val();
        self.pulse[10].next = self.writer.l4_bad.val();
        self.pulse[11].next = self.writer.l4_ok.val();
        self.gathered[0].next = 0.into();
        for i in 0..12 {
            self.gathered[i + 1].next = self.gathered[i].val().replace_bit(i, self.pulse[i].val());
        }
        self.stat.next = self.gathered[12].val();
        self.stat_bytes.next = self.front.judged.val().length;
        if self.reset.val() {
            self.owed.d.next = 0.into();
        }
    }
}
