//! The parser: Ethernet, VLAN tags, IPv4, IPv6 with extension headers, TCP, UDP.
//!
//! Contract: takes the beats of frames as they come. `beat` shows them again from layer 3 on, with the bytes that each checksum takes
//! ([`walk`](super::walk)). `pseudo`, what the pseudo-header adds to the addresses (protocol and layer-4 length, as a sum of
//! little-endian words), and `parsed` ([`result`](super::result)) hold in the second cycle after the one in which `beat` shows the frame's
//! last. What is said of which frame: docs/RX-PARSING.md.
//!
//! A frame of more than 8 bytes shows its last beat 2 or 3 cycles after it came in, with or without bytes. A shorter one (the
//! filter drops it) shows none.
//!
//! - Latency: see above; 4 or 5 cycles from a frame's last beat to `parsed`.
//! - Throughput: one beat per cycle, frames back to back, whatever the headers.
//! - Bubbles: none.

use super::aligner::Aligner;
use super::ipv4::Ipv4;
use super::ipv6::Ipv6;
use super::layer4::Layer4;
use super::result::{Parsed, ResultStage};
use super::walk::{Walk, WalkState};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// The Ethernet header's fields, kept for a cycle: the next frame may change them behind the last beat.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Link {
    /// Layer-3 type is IPv4's.
    pub ipv4: Bit,
    /// Layer-3 type is IPv6's.
    pub ipv6: Bit,
    /// Tags before layer 3.
    pub tags: Bits<2>,
    /// The outermost tag.
    pub vlan: Bits<16>,
    /// There is one.
    pub vlan_present: Bit,
}

/// The parser; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Parser {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Beat of the frame.
    pub tdata: Signal<In, Bits<64>>,
    /// Its bytes.
    pub tkeep: Signal<In, Bits<8>>,
    /// It is the frame's last.
    pub tlast: Signal<In, Bit>,
    /// It is there.
    pub tvalid: Signal<In, Bit>,
    /// A beat from layer 3 on, and what is known of it.
    pub beat: Signal<Out, WalkState>,
    /// Protocol and layer-4 length.
    pub pseudo: Signal<Out, Bits<17>>,
    /// What is said of the frame.
    pub parsed: Signal<Out, Parsed>,
    aligner: Aligner,
    ipv4: Ipv4,
    ipv6: Ipv6,
    walk: Walk,
    layer4: Layer4,
    result: ResultStage,
    sum: DFF<Bits<17>>,
    link: DFF<Link>,
    is_ipv6: Signal<Local, Bit>,
    is_tcp: Signal<Local, Bit>,
    is_udp: Signal<Local, Bit>,
    swapped: Signal<Local, Bits<17>>,
}

impl Logic for Parser {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, sum, link);
        clock!(self, clock, aligner, ipv4, ipv6, walk, layer4, result);
        self.aligner.reset.next = self.reset.val();
        self.ipv6.reset.next = self.reset.val();
        self.walk.reset.next = self.reset.val();
        self.aligner.tdata.next = self.tdata.val();
        self.aligner.tkeep.next = self.tkeep.val();
        self.aligner.tlast.next = self.tlast.val();
        self.aligner.tvalid.next = self.tvalid.val();

        // The beat from layer 3 on, to all that look at it.
        self.is_ipv6.next = self.aligner.ipv6.val();
        self.ipv4.data.next = self.aligner.data.val();
        self.ipv4.valid.next = self.aligner.valid.val();
        self.ipv4.slot.next = self.walk.slot.val();
        self.ipv6.data.next = self.aligner.data.val();
        self.ipv6.valid.next = self.aligner.valid.val();
        self.ipv6.slot.next = self.walk.slot.val();
        self.walk.data.next = self.aligner.data.val();
        self.walk.keep.next = self.aligner.keep.val();
        self.walk.valid.next = self.aligner.valid.val();
        self.walk.first.next = self.aligner.first.val();
        self.walk.last.next = self.aligner.last.val();
        self.walk.ipv6.next = self.is_ipv6.val();
        self.walk.half.next = self.ipv4.half.val() & !self.is_ipv6.val();
        self.walk.head_a.next = self.ipv4.head_a.val();
        self.walk.head_b.next = self.ipv4.head_b.val();
        self.walk.address_a.next = self.ipv4.address_a.val();
        self.walk.address_b.next = self.ipv4.address_b.val();
        self.walk.start.next = self.ipv4.start.val();
        if self.is_ipv6.val() {
            self.walk.address_a.next = self.ipv6.address.val();
            self.walk.address_b.next = self.ipv6.address.val();
            self.walk.start.next = self.ipv6.start.val();
        }
        self.beat.next = self.walk.beat.val();

        // One cycle later.
        self.link.d.next.ipv4 = self.aligner.ipv4.val();
        self.link.d.next.ipv6 = self.aligner.ipv6.val();
        self.link.d.next.tags = self.aligner.tags.val();
        self.link.d.next.vlan = self.aligner.vlan.val();
        self.link.d.next.vlan_present = self.aligner.vlan_present.val();
        self.layer4.data.next = self.walk.beat.val().data;
        self.layer4.valid.next = self.walk.beat.val().valid;
        self.layer4.start.next = self.walk.beat.val().start;
        self.layer4.left.next = self.walk.beat.val().left;
        self.layer4.half.next = self.ipv4.half.val() & !self.link.q.val().ipv6;
        self.is_tcp.next = self.ipv4.tcp.val() & self.ipv4.whole.val();
        self.is_udp.next = self.ipv4.udp.val() & self.ipv4.whole.val();
        if self.link.q.val().ipv6 {
            self.is_tcp.next = self.ipv6.tcp.val() & self.ipv6.found.val();
            self.is_udp.next = self.ipv6.udp.val() & self.ipv6.found.val();
        }
        self.swapped.next = (bit_cast::<17, 8>(self.layer4.length.val().get_bits::<8>(0)) << 8)
            | bit_cast::<17, 8>(self.layer4.length.val().get_bits::<8>(8));
        // The protocol is the low byte of a big-endian word: 6 is 0x0600, 17 is 0x1100 here.
        self.sum.d.next = self.swapped.val() + 0x1100;
        if self.result.is_tcp.val() {
            self.sum.d.next = self.swapped.val() + 0x0600;
        }
        self.pseudo.next = self.sum.q.val();
        self.result.ipv4.next = self.link.q.val().ipv4;
        self.result.ipv6.next = self.link.q.val().ipv6;
        self.result.tags.next = self.link.q.val().tags;
        self.result.vlan.next = self.link.q.val().vlan;
        self.result.vlan_present.next = self.link.q.val().vlan_present;
        self.result.ipv4_good.next = self.ipv4.good.val();
        self.result.ipv4_words.next = self.ipv4.words.val();
        self.result.ipv6_good.next = self.ipv6.good.val();
        self.result.ipv6_beats.next = self.ipv6.beats.val();
        self.result.tcp.next = self.is_tcp.val() & self.walk.beat.val().begun;
        self.result.udp.next = self.is_udp.val() & self.walk.beat.val().begun;
        self.result.words.next = self.walk.beat.val().words;
        self.result.fits.next = self.walk.beat.val().fits;
        self.result.length.next = self.layer4.length.val();
        self.result.offset.next = self.layer4.offset.val();
        self.result.udp_length.next = self.layer4.udp_length.val();
        self.result.unsummed.next = self.layer4.unsummed.val();
        self.parsed.next = self.result.parsed.val();
    }
}
