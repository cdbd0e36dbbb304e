//! A beat in 68 bits: two ECP5 block RAMs wide, where the 73 of the plain beat take three.
//!
//! `tkeep` is contiguous, and full but on the last beat; so `tlast` and the number of bytes modulo 8 say it all. Both leaves are
//! combinational.

use rust_hdl_core::prelude::*;

/// A beat without redundancy.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct PackedBeat {
    /// Eight bytes, the first on the wire in bits 7:0.
    pub tdata: Bits<64>,
    /// Bytes of the last beat modulo 8; 0 on others.
    pub tail: Bits<3>,
    /// The frame's last beat.
    pub tlast: Bit,
}

/// Packs a beat.
#[derive(LogicBlock, Default)]
pub struct PackBeat {
    /// See [`axis`](super::axis).
    pub tdata: Signal<In, Bits<64>>,
    /// See [`axis`](super::axis).
    pub tkeep: Signal<In, Bits<8>>,
    /// See [`axis`](super::axis).
    pub tlast: Signal<In, Bit>,
    /// The packed beat.
    pub beat: Signal<Out, PackedBeat>,
}

impl Logic for PackBeat {
    #[hdl_gen]
    fn update(&mut self) {
        self.beat.next.tdata = self.tdata.val();
        self.beat.next.tlast = self.tlast.val();
        match self.tkeep.val().index() {
            1 => {
                self.beat.next.tail = 1.into();
            }
            3 => {
                self.beat.next.tail = 2.into();
            }
            7 => {
                self.beat.next.tail = 3.into();
            }
            15 => {
                self.beat.next.tail = 4.into();
            }
            31 => {
                self.beat.next.tail = 5.into();
            }
            63 => {
                self.beat.next.tail = 6.into();
            }
            127 => {
                self.beat.next.tail = 7.into();
            }
            _ => {
                self.beat.next.tail = 0.into();
            }
        }
    }
}

/// Unpacks a beat.
#[derive(LogicBlock, Default)]
pub struct UnpackBeat {
    /// The packed beat.
    pub beat: Signal<In, PackedBeat>,
    /// See [`axis`](super::axis).
    pub tdata: Signal<Out, Bits<64>>,
    /// See [`axis`](super::axis).
    pub tkeep: Signal<Out, Bits<8>>,
    /// See [`axis`](super::axis).
    pub tlast: Signal<Out, Bit>,
    tail: Signal<Local, Bits<3>>,
}

impl Logic for UnpackBeat {
    #[hdl_gen]
    fn update(&mut self) {
        self.tdata.next = self.beat.val().tdata;
        self.tlast.next = self.beat.val().tlast;
        self.tail.next = self.beat.val().tail;
        match self.tail.val().index() {
            1 => {
                self.tkeep.next = 1.into();
            }
            2 => {
                self.tkeep.next = 3.into();
            }
            3 => {
                self.tkeep.next = 7.into();
            }
            4 => {
                self.tkeep.next = 15.into();
            }
            5 => {
                self.tkeep.next = 31.into();
            }
            6 => {
                self.tkeep.next = 63.into();
            }
            7 => {
                self.tkeep.next = 127.into();
            }
            _ => {
                self.tkeep.next = 255.into();
            }
        }
    }
}
