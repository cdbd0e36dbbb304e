//! Cuts what is to be written into bursts that never cross 4 KiB, and counts their beats.
//!
//! Contract: `open` takes a frame's `length`, `load` a buffer. `measure` in one cycle and `plan` in the next prepare a burst:
//! as long as frame, buffer and 4 KiB page allow. `addr`, `len` and `last` are those of the memory write then, and
//! `frame_ends` and `part_ends` tell whether it completes the frame, or fills the buffer; `beat` counts a beat taken. Behind the last
//! one `filled` is the number of bytes in the buffer.
//!
//! - Latency: 2 cycles per burst.
//! - Throughput: one beat per cycle.

use super::part::Part;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What is left, and the burst at hand.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct BurstState {
    /// Bus address of the burst.
    pub addr: Bits<64>,
    /// Bytes left of the buffer.
    pub room: Bits<17>,
    /// Bytes in the buffer.
    pub filled: Bits<16>,
    /// Bytes left of the frame.
    pub left: Bits<16>,
    /// The smaller of the two.
    pub most: Bits<17>,
    /// Bytes left of the page.
    pub page: Bits<13>,
    /// Bytes of the burst.
    pub len: Bits<13>,
    /// Beats left of the burst.
    pub beats: Bits<10>,
}

/// Bursts of a frame; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Burst {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// A frame begins.
    pub open: Signal<In, Bit>,
    /// Its bytes.
    pub length: Signal<In, Bits<16>>,
    /// A buffer begins.
    pub load: Signal<In, Bit>,
    /// It.
    pub part: Signal<In, Part>,
    /// First step of planning.
    pub measure: Signal<In, Bit>,
    /// Second step.
    pub plan: Signal<In, Bit>,
    /// A beat was taken.
    pub beat: Signal<In, Bit>,
    /// Bus address of the burst.
    pub addr: Signal<Out, Bits<64>>,
    /// Its bytes.
    pub len: Signal<Out, Bits<13>>,
    /// The beat at hand is its last.
    pub last: Signal<Out, Bit>,
    /// The frame ends with this burst.
    pub frame_ends: Signal<Out, Bit>,
    /// The buffer is full after this burst.
    pub part_ends: Signal<Out, Bit>,
    /// Bytes in the buffer.
    pub filled: Signal<Out, Bits<16>>,
    s: DFF<BurstState>,
    page_size: Constant<Bits<13>>,
    address: Signal<Local, Bits<64>>,
    offset: Signal<Local, Bits<13>>,
    most: Signal<Local, Bits<17>>,
    lesser: Signal<Local, Bits<13>>,
    rounded: Signal<Local, Bits<13>>,
    last_beat: Signal<Local, Bit>,
}

impl Default for Burst {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            open: Default::default(),
            length: Default::default(),
            load: Default::default(),
            part: Default::default(),
            measure: Default::default(),
            plan: Default::default(),
            beat: Default::default(),
            addr: Default::default(),
            len: Default::default(),
            last: Default::default(),
            frame_ends: Default::default(),
            part_ends: Default::default(),
            filled: Default::default(),
            s: Default::default(),
            address: Default::default(),
            offset: Default::default(),
            most: Default::default(),
            lesser: Default::default(),
            rounded: Default::default(),
            last_beat: Default::default(),
            page_size: Constant::new(4096_u64.into()),
        }
    }
}

impl Logic for Burst {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, s);
        self.address.next = self.s.q.val().addr;
        self.offset.next = bit_cast::<13, 12>(self.address.val().get_bits::<12>(0));
        self.most.next = self.s.q.val().most;
        self.lesser.next = self.s.q.val().page;
        if self.most.val() < bit_cast::<17, 13>(self.s.q.val().page) {
            self.lesser.next = self.most.val().get_bits::<13>(0);
        }
        self.rounded.next = self.lesser.val() + 7;
        self.last_beat.next = self.s.q.val().beats == 1;
        if self.measure.val() {
            self.s.d.next.page = self.page_size.val() - self.offset.val();
            self.s.d.next.most = bit_cast::<17, 16>(self.s.q.val().left);
            if self.s.q.val().room < bit_cast::<17, 16>(self.s.q.val().left) {
                self.s.d.next.most = self.s.q.val().room;
            }
        }
        if self.plan.val() {
            self.s.d.next.len = self.lesser.val();
            self.s.d.next.beats = self.rounded.val().get_bits::<10>(3);
        }
        if self.beat.val() {
            self.s.d.next.beats = self.s.q.val().beats - 1;
            if self.last_beat.val() {
                self.s.d.next.addr = self.s.q.val().addr + bit_cast::<64, 13>(self.s.q.val().len);
                self.s.d.next.room = self.s.q.val().room - bit_cast::<17, 13>(self.s.q.val().len);
                self.s.d.next.left = self.s.q.val().left - bit_cast::<16, 13>(self.s.q.val().len);
                self.s.d.next.filled =
                    self.s.q.val().filled + bit_cast::<16, 13>(self.s.q.val().len);
            }
        }
        if self.open.val() {
            self.s.d.next.left = self.length.val();
        }
        if self.load.val() {
            self.s.d.next.addr = self.part.val().addr;
            self.s.d.next.room = self.part.val().len;
            self.s.d.next.filled = 0.into();
        }
        self.addr.next = self.s.q.val().addr;
        self.len.next = self.s.q.val().len;
        // Not from `last_beat`: outputs apart from what depends on inputs, or simulators see a loop through the user.
        self.last.next = self.s.q.val().beats == 1;
        self.frame_ends.next = self.s.q.val().left == bit_cast::<16, 13>(self.s.q.val().len);
        self.part_ends.next = self.s.q.val().room == bit_cast::<17, 13>(self.s.q.val().len);
        self.filled.next = self.s.q.val().filled;
    }
}
