//! The wire side of the NIC: frames to and from the MAC's clock.
//!
//! Contract: `tx` and `rx` on the core's clock, `mac_tx` and `mac_rx` on the MAC's, frames in order and unchanged.
//! - A MAC cannot wait. Towards it a frame goes out without gaps if it comes in without and the core's clock is no slower
//!   than the MAC's; from it, `mac_rx.tready` falls only if `rx.tready` does, which the receive path never does: a frame that
//!   it has no room for is dropped there, whole and counted.
//! - `reset`, on the core's clock, reaches the MAC's side by a synchronizer and must last 8 cycles of the slower clock; a frame
//!   that it cuts on its way in is dropped to its end, one on its way out ends where it is. On the way in the MAC's side is
//!   reset first and the core's side after it: the other way round the FIFO could seem full for a cycle, and the MAC
//!   would have to wait. Until then `rx` may carry beats that nobody sent, so what takes them has to be in reset, too.
//!
//! - Latency: that of [`AsyncFifo`], each way. Throughput: one beat per cycle of the slower clock.

use super::rx_gate::RxGate;
use crate::cdc::synchronizer::Synchronizer;
use crate::stream::async_fifo::AsyncFifo;
use crate::stream::axis::{AxisSink, AxisSource};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// The crossing between the core and the MAC; see the [module](self).
#[derive(LogicBlock, Default)]
pub struct MacWire {
    /// The core's clock.
    pub clock: Signal<In, Clock>,
    /// Reset on the core's clock.
    pub reset: Signal<In, Bit>,
    /// The MAC's clock.
    pub mac_clock: Signal<In, Clock>,
    /// Reset on the MAC's clock.
    pub mac_reset: Signal<In, Bit>,
    /// Frames to be sent.
    pub tx: AxisSink,
    /// Frames received.
    pub rx: AxisSource,
    /// To the MAC.
    pub mac_tx: AxisSource,
    /// From the MAC.
    pub mac_rx: AxisSink,
    tx_fifo: AsyncFifo<5, 6>,
    rx_fifo: AsyncFifo<5, 6>,
    gate: RxGate,
    reset_there: Synchronizer<1>,
    reset_back: Synchronizer<1>,
    core_reset: DFF<Bits<1>>,
    wire_reset: DFF<Bit>,
    reset_arrived: DFF<Bits<1>>,
}

impl Logic for MacWire {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, core_reset);
        dff_setup!(self, mac_clock, wire_reset, reset_arrived);
        clock!(self, clock, reset_back);
        clock!(self, mac_clock, reset_there, gate);
        self.core_reset.d.next = 0.into();
        if self.reset.val() {
            self.core_reset.d.next = 1.into();
        }
        self.reset_there.d.next = self.core_reset.q.val();
        self.wire_reset.d.next = self.mac_reset.val() | self.reset_there.q.val().any();
        self.reset_arrived.d.next = 0.into();
        if self.wire_reset.q.val() {
            self.reset_arrived.d.next = 1.into();
        }
        self.reset_back.d.next = self.reset_arrived.q.val();
        self.tx_fifo.s_clock.next = self.clock.val();
        self.tx_fifo.s_reset.next = self.reset.val();
        self.tx_fifo.m_clock.next = self.mac_clock.val();
        self.tx_fifo.m_reset.next = self.wire_reset.q.val();
        self.tx_fifo.s.tdata.next = self.tx.tdata.val();
        self.tx_fifo.s.tkeep.next = self.tx.tkeep.val();
        self.tx_fifo.s.tlast.next = self.tx.tlast.val();
        self.tx_fifo.s.tvalid.next = self.tx.tvalid.val();
        self.tx.tready.next = self.tx_fifo.s.tready.val();
        self.mac_tx.tdata.next = self.tx_fifo.m.tdata.val();
        self.mac_tx.tkeep.next = self.tx_fifo.m.tkeep.val();
        self.mac_tx.tlast.next = self.tx_fifo.m.tlast.val();
        self.mac_tx.tvalid.next = self.tx_fifo.m.tvalid.val();
        self.tx_fifo.m.tready.next = self.mac_tx.tready.val();
        self.gate.reset.next = self.wire_reset.q.val();
        self.gate.s.tdata.next = self.mac_rx.tdata.val();
        self.gate.s.tkeep.next = self.mac_rx.tkeep.val();
        self.gate.s.tlast.next = self.mac_rx.tlast.val();
        self.gate.s.tvalid.next = self.mac_rx.tvalid.val();
        self.mac_rx.tready.next = self.gate.s.tready.val();
        self.rx_fifo.s_clock.next = self.mac_clock.val();
        self.rx_fifo.s_reset.next = self.wire_reset.q.val();
        self.rx_fifo.m_clock.next = self.clock.val();
        self.rx_fifo.m_reset.next = self.reset_back.q.val().any();
        self.rx_fifo.s.tdata.next = self.gate.m.tdata.val();
        self.rx_fifo.s.tkeep.next = self.gate.m.tkeep.val();
        self.rx_fifo.s.tlast.next = self.gate.m.tlast.val();
        self.rx_fifo.s.tvalid.next = self.gate.m.tvalid.val();
        self.gate.m.tready.next = self.rx_fifo.s.tready.val();
        self.rx.tdata.next = self.rx_fifo.m.tdata.val();
        self.rx.tkeep.next = self.rx_fifo.m.tkeep.val();
        self.rx.tlast.next = self.rx_fifo.m.tlast.val();
        self.rx.tvalid.next = self.rx_fifo.m.tvalid.val();
        self.rx_fifo.m.tready.next = self.rx.tready.val();
    }
}
