//! How far the completions of each read tag have come.
//!
//! Contract: `alloc` stores where the data of `alloc_tag` start and how many bytes there are; `update` stores where the next
//! completion of `update_tag` continues. `place` and `left` answer, 1 cycle later, for `lookup_tag`. A look-up of a tag within
//! the 3 cycles behind its update is the caller's to avoid.
//!
//! Two memories with one writer each, and a bit per tag that says which of them holds.

use crate::memory::bram::{Bram, Output};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Progress of the read tags; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Progress {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// A read gets `alloc_tag`.
    pub alloc: Signal<In, Bit>,
    /// Its tag.
    pub alloc_tag: Signal<In, Bits<4>>,
    /// Address of its first byte within 512 B.
    pub alloc_start: Signal<In, Bits<9>>,
    /// Its bytes, 1..=512.
    pub alloc_bytes: Signal<In, Bits<10>>,
    /// Tag to look up.
    pub lookup_tag: Signal<In, Bits<4>>,
    /// Address within 512 B of the next byte to come, 1 cycle after `lookup_tag`.
    pub place: Signal<Out, Bits<9>>,
    /// Bytes to come, 1 cycle after `lookup_tag`.
    pub left: Signal<Out, Bits<10>>,
    /// Store progress.
    pub update_valid: Signal<In, Bit>,
    /// Of this tag.
    pub update_tag: Signal<In, Bits<4>>,
    /// Its new `place`.
    pub update_place: Signal<In, Bits<9>>,
    /// Its new `left`.
    pub update_left: Signal<In, Bits<10>>,
    issued: Bram<Bits<19>, 4>,
    moved: Bram<Bits<19>, 4>,
    fresh: DFF<Bits<16>>,
    asked: DFF<Bits<4>>,
    one: Constant<Bits<16>>,
    set: Signal<Local, Bits<16>>,
    clear: Signal<Local, Bits<16>>,
    word: Signal<Local, Bits<19>>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            issued: Bram::new(Output::Direct),
            moved: Bram::new(Output::Direct),
            one: Constant::new(1_u64.into()),
            clock: Default::default(),
            alloc: Default::default(),
            alloc_tag: Default::default(),
            alloc_start: Default::default(),
            alloc_bytes: Default::default(),
            lookup_tag: Default::default(),
            place: Default::default(),
            left: Default::default(),
            update_valid: Default::default(),
            update_tag: Default::default(),
            update_place: Default::default(),
            update_left: Default::default(),
            fresh: Default::default(),
            asked: Default::default(),
            set: Default::default(),
            clear: Default::default(),
            word: Default::default(),
        }
    }
}

impl Logic for Progress {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, fresh, asked);
        clock!(self, clock, issued, moved);
        self.issued.raddr.next = self.lookup_tag.val();
        self.issued.waddr.next = self.alloc_tag.val();
        self.issued.wdata.next = (bit_cast::<19, 9>(self.alloc_start.val()) << 10)
            | bit_cast::<19, 10>(self.alloc_bytes.val());
        self.issued.wen.next = self.alloc.val();
        self.moved.raddr.next = self.lookup_tag.val();
        self.moved.waddr.next = self.update_tag.val();
        self.moved.wdata.next = (bit_cast::<19, 9>(self.update_place.val()) << 10)
            | bit_cast::<19, 10>(self.update_left.val());
        self.moved.wen.next = self.update_valid.val();
        self.asked.d.next = self.lookup_tag.val();
        self.set.next = 0.into();
        if self.alloc.val() {
            self.set.next = self.one.val() << self.alloc_tag.val();
        }
        self.clear.next = 0.into();
        if self.update_valid.val() {
            self.clear.next = self.one.val() << self.update_tag.val();
        }
        self.fresh.d.next = (self.fresh.q.val() & !self.clear.val()) | self.set.val();
        self.word.next = self.moved.rdata.val();
        if self.fresh.q.val().get_bit(self.asked.q.val().index()) {
            self.word.next = self.issued.rdata.val();
        }
        self.place.next = self.word.val().get_bits::<9>(10);
        self.left.next = self.word.val().get_bits::<10>(0);
    }
}
