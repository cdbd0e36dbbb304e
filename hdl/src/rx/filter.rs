//! Which frames the port takes, and the count of all.
//!
//! Contract: beats pass unchanged, two cycles later; on the last of a frame `discard` says whether to drop it. In that cycle `frame` is
//! high, `length` is the frame's (at most 65,535 is told), and of a frame to be dropped one of `disabled`, `runt`, `oversize`, `filtered` is high:
//! the first that applies, in this order. The configuration counts as it is in the cycle before that. Addresses are taken as docs/RX-PARSING.md says.
//! `number` is the number of the beat in its frame, 3 for all from the fourth on.
//!
//! - Latency: 2 cycles.
//! - Throughput: one beat per cycle, frames of any size back to back; no bubbles.
//! - Area: eight multicast addresses cost most of it: about 30 LUT4 each.

use super::kept::Kept;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// First stage: addresses compared, length counted.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Counted {
    /// The beat.
    pub tdata: Bits<64>,
    /// Its bytes.
    pub tkeep: Bits<8>,
    /// It is the frame's last.
    pub tlast: Bit,
    /// It is there.
    pub tvalid: Bit,
    /// Its number, at most 3.
    pub number: Bits<2>,
    /// Number of the next beat.
    pub next_number: Bits<2>,
    /// Beats before the next, at most 8,191.
    pub beats: Bits<13>,
    /// Bytes of the frame so far.
    pub length: Bits<16>,
    /// The destination is that of the station.
    pub own: Bit,
    /// The destination is the broadcast address.
    pub all: Bit,
    /// The destination has the group bit.
    pub group: Bit,
}

/// Second stage: what is to become of the frame.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Judged {
    /// The beat.
    pub tdata: Bits<64>,
    /// Its bytes.
    pub tkeep: Bits<8>,
    /// It is the frame's last.
    pub tlast: Bit,
    /// It is there.
    pub tvalid: Bit,
    /// Its number, at most 3.
    pub number: Bits<2>,
    /// Length of the frame.
    pub length: Bits<16>,
    /// It is the frame's last beat.
    pub frame: Bit,
    /// Reception is off.
    pub disabled: Bit,
    /// Too short.
    pub runt: Bit,
    /// Too long.
    pub oversize: Bit,
    /// Not for this station.
    pub filtered: Bit,
}

/// Frame filter; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Filter {
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
    /// Receive frames.
    pub rx_enable: Signal<In, Bit>,
    /// Take frames for any station.
    pub promiscuous: Signal<In, Bit>,
    /// Take broadcasts.
    pub broadcast: Signal<In, Bit>,
    /// Take all multicasts.
    pub all_multicast: Signal<In, Bit>,
    /// Station address, byte 0 in bits 7:0.
    pub mac: Signal<In, Bits<48>>,
    /// Longest frame in bytes.
    pub max_frame: Signal<In, Bits<14>>,
    /// Multicast addresses.
    pub multicast: [Signal<In, Bits<48>>; 8],
    /// Which of them count.
    pub multicast_valid: Signal<In, Bits<8>>,
    /// The beat, two cycles later, and what is known of its frame.
    pub judged: Signal<Out, Judged>,
    /// Drop the frame, on its last beat.
    pub discard: Signal<Out, Bit>,
    c: DFF<Counted>,
    hits: [DFF<Bit>; 8],
    j: DFF<Judged>,
    kept: Kept,
    destination: Signal<Local, Bits<48>>,
    opens: Signal<Local, Bit>,
    bytes: Signal<Local, Bits<16>>,
    listed: Signal<Local, Bit>,
    accepted: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    too_short: Signal<Local, Bit>,
    too_long: Signal<Local, Bit>,
}

impl Logic for Filter {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, c, j);
        // Compare and count.
        self.destination.next = self.tdata.val().get_bits::<48>(0);
        self.opens.next = self.tvalid.val() & (self.c.q.val().next_number == 0);
        for i in 0..8 {
            self.hits[i].clock.next = self.clock.val();
            self.hits[i].d.next = self.hits[i].q.val();
            if self.opens.val() {
                self.hits[i].d.next = self.destination.val() == self.multicast[i].val();
            }
        }
        if self.opens.val() {
            self.c.d.next.own = self.destination.val() == self.mac.val();
            self.c.d.next.all = self.destination.val().all();
            self.c.d.next.group = self.destination.val().get_bit(0);
        }
        self.kept.tkeep.next = self.tkeep.val();
        self.bytes.next = (bit_cast::<16, 13>(self.c.q.val().beats) << 3)
            + bit_cast::<16, 4>(self.kept.bytes.val());
        self.c.d.next.tdata = self.tdata.val();
        self.c.d.next.tkeep = self.tkeep.val();
        self.c.d.next.tlast = self.tlast.val();
        self.c.d.next.tvalid = self.tvalid.val();
        self.c.d.next.number = self.c.q.val().next_number;
        self.c.d.next.length = self.bytes.val();
        if self.c.q.val().beats == 8191 {
            self.c.d.next.length = 65535.into();
        }
        if self.tvalid.val() {
            if self.tlast.val() {
                self.c.d.next.next_number = 0.into();
                self.c.d.next.beats = 0.into();
            } else {
                if self.c.q.val().next_number != 3 {
                    self.c.d.next.next_number = self.c.q.val().next_number + 1;
                }
                if self.c.q.val().beats != 8191 {
                    self.c.d.next.beats = self.c.q.val().beats + 1;
                }
            }
        }

        // Judge.
        self.listed.next = false;
        for i in 0..8 {
            if self.hits[i].q.val() & self.multicast_valid.val().get_bit(i) {
                self.listed.next = true;
            }
        }
        self.accepted.next = self.promiscuous.val()
            | self.c.q.val().own
            | self.listed.val()
            | (self.c.q.val().all & self.broadcast.val())
            | (self.c.q.val().group & !self.c.q.val().all & self.all_multicast.val());
        self.ends.next = self.c.q.val().tvalid & self.c.q.val().tlast;
        self.too_short.next = self.c.q.val().length < 14;
        self.too_long.next = self.c.q.val().length > bit_cast::<16, 14>(self.max_frame.val());
        self.j.d.next.tdata = self.c.q.val().tdata;
        self.j.d.next.tkeep = self.c.q.val().tkeep;
        self.j.d.next.tlast = self.c.q.val().tlast;
        self.j.d.next.tvalid = self.c.q.val().tvalid;
        self.j.d.next.number = self.c.q.val().number;
        self.j.d.next.length = self.c.q.val().length;
        self.j.d.next.frame = self.ends.val();
        self.j.d.next.disabled = self.ends.val() & !self.rx_enable.val();
        self.j.d.next.runt = self.ends.val() & self.rx_enable.val() & self.too_short.val();
        self.j.d.next.oversize =
            self.ends.val() & self.rx_enable.val() & !self.too_short.val() & self.too_long.val();
        self.j.d.next.filtered = self.ends.val()
            & self.rx_enable.val()
            & !self.too_short.val()
            & !self.too_long.val()
            & !self.accepted.val();
        self.judged.next = self.j.q.val();
        self.discard.next = self.j.q.val().disabled
            | self.j.q.val().runt
            | self.j.q.val().oversize
            | self.j.q.val().filtered;
        if self.reset.val() {
            self.c.d.next.tvalid = false;
            self.c.d.next.next_number = 0.into();
            self.c.d.next.beats = 0.into();
            self.j.d.next.tvalid = false;
            self.j.d.next.frame = false;
            self.j.d.next.disabled = false;
            self.j.d.next.runt = false;
            self.j.d.next.oversize = false;
            self.j.d.next.filtered = false;
        }
    }
}
