//! Cuts a request's bytes into segments and puts every byte where it lies in its segment.
//!
//! Contract: takes the pieces of a request in order, each when its data have arrived (`result`; a dropped piece has none), and takes their
//! words with `pop` (the word comes two cycles later). The bytes of all pieces make the
//! request's stream. The first segment is the header and up to `segment` bytes of payload, from byte 0 of its beats; each further
//! one is up to `segment` bytes from byte `header_len` onwards: its first chunk belongs into beat `header_len / 8` and has
//! `header_len % 8` zero bytes in front for the template's tail.
//!
//! - A refused request makes one chunk of kind [`CHUNK_REFUSED`](super::records::CHUNK_REFUSED). A failed piece, a dropped piece, and a queue that is not
//!   `live` when a segment is to begin make one of kind `CHUNK_FAILED` or `CHUNK_CANCELLED`, and the rest of the request's pieces is taken and
//!   thrown away. `failed` pulses for the queue of a failed piece, so that nothing of that queue begins after it.
//! - Latency: 4 cycles from piece to chunk.
//! - Throughput: up to 8 bytes per cycle. One step takes what is left of the word, the piece or the segment, whichever is
//!   least; so a word costs one cycle more where a segment ends inside it.
//! - Bubbles: one cycle between segments and between requests; in it the bytes beyond the last full beat go out. A segment but the first
//!   has at least four beats of template downstream, which hide them.

use super::aligner::Aligner;
use super::records::{Chunk, Cut, Piece};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
enum PackState {
    Next,
    Run,
    Drain,
}

/// Packer; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Packer {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Queues that may begin a segment.
    pub live: Signal<In, Bits<8>>,
    /// The next request.
    pub cut: Signal<In, Cut>,
    /// There is one.
    pub cut_valid: Signal<In, Bit>,
    /// It is taken.
    pub cut_ready: Signal<Out, Bit>,
    /// The next piece.
    pub piece: Signal<In, Piece>,
    /// There is one.
    pub piece_valid: Signal<In, Bit>,
    /// It is taken.
    pub piece_ready: Signal<Out, Bit>,
    /// The read of the oldest piece that is not dropped failed.
    pub result: Signal<In, Bit>,
    /// That read has ended.
    pub result_valid: Signal<In, Bit>,
    /// The result is taken.
    pub result_ready: Signal<Out, Bit>,
    /// Go on to the next word.
    pub pop: Signal<Out, Bit>,
    /// The word that was in front two cycles before.
    pub word: Signal<In, Bits<64>>,
    /// Part of a segment.
    pub chunk: Signal<Out, Chunk>,
    /// There is one; it cannot wait.
    pub chunk_valid: Signal<Out, Bit>,
    /// There is room for four chunks.
    pub room: Signal<In, Bit>,
    /// A payload read of `failed_queue` failed.
    pub failed: Signal<Out, Bit>,
    /// See `failed`.
    pub failed_queue: Signal<Out, Bits<3>>,
    aligner: Aligner,
    state: DFF<PackState>,
    // The piece at hand.
    held: DFF<Bit>,
    lane: DFF<Bits<3>>,
    left: DFF<Bits<13>>,
    last: DFF<Bit>,
    dropped: DFF<Bit>,
    bad: DFF<Bit>,
    // The segment at hand.
    segment: DFF<Bits<16>>,
    head: DFF<Bits<3>>,
    owner: DFF<Bits<3>>,
    todo: DFF<Bits<17>>,
    open: DFF<Bits<17>>,
    at: DFF<Bits<3>>,
    flush: DFF<Bit>,
    flush_count: DFF<Bits<4>>,
    // What a step can take.
    space: Signal<Local, Bits<4>>,
    in_piece: Signal<Local, Bits<4>>,
    in_segment: Signal<Local, Bits<4>>,
    piece_short: Signal<Local, Bit>,
    segment_short: Signal<Local, Bit>,
    word_first: Signal<Local, Bit>,
    piece_first: Signal<Local, Bit>,
    segment_first: Signal<Local, Bit>,
    take: Signal<Local, Bits<4>>,
    lane_end: Signal<Local, Bits<4>>,
    at_end: Signal<Local, Bits<4>>,
    left_after: Signal<Local, Bits<13>>,
    left_segment: Signal<Local, Bits<13>>,
    open_after: Signal<Local, Bits<17>>,
    open_piece: Signal<Local, Bits<17>>,
    piece_end: Signal<Local, Bit>,
    segment_end: Signal<Local, Bit>,
    usable: Signal<Local, Bit>,
    consume: Signal<Local, Bit>,
    load: Signal<Local, Bit>,
    // The next segment.
    more: DFF<Bit>,
    next_payload: Signal<Local, Bits<17>>,
    next_segment: Signal<Local, Bits<17>>,
    next_header: Signal<Local, Bits<8>>,
    next_queue: Signal<Local, Bits<3>>,
    next_len: Signal<Local, Bits<17>>,
    refused: Signal<Local, Bit>,
    stop: Signal<Local, Bit>,
    go: Signal<Local, Bit>,
    cut_header: Signal<Local, Bits<8>>,
}

impl Logic for Packer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            held,
            lane,
            left,
            last,
            dropped,
            bad,
            segment,
            head,
            owner,
            todo,
            more,
            open,
            at,
            flush,
            flush_count
        );
        clock!(self, clock, aligner);
        self.aligner.reset.next = self.reset.val();
        self.aligner.word.next = self.word.val();
        self.chunk.next = self.aligner.chunk.val();
        self.chunk_valid.next = self.aligner.chunk_valid.val();
        self.failed_queue.next = self.owner.q.val();
        // What the step takes: the least of word, piece and segment. All three pairs are compared side by side, and an end is seen by
        // who is least, not by what is left: that comes much earlier.
        self.space.next = 8 - bit_cast::<4, 3>(self.lane.q.val());
        self.piece_short.next = self.left.q.val() <= 8;
        self.in_piece.next = 8.into();
        if self.piece_short.val() {
            self.in_piece.next = bit_cast::<4, 13>(self.left.q.val());
        }
        self.segment_short.next = (self.open.q.val() <= 8) & (self.state.q.val() == PackState::Run);
        self.in_segment.next = 8.into();
        if self.segment_short.val() {
            self.in_segment.next = bit_cast::<4, 17>(self.open.q.val());
        }
        self.word_first.next =
            (self.space.val() <= self.in_piece.val()) & (self.space.val() <= self.in_segment.val());
        self.piece_first.next = (self.in_piece.val() <= self.space.val())
            & (self.in_piece.val() <= self.in_segment.val());
        self.segment_first.next = (self.in_segment.val() <= self.space.val())
            & (self.in_segment.val() <= self.in_piece.val());
        self.take.next = self.in_piece.val();
        if self.word_first.val() {
            self.take.next = self.space.val();
        } else if self.segment_first.val() {
            self.take.next = self.in_segment.val();
        }
        self.lane_end.next = bit_cast::<4, 3>(self.lane.q.val()) + self.take.val();
        self.at_end.next = bit_cast::<4, 3>(self.at.q.val()) + self.take.val();
        // What is left when word, piece or segment is least. At its own end nothing of a piece or a segment is, and when 8 bytes are taken
        // the word ends too; so each needs two of the three differences, and they are there before it is known who is least.
        self.left_segment.next = self.left.q.val() - bit_cast::<13, 4>(self.in_segment.val());
        self.left_after.next = self.left.q.val() - bit_cast::<13, 4>(self.space.val());
        if self.segment_first.val() & !self.word_first.val() {
            self.left_after.next = self.left_segment.val();
        }
        self.open_piece.next = self.open.q.val() - bit_cast::<17, 4>(self.in_piece.val());
        self.open_after.next = self.open.q.val() - bit_cast::<17, 4>(self.space.val());
        if self.piece_first.val() & !self.word_first.val() {
            self.open_after.next = self.open_piece.val();
        }
        self.piece_end.next =
            self.dropped.q.val() | (self.piece_short.val() & self.piece_first.val());
        self.segment_end.next = self.segment_short.val() & self.segment_first.val();
        self.usable.next = self.held.q.val() & !self.bad.q.val() & !self.dropped.q.val();
        self.consume.next = self.held.q.val() & (self.state.q.val() == PackState::Drain);
        // The step by default: the bytes at hand.
        self.aligner.step.next.lane = self.lane.q.val();
        self.aligner.step.next.take = self.take.val();
        self.aligner.step.next.at = self.at.q.val();
        self.aligner.step.next.emit = self.segment_end.val() | (self.at_end.val() >= 8);
        self.aligner.step.next.last = self.segment_end.val() & (self.at_end.val() <= 8);
        self.aligner.step.next.count = self.at_end.val();
        self.aligner.step.next.kind = 0.into();
        self.aligner.step_valid.next = false;
        self.failed.next = false;
        self.cut_ready.next = false;
        // The next segment: of this request, or of the next one.
        self.cut_header.next = self.cut.val().header_len;
        // A cycle late: there is one at least between two segments.
        self.more.d.next = self.todo.q.val().any();
        self.next_payload.next = self.cut.val().payload_len;
        self.next_segment.next = bit_cast::<17, 16>(self.cut.val().segment);
        self.next_header.next = self.cut.val().header_len;
        self.next_queue.next = self.cut.val().queue;
        self.refused.next = self.cut.val().skip;
        if self.more.q.val() {
            self.next_payload.next = self.todo.q.val();
            self.next_segment.next = bit_cast::<17, 16>(self.segment.q.val());
            self.next_header.next = 0.into();
            self.next_queue.next = self.owner.q.val();
            self.refused.next = false;
        }
        self.next_len.next = self.next_segment.val();
        if self.next_payload.val() < self.next_segment.val() {
            self.next_len.next = self.next_payload.val();
        }
        self.stop.next =
            self.refused.val() | !self.live.val().get_bit(self.next_queue.val().index());
        self.go.next = self.room.val()
            & (self.more.q.val() | self.cut_valid.val())
            & !(self.flush.q.val() & self.stop.val());
        match self.state.q.val() {
            PackState::Next => {
                if self.room.val() & self.flush.q.val() {
                    self.aligner.step_valid.next = true;
                    self.aligner.step.next.take = 0.into();
                    self.aligner.step.next.emit = true;
                    self.aligner.step.next.last = true;
                    self.aligner.step.next.count = self.flush_count.q.val();
                    self.flush.d.next = false;
                }
                if self.go.val() {
                    self.cut_ready.next = !self.more.q.val();
                    self.owner.d.next = self.next_queue.val();
                    self.todo.d.next = self.next_payload.val() - self.next_len.val();
                    self.open.d.next =
                        self.next_len.val() + bit_cast::<17, 8>(self.next_header.val());
                    self.at.d.next = self.head.q.val();
                    if !self.more.q.val() {
                        self.at.d.next = 0.into();
                        self.head.d.next = self.cut_header.val().get_bits::<3>(0);
                        self.segment.d.next = self.cut.val().segment;
                    }
                    self.state.d.next = PackState::Run;
                    if self.stop.val() {
                        self.aligner.step_valid.next = true;
                        self.aligner.step.next.take = 0.into();
                        self.aligner.step.next.emit = true;
                        self.aligner.step.next.kind = 2.into();
                        self.todo.d.next = 0.into();
                        self.state.d.next = PackState::Drain;
                        if self.refused.val() {
                            self.aligner.step.next.kind = 3.into();
                            self.state.d.next = PackState::Next;
                        }
                    }
                }
            }
            PackState::Run => {
                if self.room.val() & self.usable.val() {
                    self.aligner.step_valid.next = true;
                    self.consume.next = true;
                    self.at.d.next = self.at_end.val().get_bits::<3>(0);
                    self.open.d.next = self.open_after.val();
                    if self.segment_end.val() {
                        self.flush.d.next = self.at_end.val() > 8;
                        self.flush_count.d.next =
                            bit_cast::<4, 3>(self.at_end.val().get_bits::<3>(0));
                        self.state.d.next = PackState::Next;
                    }
                }
                if self.room.val() & self.held.q.val() & !self.usable.val() {
                    self.aligner.step_valid.next = true;
                    self.aligner.step.next.take = 0.into();
                    self.aligner.step.next.emit = true;
                    self.aligner.step.next.kind = 2.into();
                    if self.bad.q.val() {
                        self.aligner.step.next.kind = 1.into();
                        self.failed.next = true;
                    }
                    self.todo.d.next = 0.into();
                    self.state.d.next = PackState::Drain;
                }
            }
            PackState::Drain => {
                if self.consume.val() & self.piece_end.val() & self.last.q.val() {
                    self.state.d.next = PackState::Next;
                }
            }
        }
        // The piece at hand.
        self.pop.next = self.consume.val()
            & !self.dropped.q.val()
            & (self.piece_end.val() | self.word_first.val());
        self.load.next = self.piece_valid.val()
            & (self.result_valid.val() | self.piece.val().dropped)
            & (!self.held.q.val() | (self.consume.val() & self.piece_end.val()));
        self.piece_ready.next = self.load.val();
        self.result_ready.next = self.load.val() & !self.piece.val().dropped;
        if self.consume.val() {
            self.lane.d.next = self.lane_end.val().get_bits::<3>(0);
            self.left.d.next = self.left_after.val();
            self.held.d.next = !self.piece_end.val();
        }
        if self.load.val() {
            self.held.d.next = true;
            self.lane.d.next = self.piece.val().lane;
            self.left.d.next = self.piece.val().len;
            self.last.d.next = self.piece.val().last;
            self.dropped.d.next = self.piece.val().dropped;
            self.bad.d.next = self.result.val() & !self.piece.val().dropped;
        }
        if self.reset.val() {
            self.state.d.next = PackState::Next;
            self.held.d.next = false;
            self.todo.d.next = 0.into();
            self.more.d.next = false;
            self.flush.d.next = false;
        }
    }
}
