//! Store-and-forward frame FIFO: a frame comes out when it is in as a whole, with its metadata and its length, or never.
//!
//! Contract:
//! - `s.tready` is always high: the writer is never held up. A frame that finds no room (for its data, or for its metadata)
//!   is dropped as a whole, however far it got; so is one with `discard` high on its last beat.
//! - `meta` and `discard` count on the beat with `s.tlast` only.
//! - Exactly one of `stored`, `overflowed`, `discarded` is high for one cycle, the one after the beat with `s.tlast`.
//!   A frame that has no room and is discarded counts as discarded.
//! - `m_meta` and `m_length` (bytes) hold during all beats of their frame on `m`, from the first cycle of `m.tvalid`.
//! - A frame on `m` has no pauses of this module's own making; frames follow each other without a gap.
//!
//! Figures:
//! - Latency: the first beat is offered 3 cycles after the last was taken (5 with more than 32 frames).
//! - Throughput: one beat per cycle on both sides, back to back, at every frame size.
//! - Bubbles: none.
//! - Capacity: `2^A` beats of 8 bytes and `2^F` frames, plus 2 beats of output registers.
//! - Area: data are stored as 64 bits per beat (`tkeep` and `tlast` come from the length); see docs/PERFORMANCE.md.

use super::axis::{AxisSink, AxisSource};
use crate::memory::{dual_clock_bram::DualClockBram, sync_fifo::SyncFifo};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// The write side's registers. Pointers run free, modulo 65,536.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Writer {
    /// Where the next beat goes.
    pub at: Bits<16>,
    /// Where the frame began.
    pub start: Bits<16>,
    /// The rest of the frame is thrown away.
    pub dropping: Bit,
    /// Outcome of the frame that ended in the cycle before.
    pub stored: Bit,
    /// Outcome of the frame that ended in the cycle before.
    pub overflowed: Bit,
    /// Outcome of the frame that ended in the cycle before.
    pub discarded: Bit,
}

/// The read side's registers.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Reader {
    /// The next beat to read.
    pub at: Bits<16>,
    /// Beats of the frame not yet read.
    pub left: Bits<13>,
    /// `tkeep` of its last beat.
    pub keep: Bits<8>,
    /// The memory's output holds a beat.
    pub read_valid: Bit,
    /// It is the frame's last.
    pub read_last: Bit,
    /// Its bytes.
    pub read_keep: Bits<8>,
    /// The output holds a beat.
    pub out_valid: Bit,
    /// It is the frame's last.
    pub out_last: Bit,
    /// Its bytes.
    pub out_keep: Bits<8>,
    /// Its data.
    pub out_data: Bits<64>,
}

/// FIFO of `2^A` beats and `2^F` frames with metadata `M`; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct FrameFifo<M: Synth, const A: usize, const F: usize> {
    /// Clock of both sides.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; empties the FIFO.
    pub reset: Signal<In, Bit>,
    /// Frames in.
    pub s: AxisSink,
    /// Metadata of the frame, on its last beat.
    pub meta: Signal<In, M>,
    /// Drop the frame, on its last beat.
    pub discard: Signal<In, Bit>,
    /// Frames out.
    pub m: AxisSource,
    /// Metadata of the frame on `m`.
    pub m_meta: Signal<Out, M>,
    /// Its length in bytes.
    pub m_length: Signal<Out, Bits<16>>,
    /// A frame was stored.
    pub stored: Signal<Out, Bit>,
    /// A frame was dropped for want of room.
    pub overflowed: Signal<Out, Bit>,
    /// A frame was dropped by `discard`.
    pub discarded: Signal<Out, Bit>,
    data: DualClockBram<Bits<64>, A>,
    metas: SyncFifo<M, F>,
    lengths: SyncFifo<Bits<16>, F>,
    to_read: SyncFifo<Bits<16>, F>,
    w: DFF<Writer>,
    r: DFF<Reader>,
    beats: Constant<Bits<16>>,
    write_at: Signal<Local, Bits<16>>,
    read_at: Signal<Local, Bits<16>>,
    used: Signal<Local, Bits<16>>,
    begun: Signal<Local, Bits<16>>,
    room: Signal<Local, Bit>,
    commit: Signal<Local, Bit>,
    kept: Signal<Local, Bits<16>>,
    length: Signal<Local, Bits<16>>,
    rounded: Signal<Local, Bits<16>>,
    tail: Signal<Local, Bits<3>>,
    out_moves: Signal<Local, Bit>,
    read_moves: Signal<Local, Bit>,
    reading: Signal<Local, Bit>,
    last_read: Signal<Local, Bit>,
    load: Signal<Local, Bit>,
    done: Signal<Local, Bit>,
}

impl<M: Synth, const A: usize, const F: usize> Default for FrameFifo<M, A, F> {
    /// # Panics
    /// If `A` is not 3 to 12 (lengths have 16 bits) or `F` not 1 to 10.
    fn default() -> Self {
        assert!(
            (3..=12).contains(&A),
            "FrameFifo: {A} address bits of data; 3 to 12 are possible"
        );
        assert!(
            (1..=10).contains(&F),
            "FrameFifo: {F} address bits of frames; 1 to 10 are possible"
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            s: Default::default(),
            meta: Default::default(),
            discard: Default::default(),
            m: Default::default(),
            m_meta: Default::default(),
            m_length: Default::default(),
            stored: Default::default(),
            overflowed: Default::default(),
            discarded: Default::default(),
            data: Default::default(),
            metas: Default::default(),
            lengths: Default::default(),
            to_read: Default::default(),
            w: Default::default(),
            r: Default::default(),
            beats: Constant::new((1_u64 << A).into()),
            write_at: Default::default(),
            read_at: Default::default(),
            used: Default::default(),
            begun: Default::default(),
            room: Default::default(),
            commit: Default::default(),
            kept: Default::default(),
            length: Default::default(),
            rounded: Default::default(),
            tail: Default::default(),
            out_moves: Default::default(),
            read_moves: Default::default(),
            reading: Default::default(),
            last_read: Default::default(),
            load: Default::default(),
            done: Default::default(),
        }
    }
}

impl<M: Synth, const A: usize, const F: usize> Logic for FrameFifo<M, A, F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, w, r);
        clock!(self, clock, metas, lengths, to_read);
        self.data.wclock.next = self.clock.val();
        self.data.rclock.next = self.clock.val();
        self.metas.reset.next = self.reset.val();
        self.lengths.reset.next = self.reset.val();
        self.to_read.reset.next = self.reset.val();

        // Write side: every beat goes into the memory; what is not committed at the end is overwritten by the next frame.
        self.s.tready.next = true;
        self.used.next = self.w.q.val().at - self.r.q.val().at;
        self.begun.next = self.w.q.val().at - self.w.q.val().start;
        self.room.next = (self.used.val() != self.beats.val()) & !self.w.q.val().dropping;
        match self.s.tkeep.val().index() {
            1 => {
                self.kept.next = 1.into();
            }
            3 => {
                self.kept.next = 2.into();
            }
            7 => {
                self.kept.next = 3.into();
            }
            15 => {
                self.kept.next = 4.into();
            }
            31 => {
                self.kept.next = 5.into();
            }
            63 => {
                self.kept.next = 6.into();
            }
            127 => {
                self.kept.next = 7.into();
            }
            _ => {
                self.kept.next = 8.into();
            }
        }
        self.length.next = (self.begun.val() << 3) + self.kept.val();
        self.commit.next = self.s.tvalid.val()
            & self.s.tlast.val()
            & self.room.val()
            & !self.discard.val()
            & self.metas.in_ready.val()
            & self.lengths.in_ready.val()
            & self.to_read.in_ready.val();
        self.write_at.next = self.w.q.val().at;
        self.data.waddr.next = self.write_at.val().get_bits::<A>(0);
        self.data.wdata.next = self.s.tdata.val();
        self.data.wen.next = self.s.tvalid.val() & self.room.val();
        self.metas.in_data.next = self.meta.val();
        self.metas.in_valid.next = self.commit.val();
        self.lengths.in_data.next = self.length.val();
        self.lengths.in_valid.next = self.commit.val();
        self.to_read.in_data.next = self.length.val();
        self.to_read.in_valid.next = self.commit.val();
        self.w.d.next.stored = self.commit.val();
        self.w.d.next.discarded = self.s.tvalid.val() & self.s.tlast.val() & self.discard.val();
        self.w.d.next.overflowed =
            self.s.tvalid.val() & self.s.tlast.val() & !self.discard.val() & !self.commit.val();
        if self.s.tvalid.val() {
            if self.room.val() {
                self.w.d.next.at = self.w.q.val().at + 1;
            } else {
                self.w.d.next.dropping = true;
            }
            if self.s.tlast.val() {
                self.w.d.next.dropping = false;
                if self.commit.val() {
                    self.w.d.next.start = self.w.q.val().at + 1;
                } else {
                    self.w.d.next.at = self.w.q.val().start;
                }
            }
        }
        self.stored.next = self.w.q.val().stored;
        self.overflowed.next = self.w.q.val().overflowed;
        self.discarded.next = self.w.q.val().discarded;

        // Read side: memory → its output register → output register, each moving when the one behind it is free.
        self.out_moves.next = self.m.tready.val() | !self.r.q.val().out_valid;
        self.read_moves.next = self.out_moves.val() | !self.r.q.val().read_valid;
        self.reading.next = self.r.q.val().left != 0;
        self.last_read.next = self.r.q.val().left == 1;
        self.read_at.next = self.r.q.val().at;
        self.data.raddr.next = self.read_at.val().get_bits::<A>(0);
        self.data.ren.next = self.read_moves.val();
        if self.out_moves.val() {
            self.r.d.next.out_valid = self.r.q.val().read_valid;
            self.r.d.next.out_last = self.r.q.val().read_last;
            self.r.d.next.out_keep = self.r.q.val().read_keep;
            self.r.d.next.out_data = self.data.rdata.val();
        }
        if self.read_moves.val() {
            self.r.d.next.read_valid = self.reading.val();
            self.r.d.next.read_last = self.last_read.val();
            self.r.d.next.read_keep = 255.into();
            if self.last_read.val() {
                self.r.d.next.read_keep = self.r.q.val().keep;
            }
            if self.reading.val() {
                self.r.d.next.at = self.r.q.val().at + 1;
                self.r.d.next.left = self.r.q.val().left - 1;
            }
        }
        // The next frame is loaded while the last beat of this one is read.
        self.load.next = !self.reading.val() | (self.last_read.val() & self.read_moves.val());
        self.to_read.out_ready.next = self.load.val();
        self.rounded.next = self.to_read.out_data.val() + 7;
        self.tail.next = self.to_read.out_data.val().get_bits::<3>(0);
        if self.load.val() & self.to_read.out_valid.val() {
            self.r.d.next.left = self.rounded.val().get_bits::<13>(3);
            match self.tail.val().index() {
                1 => {
                    self.r.d.next.keep = 1.into();
                }
                2 => {
                    self.r.d.next.keep = 3.into();
                }
                3 => {
                    self.r.d.next.keep = 7.into();
                }
                4 => {
                    self.r.d.next.keep = 15.into();
                }
                5 => {
                    self.r.d.next.keep = 31.into();
                }
                6 => {
                    self.r.d.next.keep = 63.into();
                }
                7 => {
                    self.r.d.next.keep = 127.into();
                }
                _ => {
                    self.r.d.next.keep = 255.into();
                }
            }
        }
        self.m.tdata.next = self.r.q.val().out_data;
        self.m.tkeep.next = self.r.q.val().out_keep;
        self.m.tlast.next = self.r.q.val().out_last;
        self.m.tvalid.next = self.r.q.val().out_valid;
        self.done.next = self.r.q.val().out_valid & self.r.q.val().out_last & self.m.tready.val();
        self.metas.out_ready.next = self.done.val();
        self.lengths.out_ready.next = self.done.val();
        self.m_meta.next = self.metas.out_data.val();
        self.m_length.next = self.lengths.out_data.val();

        if self.reset.val() {
            self.w.d.next.at = 0.into();
            self.w.d.next.start = 0.into();
            self.w.d.next.dropping = false;
            self.w.d.next.stored = false;
            self.w.d.next.overflowed = false;
            self.w.d.next.discarded = false;
            self.r.d.next.at = 0.into();
            self.r.d.next.left = 0.into();
            self.r.d.next.read_valid = false;
            self.r.d.next.out_valid = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "13 address bits of data")]
    fn a_memory_beyond_16_bit_lengths_is_refused() {
        let _ = FrameFifo::<Bits<8>, 13, 4>::default();
    }
}
