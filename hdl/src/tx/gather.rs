//! Reads a request's buffers: plans the reads, keeps the credit, tells the packer what will come.
//!
//! Contract: takes checked buffers in order and issues their reads (tag 2), split at multiples of `read_bytes`
//! (a power of two up to 4,096, so none crosses 4 KiB). A read is issued only when the response memory has room for all its words and the
//! piece FIFO has room for its piece; so a response never waits, and reads of later requests go out while an
//! earlier one streams. A buffer whose queue is not `live` any more is not read: its request ends there with a dropped piece, and its other buffers are
//! thrown away.
//!
//! - Latency: 3 cycles from buffer to `rd_req`.
//! - Throughput: a read every 2 cycles within a buffer, a buffer every 3: at the worst, 60 B frames in two buffers, 6 cycles a frame.

use super::records::{Buffer, Piece};
use crate::host::mem::MemReadReqSource;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Tag of payload reads.
pub const TAG: u64 = 2;

#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
enum GatherState {
    Idle,
    Split,
    Offer,
    Skip,
}

/// Gatherer; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Gather {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Queues whose buffers are read.
    pub live: Signal<In, Bits<8>>,
    /// The next buffer.
    pub buffer: Signal<In, Buffer>,
    /// There is one.
    pub buffer_valid: Signal<In, Bit>,
    /// It is taken.
    pub buffer_ready: Signal<Out, Bit>,
    /// Payload reads.
    pub rd_req: MemReadReqSource,
    /// The piece that the read makes.
    pub piece: Signal<Out, Piece>,
    /// There is one.
    pub piece_valid: Signal<Out, Bit>,
    /// There is room for it.
    pub piece_ready: Signal<In, Bit>,
    /// A word left the response memory.
    pub popped: Signal<In, Bit>,
    state: DFF<GatherState>,
    addr: DFF<Bits<64>>,
    left: DFF<Bits<17>>,
    last: DFF<Bit>,
    queue: DFF<Bits<3>>,
    size: DFF<Bits<13>>,
    words: DFF<Bits<13>>,
    used: DFF<Bits<14>>,
    freed: DFF<Bits<14>>,
    offset: Signal<Local, Bits<13>>,
    upto: Signal<Local, Bits<13>>,
    next_size: Signal<Local, Bits<13>>,
    span: Signal<Local, Bits<13>>,
    wanted: Signal<Local, Bits<14>>,
    enough: Signal<Local, Bit>,
    issue: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    running: Signal<Local, Bit>,
    taken: Signal<Local, Bits<14>>,
    low_addr: Signal<Local, Bits<13>>,
    buffer_queue: Signal<Local, Bits<3>>,
    read_bytes: Constant<Bits<13>>,
    read_mask: Constant<Bits<13>>,
    room: Constant<Bits<14>>,
    tag: Constant<Bits<4>>,
}

impl Gather {
    /// A gatherer for a response memory of `room` 8-byte words, with reads of up to `read_bytes`.
    ///
    /// # Panics
    /// If `read_bytes` is no power of two from 64 to 4,096, or `room` cannot hold one read of that size, or is above 8,192.
    #[must_use]
    pub fn new(read_bytes: u64, room: u64) -> Self {
        assert!(
            read_bytes.is_power_of_two() && (64..=4096).contains(&read_bytes),
            "Gather: reads of {read_bytes} bytes; a power of two from 64 to 4,096 is needed"
        );
        assert!(
            (read_bytes / 8..=8192).contains(&room),
            "Gather: room for {room} words; {} to 8,192 are needed for reads of {read_bytes} bytes",
            read_bytes / 8
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            live: Default::default(),
            buffer: Default::default(),
            buffer_valid: Default::default(),
            buffer_ready: Default::default(),
            rd_req: Default::default(),
            piece: Default::default(),
            piece_valid: Default::default(),
            piece_ready: Default::default(),
            popped: Default::default(),
            state: Default::default(),
            addr: Default::default(),
            left: Default::default(),
            last: Default::default(),
            queue: Default::default(),
            size: Default::default(),
            words: Default::default(),
            used: Default::default(),
            freed: Default::default(),
            offset: Default::default(),
            upto: Default::default(),
            next_size: Default::default(),
            span: Default::default(),
            wanted: Default::default(),
            enough: Default::default(),
            issue: Default::default(),
            ends: Default::default(),
            running: Default::default(),
            taken: Default::default(),
            low_addr: Default::default(),
            buffer_queue: Default::default(),
            read_bytes: Constant::new(read_bytes.into()),
            read_mask: Constant::new((read_bytes - 1).into()),
            room: Constant::new(room.into()),
            tag: Constant::new(TAG.into()),
        }
    }
}

impl Logic for Gather {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, addr, left, last, queue, size, words, used, freed
        );
        // The next read: up to the next boundary or the buffer's end.
        self.low_addr.next = self.addr.q.val().get_bits::<13>(0);
        self.offset.next = self.low_addr.val() & self.read_mask.val();
        self.upto.next = self.read_bytes.val() - self.offset.val();
        self.next_size.next = self.upto.val();
        if self.left.q.val() < bit_cast::<17, 13>(self.upto.val()) {
            self.next_size.next = bit_cast::<13, 17>(self.left.q.val());
        }
        self.span.next =
            bit_cast::<13, 3>(self.low_addr.val().get_bits::<3>(0)) + self.next_size.val() + 7;
        self.size.d.next = self.next_size.val();
        self.words.d.next = self.span.val() >> 3;
        // Credit, in words.
        self.wanted.next = self.used.q.val() + bit_cast::<14, 13>(self.words.q.val());
        self.enough.next = self.wanted.val() <= self.room.val();
        self.running.next = self.live.val().get_bit(self.queue.q.val().index());
        self.ends.next = self.left.q.val() == bit_cast::<17, 13>(self.size.q.val());
        self.rd_req.addr.next = self.addr.q.val();
        self.rd_req.len.next = self.size.q.val();
        self.rd_req.tag.next = self.tag.val();
        self.rd_req.valid.next = false;
        self.issue.next = false;
        self.buffer_ready.next = false;
        self.buffer_queue.next = self.buffer.val().queue;
        self.piece.next.lane = self.low_addr.val().get_bits::<3>(0);
        self.piece.next.len = self.size.q.val();
        self.piece.next.last = self.last.q.val() & self.ends.val();
        self.piece.next.dropped = false;
        self.piece_valid.next = false;
        match self.state.q.val() {
            GatherState::Idle => {
                self.buffer_ready.next = true;
                self.addr.d.next = self.buffer.val().addr;
                self.left.d.next = self.buffer.val().len;
                self.last.d.next = self.buffer.val().last;
                self.queue.d.next = self.buffer_queue.val();
                if self.buffer_valid.val() {
                    self.state.d.next = GatherState::Split;
                }
            }
            GatherState::Split => {
                self.state.d.next = GatherState::Offer;
                if !self.running.val() {
                    self.piece.next.last = true;
                    self.piece.next.dropped = true;
                    self.piece_valid.next = true;
                    self.state.d.next = GatherState::Split;
                    if self.piece_ready.val() {
                        self.state.d.next = GatherState::Skip;
                        if self.last.q.val() {
                            self.state.d.next = GatherState::Idle;
                        }
                    }
                }
            }
            GatherState::Offer => {
                self.rd_req.valid.next = self.enough.val() & self.piece_ready.val();
                self.issue.next =
                    self.enough.val() & self.piece_ready.val() & self.rd_req.ready.val();
                self.piece_valid.next = self.issue.val();
                if self.issue.val() {
                    self.addr.d.next = self.addr.q.val() + bit_cast::<64, 13>(self.size.q.val());
                    self.left.d.next = self.left.q.val() - bit_cast::<17, 13>(self.size.q.val());
                    self.state.d.next = GatherState::Split;
                    if self.ends.val() {
                        self.state.d.next = GatherState::Idle;
                    }
                }
            }
            GatherState::Skip => {
                self.buffer_ready.next = true;
                if self.buffer_valid.val() & self.buffer.val().last {
                    self.state.d.next = GatherState::Idle;
                }
            }
        }
        self.taken.next = self.used.q.val();
        if self.issue.val() {
            self.taken.next = self.wanted.val();
        }
        // A cycle late: what is popped is known late in the cycle.
        self.freed.d.next = 0.into();
        if self.popped.val() {
            self.freed.d.next = 1.into();
        }
        self.used.d.next = self.taken.val() - self.freed.q.val();
        if self.reset.val() {
            self.state.d.next = GatherState::Idle;
            self.used.d.next = 0.into();
            self.freed.d.next = 0.into();
        }
    }
}
