//! Which 16-bit words of a beat are summed, and which are patched.
//!
//! Contract: `request` is held while its beats pass; `beat` is the number of the beat in its frame (saturated at 63). The masks, one bit for each of the beat's
//! four words, come one cycle later. The positions follow `request` with one cycle of delay: the first beat is tested against
//! those of the request before, which is harmless: nothing that a good request asks for lies before byte 14, and one that was refused
//! (`status` not 0) asks for nothing.
//!
//! | mask | words |
//! |---|---|
//! | `sum_l3` | the IPv4 header, `l3_offset` to `l4_offset`, without its checksum |
//! | `sum_l4` | the IP addresses and all from `l4_offset` on, without the checksum; partial: all from `csum_start` on |
//! | `length` | IPv4 total length or IPv6 payload length |
//! | `id` | IPv4 identification |
//! | `seq_high`, `seq_low` | TCP sequence number |
//! | `flags` | TCP data offset and flags |
//!
//! The last five only with TSO. Offsets are even: the checks refuse others.
//!
//! - Latency: 1 cycle. Throughput: one beat per cycle, no bubbles.

use super::records::Request;
use super::word_at::WordAt;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Word masks of a beat; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Positions {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// The request whose beats pass.
    pub request: Signal<In, Request>,
    /// Number of the beat.
    pub beat: Signal<In, Bits<6>>,
    /// Words of the IPv4 header checksum.
    pub sum_l3: Signal<Out, Bits<4>>,
    /// Words of the layer-4 checksum.
    pub sum_l4: Signal<Out, Bits<4>>,
    /// IP length.
    pub length: Signal<Out, Bits<4>>,
    /// IPv4 identification.
    pub id: Signal<Out, Bits<4>>,
    /// Upper half of the sequence number.
    pub seq_high: Signal<Out, Bits<4>>,
    /// Lower half of the sequence number.
    pub seq_low: Signal<Out, Bits<4>>,
    /// TCP flags.
    pub flags: Signal<Out, Bits<4>>,
    /// Word of the IPv4 header checksum.
    pub l3_word: Signal<Out, Bits<7>>,
    /// Word of the layer-4 checksum.
    pub l4_word: Signal<Out, Bits<7>>,
    /// The IPv4 header checksum is to be inserted.
    pub l3: Signal<Out, Bit>,
    /// A layer-4 checksum is to be inserted.
    pub l4: Signal<Out, Bit>,
    good: Signal<Local, Bit>,
    l3_offset: Signal<Local, Bits<8>>,
    l4_offset: Signal<Local, Bits<8>>,
    mss: Signal<Local, Bits<16>>,
    l3_start: Signal<Local, Bits<7>>,
    l4_start: Signal<Local, Bits<7>>,
    at_l3: DFF<Bits<7>>,
    at_l4: DFF<Bits<7>>,
    at_addresses: DFF<Bits<7>>,
    at_addresses_end: DFF<Bits<7>>,
    at_l3_csum: DFF<Bits<7>>,
    at_l4_csum: DFF<Bits<7>>,
    at_sum: DFF<Bits<7>>,
    at_length: DFF<Bits<7>>,
    at_id: DFF<Bits<7>>,
    at_seq_high: DFF<Bits<7>>,
    at_seq_low: DFF<Bits<7>>,
    at_flags: DFF<Bits<7>>,
    want_l3: DFF<Bit>,
    want_l4: DFF<Bit>,
    want_partial: DFF<Bit>,
    want_patch: DFF<Bit>,
    want_id: DFF<Bit>,
    is_l3: WordAt,
    is_l4: WordAt,
    is_addresses: WordAt,
    is_addresses_end: WordAt,
    is_l3_csum: WordAt,
    is_l4_csum: WordAt,
    is_sum: WordAt,
    is_length: WordAt,
    is_id: WordAt,
    is_seq_high: WordAt,
    is_seq_low: WordAt,
    is_flags: WordAt,
    sum_l3_q: DFF<Bits<4>>,
    sum_l4_q: DFF<Bits<4>>,
    length_q: DFF<Bits<4>>,
    id_q: DFF<Bits<4>>,
    seq_high_q: DFF<Bits<4>>,
    seq_low_q: DFF<Bits<4>>,
    flags_q: DFF<Bits<4>>,
}

impl Logic for Positions {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            at_l3,
            at_l4,
            at_addresses,
            at_addresses_end,
            at_l3_csum,
            at_l4_csum,
            at_sum,
            at_length,
            at_id,
            at_seq_high,
            at_seq_low,
            at_flags,
            want_l3,
            want_l4,
            want_partial,
            want_patch,
            want_id,
            sum_l3_q,
            sum_l4_q,
            length_q,
            id_q,
            seq_high_q,
            seq_low_q,
            flags_q
        );
        // Positions.
        self.l3_offset.next = self.request.val().l3_offset;
        self.l4_offset.next = self.request.val().l4_offset;
        self.mss.next = self.request.val().mss;
        self.l3_start.next = self.l3_offset.val().get_bits::<7>(1);
        self.l4_start.next = self.l4_offset.val().get_bits::<7>(1);
        self.at_l3.d.next = self.l3_start.val();
        self.at_l4.d.next = self.l4_start.val();
        self.at_addresses.d.next = self.l3_start.val() + 6;
        self.at_addresses_end.d.next = self.l3_start.val() + 10;
        self.at_length.d.next = self.l3_start.val() + 1;
        if self.request.val().ipv6 {
            self.at_addresses.d.next = self.l3_start.val() + 4;
            self.at_addresses_end.d.next = self.l3_start.val() + 20;
            self.at_length.d.next = self.l3_start.val() + 2;
        }
        self.at_l3_csum.d.next = self.l3_start.val() + 5;
        self.at_l4_csum.d.next = self.l4_start.val() + 8;
        if self.request.val().udp {
            self.at_l4_csum.d.next = self.l4_start.val() + 3;
        }
        self.at_sum.d.next = self.l4_start.val();
        if self.request.val().partial_csum {
            self.at_sum.d.next = self.mss.val().get_bits::<7>(1);
            self.at_l4_csum.d.next = self.mss.val().get_bits::<7>(9);
        }
        self.at_id.d.next = self.l3_start.val() + 2;
        self.at_seq_high.d.next = self.l4_start.val() + 2;
        self.at_seq_low.d.next = self.l4_start.val() + 3;
        self.at_flags.d.next = self.l4_start.val() + 6;
        self.good.next = self.request.val().status == 0;
        self.want_l3.d.next = self.good.val()
            & (self.request.val().l3_csum | (self.request.val().tso & !self.request.val().ipv6));
        self.want_l4.d.next =
            self.good.val() & (self.request.val().l4_csum | self.request.val().tso);
        self.want_partial.d.next = self.good.val() & self.request.val().partial_csum;
        self.want_patch.d.next = self.good.val() & self.request.val().tso;
        self.want_id.d.next = self.good.val() & self.request.val().tso & !self.request.val().ipv6;
        self.l3_word.next = self.at_l3_csum.q.val();
        self.l4_word.next = self.at_l4_csum.q.val();
        self.l3.next = self.want_l3.q.val();
        self.l4.next = self.want_l4.q.val() | self.want_partial.q.val();
        // Matches.
        self.is_l3.beat.next = self.beat.val();
        self.is_l3.word.next = self.at_l3.q.val();
        self.is_l4.beat.next = self.beat.val();
        self.is_l4.word.next = self.at_l4.q.val();
        self.is_addresses.beat.next = self.beat.val();
        self.is_addresses.word.next = self.at_addresses.q.val();
        self.is_addresses_end.beat.next = self.beat.val();
        self.is_addresses_end.word.next = self.at_addresses_end.q.val();
        self.is_l3_csum.beat.next = self.beat.val();
        self.is_l3_csum.word.next = self.at_l3_csum.q.val();
        self.is_l4_csum.beat.next = self.beat.val();
        self.is_l4_csum.word.next = self.at_l4_csum.q.val();
        self.is_sum.beat.next = self.beat.val();
        self.is_sum.word.next = self.at_sum.q.val();
        self.is_length.beat.next = self.beat.val();
        self.is_length.word.next = self.at_length.q.val();
        self.is_id.beat.next = self.beat.val();
        self.is_id.word.next = self.at_id.q.val();
        self.is_seq_high.beat.next = self.beat.val();
        self.is_seq_high.word.next = self.at_seq_high.q.val();
        self.is_seq_low.beat.next = self.beat.val();
        self.is_seq_low.word.next = self.at_seq_low.q.val();
        self.is_flags.beat.next = self.beat.val();
        self.is_flags.word.next = self.at_flags.q.val();
        // Masks.
        self.sum_l3_q.d.next = 0.into();
        if self.want_l3.q.val() {
            self.sum_l3_q.d.next =
                self.is_l3.from.val() & !self.is_l4.from.val() & !self.is_l3_csum.hit.val();
        }
        self.sum_l4_q.d.next = 0.into();
        if self.want_l4.q.val() {
            self.sum_l4_q.d.next = ((self.is_addresses.from.val()
                & !self.is_addresses_end.from.val())
                | self.is_sum.from.val())
                & !self.is_l4_csum.hit.val();
        }
        if self.want_partial.q.val() {
            self.sum_l4_q.d.next = self.is_sum.from.val();
        }
        self.length_q.d.next = 0.into();
        self.seq_high_q.d.next = 0.into();
        self.seq_low_q.d.next = 0.into();
        self.flags_q.d.next = 0.into();
        if self.want_patch.q.val() {
            self.length_q.d.next = self.is_length.hit.val();
            self.seq_high_q.d.next = self.is_seq_high.hit.val();
            self.seq_low_q.d.next = self.is_seq_low.hit.val();
            self.flags_q.d.next = self.is_flags.hit.val();
        }
        self.id_q.d.next = 0.into();
        if self.want_id.q.val() {
            self.id_q.d.next = self.is_id.hit.val();
        }
        self.sum_l3.next = self.sum_l3_q.q.val();
        self.sum_l4.next = self.sum_l4_q.q.val();
        self.length.next = self.length_q.q.val();
        self.id.next = self.id_q.q.val();
        self.seq_high.next = self.seq_high_q.q.val();
        self.seq_low.next = self.seq_low_q.q.val();
        self.flags.next = self.flags_q.q.val();
    }
}
