//! Cuts a memory transaction at multiples of the largest TLP payload.
//!
//! Contract: a transaction `{s_addr, s_len}` (1..=4,096 bytes, not across 4 KiB) becomes pieces `{m_addr, …}` in order, the last
//! with `m_last`. No piece crosses a multiple of `128 << s_size` bytes (as Device Control encodes MPS and MRRS; above 512 B
//! it is taken as 512 B), so none exceeds it, and all but the first are aligned to it. Byte enables follow 2.2.5 of the PCI
//! Express Base Specification: a piece within one DW has its mask in `m_first_be` and zero in `m_last_be`. Valid/ready on both sides.
//!
//! - Latency: 4 cycles from the transaction to its first piece.
//! - Throughput: one piece per 3 cycles; a piece is prepared while the one before is in use.
//! - A transaction is taken when the last piece of the one before has been prepared.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the splitter is doing.
#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
pub enum SplitState {
    /// Waits for a transaction.
    Idle,
    /// Finds the room below the next boundary.
    Room,
    /// Takes as much as there is room for.
    Take,
    /// Offers the piece.
    Offer,
}

/// Transaction splitter; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Split {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; drops the transaction.
    pub reset: Signal<In, Bit>,
    /// Largest piece, `128 << n` bytes.
    pub s_size: Signal<In, Bits<3>>,
    /// Address of the transaction.
    pub s_addr: Signal<In, Bits<64>>,
    /// Its bytes.
    pub s_len: Signal<In, Bits<13>>,
    /// It is there.
    pub s_valid: Signal<In, Bit>,
    /// It is taken.
    pub s_ready: Signal<Out, Bit>,
    /// Address of the piece.
    pub m_addr: Signal<Out, Bits<64>>,
    /// Bytes of the piece, 1..=512.
    pub m_bytes: Signal<Out, Bits<10>>,
    /// DWs it touches, 1..=128.
    pub m_dws: Signal<Out, Bits<8>>,
    /// Low bits of the address of its last byte.
    pub m_end: Signal<Out, Bits<9>>,
    /// Byte enables of its first DW.
    pub m_first_be: Signal<Out, Bits<4>>,
    /// Byte enables of its last DW; 0 if it is the first.
    pub m_last_be: Signal<Out, Bits<4>>,
    /// The transaction's last piece.
    pub m_last: Signal<Out, Bit>,
    /// The piece is there.
    pub m_valid: Signal<Out, Bit>,
    /// The piece is taken.
    pub m_ready: Signal<In, Bit>,
    state: DFF<SplitState>,
    page: DFF<Bits<52>>,
    low: DFF<Bits<12>>,
    left: DFF<Bits<13>>,
    room: DFF<Bits<10>>,
    bytes: DFF<Bits<10>>,
    last: DFF<Bit>,
    out_page: DFF<Bits<52>>,
    out_low: DFF<Bits<12>>,
    out_bytes: DFF<Bits<10>>,
    out_dws: DFF<Bits<8>>,
    out_end: DFF<Bits<9>>,
    out_first_be: DFF<Bits<4>>,
    out_last_be: DFF<Bits<4>>,
    out_last: DFF<Bit>,
    out_valid: DFF<Bit>,
    mask: Signal<Local, Bits<9>>,
    below: Signal<Local, Bits<9>>,
    more: Signal<Local, Bit>,
    past: Signal<Local, Bits<12>>,
    end_low: Signal<Local, Bits<9>>,
    dws: Signal<Local, Bits<8>>,
    first_lane: Signal<Local, Bits<2>>,
    last_lane: Signal<Local, Bits<2>>,
    head: Signal<Local, Bits<4>>,
    tail: Signal<Local, Bits<4>>,
}

impl Logic for Split {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, page, low, left, room, bytes, last);
        dff_setup!(self, clock, out_page, out_low, out_bytes, out_dws, out_end);
        dff_setup!(self, clock, out_first_be, out_last_be, out_last, out_valid);
        self.m_addr.next = (bit_cast::<64, 52>(self.out_page.q.val()) << 12)
            | bit_cast::<64, 12>(self.out_low.q.val());
        self.m_bytes.next = self.out_bytes.q.val();
        self.m_dws.next = self.out_dws.q.val();
        self.m_end.next = self.out_end.q.val();
        self.m_first_be.next = self.out_first_be.q.val();
        self.m_last_be.next = self.out_last_be.q.val();
        self.m_last.next = self.out_last.q.val();
        self.m_valid.next = self.out_valid.q.val();
        self.s_ready.next = false;
        self.mask.next = 511.into();
        if self.s_size.val() == 0 {
            self.mask.next = 127.into();
        } else if self.s_size.val() == 1 {
            self.mask.next = 255.into();
        }
        // Bytes from the address to the last one below the boundary: the address's complement.
        self.below.next = !self.low.q.val().get_bits::<9>(0);
        self.more.next = self.left.q.val() > bit_cast::<13, 10>(self.room.q.val());
        self.past.next = self.low.q.val() + bit_cast::<12, 10>(self.bytes.q.val());
        self.end_low.next = self.past.val().get_bits::<9>(0) - 1;
        self.dws.next = (bit_cast::<8, 7>(self.end_low.val().get_bits::<7>(2))
            - bit_cast::<8, 7>(self.low.q.val().get_bits::<7>(2)))
            + 1;
        self.first_lane.next = self.low.q.val().get_bits::<2>(0);
        self.last_lane.next = self.end_low.val().get_bits::<2>(0);
        self.head.next = 15.into();
        if self.first_lane.val() == 1 {
            self.head.next = 14.into();
        } else if self.first_lane.val() == 2 {
            self.head.next = 12.into();
        } else if self.first_lane.val() == 3 {
            self.head.next = 8.into();
        }
        self.tail.next = 15.into();
        if self.last_lane.val() == 0 {
            self.tail.next = 1.into();
        } else if self.last_lane.val() == 1 {
            self.tail.next = 3.into();
        } else if self.last_lane.val() == 2 {
            self.tail.next = 7.into();
        }
        if self.m_ready.val() {
            self.out_valid.d.next = false;
        }
        match self.state.q.val() {
            SplitState::Idle => {
                self.s_ready.next = true;
                self.page.d.next = self.s_addr.val().get_bits::<52>(12);
                self.low.d.next = self.s_addr.val().get_bits::<12>(0);
                self.left.d.next = self.s_len.val();
                if self.s_valid.val() {
                    self.state.d.next = SplitState::Room;
                }
            }
            SplitState::Room => {
                self.room.d.next = bit_cast::<10, 9>(self.below.val() & self.mask.val()) + 1;
                self.state.d.next = SplitState::Take;
            }
            SplitState::Take => {
                self.bytes.d.next = self.left.q.val().get_bits::<10>(0);
                if self.more.val() {
                    self.bytes.d.next = self.room.q.val();
                }
                self.last.d.next = !self.more.val();
                self.state.d.next = SplitState::Offer;
            }
            SplitState::Offer => {
                if self.m_ready.val() | !self.out_valid.q.val() {
                    self.out_page.d.next = self.page.q.val();
                    self.out_low.d.next = self.low.q.val();
                    self.out_bytes.d.next = self.bytes.q.val();
                    self.out_dws.d.next = self.dws.val();
                    self.out_end.d.next = self.end_low.val();
                    self.out_first_be.d.next = self.head.val();
                    self.out_last_be.d.next = self.tail.val();
                    if self.dws.val() == 1 {
                        self.out_first_be.d.next = self.head.val() & self.tail.val();
                        self.out_last_be.d.next = 0.into();
                    }
                    self.out_last.d.next = self.last.q.val();
                    self.out_valid.d.next = true;
                    self.low.d.next = self.past.val();
                    self.left.d.next = self.left.q.val() - bit_cast::<13, 10>(self.bytes.q.val());
                    self.state.d.next = SplitState::Room;
                    if self.last.q.val() {
                        self.state.d.next = SplitState::Idle;
                    }
                }
            }
        }
        if self.reset.val() {
            self.state.d.next = SplitState::Idle;
            self.out_valid.d.next = false;
        }
    }
}
