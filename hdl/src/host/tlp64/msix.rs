//! MSI-X: the table, the pending bits, the messages.
//!
//! Contract: an interrupt sets the pending bit of its vector; a vector that is pending and not masked (by its own bit or
//! `function_mask`) is sent as an MWr of one DW while MSI-X is enabled and the function is bus master, and its bit cleared. So
//! masked vectors stay pending and go out when unmasked (PCI Express Base 6.1.4), and interrupts of one vector that meet merge. After
//! reset the table is zero and all vectors are masked. `irq.ready` is low in reset only.
//!
//! - Latency: at most 16 cycles to find the vector, 4 to read its entry.
//! - Throughput: one message per about 8 cycles.
//! - Host accesses: `host_valid` is held until `host_done`; 3 cycles, or a few more while an entry is read. For the first 64 cycles
//!   after reset they wait for the table to be cleared.

use super::header::{RequestHeader, SwapDws};
use crate::host::mem::IrqSink;
use crate::memory::bram::{Bram, Output};
use crate::stream::axis::AxisSource;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the MSI-X part is doing.
#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
pub enum MsixState {
    /// Clears the table after reset.
    Clear,
    /// Looks for a host access or a vector to send.
    Idle,
    /// Waits for the word of a host access.
    Look,
    /// Answers the host access.
    Answer,
    /// Reads the upper half of the address.
    Upper,
    /// Reads the data.
    Data,
    /// Waits for the last word.
    Last,
    /// DW 0 and 1 of the message.
    First,
    /// DW 2 and the next.
    Second,
    /// The data, behind a 4-DW header.
    Third,
}

/// MSI-X table and messages; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Msix {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// This function's id.
    pub requester_id: Signal<In, Bits<16>>,
    /// Messages may go out.
    pub bus_master: Signal<In, Bit>,
    /// MSI-X Enable.
    pub enable: Signal<In, Bit>,
    /// Function Mask.
    pub function_mask: Signal<In, Bit>,
    /// Interrupts.
    pub irq: IrqSink,
    /// A host access, held until `host_done`.
    pub host_valid: Signal<In, Bit>,
    /// It writes.
    pub host_write: Signal<In, Bit>,
    /// It is to the pending bits, else to the table.
    pub host_pba: Signal<In, Bit>,
    /// Byte offset; what lies above the table's 256 B is ignored.
    pub host_addr: Signal<In, Bits<16>>,
    /// Data of a write.
    pub host_wdata: Signal<In, Bits<32>>,
    /// It is over.
    pub host_done: Signal<Out, Bit>,
    /// Data of a read, valid with `host_done`.
    pub host_rdata: Signal<Out, Bits<32>>,
    /// Messages.
    pub m: AxisSource,
    entries: Bram<Bits<32>, 6>,
    header: RequestHeader,
    swap: SwapDws,
    one: Constant<Bits<16>>,
    state: DFF<MsixState>,
    masked: DFF<Bits<16>>,
    pending: DFF<Bits<16>>,
    open: DFF<Bit>,
    scan: DFF<Bits<4>>,
    clearing: DFF<Bits<6>>,
    low: DFF<Bits<32>>,
    high: DFF<Bits<32>>,
    message: DFF<Bits<32>>,
    answer: DFF<Bits<32>>,
    word: Signal<Local, Bits<6>>,
    entry: Signal<Local, Bits<4>>,
    is_control: Signal<Local, Bit>,
    fire: Signal<Local, Bit>,
    raised: Signal<Local, Bits<16>>,
    sent: Signal<Local, Bits<16>>,
    at_entry: Signal<Local, Bits<16>>,
    swapped: Signal<Local, Bits<32>>,
}

impl Default for Msix {
    fn default() -> Self {
        Self {
            entries: Bram::new(Output::Direct),
            one: Constant::new(1_u64.into()),
            clock: Default::default(),
            reset: Default::default(),
            requester_id: Default::default(),
            bus_master: Default::default(),
            enable: Default::default(),
            function_mask: Default::default(),
            irq: Default::default(),
            host_valid: Default::default(),
            host_write: Default::default(),
            host_pba: Default::default(),
            host_addr: Default::default(),
            host_wdata: Default::default(),
            host_done: Default::default(),
            host_rdata: Default::default(),
            m: Default::default(),
            header: Default::default(),
            swap: Default::default(),
            state: Default::default(),
            masked: Default::default(),
            pending: Default::default(),
            open: Default::default(),
            scan: Default::default(),
            clearing: Default::default(),
            low: Default::default(),
            high: Default::default(),
            message: Default::default(),
            answer: Default::default(),
            word: Default::default(),
            entry: Default::default(),
            is_control: Default::default(),
            fire: Default::default(),
            raised: Default::default(),
            sent: Default::default(),
            at_entry: Default::default(),
            swapped: Default::default(),
        }
    }
}

impl Logic for Msix {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, masked, pending, open, scan, clearing, low, high, message, answer
        );
        clock!(self, clock, entries);
        self.irq.ready.next = !self.reset.val();
        self.open.d.next = self.enable.val() & !self.function_mask.val() & self.bus_master.val();
        self.word.next = self.host_addr.val().get_bits::<6>(2);
        self.entry.next = self.host_addr.val().get_bits::<4>(4);
        self.is_control.next = self.host_addr.val().get_bits::<2>(2).all();
        self.at_entry.next = self.one.val() << self.entry.val();
        self.raised.next = 0.into();
        if self.irq.valid.val() {
            self.raised.next = self.one.val() << self.irq.vector.val();
        }
        self.sent.next = 0.into();
        self.fire.next = self.open.q.val()
            & self.pending.q.val().get_bit(self.scan.q.val().index())
            & !self.masked.q.val().get_bit(self.scan.q.val().index());
        self.entries.raddr.next = bit_cast::<6, 4>(self.scan.q.val()) << 2;
        self.entries.waddr.next = self.word.val();
        self.entries.wdata.next = self.host_wdata.val();
        self.entries.wen.next = false;
        self.header.write.next = true;
        self.header.addr.next =
            (bit_cast::<64, 32>(self.high.q.val()) << 32) | bit_cast::<64, 32>(self.low.q.val());
        self.header.length.next = 1.into();
        self.header.requester.next = self.requester_id.val();
        self.header.tag.next = 0.into();
        self.header.first_be.next = 15.into();
        self.header.last_be.next = 0.into();
        self.swap.a.next = bit_cast::<64, 32>(self.message.q.val());
        self.swapped.next = self.swap.y.val().get_bits::<32>(0);
        self.m.tdata.next = self.header.first.val();
        self.m.tkeep.next = 255.into();
        self.m.tlast.next = false;
        self.m.tvalid.next = false;
        self.host_done.next = false;
        self.host_rdata.next = self.answer.q.val();
        match self.state.q.val() {
            MsixState::Clear => {
                self.entries.waddr.next = self.clearing.q.val();
                self.entries.wdata.next = 0.into();
                self.entries.wen.next = true;
                self.clearing.d.next = self.clearing.q.val() + 1;
                if self.clearing.q.val().all() {
                    self.state.d.next = MsixState::Idle;
                }
            }
            MsixState::Idle => {
                if self.host_valid.val() {
                    self.entries.raddr.next = self.word.val();
                    self.state.d.next = MsixState::Look;
                } else if self.fire.val() {
                    self.sent.next = self.one.val() << self.scan.q.val();
                    self.state.d.next = MsixState::Upper;
                } else {
                    self.scan.d.next = self.scan.q.val() + 1;
                }
            }
            MsixState::Look => {
                self.answer.d.next = self.entries.rdata.val();
                if self.host_pba.val() {
                    self.answer.d.next = 0.into();
                    if !self.host_addr.val().get_bit(2) {
                        self.answer.d.next = bit_cast::<32, 16>(self.pending.q.val());
                    }
                } else if self.is_control.val() {
                    self.answer.d.next = 0.into();
                    if self.masked.q.val().get_bit(self.entry.val().index()) {
                        self.answer.d.next = 1.into();
                    }
                }
                if self.host_write.val() & !self.host_pba.val() {
                    self.entries.wen.next = true;
                    if self.is_control.val() {
                        self.masked.d.next = self.masked.q.val() & !self.at_entry.val();
                        if self.host_wdata.val().get_bit(0) {
                            self.masked.d.next = self.masked.q.val() | self.at_entry.val();
                        }
                    }
                }
                self.state.d.next = MsixState::Answer;
            }
            MsixState::Answer => {
                self.host_done.next = true;
                self.state.d.next = MsixState::Idle;
            }
            MsixState::Upper => {
                self.low.d.next = self.entries.rdata.val();
                self.entries.raddr.next = (bit_cast::<6, 4>(self.scan.q.val()) << 2) | 1;
                self.state.d.next = MsixState::Data;
            }
            MsixState::Data => {
                self.high.d.next = self.entries.rdata.val();
                self.entries.raddr.next = (bit_cast::<6, 4>(self.scan.q.val()) << 2) | 2;
                self.state.d.next = MsixState::Last;
            }
            MsixState::Last => {
                self.message.d.next = self.entries.rdata.val();
                self.state.d.next = MsixState::First;
            }
            MsixState::First => {
                self.m.tvalid.next = true;
                if self.m.tready.val() {
                    self.state.d.next = MsixState::Second;
                }
            }
            MsixState::Second => {
                self.m.tvalid.next = true;
                self.m.tdata.next = self.header.second.val();
                if !self.header.four_dw.val() {
                    self.m.tdata.next =
                        self.header.second.val() | (bit_cast::<64, 32>(self.swapped.val()) << 32);
                    self.m.tlast.next = true;
                }
                if self.m.tready.val() {
                    self.state.d.next = MsixState::Idle;
                    if self.header.four_dw.val() {
                        self.state.d.next = MsixState::Third;
                    }
                }
            }
            MsixState::Third => {
                self.m.tvalid.next = true;
                self.m.tdata.next = bit_cast::<64, 32>(self.swapped.val());
                self.m.tkeep.next = 15.into();
                self.m.tlast.next = true;
                if self.m.tready.val() {
                    self.state.d.next = MsixState::Idle;
                }
            }
        }
        self.pending.d.next = (self.pending.q.val() & !self.sent.val()) | self.raised.val();
        if self.reset.val() {
            self.state.d.next = MsixState::Clear;
            self.clearing.d.next = 0.into();
            self.masked.d.next = 65535.into();
            self.pending.d.next = 0.into();
            self.open.d.next = false;
        }
    }
}
