//! The NIC: core, host adapter, wire.
//!
//! Contract: docs/GATEWARE.md. `reset` and `mac_reset` are the power-on resets of the two clocks, asserted together for at
//! least 4 cycles of the slower clock and 4 more. `flr`, on `clock`, resets all but the epoch and counts it up; after
//! [`HOLD_CYCLES`](super::function_reset::HOLD_CYCLES) more and 514 for the registers the NIC answers again. Until then it
//! takes no TLP; what it had asked for before must not come in later: those completions are unexpected.

use super::function_reset::FunctionReset;
use super::parts::Core;
use crate::host::tlp64::Tlp64;
use crate::queue::register_map::Identity;
use crate::stream::axis::{AxisSink, AxisSource};
use crate::wire::mac_wire::MacWire;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the link and the host set, as registers: no path of the NIC begins at a pin.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Settings {
    requester_id: Bits<16>,
    mps: Bits<3>,
    mrrs: Bits<3>,
    bus_master: Bit,
    msix_enable: Bit,
    msix_mask: Bit,
    link_up: Bit,
    rate: Bits<32>,
}

/// A NIC of `Q` queue pairs; see the [module](self).
#[derive(LogicBlock)]
pub struct Nic<const Q: usize> {
    /// Clock of the core and of the TLPs.
    pub clock: Signal<In, Clock>,
    /// Power-on reset on `clock`.
    pub reset: Signal<In, Bit>,
    /// Clock of the MAC.
    pub mac_clock: Signal<In, Clock>,
    /// Power-on reset on `mac_clock`.
    pub mac_reset: Signal<In, Bit>,
    /// Function-level reset, any number of cycles of `clock`.
    pub flr: Signal<In, Bit>,
    /// TLPs from the link.
    pub tlp_rx: AxisSink,
    /// TLPs to the link.
    pub tlp_tx: AxisSource,
    /// This function's bus, device and function number.
    pub requester_id: Signal<In, Bits<16>>,
    /// Max_Payload_Size as in Device Control.
    pub mps: Signal<In, Bits<3>>,
    /// Max_Read_Request_Size as in Device Control.
    pub mrrs: Signal<In, Bits<3>>,
    /// Bus Master Enable.
    pub bus_master: Signal<In, Bit>,
    /// MSI-X Enable.
    pub msix_enable: Signal<In, Bit>,
    /// MSI-X Function Mask.
    pub msix_mask: Signal<In, Bit>,
    /// Frames to the MAC, on `mac_clock`.
    pub mac_tx: AxisSource,
    /// Frames from the MAC, on `mac_clock`.
    pub mac_rx: AxisSink,
    /// The link is up.
    pub link_up: Signal<In, Bit>,
    /// Its rate in Mb/s.
    pub rate: Signal<In, Bits<32>>,
    settings: DFF<Settings>,
    function_reset: FunctionReset,
    adapter: Tlp64,
    core: Core<Q>,
    mac_wire: MacWire,
}

impl<const Q: usize> Nic<Q> {
    /// A NIC that tells `identity` of itself, with a read time-out of `read_timeout` cycles.
    ///
    /// # Panics
    /// See [`Core::new`] and [`Tlp64::new`].
    #[must_use]
    pub fn new(identity: &Identity, read_timeout: u32) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            mac_clock: Default::default(),
            mac_reset: Default::default(),
            flr: Default::default(),
            tlp_rx: Default::default(),
            tlp_tx: Default::default(),
            requester_id: Default::default(),
            mps: Default::default(),
            mrrs: Default::default(),
            bus_master: Default::default(),
            msix_enable: Default::default(),
            msix_mask: Default::default(),
            mac_tx: Default::default(),
            mac_rx: Default::default(),
            link_up: Default::default(),
            rate: Default::default(),
            settings: Default::default(),
            function_reset: Default::default(),
            adapter: Tlp64::new(read_timeout),
            core: Core::new(identity),
            mac_wire: Default::default(),
        }
    }
}

impl<const Q: usize> Nic<Q> {
    /// A NIC with a deliberate fault, for tests of the nets (see [`crate::witness`]): segmentation leaves FIN and PSH on every
    /// segment.
    #[must_use]
    pub fn with_fault(identity: &Identity, read_timeout: u32) -> Self {
        let mut nic = Self::new(identity, read_timeout);
        nic.core.keep_last_flags();
        nic
    }
}

impl<const Q: usize> Logic for Nic<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, settings);
        self.settings.d.next.requester_id = self.requester_id.val();
        self.settings.d.next.mps = self.mps.val();
        self.settings.d.next.mrrs = self.mrrs.val();
        self.settings.d.next.bus_master = self.bus_master.val();
        self.settings.d.next.msix_enable = self.msix_enable.val();
        self.settings.d.next.msix_mask = self.msix_mask.val();
        self.settings.d.next.link_up = self.link_up.val();
        self.settings.d.next.rate = self.rate.val();
        self.function_reset.clock.next = self.clock.val();
        self.function_reset.reset.next = self.reset.val();
        self.function_reset.flr.next = self.flr.val();
        self.adapter.clock.next = self.clock.val();
        self.adapter.reset.next = self.function_reset.core_reset.val();
        self.core.clock.next = self.clock.val();
        self.core.reset.next = self.function_reset.core_reset.val();
        self.mac_wire.clock.next = self.clock.val();
        self.mac_wire.reset.next = self.function_reset.core_reset.val();
        self.mac_wire.mac_clock.next = self.mac_clock.val();
        self.mac_wire.mac_reset.next = self.mac_reset.val();
        self.adapter.requester_id.next = self.settings.q.val().requester_id;
        self.adapter.mps.next = self.settings.q.val().mps;
        self.adapter.mrrs.next = self.settings.q.val().mrrs;
        self.adapter.bus_master.next = self.settings.q.val().bus_master;
        self.adapter.msix_enable.next = self.settings.q.val().msix_enable;
        self.adapter.msix_mask.next = self.settings.q.val().msix_mask;
        self.core.link_up.next = self.settings.q.val().link_up;
        self.core.rate.next = self.settings.q.val().rate;
        self.core.epoch.next = self.function_reset.epoch.val();
        self.core.idle.next = self.adapter.idle.val();
        self.core.stat.next = self.adapter.stat.val();
        // TLPs; none move during reset.
        self.adapter.tlp_rx.tdata.next = self.tlp_rx.tdata.val();
        self.adapter.tlp_rx.tkeep.next = self.tlp_rx.tkeep.val();
        self.adapter.tlp_rx.tlast.next = self.tlp_rx.tlast.val();
        self.tlp_tx.tdata.next = self.adapter.tlp_tx.tdata.val();
        self.tlp_tx.tkeep.next = self.adapter.tlp_tx.tkeep.val();
        self.tlp_tx.tlast.next = self.adapter.tlp_tx.tlast.val();
        self.adapter.tlp_rx.tvalid.next =
            self.tlp_rx.tvalid.val() & !self.function_reset.core_reset.val();
        self.tlp_rx.tready.next =
            self.adapter.tlp_rx.tready.val() & !self.function_reset.core_reset.val();
        self.tlp_tx.tvalid.next =
            self.adapter.tlp_tx.tvalid.val() & !self.function_reset.core_reset.val();
        self.adapter.tlp_tx.tready.next = self.tlp_tx.tready.val();
        // The host's channels.
        self.core.regs.addr.next = self.adapter.regs.addr.val();
        self.core.regs.wdata.next = self.adapter.regs.wdata.val();
        self.core.regs.write.next = self.adapter.regs.write.val();
        self.core.regs.valid.next = self.adapter.regs.valid.val();
        self.adapter.regs.ready.next = self.core.regs.ready.val();
        self.adapter.regs.done.next = self.core.regs.done.val();
        self.adapter.regs.rdata.next = self.core.regs.rdata.val();
        self.adapter.rd_req.addr.next = self.core.rd_req.addr.val();
        self.adapter.rd_req.len.next = self.core.rd_req.len.val();
        self.adapter.rd_req.tag.next = self.core.rd_req.tag.val();
        self.adapter.rd_req.valid.next = self.core.rd_req.valid.val();
        self.core.rd_req.ready.next = self.adapter.rd_req.ready.val();
        self.core.rd_rsp.data.next = self.adapter.rd_rsp.data.val();
        self.core.rd_rsp.tag.next = self.adapter.rd_rsp.tag.val();
        self.core.rd_rsp.last.next = self.adapter.rd_rsp.last.val();
        self.core.rd_rsp.err.next = self.adapter.rd_rsp.err.val();
        self.core.rd_rsp.valid.next = self.adapter.rd_rsp.valid.val();
        self.adapter.rd_rsp.ready.next = self.core.rd_rsp.ready.val();
        self.adapter.wr.addr.next = self.core.wr.addr.val();
        self.adapter.wr.len.next = self.core.wr.len.val();
        self.adapter.wr.data.next = self.core.wr.data.val();
        self.adapter.wr.last.next = self.core.wr.last.val();
        self.adapter.wr.valid.next = self.core.wr.valid.val();
        self.core.wr.ready.next = self.adapter.wr.ready.val();
        self.adapter.irq.vector.next = self.core.irq.vector.val();
        self.adapter.irq.valid.next = self.core.irq.valid.val();
        self.core.irq.ready.next = self.adapter.irq.ready.val();
        // Frames.
        self.mac_wire.tx.tdata.next = self.core.tx_frames.tdata.val();
        self.mac_wire.tx.tkeep.next = self.core.tx_frames.tkeep.val();
        self.mac_wire.tx.tlast.next = self.core.tx_frames.tlast.val();
        self.mac_wire.tx.tvalid.next = self.core.tx_frames.tvalid.val();
        self.core.tx_frames.tready.next = self.mac_wire.tx.tready.val();
        self.core.rx_frames.tdata.next = self.mac_wire.rx.tdata.val();
        self.core.rx_frames.tkeep.next = self.mac_wire.rx.tkeep.val();
        self.core.rx_frames.tlast.next = self.mac_wire.rx.tlast.val();
        self.core.rx_frames.tvalid.next = self.mac_wire.rx.tvalid.val();
        self.mac_wire.rx.tready.next = self.core.rx_frames.tready.val();
        self.mac_tx.tdata.next = self.mac_wire.mac_tx.tdata.val();
        self.mac_tx.tkeep.next = self.mac_wire.mac_tx.tkeep.val();
        self.mac_tx.tlast.next = self.mac_wire.mac_tx.tlast.val();
        self.mac_tx.tvalid.next = self.mac_wire.mac_tx.tvalid.val();
        self.mac_wire.mac_tx.tready.next = self.mac_tx.tready.val();
        self.mac_wire.mac_rx.tdata.next = self.mac_rx.tdata.val();
        self.mac_wire.mac_rx.tkeep.next = self.mac_rx.tkeep.val();
        self.mac_wire.mac_rx.tlast.next = self.mac_rx.tlast.val();
        self.mac_wire.mac_rx.tvalid.next = self.mac_rx.tvalid.val();
        self.mac_rx.tready.next = self.mac_wire.mac_rx.tready.val();
    }
}
