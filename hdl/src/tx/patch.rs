//! Patches the header fields that differ from segment to segment.
//!
//! Contract: `tdata` is a beat as the template has it, with the masks of [`Positions`](super::positions) for that beat. In the request's first
//! segment (`first_segment`) identification and sequence number pass and are remembered; when the first beat (`first_beat`) of another one
//! comes they are moved on, and put in from then on. `length` goes into every segment. Of the TCP flags FIN and PSH stay
//! in the last segment only (`closing`), CWR in the first only, or in all with `cwr_all`.
//!
//! - Latency: 1 cycle. Throughput: one beat per cycle, no bubbles.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Header fields of segments; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Patch {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// A beat.
    pub tdata: Signal<In, Bits<64>>,
    /// There is one.
    pub valid: Signal<In, Bit>,
    /// It is its segment's first.
    pub first_beat: Signal<In, Bit>,
    /// It is of the request's first segment.
    pub first_segment: Signal<In, Bit>,
    /// It is of the request's last segment.
    pub closing: Signal<In, Bit>,
    /// CWR stays on every segment.
    pub cwr_all: Signal<In, Bit>,
    /// The identification stays.
    pub id_fixed: Signal<In, Bit>,
    /// Payload bytes of a segment but the last.
    pub mss: Signal<In, Bits<16>>,
    /// IP length of this segment.
    pub ip_len: Signal<In, Bits<16>>,
    /// See [`Positions`](super::positions::Positions).
    pub length: Signal<In, Bits<4>>,
    /// See `Positions`.
    pub id: Signal<In, Bits<4>>,
    /// See `Positions`.
    pub seq_high: Signal<In, Bits<4>>,
    /// See `Positions`.
    pub seq_low: Signal<In, Bits<4>>,
    /// See `Positions`.
    pub flags: Signal<In, Bits<4>>,
    /// The patched beat, one cycle later.
    pub patched: Signal<Out, Bits<64>>,
    beat: DFF<Bits<64>>,
    id_now: DFF<Bits<16>>,
    seq_high_now: DFF<Bits<16>>,
    seq_low_now: DFF<Bits<16>>,
    id_found: [Signal<Local, Bits<16>>; 4],
    seq_high_found: [Signal<Local, Bits<16>>; 4],
    seq_low_found: [Signal<Local, Bits<16>>; 4],
    word: [Signal<Local, Bits<16>>; 4],
    wide: [Signal<Local, Bits<64>>; 4],
    length_there: Signal<Local, Bits<16>>,
    id_there: Signal<Local, Bits<16>>,
    seq_high_there: Signal<Local, Bits<16>>,
    seq_low_there: Signal<Local, Bits<16>>,
    id_seen: Signal<Local, Bits<16>>,
    seq_high_seen: Signal<Local, Bits<16>>,
    seq_low_seen: Signal<Local, Bits<16>>,
    id_next: Signal<Local, Bits<16>>,
    seq_low_next: Signal<Local, Bits<17>>,
    kept: Signal<Local, Bits<16>>,
    kept_last: Signal<Local, Bits<16>>,
    kept_cwr: Signal<Local, Bits<16>>,
    flags_base: Constant<Bits<16>>,
    flags_last: Constant<Bits<16>>,
    flags_cwr: Constant<Bits<16>>,
}

/// TCP flags that only the last segment has: FIN and PSH.
const LAST_FLAGS: u64 = 0x09;
/// TCP flag that the first segment has, or all with `cwr_all`.
const CWR: u64 = 0x80;

impl Default for Patch {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            tdata: Default::default(),
            valid: Default::default(),
            first_beat: Default::default(),
            first_segment: Default::default(),
            closing: Default::default(),
            cwr_all: Default::default(),
            id_fixed: Default::default(),
            mss: Default::default(),
            ip_len: Default::default(),
            length: Default::default(),
            id: Default::default(),
            seq_high: Default::default(),
            seq_low: Default::default(),
            flags: Default::default(),
            patched: Default::default(),
            beat: Default::default(),
            id_now: Default::default(),
            seq_high_now: Default::default(),
            seq_low_now: Default::default(),
            id_found: Default::default(),
            seq_high_found: Default::default(),
            seq_low_found: Default::default(),
            word: Default::default(),
            wide: Default::default(),
            length_there: Default::default(),
            id_there: Default::default(),
            seq_high_there: Default::default(),
            seq_low_there: Default::default(),
            id_seen: Default::default(),
            seq_high_seen: Default::default(),
            seq_low_seen: Default::default(),
            id_next: Default::default(),
            seq_low_next: Default::default(),
            kept: Default::default(),
            kept_last: Default::default(),
            kept_cwr: Default::default(),
            // The flags are the word's second byte: the upper half as it lies in tdata.
            flags_base: Constant::new((0xffff ^ ((LAST_FLAGS | CWR) << 8)).into()),
            flags_last: Constant::new((LAST_FLAGS << 8).into()),
            flags_cwr: Constant::new((CWR << 8).into()),
        }
    }
}

impl Patch {
    /// For tests of the nets (see [`crate::witness`]): leaves FIN and PSH on every segment.
    pub(crate) fn keep_last_flags(&mut self) {
        self.flags_base = Constant::new((0xffff ^ (CWR << 8)).into());
    }
}

impl Logic for Patch {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, beat, id_now, seq_high_now, seq_low_now);
        // Numbers are big-endian in the frame, so swapped in tdata.
        self.length_there.next = (self.ip_len.val() << 8) | (self.ip_len.val() >> 8);
        self.id_there.next = (self.id_now.q.val() << 8) | (self.id_now.q.val() >> 8);
        self.seq_high_there.next =
            (self.seq_high_now.q.val() << 8) | (self.seq_high_now.q.val() >> 8);
        self.seq_low_there.next = (self.seq_low_now.q.val() << 8) | (self.seq_low_now.q.val() >> 8);
        self.kept_last.next = 0.into();
        if self.closing.val() {
            self.kept_last.next = self.flags_last.val();
        }
        self.kept_cwr.next = 0.into();
        if self.first_segment.val() | self.cwr_all.val() {
            self.kept_cwr.next = self.flags_cwr.val();
        }
        self.kept.next = self.flags_base.val() | self.kept_last.val() | self.kept_cwr.val();
        for i in 0..4 {
            self.id_found[i].next = 0.into();
            self.seq_high_found[i].next = 0.into();
            self.seq_low_found[i].next = 0.into();
            self.word[i].next = self.tdata.val().get_bits::<16>(i * 16);
            if self.length.val().get_bit(i) {
                self.word[i].next = self.length_there.val();
            }
            if self.flags.val().get_bit(i) {
                self.word[i].next = self.tdata.val().get_bits::<16>(i * 16) & self.kept.val();
            }
            if self.id.val().get_bit(i) {
                self.id_found[i].next = self.tdata.val().get_bits::<16>(i * 16);
                if !self.first_segment.val() {
                    self.word[i].next = self.id_there.val();
                }
            }
            if self.seq_high.val().get_bit(i) {
                self.seq_high_found[i].next = self.tdata.val().get_bits::<16>(i * 16);
                if !self.first_segment.val() {
                    self.word[i].next = self.seq_high_there.val();
                }
            }
            if self.seq_low.val().get_bit(i) {
                self.seq_low_found[i].next = self.tdata.val().get_bits::<16>(i * 16);
                if !self.first_segment.val() {
                    self.word[i].next = self.seq_low_there.val();
                }
            }
        }
        self.wide[0].next = bit_cast::<64, 16>(self.word[0].val());
        self.wide[1].next = bit_cast::<64, 16>(self.word[1].val()) << 16;
        self.wide[2].next = bit_cast::<64, 16>(self.word[2].val()) << 32;
        self.wide[3].next = bit_cast::<64, 16>(self.word[3].val()) << 48;
        self.beat.d.next =
            self.wide[0].val() | self.wide[1].val() | self.wide[2].val() | self.wide[3].val();
        self.patched.next = self.beat.q.val();
        // What the template had, and how it goes on.
        self.id_seen.next = self.id_found[0].val()
            | self.id_found[1].val()
            | self.id_found[2].val()
            | self.id_found[3].val();
        self.seq_high_seen.next = self.seq_high_found[0].val()
            | self.seq_high_found[1].val()
            | self.seq_high_found[2].val()
            | self.seq_high_found[3].val();
        self.seq_low_seen.next = self.seq_low_found[0].val()
            | self.seq_low_found[1].val()
            | self.seq_low_found[2].val()
            | self.seq_low_found[3].val();
        self.id_next.next = self.id_now.q.val() + 1;
        self.seq_low_next.next =
            bit_cast::<17, 16>(self.seq_low_now.q.val()) + bit_cast::<17, 16>(self.mss.val());
        if self.valid.val() & self.first_segment.val() {
            if self.id.val().any() {
                self.id_now.d.next = (self.id_seen.val() << 8) | (self.id_seen.val() >> 8);
            }
            if self.seq_high.val().any() {
                self.seq_high_now.d.next =
                    (self.seq_high_seen.val() << 8) | (self.seq_high_seen.val() >> 8);
            }
            if self.seq_low.val().any() {
                self.seq_low_now.d.next =
                    (self.seq_low_seen.val() << 8) | (self.seq_low_seen.val() >> 8);
            }
        }
        if self.valid.val() & self.first_beat.val() & !self.first_segment.val() {
            if !self.id_fixed.val() {
                self.id_now.d.next = self.id_next.val();
            }
            self.seq_low_now.d.next = self.seq_low_next.val().get_bits::<16>(0);
            self.seq_high_now.d.next = self.seq_high_now.q.val()
                + bit_cast::<16, 1>(self.seq_low_next.val().get_bits::<1>(16));
        }
    }
}
