//! Requests to BAR0, carried out and answered.
//!
//! Contract: takes one request at a time from [`Target`](super::target::Target). Served requests go to the MSI-X table and its pending
//! bits (`msix_*`, held until `msix_done`) if they lie there, else to the core (`regs`). Reads are answered with CplD of one DW,
//! refused requests with Cpl, status UR; requester id, tag, traffic class and attributes are echoed; byte count and lower
//! address follow 2.3.1.1. A read of no bytes is answered with one DW of zeros and byte count 1.
//!
//! - Latency: 1 cycle to `regs`; from `done` to the completion's first beat 2 cycles.
//! - Throughput: one access at a time.

use super::header::{CompletionHeader, SwapDws};
use crate::host::mem::RegInitiator;
use crate::stream::axis::AxisSource;
use nic_abi::block::{MSIX_PBA, MSIX_TABLE};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

const _: () = assert!(
    MSIX_TABLE.base.is_multiple_of(256) && MSIX_TABLE.count * MSIX_TABLE.stride == 256,
    "the MSI-X table is decoded as one block of 256 B"
);
const _: () = assert!(
    MSIX_PBA.base.is_multiple_of(8) && MSIX_PBA.count * MSIX_PBA.stride == 8,
    "the pending bits are decoded as one block of 8 B"
);

/// What the access is doing.
#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
pub enum AccessState {
    /// Waits for a request.
    Idle,
    /// Asks the core.
    Ask,
    /// Waits for the core.
    Core,
    /// Waits for the MSI-X table.
    Msix,
    /// DW 0 and 1 of the completion.
    First,
    /// DW 2 and the data.
    Second,
}

/// Register access; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Access {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// This function's id.
    pub completer_id: Signal<In, Bits<16>>,
    /// As in `Target`.
    pub req_valid: Signal<In, Bit>,
    /// As in `Target`.
    pub req_ready: Signal<Out, Bit>,
    /// As in `Target`.
    pub req_write: Signal<In, Bit>,
    /// As in `Target`.
    pub req_empty: Signal<In, Bit>,
    /// As in `Target`.
    pub req_unsupported: Signal<In, Bit>,
    /// As in `Target`.
    pub req_memory: Signal<In, Bit>,
    /// As in `Target`.
    pub req_addr: Signal<In, Bits<16>>,
    /// As in `Target`.
    pub req_wdata: Signal<In, Bits<32>>,
    /// As in `Target`.
    pub req_tc: Signal<In, Bits<3>>,
    /// As in `Target`.
    pub req_ido: Signal<In, Bit>,
    /// As in `Target`.
    pub req_attr: Signal<In, Bits<2>>,
    /// As in `Target`.
    pub req_requester: Signal<In, Bits<16>>,
    /// As in `Target`.
    pub req_tag: Signal<In, Bits<8>>,
    /// As in `Target`.
    pub req_length: Signal<In, Bits<10>>,
    /// As in `Target`.
    pub req_first_be: Signal<In, Bits<4>>,
    /// As in `Target`.
    pub req_last_be: Signal<In, Bits<4>>,
    /// The core's registers.
    pub regs: RegInitiator,
    /// The core's answer may go out: the writes before it have.
    pub clear: Signal<In, Bit>,
    /// An access to the MSI-X table or its pending bits; the request's fields go with it.
    pub msix_valid: Signal<Out, Bit>,
    /// It is to the pending bits.
    pub msix_pba: Signal<Out, Bit>,
    /// It is over.
    pub msix_done: Signal<In, Bit>,
    /// Data of a read, valid with `msix_done`.
    pub msix_rdata: Signal<In, Bits<32>>,
    /// Completions.
    pub m: AxisSource,
    header: CompletionHeader,
    swap: SwapDws,
    table_page: Constant<Bits<8>>,
    pba_page: Constant<Bits<13>>,
    state: DFF<AccessState>,
    in_table: DFF<Bit>,
    in_pba: DFF<Bit>,
    rdata: DFF<Bits<32>>,
    count: DFF<Bits<12>>,
    lower: DFF<Bits<7>>,
    lead: Signal<Local, Bits<2>>,
    trail: Signal<Local, Bits<2>>,
    tail_be: Signal<Local, Bits<4>>,
    swapped: Signal<Local, Bits<32>>,
    finish: Signal<Local, Bit>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            table_page: Constant::new(u64::from(MSIX_TABLE.base / 256).into()),
            pba_page: Constant::new(u64::from(MSIX_PBA.base / 8).into()),
            clock: Default::default(),
            reset: Default::default(),
            completer_id: Default::default(),
            req_valid: Default::default(),
            req_ready: Default::default(),
            req_write: Default::default(),
            req_empty: Default::default(),
            req_unsupported: Default::default(),
            req_memory: Default::default(),
            req_addr: Default::default(),
            req_wdata: Default::default(),
            req_tc: Default::default(),
            req_ido: Default::default(),
            req_attr: Default::default(),
            req_requester: Default::default(),
            req_tag: Default::default(),
            req_length: Default::default(),
            req_first_be: Default::default(),
            req_last_be: Default::default(),
            regs: Default::default(),
            clear: Default::default(),
            msix_valid: Default::default(),
            msix_pba: Default::default(),
            msix_done: Default::default(),
            msix_rdata: Default::default(),
            m: Default::default(),
            header: Default::default(),
            swap: Default::default(),
            state: Default::default(),
            in_table: Default::default(),
            in_pba: Default::default(),
            rdata: Default::default(),
            count: Default::default(),
            lower: Default::default(),
            lead: Default::default(),
            trail: Default::default(),
            tail_be: Default::default(),
            swapped: Default::default(),
            finish: Default::default(),
        }
    }
}

impl Logic for Access {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, in_table, in_pba, rdata, count, lower);
        self.regs.addr.next = self.req_addr.val();
        self.regs.wdata.next = self.req_wdata.val();
        self.regs.write.next = self.req_write.val();
        self.regs.valid.next = false;
        self.msix_valid.next = false;
        self.msix_pba.next = self.in_pba.q.val();
        // Bytes not asked for at both ends of a memory request (2.3.1.1).
        self.lead.next = 0.into();
        if self.req_first_be.val().get_bit(0) {
            self.lead.next = 0.into();
        } else if self.req_first_be.val().get_bit(1) {
            self.lead.next = 1.into();
        } else if self.req_first_be.val().get_bit(2) {
            self.lead.next = 2.into();
        } else if self.req_first_be.val().get_bit(3) {
            self.lead.next = 3.into();
        }
        self.tail_be.next = self.req_last_be.val();
        if self.req_length.val() == 1 {
            self.tail_be.next = self.req_first_be.val();
        }
        self.trail.next = 0.into();
        if self.tail_be.val().get_bit(3) {
            self.trail.next = 0.into();
        } else if self.tail_be.val().get_bit(2) {
            self.trail.next = 1.into();
        } else if self.tail_be.val().get_bit(1) {
            self.trail.next = 2.into();
        } else if self.tail_be.val().get_bit(0) {
            self.trail.next = 3.into();
        }
        self.header.with_data.next = !self.req_unsupported.val();
        self.header.tc.next = self.req_tc.val();
        self.header.ido.next = self.req_ido.val();
        self.header.attr.next = self.req_attr.val();
        self.header.completer.next = self.completer_id.val();
        self.header.unsupported.next = self.req_unsupported.val();
        self.header.byte_count.next = self.count.q.val();
        self.header.requester.next = self.req_requester.val();
        self.header.tag.next = self.req_tag.val();
        self.header.lower_address.next = self.lower.q.val();
        self.swap.a.next = bit_cast::<64, 32>(self.rdata.q.val());
        self.swapped.next = self.swap.y.val().get_bits::<32>(0);
        self.m.tdata.next = self.header.first.val();
        self.m.tkeep.next = 255.into();
        self.m.tlast.next = false;
        self.m.tvalid.next = false;
        self.finish.next = false;
        match self.state.q.val() {
            AccessState::Idle => {
                self.in_table.d.next =
                    self.req_addr.val().get_bits::<8>(8) == self.table_page.val();
                self.in_pba.d.next = self.req_addr.val().get_bits::<13>(3) == self.pba_page.val();
                self.rdata.d.next = 0.into();
                self.count.d.next = 4.into();
                self.lower.d.next = 0.into();
                if self.req_memory.val() {
                    self.count.d.next = (bit_cast::<12, 10>(self.req_length.val()) << 2)
                        - (bit_cast::<12, 2>(self.lead.val())
                            + bit_cast::<12, 2>(self.trail.val()));
                    self.lower.d.next = (bit_cast::<7, 5>(self.req_addr.val().get_bits::<5>(2))
                        << 2)
                        | bit_cast::<7, 2>(self.lead.val());
                }
                if self.req_empty.val() {
                    self.count.d.next = 1.into();
                }
                if self.req_valid.val() {
                    self.state.d.next = AccessState::Ask;
                    if self.req_unsupported.val() | self.req_empty.val() {
                        self.state.d.next = AccessState::First;
                    }
                }
            }
            AccessState::Ask => {
                if self.in_table.q.val() | self.in_pba.q.val() {
                    self.state.d.next = AccessState::Msix;
                } else {
                    self.regs.valid.next = true;
                    if self.regs.ready.val() {
                        self.state.d.next = AccessState::Core;
                    }
                }
            }
            AccessState::Core => {
                self.rdata.d.next = self.regs.rdata.val();
                if self.regs.done.val() {
                    self.state.d.next = AccessState::First;
                    self.finish.next = self.req_write.val();
                }
            }
            AccessState::Msix => {
                self.msix_valid.next = true;
                self.rdata.d.next = self.msix_rdata.val();
                if self.msix_done.val() {
                    self.state.d.next = AccessState::First;
                    self.finish.next = self.req_write.val();
                }
            }
            AccessState::First => {
                self.m.tvalid.next = self.clear.val();
                if self.clear.val() & self.m.tready.val() {
                    self.state.d.next = AccessState::Second;
                }
            }
            AccessState::Second => {
                self.m.tdata.next = bit_cast::<64, 32>(self.header.dw2.val());
                self.m.tkeep.next = 15.into();
                if !self.req_unsupported.val() {
                    self.m.tdata.next = (bit_cast::<64, 32>(self.swapped.val()) << 32)
                        | bit_cast::<64, 32>(self.header.dw2.val());
                    self.m.tkeep.next = 255.into();
                }
                self.m.tlast.next = true;
                self.m.tvalid.next = true;
                self.finish.next = self.m.tready.val();
            }
        }
        self.req_ready.next = self.finish.val();
        if self.finish.val() | self.reset.val() {
            self.state.d.next = AccessState::Idle;
        }
    }
}
