//! The writer's sequence: see the [module above](super) for the contract.

use super::burst::Burst;
use super::completion::Completion;
use super::descriptor::Descriptor;
use super::held::Held;
use crate::host::mem::MemWriteSource;
use crate::queue::ports::{CompletionSource, DescriptorSink, FaultSource};
use crate::rx::verdict::FrameMeta;
use crate::stream::axis::AxisSink;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

#[derive(Copy, Clone, PartialEq, Eq, Debug, LogicState)]
enum Step {
    /// Wait for a frame.
    Idle,
    /// Find its next buffer.
    Pick,
    /// It was held.
    Found,
    /// It was taken: check it.
    Check,
    /// It is bad: tell.
    Fault,
    /// Plan a burst.
    Measure,
    /// Plan a burst.
    Plan,
    /// Write it.
    Data,
    /// Give a completion.
    Emit,
    /// Give one of a buffer but the last.
    EmitFound,
    /// Drop the frame.
    Drain,
}

/// The frame at hand.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct FrameState {
    /// Queue pair.
    pub queue: Bits<4>,
    /// Buffers used.
    pub used: Bits<7>,
    /// Completions given.
    pub emitted: Bits<7>,
    /// Descriptor of the last buffer.
    pub index: Bits<16>,
    /// Dropped for want of a descriptor.
    pub starved: Bit,
}

/// Writer for `Q` queue pairs; see the [module above](super) for the contract.
#[derive(LogicBlock)]
pub struct Writer<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Whole frames.
    pub s: AxisSink,
    /// What is said of the frame.
    pub meta: Signal<In, FrameMeta>,
    /// Its bytes.
    pub length: Signal<In, Bits<16>>,
    /// Queue pair for frames.
    pub rx_queue: Signal<In, Bits<4>>,
    /// Queue pairs that may start new work.
    pub run: Signal<In, Bits<8>>,
    /// Queue pairs with descriptors posted and not delivered.
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
    /// A frame was written and completed.
    pub delivered: Signal<Out, Bit>,
    /// A frame was dropped: its queue pair does not run.
    pub disabled: Signal<Out, Bit>,
    /// A frame was dropped: no descriptor.
    pub no_buffer: Signal<Out, Bit>,
    /// The frame delivered has a bad IPv4 header.
    pub l3_bad: Signal<Out, Bit>,
    /// The frame delivered has a bad layer-4 checksum.
    pub l4_bad: Signal<Out, Bit>,
    /// The frame delivered has a good layer-4 checksum.
    pub l4_ok: Signal<Out, Bit>,
    step: DFF<Step>,
    frame: DFF<FrameState>,
    said: DFF<FrameMeta>,
    descriptor: Descriptor<Q>,
    held: Held<Q>,
    burst: Burst,
    slot: Completion,
    pair: Signal<Local, Bits<4>>,
    coming: Signal<Local, Bit>,
    opens: Signal<Local, Bit>,
    moves: Signal<Local, Bit>,
    next_emitted: Signal<Local, Bits<7>>,
    found_len: Signal<Local, Bits<17>>,
}

impl<const Q: usize> Default for Writer<Q> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            s: Default::default(),
            meta: Default::default(),
            length: Default::default(),
            rx_queue: Default::default(),
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
            delivered: Default::default(),
            disabled: Default::default(),
            no_buffer: Default::default(),
            l3_bad: Default::default(),
            l4_bad: Default::default(),
            l4_ok: Default::default(),
            step: Default::default(),
            frame: Default::default(),
            said: Default::default(),
            descriptor: Default::default(),
            held: Default::default(),
            burst: Default::default(),
            slot: Default::default(),
            pair: Default::default(),
            coming: Default::default(),
            opens: Default::default(),
            moves: Default::default(),
            next_emitted: Default::default(),
            found_len: Default::default(),
        }
    }
}

impl<const Q: usize> Logic for Writer<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, step, frame, said);
        clock!(self, clock, descriptor, held, burst, slot);
        self.held.reset.next = self.reset.val();
        self.slot.reset.next = self.reset.val();

        // Wires between the parts and to the outside.
        self.pair.next = self.frame.q.val().queue;
        self.coming.next = false;
        self.opens.next = false;
        self.claim.next = self.held.claim.val();
        self.waive.next = self.held.waive.val();
        for i in 0..Q {
            self.descriptor.desc[i].data.next = self.desc[i].data.val();
            self.descriptor.desc[i].index.next = self.desc[i].index.val();
            self.descriptor.desc[i].valid.next = self.desc[i].valid.val();
            self.desc[i].ready.next = self.descriptor.desc[i].ready.val();
            if self.pair.val().index() == i {
                self.coming.next = self.pending.val().get_bit(i);
                self.opens.next = self.open.val().get_bit(i);
            }
        }
        // From the register itself: apart from what is decided below, or simulators see a loop.
        self.descriptor.pair.next = self.frame.q.val().queue;
        self.descriptor.take.next = false;
        self.held.run.next = self.run.val();
        self.held.pair.next = self.frame.q.val().queue;
        self.held.active.next = self.step.q.val() != Step::Idle;
        self.held.at.next = self.frame.q.val().used;
        self.held.store.next = false;
        self.held.part.next = self.descriptor.part.val();
        self.held.retire.next = false;
        self.held.used.next = self.frame.q.val().used;
        self.held.stop.next = false;
        self.burst.open.next = false;
        self.burst.length.next = self.length.val();
        self.burst.load.next = false;
        self.burst.part.next = self.descriptor.part.val();
        self.burst.measure.next = false;
        self.burst.plan.next = false;
        self.burst.beat.next = false;
        self.wr.addr.next = self.burst.addr.val();
        self.wr.len.next = self.burst.len.val();
        self.wr.data.next = self.s.tdata.val();
        self.wr.last.next = self.burst.last.val();
        self.wr.valid.next = (self.step.q.val() == Step::Data) & self.s.tvalid.val();
        self.moves.next = self.wr.ready.val() & self.s.tvalid.val();
        self.s.tready.next = false;
        self.fault.valid.next = self.step.q.val() == Step::Fault;
        self.fault.queue.next = self.pair.val().get_bits::<3>(0);
        self.fault.cause.next = self.descriptor.cause.val();
        self.fault.index.next = self.descriptor.part.val().index;
        self.found_len.next = self.held.found.val().len;
        self.next_emitted.next = self.frame.q.val().emitted + 1;
        self.slot.put.next = false;
        self.slot.pair.next = self.pair.val().get_bits::<3>(0);
        self.slot.index.next = self.frame.q.val().index;
        self.slot.len.next = self.burst.filled.val();
        self.slot.more.next = false;
        self.slot.meta.next = self.said.q.val();
        self.completion.data.next = self.slot.out.data.val();
        self.completion.queue.next = self.slot.out.queue.val();
        self.completion.valid.next = self.slot.out.valid.val();
        self.slot.out.ready.next = self.completion.ready.val();
        self.busy.next = self.held.holding.val() | self.slot.held.val();
        self.delivered.next = false;
        self.disabled.next = false;
        self.no_buffer.next = false;

        match self.step.q.val() {
            Step::Idle => {
                if self.s.tvalid.val() {
                    self.frame.d.next.queue = self.rx_queue.val();
                    self.frame.d.next.used = 0.into();
                    self.frame.d.next.emitted = 0.into();
                    self.frame.d.next.starved = false;
                    self.said.d.next = self.meta.val();
                    self.burst.open.next = true;
                    self.step.d.next = Step::Pick;
                }
            }
            Step::Pick => {
                if !self.held.runs.val() {
                    self.step.d.next = Step::Drain;
                } else if self.frame.q.val().used != self.held.count.val() {
                    self.step.d.next = Step::Found;
                } else if (self.frame.q.val().used == 64) | !self.opens.val() | !self.coming.val() {
                    self.frame.d.next.starved = true;
                    self.step.d.next = Step::Drain;
                } else if self.descriptor.there.val() {
                    self.descriptor.take.next = true;
                    self.step.d.next = Step::Check;
                }
            }
            Step::Found => {
                self.burst.part.next = self.held.found.val();
                self.burst.load.next = true;
                self.frame.d.next.index = self.held.found.val().index;
                self.frame.d.next.used = self.frame.q.val().used + 1;
                self.step.d.next = Step::Measure;
            }
            Step::Check => {
                self.step.d.next = Step::Fault;
                if self.descriptor.cause.val() == 0 {
                    self.burst.load.next = true;
                    self.held.store.next = true;
                    self.frame.d.next.index = self.descriptor.part.val().index;
                    self.frame.d.next.used = self.frame.q.val().used + 1;
                    self.step.d.next = Step::Measure;
                }
            }
            Step::Fault => {
                if self.fault.ready.val() {
                    self.held.stop.next = true;
                    self.step.d.next = Step::Drain;
                }
            }
            Step::Measure => {
                self.burst.measure.next = true;
                self.step.d.next = Step::Plan;
            }
            Step::Plan => {
                self.burst.plan.next = true;
                self.step.d.next = Step::Data;
            }
            Step::Data => {
                self.s.tready.next = self.wr.ready.val();
                self.burst.beat.next = self.moves.val();
                if self.moves.val() & self.burst.last.val() {
                    self.step.d.next = Step::Measure;
                    if self.burst.part_ends.val() {
                        self.step.d.next = Step::Pick;
                    }
                    if self.burst.frame_ends.val() {
                        self.step.d.next = Step::Emit;
                    }
                }
            }
            Step::Emit => {
                self.held.at.next = self.frame.q.val().emitted;
                if self.next_emitted.val() != self.frame.q.val().used {
                    self.step.d.next = Step::EmitFound;
                } else if self.slot.free.val() {
                    self.slot.put.next = true;
                    self.held.retire.next = true;
                    self.delivered.next = true;
                    self.step.d.next = Step::Idle;
                }
            }
            Step::EmitFound => {
                self.held.at.next = self.frame.q.val().emitted;
                self.slot.index.next = self.held.found.val().index;
                self.slot.len.next = self.found_len.val().get_bits::<16>(0);
                self.slot.more.next = true;
                if self.slot.free.val() {
                    self.slot.put.next = true;
                    self.frame.d.next.emitted = self.next_emitted.val();
                    self.step.d.next = Step::Emit;
                }
            }
            Step::Drain => {
                self.s.tready.next = true;
                if self.s.tvalid.val() & self.s.tlast.val() {
                    self.disabled.next = !self.frame.q.val().starved;
                    self.no_buffer.next = self.frame.q.val().starved;
                    self.step.d.next = Step::Idle;
                }
            }
        }
        self.l3_bad.next = self.delivered.val() & (self.said.q.val().l3 == 2);
        self.l4_bad.next = self.delivered.val() & (self.said.q.val().l4 == 2);
        self.l4_ok.next = self.delivered.val() & (self.said.q.val().l4 == 1);
        if self.reset.val() {
            self.step.d.next = Step::Idle;
        }
    }
}
