//! What the parser says of a frame at its end.
//!
//! Contract: `last` marks the cycle in which the [walk](super::walk) shows a frame's last beat; what the headers said
//! is on the inputs in that cycle, layer 4's fields one later. Two cycles after `last`, for this one cycle, `parsed` holds what
//! docs/RX-PARSING.md says: the packet's header, layer 4 or none, lengths, tag.
//!
//! - Latency: 2 cycles.
//! - Throughput: one frame per cycle, no bubbles.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// The parser's answer.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Parsed {
    /// The IPv4 header is complete: its checksum can be checked.
    pub ipv4: Bit,
    /// The packet is IPv6.
    pub ipv6: Bit,
    /// Layer 4 is TCP.
    pub tcp: Bit,
    /// Layer 4 is UDP.
    pub udp: Bit,
    /// UDP's checksum is 0.
    pub unsummed: Bit,
    /// 32-bit words from behind the Ethernet header up to the layer-4 payload.
    pub words: Bits<6>,
    /// The outermost tag.
    pub vlan: Bits<16>,
    /// There is one.
    pub vlan_present: Bit,
}

/// What the headers said, between the two stages.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Headers {
    /// The IPv4 header is complete.
    pub ipv4: Bit,
    /// The IPv6 header is complete.
    pub ipv6: Bit,
    /// Layer 4 is TCP if its header holds.
    pub tcp: Bit,
    /// Layer 4 is UDP if its header holds.
    pub udp: Bit,
    /// 32-bit words from behind the Ethernet header to layer 4.
    pub words: Bits<6>,
    /// The outermost tag.
    pub vlan: Bits<16>,
    /// There is one.
    pub vlan_present: Bit,
}

/// The end of parsing; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct ResultStage {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Layer-3 type is IPv4's.
    pub ipv4: Signal<In, Bit>,
    /// Layer-3 type is IPv6's.
    pub ipv6: Signal<In, Bit>,
    /// Tags before layer 3.
    pub tags: Signal<In, Bits<2>>,
    /// The outermost tag.
    pub vlan: Signal<In, Bits<16>>,
    /// There is one.
    pub vlan_present: Signal<In, Bit>,
    /// Version and IHL are possible.
    pub ipv4_good: Signal<In, Bit>,
    /// IPv4 header length in 32-bit words.
    pub ipv4_words: Signal<In, Bits<4>>,
    /// The version is 6.
    pub ipv6_good: Signal<In, Bit>,
    /// IPv6 extension headers in units of 8 bytes.
    pub ipv6_beats: Signal<In, Bits<5>>,
    /// Layer 4, if there is one, is TCP.
    pub tcp: Signal<In, Bit>,
    /// Layer 4, if there is one, is UDP.
    pub udp: Signal<In, Bit>,
    /// Whole 32-bit words of the frame from layer 3 on, at most 32.
    pub words: Signal<In, Bits<6>>,
    /// The packet ends within the frame.
    pub fits: Signal<In, Bit>,
    /// Bytes of layer 4; one cycle later than the above.
    pub length: Signal<In, Bits<16>>,
    /// TCP's data offset; one cycle later.
    pub offset: Signal<In, Bits<4>>,
    /// UDP's length; one cycle later.
    pub udp_length: Signal<In, Bits<16>>,
    /// UDP's checksum is 0; one cycle later.
    pub unsummed: Signal<In, Bit>,
    /// Layer 4 is TCP if its header holds; one cycle after `last`.
    pub is_tcp: Signal<Out, Bit>,
    /// What is said of the frame.
    pub parsed: Signal<Out, Parsed>,
    h: DFF<Headers>,
    p: DFF<Parsed>,
    needed: Signal<Local, Bits<6>>,
    complete: Signal<Local, Bit>,
    header_words: Signal<Local, Bits<6>>,
    length_words: Signal<Local, Bits<14>>,
    tcp_holds: Signal<Local, Bit>,
    udp_holds: Signal<Local, Bit>,
    layer4_words: Signal<Local, Bits<6>>,
}

impl Logic for ResultStage {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, h, p);
        // Layer 3.
        self.needed.next = bit_cast::<6, 4>(self.ipv4_words.val());
        self.header_words.next = bit_cast::<6, 4>(self.ipv4_words.val());
        if self.ipv6.val() {
            self.needed.next = 10.into();
            self.header_words.next = (bit_cast::<6, 5>(self.ipv6_beats.val()) << 1) + 10;
        }
        self.complete.next = self.words.val() >= self.needed.val();
        self.h.d.next.ipv4 = self.ipv4.val() & self.ipv4_good.val() & self.complete.val();
        self.h.d.next.ipv6 = self.ipv6.val() & self.ipv6_good.val() & self.complete.val();
        self.h.d.next.tcp = self.tcp.val() & self.fits.val();
        self.h.d.next.udp = self.udp.val() & self.fits.val();
        self.h.d.next.words = self.header_words.val() + bit_cast::<6, 2>(self.tags.val());
        self.h.d.next.vlan = self.vlan.val();
        self.h.d.next.vlan_present = self.vlan_present.val();

        // Layer 4.
        self.length_words.next = self.length.val().get_bits::<14>(2);
        self.tcp_holds.next = (self.h.q.val().ipv4 | self.h.q.val().ipv6)
            & self.h.q.val().tcp
            & (self.offset.val() >= 5)
            & (self.length_words.val() >= bit_cast::<14, 4>(self.offset.val()));
        self.udp_holds.next = (self.h.q.val().ipv4 | self.h.q.val().ipv6)
            & self.h.q.val().udp
            & (self.length_words.val() >= 2)
            & (self.length.val() == self.udp_length.val());
        self.layer4_words.next = 2.into();
        if self.h.q.val().tcp {
            self.layer4_words.next = bit_cast::<6, 4>(self.offset.val());
        }
        self.p.d.next.ipv4 = self.h.q.val().ipv4;
        self.p.d.next.ipv6 = self.h.q.val().ipv6;
        self.p.d.next.tcp = self.tcp_holds.val();
        self.p.d.next.udp = self.udp_holds.val();
        self.p.d.next.unsummed = self.unsummed.val();
        self.p.d.next.words = self.h.q.val().words + self.layer4_words.val();
        self.p.d.next.vlan = self.h.q.val().vlan;
        self.p.d.next.vlan_present = self.h.q.val().vlan_present;
        self.is_tcp.next = self.h.q.val().tcp;
        self.parsed.next = self.p.q.val();
    }
}
