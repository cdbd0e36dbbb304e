//! The second half of [`Completion`](super::completion::Completion): judges a TLP against the progress of its tag and writes its data.
//!
//! Contract: takes one beat per cycle behind the header's first, never stalls. `second` marks the beat with DW 2; with it
//! come the header's fields and the progress (`place`, `left`) of the tag. What is reported and when is said there.
//!
//! Lane and bank: data DW 0 lies in lane 1 of the `second` beat. If it is to go to an odd address, lane 0 of all later beats
//! goes to the even bank and lane 1 to the odd one, in one row; if to an even one, the other way round, and lane 0 is a
//! row behind.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Judge and writer; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct CompletionStore {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Tags with completions to come.
    pub outstanding: Signal<In, Bits<16>>,
    /// A beat is there.
    pub valid: Signal<In, Bit>,
    /// It has DW 2.
    pub second: Signal<In, Bit>,
    /// It is the TLP's last.
    pub last: Signal<In, Bit>,
    /// A TLP of one beat came: there is no tag in it.
    pub runt: Signal<In, Bit>,
    /// Both lanes of the beat are filled.
    pub both: Signal<In, Bit>,
    /// The beat, its DWs in memory order.
    pub data: Signal<In, Bits<64>>,
    /// Tag of the TLP.
    pub tag: Signal<In, Bits<4>>,
    /// Requester id and upper bits of the tag are this function's.
    pub mine: Signal<In, Bit>,
    /// Header field.
    pub lower_address: Signal<In, Bits<7>>,
    /// Header field.
    pub with_data: Signal<In, Bit>,
    /// Header field.
    pub digest: Signal<In, Bit>,
    /// Header field.
    pub poisoned: Signal<In, Bit>,
    /// Header field.
    pub length: Signal<In, Bits<10>>,
    /// Header field.
    pub status: Signal<In, Bits<3>>,
    /// Header field.
    pub byte_count: Signal<In, Bits<12>>,
    /// Address within 512 B of the next byte to come.
    pub place: Signal<In, Bits<9>>,
    /// Bytes to come.
    pub left: Signal<In, Bits<10>>,
    /// Store the tag's progress.
    pub update_valid: Signal<Out, Bit>,
    /// The tag.
    pub update_tag: Signal<Out, Bits<4>>,
    /// Its new `place`.
    pub update_place: Signal<Out, Bits<9>>,
    /// Its new `left`.
    pub update_left: Signal<Out, Bits<10>>,
    /// Even DWs: address.
    pub even_addr: Signal<Out, Bits<10>>,
    /// Even DWs: data.
    pub even_data: Signal<Out, Bits<32>>,
    /// Even DWs: write.
    pub even_wen: Signal<Out, Bit>,
    /// Odd DWs: address.
    pub odd_addr: Signal<Out, Bits<10>>,
    /// Odd DWs: data.
    pub odd_data: Signal<Out, Bits<32>>,
    /// Odd DWs: write.
    pub odd_wen: Signal<Out, Bit>,
    /// A completion is over.
    pub done: Signal<Out, Bit>,
    /// Its tag.
    pub done_tag: Signal<Out, Bits<4>>,
    /// It is not for this function.
    pub done_stray: Signal<Out, Bit>,
    /// The read is over.
    pub done_last: Signal<Out, Bit>,
    /// The read has failed.
    pub done_err: Signal<Out, Bit>,
    /// More may come.
    pub done_retire: Signal<Out, Bit>,
    // Stage 2: write the beat, judge the header.
    valid2: DFF<Bit>,
    second2: DFF<Bit>,
    last2: DFF<Bit>,
    runt2: DFF<Bit>,
    both2: DFF<Bit>,
    data2: DFF<Bits<64>>,
    tag2: DFF<Bits<4>>,
    mine2: DFF<Bit>,
    lower2: DFF<Bits<7>>,
    data_expected: DFF<Bit>,
    digest2: DFF<Bit>,
    poisoned2: DFF<Bit>,
    length2: DFF<Bits<10>>,
    failed2: DFF<Bit>,
    count2: DFF<Bits<12>>,
    place2: DFF<Bits<9>>,
    left2: DFF<Bits<10>>,
    row: DFF<Bits<6>>,
    missing: DFF<Bits<11>>,
    // Stage 3: the judgement; at the TLP's end, the outcome.
    second3: DFF<Bit>,
    last3: DFF<Bit>,
    runt3: DFF<Bit>,
    live3: DFF<Bit>,
    fits: DFF<Bit>,
    completes: DFF<Bit>,
    new_place: DFF<Bits<9>>,
    new_left: DFF<Bits<10>>,
    done_r: DFF<Bit>,
    tag_r: DFF<Bits<4>>,
    stray_r: DFF<Bit>,
    last_r: DFF<Bit>,
    err_r: DFF<Bit>,
    retire_r: DFF<Bit>,
    live: Signal<Local, Bit>,
    odd: Signal<Local, Bit>,
    row_now: Signal<Local, Bits<6>>,
    missing_now: Signal<Local, Bits<11>>,
    got: Signal<Local, Bits<11>>,
    one_fits: Signal<Local, Bit>,
    two_fit: Signal<Local, Bit>,
    lane0: Signal<Local, Bit>,
    lane1: Signal<Local, Bit>,
    low: Signal<Local, Bits<32>>,
    high: Signal<Local, Bits<32>>,
    here: Signal<Local, Bits<10>>,
    above: Signal<Local, Bits<10>>,
    span: Signal<Local, Bits<11>>,
    need: Signal<Local, Bits<10>>,
    matches_progress: Signal<Local, Bit>,
    next_dw: Signal<Local, Bits<7>>,
    bad_length: Signal<Local, Bit>,
}

impl Logic for CompletionStore {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, valid2, second2, last2, runt2, both2, data2, tag2, mine2, lower2
        );
        dff_setup!(
            self,
            clock,
            data_expected,
            digest2,
            poisoned2,
            length2,
            failed2,
            count2
        );
        dff_setup!(
            self, clock, place2, left2, row, missing, second3, last3, runt3, live3
        );
        dff_setup!(self, clock, fits, completes, new_place, new_left);
        dff_setup!(self, clock, done_r, tag_r, stray_r, last_r, err_r, retire_r);
        self.valid2.d.next = self.valid.val();
        self.second2.d.next = self.second.val();
        self.last2.d.next = self.valid.val() & self.last.val();
        self.runt2.d.next = self.runt.val();
        self.both2.d.next = self.both.val();
        self.data2.d.next = self.data.val();
        if self.second.val() {
            self.tag2.d.next = self.tag.val();
            self.mine2.d.next = self.mine.val();
            self.lower2.d.next = self.lower_address.val();
            self.data_expected.d.next = self.with_data.val();
            self.digest2.d.next = self.digest.val();
            self.poisoned2.d.next = self.poisoned.val();
            self.length2.d.next = 0.into();
            if self.with_data.val() {
                self.length2.d.next = self.length.val();
            }
            self.failed2.d.next = self.status.val().any();
            self.count2.d.next = self.byte_count.val();
            self.place2.d.next = self.place.val();
            self.left2.d.next = self.left.val();
        }
        // Stage 2: rows and what the TLP still owes.
        self.live.next =
            self.mine2.q.val() & self.outstanding.val().get_bit(self.tag2.q.val().index());
        self.odd.next = self.place2.q.val().get_bit(2);
        self.row_now.next = self.row.q.val() + 1;
        self.missing_now.next = self.missing.q.val();
        self.got.next = 1.into();
        if self.second2.q.val() {
            self.row_now.next = self.place2.q.val().get_bits::<6>(3);
            self.missing_now.next = bit_cast::<11, 10>(self.length2.q.val());
            self.got.next = 0.into();
        }
        if self.both2.q.val() & self.second2.q.val() {
            self.got.next = 1.into();
        } else if self.both2.q.val() {
            self.got.next = 2.into();
        }
        self.one_fits.next = self.missing_now.val().any() & !self.missing_now.val().get_bit(10);
        self.two_fit.next =
            self.missing_now.val().get_bits::<9>(1).any() & !self.missing_now.val().get_bit(10);
        self.lane0.next = self.one_fits.val() & !self.second2.q.val();
        self.lane1.next = self.two_fit.val() & self.both2.q.val();
        if self.second2.q.val() {
            self.lane1.next = self.one_fits.val() & self.both2.q.val();
        }
        if self.valid2.q.val() {
            self.row.d.next = self.row_now.val();
            self.missing.d.next = self.missing_now.val() - self.got.val();
        }
        self.low.next = self.data2.q.val().get_bits::<32>(0);
        self.high.next = self.data2.q.val().get_bits::<32>(32);
        self.here.next =
            (bit_cast::<10, 4>(self.tag2.q.val()) << 6) | bit_cast::<10, 6>(self.row_now.val());
        self.above.next =
            (bit_cast::<10, 4>(self.tag2.q.val()) << 6) | bit_cast::<10, 6>(self.row.q.val());
        self.even_addr.next = self.here.val();
        self.even_data.next = self.high.val();
        self.even_wen.next = self.valid2.q.val() & self.live.val() & self.lane1.val();
        self.odd_addr.next = self.above.val();
        self.odd_data.next = self.low.val();
        self.odd_wen.next = self.valid2.q.val() & self.live.val() & self.lane0.val();
        if self.odd.val() {
            self.even_data.next = self.low.val();
            self.even_wen.next = self.valid2.q.val() & self.live.val() & self.lane0.val();
            self.odd_addr.next = self.here.val();
            self.odd_data.next = self.high.val();
            self.odd_wen.next = self.valid2.q.val() & self.live.val() & self.lane1.val();
        }
        // Stage 2: the header against the progress.
        self.span.next = bit_cast::<11, 2>(self.place2.q.val().get_bits::<2>(0))
            + bit_cast::<11, 10>(self.left2.q.val())
            + 3;
        self.need.next = bit_cast::<10, 9>(self.span.val().get_bits::<9>(2));
        self.matches_progress.next = self.data_expected.q.val()
            & self.length2.q.val().any()
            & (self.count2.q.val() == bit_cast::<12, 10>(self.left2.q.val()))
            & (self.lower2.q.val() == self.place2.q.val().get_bits::<7>(0));
        self.next_dw.next =
            self.place2.q.val().get_bits::<7>(2) + self.length2.q.val().get_bits::<7>(0);
        if self.second2.q.val() {
            self.fits.d.next =
                self.matches_progress.val() & (self.length2.q.val() <= self.need.val());
            self.completes.d.next = self.length2.q.val() == self.need.val();
            self.new_place.d.next = bit_cast::<9, 7>(self.next_dw.val()) << 2;
            self.new_left.d.next = (self.left2.q.val()
                + bit_cast::<10, 2>(self.place2.q.val().get_bits::<2>(0)))
                - (self.length2.q.val() << 2);
        }
        // Stage 3: progress behind the header, outcome behind the last beat.
        self.second3.d.next = self.second2.q.val();
        self.last3.d.next = self.last2.q.val();
        self.runt3.d.next = self.runt2.q.val();
        self.live3.d.next = self.live.val();
        self.update_valid.next =
            self.second3.q.val() & self.live3.q.val() & self.fits.q.val() & !self.failed2.q.val();
        self.update_tag.next = self.tag2.q.val();
        self.update_place.next = self.new_place.q.val();
        self.update_left.next = self.new_left.q.val();
        self.bad_length.next = self.missing.q.val().any();
        if self.digest2.q.val() {
            self.bad_length.next = !self.missing.q.val().all();
        }
        self.done_r.d.next = self.last3.q.val() | self.runt3.q.val();
        self.tag_r.d.next = self.tag2.q.val();
        self.stray_r.d.next = self.runt3.q.val() | !self.mine2.q.val();
        self.last_r.d.next = self.completes.q.val();
        self.err_r.d.next = self.poisoned2.q.val();
        self.retire_r.d.next = false;
        if self.failed2.q.val() {
            self.last_r.d.next = true;
            self.err_r.d.next = true;
        } else if self.bad_length.val() | !self.fits.q.val() {
            self.last_r.d.next = true;
            self.err_r.d.next = true;
            self.retire_r.d.next = true;
        }
        self.done.next = self.done_r.q.val();
        self.done_tag.next = self.tag_r.q.val();
        self.done_stray.next = self.stray_r.q.val();
        self.done_last.next = self.last_r.q.val();
        self.done_err.next = self.err_r.q.val();
        self.done_retire.next = self.retire_r.q.val();
        if self.reset.val() {
            self.valid2.d.next = false;
            self.last2.d.next = false;
            self.runt2.d.next = false;
            self.second2.d.next = false;
            self.second3.d.next = false;
            self.last3.d.next = false;
            self.runt3.d.next = false;
            self.done_r.d.next = false;
        }
    }
}
