//! Takes requests from the queues in turn, checks them, and hands them to the rest of the datapath.
//!
//! Contract: round robin over the queues that are `live`, whose next request is there as a `whole`, and whose completion ring is `open` for one more,
//! one request a turn: no queue waits for what the driver of another has yet to do. A context and all its buffers are taken from the
//! queue; the buffers go to the buffer store, and when all are there and the checks are good they are committed, else forgotten. Every
//! context taken up gives one [`Request`] (to the segmenter) and one [`Cut`] (to the packer), in order, whatever the checks said.
//!
//! - A descriptor of the wrong type, or a buffer of impossible length, is reported as a fault, which quarantines its queue; a request begun
//!   then ends mute (no completion). The fault is held back until the queue's earlier requests are done with (`busy` falls), so that it cuts none
//!   of them short; the other queues' next requests, which come behind those anyway, wait that long.
//! - A queue that stops while its request is being taken gives up the request as cancelled.
//! - Latency: 4 cycles from the last buffer to the request.
//! - Throughput: a request of *n* buffers every *n* + 4 cycles.

use super::checks::{Checks, ContextFields};
use super::records::{Buffer, Cut, Request};
use crate::queue::ports::{DescriptorSink, FaultSource};
use nic_abi::{
    fault::{QueueFault, Status},
    tx,
};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Largest length of a buffer: a whole request.
const BUFFER_LEN_MAX: u64 = tx::PAYLOAD_MAX as u64 + tx::HEADER_LEN.max();

crate::layout_decoder! {
    /// A transmit buffer cut into its fields.
    pub struct BufferFields: 128 {
        /// See nic-abi.
        addr: Bits<64> = tx::BUFFER_ADDR,
        /// See nic-abi.
        len: Bits<17> = tx::BUFFER_LEN,
        /// See nic-abi.
        kind: Bits<4> = tx::TYPE,
    }
}

#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
enum ScheduleState {
    Pick,
    Context,
    Buffers,
    Settle,
    Judge,
    Drain,
    Fault,
}

/// Scheduler of `Q` queues; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Scheduler<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Queues that work.
    pub live: Signal<In, Bits<8>>,
    /// Queues whose next request is there as a whole.
    pub whole: Signal<In, Bits<8>>,
    /// Queues whose completion ring has room for one more.
    pub open: Signal<In, Bits<8>>,
    /// Queues with requests in the datapath.
    pub busy: Signal<In, Bits<8>>,
    /// Their descriptors.
    pub sq: [DescriptorSink; Q],
    /// A buffer of the request at hand.
    pub buffer: Signal<Out, Buffer>,
    /// It is to be stored.
    pub push: Signal<Out, Bit>,
    /// The request's buffers are good.
    pub commit: Signal<Out, Bit>,
    /// The request's buffers are void.
    pub rewind: Signal<Out, Bit>,
    /// There is room for a buffer.
    pub room: Signal<In, Bit>,
    /// A request.
    pub request: Signal<Out, Request>,
    /// The packer's part of it.
    pub cut: Signal<Out, Cut>,
    /// Both are to be stored.
    pub request_valid: Signal<Out, Bit>,
    /// There is room for both.
    pub request_ready: Signal<In, Bit>,
    /// Faults of descriptors.
    pub fault: FaultSource,
    /// Pulse: a context of `begun_queue` was taken up.
    pub begun: Signal<Out, Bit>,
    /// See `begun`.
    pub begun_queue: Signal<Out, Bits<3>>,
    state: DFF<ScheduleState>,
    turn: DFF<Bits<8>>,
    opened: DFF<Bits<128>>,
    index: DFF<Bits<16>>,
    count: DFF<Bits<5>>,
    buffered: DFF<Bits<22>>,
    mute: DFF<Bit>,
    cancelled: DFF<Bit>,
    cause: DFF<Bits<8>>,
    fault_index: DFF<Bits<16>>,
    checks: Checks,
    fields: ContextFields,
    now: ContextFields,
    piece: BufferFields,
    // Whose turn it is.
    offer: [Signal<Local, Bits<8>>; 8],
    candidates: Signal<Local, Bits<8>>,
    below: Signal<Local, Bits<8>>,
    passed: Signal<Local, Bits<8>>,
    ahead: Signal<Local, Bits<8>>,
    pool: Signal<Local, Bits<8>>,
    inverse: Signal<Local, Bits<8>>,
    negative: Signal<Local, Bits<8>>,
    number: Signal<Local, Bits<3>>,
    number_low: Signal<Local, Bits<3>>,
    number_mid: Signal<Local, Bits<3>>,
    number_high: Signal<Local, Bits<3>>,
    // Its descriptor.
    data: Signal<Local, Bits<128>>,
    data_index: Signal<Local, Bits<16>>,
    data_valid: Signal<Local, Bit>,
    live_now: Signal<Local, Bit>,
    busy_now: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    count_after: Signal<Local, Bits<5>>,
    status: Signal<Local, Bits<4>>,
    place: [Constant<Bits<8>>; 8],
    type_context: Constant<Bits<4>>,
    type_buffer: Constant<Bits<4>>,
    len_max: Constant<Bits<17>>,
    cause_type: Constant<Bits<8>>,
    cause_length: Constant<Bits<8>>,
    status_cancelled: Constant<Bits<4>>,
    status_mute: Constant<Bits<4>>,
}

impl<const Q: usize> Scheduler<Q> {
    /// A scheduler for frames of up to `frame_limit` bytes.
    ///
    /// # Panics
    /// If `Q` is not 1 to 8, or the limit not possible (see [`Checks::new`]).
    #[must_use]
    pub fn new(frame_limit: u64) -> Self {
        assert!(
            (1..=8).contains(&Q),
            "Scheduler: {Q} queues; 1 to 8 are possible"
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            live: Default::default(),
            whole: Default::default(),
            open: Default::default(),
            busy: Default::default(),
            sq: std::array::from_fn(|_| Default::default()),
            buffer: Default::default(),
            push: Default::default(),
            commit: Default::default(),
            rewind: Default::default(),
            room: Default::default(),
            request: Default::default(),
            cut: Default::default(),
            request_valid: Default::default(),
            request_ready: Default::default(),
            fault: Default::default(),
            begun: Default::default(),
            begun_queue: Default::default(),
            state: Default::default(),
            turn: Default::default(),
            opened: Default::default(),
            index: Default::default(),
            count: Default::default(),
            buffered: Default::default(),
            mute: Default::default(),
            cancelled: Default::default(),
            cause: Default::default(),
            fault_index: Default::default(),
            checks: Checks::new(frame_limit),
            fields: Default::default(),
            now: Default::default(),
            piece: Default::default(),
            offer: Default::default(),
            candidates: Default::default(),
            below: Default::default(),
            passed: Default::default(),
            ahead: Default::default(),
            pool: Default::default(),
            inverse: Default::default(),
            negative: Default::default(),
            number: Default::default(),
            number_low: Default::default(),
            number_mid: Default::default(),
            number_high: Default::default(),
            data: Default::default(),
            data_index: Default::default(),
            data_valid: Default::default(),
            live_now: Default::default(),
            busy_now: Default::default(),
            take: Default::default(),
            count_after: Default::default(),
            status: Default::default(),
            place: std::array::from_fn(|q| Constant::new((1_u64 << q).into())),
            type_context: Constant::new((tx::TYPE_CONTEXT).into()),
            type_buffer: Constant::new((tx::TYPE_BUFFER).into()),
            len_max: Constant::new((BUFFER_LEN_MAX).into()),
            cause_type: Constant::new((QueueFault::BadDescriptorType as u64).into()),
            cause_length: Constant::new((QueueFault::BadLength as u64).into()),
            status_cancelled: Constant::new((Status::Cancelled as u64).into()),
            status_mute: Constant::new((Status::BadLength as u64).into()),
        }
    }
}

impl<const Q: usize> Logic for Scheduler<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            turn,
            opened,
            index,
            count,
            buffered,
            mute,
            cancelled,
            cause,
            fault_index
        );
        clock!(self, clock, checks);
        // Whose turn it is: the lowest candidate above the last one, else the lowest.
        for q in 0..8 {
            self.offer[q].next = 0.into();
        }
        for q in 0..Q {
            if self.sq[q].valid.val() {
                self.offer[q].next = self.place[q].val();
            }
        }
        self.candidates.next = (self.offer[0].val()
            | self.offer[1].val()
            | self.offer[2].val()
            | self.offer[3].val()
            | self.offer[4].val()
            | self.offer[5].val()
            | self.offer[6].val()
            | self.offer[7].val())
            & self.live.val()
            & self.whole.val()
            & self.open.val();
        self.below.next = self.turn.q.val() - 1;
        self.passed.next = self.turn.q.val() | self.below.val();
        self.ahead.next = self.candidates.val() & !self.passed.val();
        self.pool.next = self.candidates.val();
        if self.ahead.val().any() {
            self.pool.next = self.ahead.val();
        }
        self.inverse.next = !self.pool.val();
        self.negative.next = self.inverse.val() + 1;
        self.number_low.next = 0.into();
        if (self.turn.q.val() & 0xaa).any() {
            self.number_low.next = 1.into();
        }
        self.number_mid.next = 0.into();
        if (self.turn.q.val() & 0xcc).any() {
            self.number_mid.next = 2.into();
        }
        self.number_high.next = 0.into();
        if (self.turn.q.val() & 0xf0).any() {
            self.number_high.next = 4.into();
        }
        self.number.next = self.number_low.val() | self.number_mid.val() | self.number_high.val();
        self.live_now.next = (self.turn.q.val() & self.live.val()).any();
        self.busy_now.next = (self.turn.q.val() & self.busy.val()).any();
        // Its descriptor.
        self.data.next = 0.into();
        self.data_index.next = 0.into();
        self.data_valid.next = false;
        for q in 0..Q {
            if self.turn.q.val().get_bit(q) {
                self.data.next = self.sq[q].data.val();
                self.data_index.next = self.sq[q].index.val();
                self.data_valid.next = self.sq[q].valid.val();
            }
        }
        self.now.word.next = self.data.val();
        self.piece.word.next = self.data.val();
        self.fields.word.next = self.opened.q.val();
        self.checks.descriptor.next = self.opened.q.val();
        self.checks.buffered.next = self.buffered.q.val();
        // What becomes of it.
        self.status.next = self.checks.status.val();
        if self.mute.q.val() {
            self.status.next = self.status_mute.val();
        }
        if self.cancelled.q.val() {
            self.status.next = self.status_cancelled.val();
        }
        self.count_after.next = self.count.q.val() + 1;
        self.take.next = false;
        self.push.next = false;
        self.commit.next = false;
        self.rewind.next = false;
        self.request_valid.next = false;
        self.begun.next = false;
        self.begun_queue.next = self.number.val();
        self.fault.valid.next = false;
        self.fault.queue.next = self.number.val();
        self.fault.cause.next = self.cause.q.val();
        self.fault.index.next = self.fault_index.q.val();
        match self.state.q.val() {
            ScheduleState::Pick => {
                self.mute.d.next = false;
                self.cancelled.d.next = false;
                self.count.d.next = 0.into();
                self.buffered.d.next = 0.into();
                if self.candidates.val().any() {
                    self.turn.d.next = self.pool.val() & self.negative.val();
                    self.state.d.next = ScheduleState::Context;
                }
            }
            ScheduleState::Context => {
                self.opened.d.next = self.data.val();
                self.index.d.next = self.data_index.val();
                self.fault_index.d.next = self.data_index.val();
                self.cause.d.next = self.cause_type.val();
                if !self.live_now.val() {
                    self.state.d.next = ScheduleState::Pick;
                } else if self.data_valid.val() {
                    self.take.next = true;
                    if self.now.kind.val() != self.type_context.val() {
                        self.state.d.next = ScheduleState::Drain;
                    } else {
                        self.begun.next = true;
                        self.state.d.next = ScheduleState::Buffers;
                        if self.now.buffers.val() == 0 {
                            self.state.d.next = ScheduleState::Settle;
                        }
                    }
                }
            }
            ScheduleState::Buffers => {
                self.fault_index.d.next = self.data_index.val();
                self.cause.d.next = self.cause_type.val();
                if !self.live_now.val() {
                    self.cancelled.d.next = true;
                    self.state.d.next = ScheduleState::Judge;
                } else if self.data_valid.val() & self.room.val() {
                    self.take.next = true;
                    self.count.d.next = self.count_after.val();
                    self.buffered.d.next =
                        self.buffered.q.val() + bit_cast::<22, 17>(self.piece.len.val());
                    if self.piece.kind.val() != self.type_buffer.val() {
                        self.mute.d.next = true;
                        self.state.d.next = ScheduleState::Judge;
                    } else if (self.piece.len.val() == 0)
                        | (self.piece.len.val() > self.len_max.val())
                    {
                        self.mute.d.next = true;
                        self.cause.d.next = self.cause_length.val();
                        self.state.d.next = ScheduleState::Judge;
                    } else {
                        self.push.next = true;
                        if self.count_after.val() == self.fields.buffers.val() {
                            self.state.d.next = ScheduleState::Settle;
                        }
                    }
                }
            }
            ScheduleState::Settle => {
                self.state.d.next = ScheduleState::Judge;
            }
            ScheduleState::Judge => {
                if self.request_ready.val() {
                    self.request_valid.next = true;
                    self.commit.next = self.status.val() == 0;
                    self.rewind.next = self.status.val() != 0;
                    self.state.d.next = ScheduleState::Pick;
                    if self.mute.q.val() {
                        self.state.d.next = ScheduleState::Drain;
                    }
                }
            }
            ScheduleState::Drain => {
                if !self.live_now.val() {
                    self.state.d.next = ScheduleState::Pick;
                } else if !self.busy_now.val() {
                    self.state.d.next = ScheduleState::Fault;
                }
            }
            ScheduleState::Fault => {
                self.fault.valid.next = true;
                if self.fault.ready.val() {
                    self.state.d.next = ScheduleState::Pick;
                }
            }
        }
        for q in 0..Q {
            self.sq[q].ready.next = self.take.val() & self.turn.q.val().get_bit(q);
        }
        self.buffer.next.addr = self.piece.addr.val();
        self.buffer.next.len = self.piece.len.val();
        self.buffer.next.last = self.count_after.val() == self.fields.buffers.val();
        self.buffer.next.queue = self.number.val();
        // What it gives.
        self.request.next.index = self.index.q.val();
        self.request.next.buffers = self.fields.buffers.val();
        self.request.next.queue = self.number.val();
        self.request.next.handle = self.fields.handle.val();
        self.request.next.payload_len = self.fields.payload_len.val();
        self.request.next.mss = self.fields.mss.val();
        self.request.next.l3_offset = self.fields.l3_offset.val();
        self.request.next.l4_offset = self.fields.l4_offset.val();
        self.request.next.header_len = self.fields.header_len.val();
        self.request.next.tso = self.fields.tso.val();
        self.request.next.ipv6 = self.fields.ipv6.val();
        self.request.next.l3_csum = self.fields.l3_csum.val();
        self.request.next.l4_csum = self.fields.l4_csum.val();
        self.request.next.udp = self.fields.udp.val();
        self.request.next.partial_csum = self.fields.partial_csum.val();
        self.request.next.ip_id_fixed = self.fields.ip_id_fixed.val();
        self.request.next.cwr_all = self.fields.cwr_all.val();
        self.request.next.complete = self.fields.complete.val();
        self.request.next.mute = self.mute.q.val();
        self.request.next.status = self.status.val();
        self.cut.next.header_len = self.fields.header_len.val();
        self.cut.next.payload_len = self.fields.payload_len.val();
        self.cut.next.segment = bit_cast::<16, 17>(self.fields.payload_len.val());
        if self.fields.tso.val() {
            self.cut.next.segment = self.fields.mss.val();
        }
        self.cut.next.queue = self.number.val();
        self.cut.next.skip = self.status.val() != 0;
        if self.reset.val() {
            self.state.d.next = ScheduleState::Pick;
            self.turn.d.next = 0.into();
        }
    }
}
