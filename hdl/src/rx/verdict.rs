//! Joins the parser's answer, the checksums and the raw sum to the metadata of the frame.
//!
//! Contract: `ended` marks the cycle in which the parser shows a frame's last beat; `parsed` comes two cycles later, `head_ok` and
//! `layer4_ok` five. From the sixth on `meta` holds, until that of the next frame; the raw sum (little-endian on the input) is passed through
//! at once. Rules: docs/RX-PARSING.md.
//!
//! - Latency: 1 cycle from the checksums, 4 from the parser's answer, 6 from `ended`.
//! - Throughput: one frame per cycle, no bubbles.

use super::result::Parsed;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What is said of a frame: the fields of its receive completions that do not depend on the descriptor.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct FrameMeta {
    /// Bytes up to the layer-4 payload.
    pub hdr_len: Bits<8>,
    /// Outermost tag.
    pub vlan: Bits<16>,
    /// Sum of all bytes behind the Ethernet header.
    pub raw_sum: Bits<16>,
    /// `nic_abi::completion::Verdict` on the IPv4 header.
    pub l3: Bits<2>,
    /// `nic_abi::completion::Verdict` on layer 4.
    pub l4: Bits<2>,
    /// There is a tag.
    pub vlan_present: Bit,
    /// Layer 3 is IPv6.
    pub ipv6: Bit,
    /// Layer 4 is TCP.
    pub tcp: Bit,
    /// Layer 4 is UDP.
    pub udp: Bit,
}

/// Verdicts; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct VerdictStage {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// The parser shows a frame's last beat.
    pub ended: Signal<In, Bit>,
    /// The parser's answer.
    pub parsed: Signal<In, Parsed>,
    /// The IPv4 header's sum is right.
    pub head_ok: Signal<In, Bit>,
    /// Layer 4's sum is right.
    pub layer4_ok: Signal<In, Bit>,
    /// Sum of all bytes behind the Ethernet header, of little-endian words.
    pub raw_sum: Signal<In, Bits<16>>,
    /// What is said of the frame.
    pub meta: Signal<Out, FrameMeta>,
    later: [DFF<Parsed>; 3],
    ending: DFF<Bits<5>>,
    now: Signal<Local, Bit>,
    shifted: Signal<Local, Bits<5>>,
    m: DFF<FrameMeta>,
    length: Signal<Local, Bits<8>>,
    layer4: Signal<Local, Bit>,
}

impl Logic for VerdictStage {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, m, ending);
        self.shifted.next = self.ending.q.val() << 1;
        self.ending.d.next = self.shifted.val();
        if self.ended.val() {
            self.ending.d.next = self.shifted.val() | 1;
        }
        self.now.next = self.ending.q.val().get_bit(4);
        for i in 0..3 {
            self.later[i].clock.next = self.clock.val();
        }
        self.later[0].d.next = self.parsed.val();
        for i in 1..3 {
            self.later[i].d.next = self.later[i - 1].q.val();
        }
        self.layer4.next = self.later[2].q.val().tcp | self.later[2].q.val().udp;
        self.length.next = (bit_cast::<8, 6>(self.later[2].q.val().words) << 2) + 14;
        if self.now.val() {
            self.m.d.next.hdr_len = 0.into();
            if self.layer4.val() {
                self.m.d.next.hdr_len = self.length.val();
            }
            self.m.d.next.vlan = self.later[2].q.val().vlan;
            self.m.d.next.vlan_present = self.later[2].q.val().vlan_present;
            self.m.d.next.raw_sum = 0.into();
            self.m.d.next.ipv6 = self.later[2].q.val().ipv6;
            self.m.d.next.tcp = self.later[2].q.val().tcp;
            self.m.d.next.udp = self.later[2].q.val().udp;
            self.m.d.next.l3 = 0.into();
            if self.later[2].q.val().ipv4 {
                self.m.d.next.l3 = 2.into();
                if self.head_ok.val() {
                    self.m.d.next.l3 = 1.into();
                }
            }
            self.m.d.next.l4 = 0.into();
            if self.layer4.val() {
                self.m.d.next.l4 = 2.into();
                if self.layer4_ok.val() {
                    self.m.d.next.l4 = 1.into();
                }
                if self.later[2].q.val().udp & self.later[2].q.val().unsummed {
                    // Over IPv4 there is no checksum then, over IPv6 there must be one.
                    self.m.d.next.l4 = 0.into();
                    if self.later[2].q.val().ipv6 {
                        self.m.d.next.l4 = 2.into();
                    }
                }
            }
        }
        self.meta.next = self.m.q.val();
        self.meta.next.raw_sum = (bit_cast::<16, 8>(self.raw_sum.val().get_bits::<8>(0)) << 8)
            | bit_cast::<16, 8>(self.raw_sum.val().get_bits::<8>(8));
    }
}
