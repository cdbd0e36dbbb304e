//! Where a 16-bit word of the header lies in the beat at hand. Combinational.
//!
//! Contract: `beat` is the number of the beat in its frame, saturated at 63; `word` the number of a 16-bit word (a byte offset halved). Bit *i* of `hit` is
//! set if word lane *i* of the beat holds that very word, bit *i* of `from` if it holds that word or a later one.

use rust_hdl_core::prelude::*;

/// Position match; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct WordAt {
    /// Number of the beat, saturated.
    pub beat: Signal<In, Bits<6>>,
    /// Number of the word.
    pub word: Signal<In, Bits<7>>,
    /// Lane of that word.
    pub hit: Signal<Out, Bits<4>>,
    /// Lanes of that word and of later ones.
    pub from: Signal<Out, Bits<4>>,
    lane: Signal<Local, Bits<2>>,
    its_beat: Signal<Local, Bits<6>>,
    one: Signal<Local, Bits<4>>,
    upper: Signal<Local, Bits<4>>,
}

impl Logic for WordAt {
    #[hdl_gen]
    fn update(&mut self) {
        self.lane.next = self.word.val().get_bits::<2>(0);
        self.its_beat.next = bit_cast::<6, 5>(self.word.val().get_bits::<5>(2));
        self.one.next = 1.into();
        self.upper.next = 15.into();
        if self.lane.val() == 1 {
            self.one.next = 2.into();
            self.upper.next = 14.into();
        }
        if self.lane.val() == 2 {
            self.one.next = 4.into();
            self.upper.next = 12.into();
        }
        if self.lane.val() == 3 {
            self.one.next = 8.into();
            self.upper.next = 8.into();
        }
        self.hit.next = 0.into();
        self.from.next = 0.into();
        if self.beat.val() == self.its_beat.val() {
            self.hit.next = self.one.val();
            self.from.next = self.upper.val();
        }
        if self.beat.val() > self.its_beat.val() {
            self.from.next = 15.into();
        }
    }
}
