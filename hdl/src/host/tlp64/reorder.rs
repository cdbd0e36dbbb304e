//! Read data in the order of the requests.
//!
//! Contract: the pieces of a read are delivered in tag order, each as the beats from its first to its last byte, in address
//! lanes, when all its completions have come. `err` is set from the first failed piece to the read's last beat. If the completions of
//! the oldest tag do not come in `timeout` cycles from when it became the oldest, `expire` fails it; it may pulse once in the
//! cycle in which they have come, so [`Slots`](super::slots::Slots) looks whether the tag is still outstanding.
//!
//! - Memory: 16 tags × 512 B in two banks of 32 bit (4 block RAMs).
//! - Latency: 4 cycles from `done` of the oldest tag to its first beat.
//! - Throughput: one beat per cycle; bubbles: 3 between two pieces, fewer than a completion's headers take of the link
//!   for pieces of 256 B or more.

use crate::host::mem::MemReadRspSource;
use crate::memory::bram::{Bram, Output};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the delivery is doing.
#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
pub enum ReorderState {
    /// Waits for the oldest tag.
    Seek,
    /// Looks up the piece.
    Load,
    /// Reads its first row.
    Prime,
    /// Delivers.
    Stream,
}

/// Reorder memory and delivery; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Reorder {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// A piece gets `alloc_tag`.
    pub alloc: Signal<In, Bit>,
    /// The tag; at all times the tag that is next.
    pub alloc_tag: Signal<In, Bits<4>>,
    /// Address of its first byte within 512 B.
    pub alloc_start: Signal<In, Bits<9>>,
    /// Address of its last byte within 512 B.
    pub alloc_end: Signal<In, Bits<9>>,
    /// Its engine.
    pub alloc_engine: Signal<In, Bits<4>>,
    /// It is the last of its read.
    pub alloc_last: Signal<In, Bit>,
    /// Even DWs: address, tag above row.
    pub even_addr: Signal<In, Bits<10>>,
    /// Even DWs: data.
    pub even_data: Signal<In, Bits<32>>,
    /// Even DWs: write.
    pub even_wen: Signal<In, Bit>,
    /// Odd DWs: address.
    pub odd_addr: Signal<In, Bits<10>>,
    /// Odd DWs: data.
    pub odd_data: Signal<In, Bits<32>>,
    /// Odd DWs: write.
    pub odd_wen: Signal<In, Bit>,
    /// Tags in use.
    pub used: Signal<In, Bits<16>>,
    /// Tags whose data are complete.
    pub done: Signal<In, Bits<16>>,
    /// Tags whose read failed.
    pub err: Signal<In, Bits<16>>,
    /// The oldest tag.
    pub head_tag: Signal<Out, Bits<4>>,
    /// Its time is over.
    pub expire: Signal<Out, Bit>,
    /// Its data are delivered.
    pub finish: Signal<Out, Bit>,
    /// The data.
    pub rsp: MemReadRspSource,
    even: Bram<Bits<32>, 10>,
    odd: Bram<Bits<32>, 10>,
    pieces: Bram<Bits<17>, 4>,
    timeout: Constant<Bits<24>>,
    state: DFF<ReorderState>,
    head: DFF<Bits<4>>,
    waited: DFF<Bits<24>>,
    overdue: DFF<Bit>,
    row: DFF<Bits<6>>,
    final_row: DFF<Bits<6>>,
    engine: DFF<Bits<4>>,
    last_piece: DFF<Bit>,
    failed: DFF<Bit>,
    out_data: DFF<Bits<64>>,
    out_tag: DFF<Bits<4>>,
    out_last: DFF<Bit>,
    out_err: DFF<Bit>,
    out_valid: DFF<Bit>,
    head_used: Signal<Local, Bit>,
    head_done: Signal<Local, Bit>,
    room: Signal<Local, Bit>,
    at_end: Signal<Local, Bit>,
    read_row: Signal<Local, Bits<6>>,
    read_addr: Signal<Local, Bits<10>>,
    piece: Signal<Local, Bits<17>>,
}

impl Reorder {
    /// With a time-out of `timeout` cycles.
    ///
    /// # Panics
    /// If it is 0 or does not fit 24 bits.
    #[must_use]
    pub fn new(timeout: u32) -> Self {
        assert!(
            (1..1 << 24).contains(&timeout),
            "read time-out of {timeout} cycles; 1 to 16,777,215 are possible"
        );
        Self {
            even: Bram::new(Output::Direct),
            odd: Bram::new(Output::Direct),
            pieces: Bram::new(Output::Direct),
            timeout: Constant::new(u64::from(timeout).into()),
            clock: Default::default(),
            reset: Default::default(),
            alloc: Default::default(),
            alloc_tag: Default::default(),
            alloc_start: Default::default(),
            alloc_end: Default::default(),
            alloc_engine: Default::default(),
            alloc_last: Default::default(),
            even_addr: Default::default(),
            even_data: Default::default(),
            even_wen: Default::default(),
            odd_addr: Default::default(),
            odd_data: Default::default(),
            odd_wen: Default::default(),
            used: Default::default(),
            done: Default::default(),
            err: Default::default(),
            head_tag: Default::default(),
            expire: Default::default(),
            finish: Default::default(),
            rsp: Default::default(),
            state: Default::default(),
            head: Default::default(),
            waited: Default::default(),
            overdue: Default::default(),
            row: Default::default(),
            final_row: Default::default(),
            engine: Default::default(),
            last_piece: Default::default(),
            failed: Default::default(),
            out_data: Default::default(),
            out_tag: Default::default(),
            out_last: Default::default(),
            out_err: Default::default(),
            out_valid: Default::default(),
            head_used: Default::default(),
            head_done: Default::default(),
            room: Default::default(),
            at_end: Default::default(),
            read_row: Default::default(),
            read_addr: Default::default(),
            piece: Default::default(),
        }
    }
}

impl Logic for Reorder {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, head, waited, overdue, row, final_row, engine, last_piece
        );
        dff_setup!(
            self, clock, failed, out_data, out_tag, out_last, out_err, out_valid
        );
        clock!(self, clock, even, odd, pieces);
        self.even.waddr.next = self.even_addr.val();
        self.even.wdata.next = self.even_data.val();
        self.even.wen.next = self.even_wen.val();
        self.odd.waddr.next = self.odd_addr.val();
        self.odd.wdata.next = self.odd_data.val();
        self.odd.wen.next = self.odd_wen.val();
        // {first row, last row, engine, last}
        self.pieces.waddr.next = self.alloc_tag.val();
        self.pieces.wdata.next = (bit_cast::<17, 6>(self.alloc_start.val().get_bits::<6>(3)) << 11)
            | (bit_cast::<17, 6>(self.alloc_end.val().get_bits::<6>(3)) << 5)
            | (bit_cast::<17, 4>(self.alloc_engine.val()) << 1);
        if self.alloc_last.val() {
            self.pieces.wdata.next = (bit_cast::<17, 6>(self.alloc_start.val().get_bits::<6>(3))
                << 11)
                | (bit_cast::<17, 6>(self.alloc_end.val().get_bits::<6>(3)) << 5)
                | (bit_cast::<17, 4>(self.alloc_engine.val()) << 1)
                | 1;
        }
        self.pieces.wen.next = self.alloc.val();
        self.pieces.raddr.next = self.head.q.val();
        self.piece.next = self.pieces.rdata.val();
        self.head_tag.next = self.head.q.val();
        self.head_used.next = self.used.val().get_bit(self.head.q.val().index());
        self.head_done.next = self.done.val().get_bit(self.head.q.val().index());
        self.expire.next = self.overdue.q.val() & (self.state.q.val() == ReorderState::Seek);
        self.finish.next = false;
        self.rsp.data.next = self.out_data.q.val();
        self.rsp.tag.next = self.out_tag.q.val();
        self.rsp.last.next = self.out_last.q.val();
        self.rsp.err.next = self.out_err.q.val();
        self.rsp.valid.next = self.out_valid.q.val();
        self.room.next = self.rsp.ready.val() | !self.out_valid.q.val();
        if self.rsp.ready.val() {
            self.out_valid.d.next = false;
        }
        self.at_end.next = self.row.q.val() == self.final_row.q.val();
        // The memories always show the row that is next to go out.
        self.read_row.next = self.row.q.val();
        self.waited.d.next = 0.into();
        self.overdue.d.next = false;
        match self.state.q.val() {
            ReorderState::Seek => {
                if self.head_used.val() & self.head_done.val() {
                    self.state.d.next = ReorderState::Load;
                } else if self.head_used.val() {
                    self.waited.d.next = self.waited.q.val() + 1;
                    self.overdue.d.next = self.waited.q.val() == self.timeout.val();
                } else if self.head.q.val() != self.alloc_tag.val() {
                    // A retired tag was passed over.
                    self.head.d.next = self.head.q.val() + 1;
                }
            }
            ReorderState::Load => {
                self.row.d.next = self.piece.val().get_bits::<6>(11);
                self.final_row.d.next = self.piece.val().get_bits::<6>(5);
                self.engine.d.next = self.piece.val().get_bits::<4>(1);
                self.last_piece.d.next = self.piece.val().get_bit(0);
                self.failed.d.next =
                    self.failed.q.val() | self.err.val().get_bit(self.head.q.val().index());
                self.state.d.next = ReorderState::Prime;
            }
            ReorderState::Prime => {
                self.state.d.next = ReorderState::Stream;
            }
            ReorderState::Stream => {
                if self.room.val() {
                    self.read_row.next = self.row.q.val() + 1;
                    self.row.d.next = self.row.q.val() + 1;
                    self.out_tag.d.next = self.engine.q.val();
                    self.out_last.d.next = self.at_end.val() & self.last_piece.q.val();
                    self.out_err.d.next = self.failed.q.val();
                    self.out_valid.d.next = true;
                    if self.at_end.val() {
                        self.finish.next = true;
                        self.head.d.next = self.head.q.val() + 1;
                        self.state.d.next = ReorderState::Seek;
                        if self.last_piece.q.val() {
                            self.failed.d.next = false;
                        }
                    }
                }
            }
        }
        if (self.state.q.val() == ReorderState::Stream) & self.room.val() {
            self.out_data.d.next = (bit_cast::<64, 32>(self.odd.rdata.val()) << 32)
                | bit_cast::<64, 32>(self.even.rdata.val());
        }
        self.read_addr.next =
            (bit_cast::<10, 4>(self.head.q.val()) << 6) | bit_cast::<10, 6>(self.read_row.val());
        self.even.raddr.next = self.read_addr.val();
        self.odd.raddr.next = self.read_addr.val();
        if self.reset.val() {
            self.state.d.next = ReorderState::Seek;
            self.head.d.next = 0.into();
            self.out_valid.d.next = false;
            self.failed.d.next = false;
        }
    }
}
