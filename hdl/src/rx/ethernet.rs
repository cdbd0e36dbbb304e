//! The Ethernet header: VLAN tags and the type of layer 3.
//!
//! Contract: listens to a frame's beats with their number (`beat`: 0 to 2, 3 for all later ones). One cycle after the beat
//! that decides it, and until the third cycle after the beat 0 of the next frame, the outputs say what docs/RX-PARSING.md says of
//! tags and layer-3 type: `one_tag` and `vlan` after beat 1, the types after beat 1 without a tag and after beat 2 with one or two.
//!
//! - Latency: 1 cycle.
//! - Throughput: one beat per cycle, no bubbles.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What is known of the frame.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct EthernetState {
    /// There is a tag.
    pub one_tag: Bit,
    /// There are two.
    pub two_tags: Bit,
    /// Layer-3 type is IPv4's.
    pub ipv4: Bit,
    /// Layer-3 type is IPv6's.
    pub ipv6: Bit,
    /// The outermost tag.
    pub vlan: Bits<16>,
    /// It is there.
    pub vlan_present: Bit,
}

/// Ethernet header; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Ethernet {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Beat of the frame.
    pub tdata: Signal<In, Bits<64>>,
    /// Its bytes.
    pub tkeep: Signal<In, Bits<8>>,
    /// It is there.
    pub tvalid: Signal<In, Bit>,
    /// Its number, at most 3.
    pub beat: Signal<In, Bits<2>>,
    /// There is a tag.
    pub one_tag: Signal<Out, Bit>,
    /// There are two.
    pub two_tags: Signal<Out, Bit>,
    /// Layer-3 type is IPv4's.
    pub ipv4: Signal<Out, Bit>,
    /// Layer-3 type is IPv6's.
    pub ipv6: Signal<Out, Bit>,
    /// The outermost tag, 0 without one.
    pub vlan: Signal<Out, Bits<16>>,
    /// There is one.
    pub vlan_present: Signal<Out, Bit>,
    s: DFF<EthernetState>,
    low: Signal<Local, Bits<16>>,
    middle: Signal<Local, Bits<16>>,
    high: Signal<Local, Bits<16>>,
    low_there: Signal<Local, Bit>,
    middle_there: Signal<Local, Bit>,
    low_tag: Signal<Local, Bit>,
    middle_tag: Signal<Local, Bit>,
    middle_ipv4: Signal<Local, Bit>,
    middle_ipv6: Signal<Local, Bit>,
}

impl Logic for Ethernet {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, s);
        // Types as they lie in tdata, the first byte lowest: 0x8100 is 0x0081, 0x88A8 is 0xA888.
        self.low.next = self.tdata.val().get_bits::<16>(0);
        self.middle.next = self.tdata.val().get_bits::<16>(32);
        self.high.next = self.tdata.val().get_bits::<16>(48);
        self.low_there.next = self.tkeep.val().get_bit(1);
        self.middle_there.next = self.tkeep.val().get_bit(5);
        self.low_tag.next =
            ((self.low.val() == 0x0081) | (self.low.val() == 0xa888)) & self.low_there.val();
        self.middle_tag.next = ((self.middle.val() == 0x0081) | (self.middle.val() == 0xa888))
            & self.middle_there.val();
        self.middle_ipv4.next = (self.middle.val() == 0x0008) & self.middle_there.val();
        self.middle_ipv6.next = (self.middle.val() == 0xdd86) & self.middle_there.val();
        if self.tvalid.val() & (self.beat.val() == 1) {
            self.s.d.next.one_tag = self.middle_tag.val();
            self.s.d.next.two_tags = false;
            self.s.d.next.ipv4 = self.middle_ipv4.val();
            self.s.d.next.ipv6 = self.middle_ipv6.val();
            self.s.d.next.vlan = 0.into();
            self.s.d.next.vlan_present = false;
            if self.middle_tag.val() & self.tkeep.val().get_bit(7) {
                self.s.d.next.vlan_present = true;
                self.s.d.next.vlan = (bit_cast::<16, 8>(self.high.val().get_bits::<8>(0)) << 8)
                    | bit_cast::<16, 8>(self.high.val().get_bits::<8>(8));
            }
        }
        if self.tvalid.val() & (self.beat.val() == 2) & self.s.q.val().one_tag {
            self.s.d.next.two_tags = self.low_tag.val();
            if self.low_tag.val() {
                self.s.d.next.ipv4 = self.middle_ipv4.val();
                self.s.d.next.ipv6 = self.middle_ipv6.val();
            } else {
                self.s.d.next.ipv4 = (self.low.val() == 0x0008) & self.low_there.val();
                self.s.d.next.ipv6 = (self.low.val() == 0xdd86) & self.low_there.val();
            }
        }
        self.one_tag.next = self.s.q.val().one_tag;
        self.two_tags.next = self.s.q.val().two_tags;
        self.ipv4.next = self.s.q.val().ipv4;
        self.ipv6.next = self.s.q.val().ipv6;
        self.vlan.next = self.s.q.val().vlan;
        self.vlan_present.next = self.s.q.val().vlan_present;
    }
}
