//! The front end: filter ‖ parser ‖ checksums, and the frame delayed until all is known of it.
//!
//! Contract: beats come as they like and leave nine cycles later, unchanged. On a frame's last beat `meta` is what docs/RX-PARSING.md says of it, and
//! `discard` whether the [filter](super::filter) drops it; the filter's count and reasons come on `judged`, seven cycles earlier.
//!
//! - Latency: 9 cycles.
//! - Throughput: one beat per cycle, frames of every size back to back: 8 cycles for a frame of 60 bytes, 190 for one of 1,514.
//! - Bubbles: none; there is no back-pressure.

use super::checksum::Checksum;
use super::filter::{Filter, Judged};
use super::parser::Parser;
use super::verdict::{FrameMeta, VerdictStage};
use crate::checksum::sum_unit::SumUnit;
use crate::memory::sync_fifo::SyncFifo;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// A beat in the delay line.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Delayed {
    /// The beat.
    pub tdata: Bits<64>,
    /// Its bytes.
    pub tkeep: Bits<8>,
    /// It is the frame's last.
    pub tlast: Bit,
    /// It is there.
    pub tvalid: Bit,
    /// Drop the frame.
    pub discard: Bit,
}

/// Front end of reception; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Front {
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
    /// What the filter says, two cycles after the beat.
    pub judged: Signal<Out, Judged>,
    /// The beat, nine cycles later.
    pub beat: Signal<Out, Delayed>,
    /// What is said of its frame, on the last beat.
    pub meta: Signal<Out, FrameMeta>,
    filter: Filter,
    parser: Parser,
    checksum: Checksum,
    verdict: VerdictStage,
    raw: SumUnit,
    raw_wait: [DFF<Bits<16>>; 3],
    delay: SyncFifo<Delayed, 3>,
    full: Signal<Local, Bit>,
}

impl Logic for Front {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, filter, parser, checksum, verdict, raw, delay);
        self.filter.reset.next = self.reset.val();
        self.parser.reset.next = self.reset.val();
        self.checksum.reset.next = self.reset.val();
        self.raw.reset.next = self.reset.val();
        self.delay.reset.next = self.reset.val();

        self.filter.tdata.next = self.tdata.val();
        self.filter.tkeep.next = self.tkeep.val();
        self.filter.tlast.next = self.tlast.val();
        self.filter.tvalid.next = self.tvalid.val();
        self.filter.rx_enable.next = self.rx_enable.val();
        self.filter.promiscuous.next = self.promiscuous.val();
        self.filter.broadcast.next = self.broadcast.val();
        self.filter.all_multicast.next = self.all_multicast.val();
        self.filter.mac.next = self.mac.val();
        self.filter.max_frame.next = self.max_frame.val();
        self.filter.multicast_valid.next = self.multicast_valid.val();
        for i in 0..8 {
            self.filter.multicast[i].next = self.multicast[i].val();
        }
        self.judged.next = self.filter.judged.val();

        self.parser.tdata.next = self.tdata.val();
        self.parser.tkeep.next = self.tkeep.val();
        self.parser.tlast.next = self.tlast.val();
        self.parser.tvalid.next = self.tvalid.val();
        self.checksum.beat.next = self.parser.beat.val();
        self.checksum.pseudo.next = self.parser.pseudo.val();
        self.verdict.ended.next = self.parser.beat.val().valid & self.parser.beat.val().last;
        self.verdict.parsed.next = self.parser.parsed.val();
        self.verdict.head_ok.next = self.checksum.head_ok.val();
        self.verdict.layer4_ok.next = self.checksum.layer4_ok.val();

        // The raw sum begins with byte 14.
        self.raw.tdata.next = self.filter.judged.val().tdata;
        self.raw.valid.next = self.filter.judged.val().tvalid;
        self.raw.first.next = self.filter.judged.val().number == 0;
        self.raw.last.next = self.filter.judged.val().tlast;
        self.raw.init.next = 0.into();
        self.raw.take.next = self.filter.judged.val().tkeep;
        if self.filter.judged.val().number == 0 {
            self.raw.take.next = 0.into();
        }
        if self.filter.judged.val().number == 1 {
            self.raw.take.next = self.filter.judged.val().tkeep & 0xc0;
        }
        for i in 0..3 {
            self.raw_wait[i].clock.next = self.clock.val();
        }
        self.raw_wait[0].d.next = self.raw.sum.val();
        for i in 1..3 {
            self.raw_wait[i].d.next = self.raw_wait[i - 1].q.val();
        }
        self.verdict.raw_sum.next = self.raw_wait[2].q.val();
        self.meta.next = self.verdict.meta.val();

        // Seven values in the FIFO at any time are seven cycles of delay.
        self.delay.in_valid.next = true;
        self.delay.in_data.next.tdata = self.filter.judged.val().tdata;
        self.delay.in_data.next.tkeep = self.filter.judged.val().tkeep;
        self.delay.in_data.next.tlast = self.filter.judged.val().tlast;
        self.delay.in_data.next.tvalid = self.filter.judged.val().tvalid;
        self.delay.in_data.next.discard = self.filter.discard.val();
        self.full.next = self.delay.fill.val() == 7;
        self.delay.out_ready.next = self.full.val();
        self.beat.next = self.delay.out_data.val();
        self.beat.next.tvalid = self.delay.out_data.val().tvalid & self.full.val();
    }
}
