//! The state of the 16 read tags.
//!
//! Contract: per tag five bits. `used` from allocation to release; `outstanding` while completions may come; `done` when
//! the data are complete or the read has failed; `err` with it; `retired` when a completion may still come for a read that is
//! over, so the tag is not used again until reset. An event on a tag that is not outstanding is `unexpected` and changes
//! nothing. All events are single cycles and may coincide for different tags.
//!
//! - Latency: 1 cycle from an event to the bits.
//! - `unexpected` and `read_error` are registered pulses; errors that coincide are counted one after the other.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// State of the read tags; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Slots {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// A read gets `alloc_tag`.
    pub alloc: Signal<In, Bit>,
    /// ... and has failed already.
    pub alloc_failed: Signal<In, Bit>,
    /// Its tag.
    pub alloc_tag: Signal<In, Bits<4>>,
    /// A completion for `cpl_tag` is over.
    pub cpl: Signal<In, Bit>,
    /// It is not for this function.
    pub cpl_stray: Signal<In, Bit>,
    /// Its tag.
    pub cpl_tag: Signal<In, Bits<4>>,
    /// It was the last of its read.
    pub cpl_done: Signal<In, Bit>,
    /// The read has failed.
    pub cpl_err: Signal<In, Bit>,
    /// More completions may come although the read is over.
    pub cpl_retire: Signal<In, Bit>,
    /// The time of the read with `head_tag` is over, if it is still outstanding.
    pub expire: Signal<In, Bit>,
    /// The data of the read with `head_tag` are delivered.
    pub finish: Signal<In, Bit>,
    /// The oldest tag.
    pub head_tag: Signal<In, Bits<4>>,
    /// Tags in use.
    pub used: Signal<Out, Bits<16>>,
    /// Tags with completions to come.
    pub outstanding: Signal<Out, Bits<16>>,
    /// Tags whose data are complete or failed.
    pub done: Signal<Out, Bits<16>>,
    /// Tags whose read failed.
    pub err: Signal<Out, Bits<16>>,
    /// Tags out of use until reset.
    pub retired: Signal<Out, Bits<16>>,
    /// A completion came that no read waits for.
    pub unexpected: Signal<Out, Bit>,
    /// A read ended in an error.
    pub read_error: Signal<Out, Bit>,
    /// A read timed out in this cycle.
    pub timed_out: Signal<Out, Bit>,
    one: Constant<Bits<16>>,
    used_r: DFF<Bits<16>>,
    outstanding_r: DFF<Bits<16>>,
    done_r: DFF<Bits<16>>,
    err_r: DFF<Bits<16>>,
    retired_r: DFF<Bits<16>>,
    unexpected_r: DFF<Bit>,
    read_error_r: DFF<Bit>,
    error_waits: DFF<Bit>,
    meant: Signal<Local, Bits<16>>,
    live: Signal<Local, Bit>,
    failing: Signal<Local, Bits<16>>,
    failed: Signal<Local, Bit>,
    refused: Signal<Local, Bit>,
    allocated: Signal<Local, Bits<16>>,
    born_failed: Signal<Local, Bits<16>>,
    finished: Signal<Local, Bits<16>>,
    erred: Signal<Local, Bits<16>>,
    lost: Signal<Local, Bits<16>>,
    expired: Signal<Local, Bits<16>>,
    released: Signal<Local, Bits<16>>,
    at_cpl: Signal<Local, Bits<16>>,
    at_head: Signal<Local, Bits<16>>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            one: Constant::new(1_u64.into()),
            clock: Default::default(),
            reset: Default::default(),
            alloc: Default::default(),
            alloc_failed: Default::default(),
            alloc_tag: Default::default(),
            cpl: Default::default(),
            cpl_stray: Default::default(),
            cpl_tag: Default::default(),
            cpl_done: Default::default(),
            cpl_err: Default::default(),
            cpl_retire: Default::default(),
            expire: Default::default(),
            finish: Default::default(),
            head_tag: Default::default(),
            used: Default::default(),
            outstanding: Default::default(),
            done: Default::default(),
            err: Default::default(),
            retired: Default::default(),
            unexpected: Default::default(),
            read_error: Default::default(),
            timed_out: Default::default(),
            used_r: Default::default(),
            outstanding_r: Default::default(),
            done_r: Default::default(),
            err_r: Default::default(),
            retired_r: Default::default(),
            unexpected_r: Default::default(),
            read_error_r: Default::default(),
            error_waits: Default::default(),
            meant: Default::default(),
            live: Default::default(),
            failing: Default::default(),
            failed: Default::default(),
            refused: Default::default(),
            allocated: Default::default(),
            born_failed: Default::default(),
            finished: Default::default(),
            erred: Default::default(),
            lost: Default::default(),
            expired: Default::default(),
            released: Default::default(),
            at_cpl: Default::default(),
            at_head: Default::default(),
        }
    }
}

impl Logic for Slots {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, used_r, outstanding_r, done_r, err_r, retired_r);
        dff_setup!(self, clock, unexpected_r, read_error_r, error_waits);
        self.used.next = self.used_r.q.val();
        self.outstanding.next = self.outstanding_r.q.val();
        self.done.next = self.done_r.q.val();
        self.err.next = self.err_r.q.val();
        self.retired.next = self.retired_r.q.val();
        self.unexpected.next = self.unexpected_r.q.val();
        self.read_error.next = self.read_error_r.q.val();
        self.at_cpl.next = self.one.val() << self.cpl_tag.val();
        // Bit by bit rather than by selecting one of 16: what follows is decoded anyway.
        self.meant.next = 0.into();
        if self.cpl.val() & !self.cpl_stray.val() {
            self.meant.next = self.at_cpl.val() & self.outstanding_r.q.val();
        }
        self.live.next = self.meant.val().any();
        self.at_head.next = self.one.val() << self.head_tag.val();
        self.allocated.next = 0.into();
        self.born_failed.next = 0.into();
        self.finished.next = 0.into();
        self.erred.next = 0.into();
        self.lost.next = 0.into();
        self.expired.next = 0.into();
        self.released.next = 0.into();
        if self.alloc.val() {
            self.allocated.next = self.one.val() << self.alloc_tag.val();
        }
        self.refused.next = self.alloc.val() & self.alloc_failed.val();
        if self.refused.val() {
            self.born_failed.next = self.allocated.val();
        }
        if self.cpl_done.val() {
            self.finished.next = self.meant.val();
        }
        if self.cpl_err.val() {
            self.erred.next = self.meant.val();
        }
        if self.cpl_retire.val() {
            self.lost.next = self.meant.val();
        }
        if self.expire.val() {
            self.expired.next = self.at_head.val() & self.outstanding_r.q.val();
        }
        if self.finish.val() {
            self.released.next = self.at_head.val();
        }
        self.used_r.d.next = (self.used_r.q.val() & !self.released.val()) | self.allocated.val();
        self.outstanding_r.d.next =
            (self.outstanding_r.q.val() & !self.finished.val() & !self.expired.val())
                | (self.allocated.val() & !self.born_failed.val());
        self.done_r.d.next = (self.done_r.q.val() & !self.allocated.val())
            | self.finished.val()
            | self.expired.val()
            | self.born_failed.val();
        self.err_r.d.next = (self.err_r.q.val() & !self.allocated.val())
            | self.erred.val()
            | self.expired.val()
            | self.born_failed.val();
        self.retired_r.d.next = self.retired_r.q.val() | self.lost.val() | self.expired.val();
        self.unexpected_r.d.next = self.cpl.val() & !self.live.val();
        self.failing.next = self.meant.val() & self.err_r.q.val();
        self.failed.next = self.cpl_done.val()
            & ((self.live.val() & self.cpl_err.val()) | self.failing.val().any());
        self.timed_out.next = self.expired.val().any();
        self.read_error_r.d.next =
            self.failed.val() | self.refused.val() | self.error_waits.q.val();
        self.error_waits.d.next = (self.failed.val() & self.refused.val())
            | (self.error_waits.q.val() & (self.failed.val() | self.refused.val()));
        if self.reset.val() {
            self.used_r.d.next = 0.into();
            self.outstanding_r.d.next = 0.into();
            self.done_r.d.next = 0.into();
            self.err_r.d.next = 0.into();
            self.retired_r.d.next = 0.into();
            self.unexpected_r.d.next = false;
            self.read_error_r.d.next = false;
            self.error_waits.d.next = false;
        }
    }
}
