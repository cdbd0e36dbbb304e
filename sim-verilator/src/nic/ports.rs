//! The ports of the NIC's top module, by name.

use super::SimConfig;
use crate::verilated::{PortId, Verilated, VerilatedError};

/// A stream's ports.
pub(super) struct StreamPorts {
    pub(super) tdata: PortId,
    pub(super) tkeep: PortId,
    pub(super) tlast: PortId,
    pub(super) tvalid: PortId,
    pub(super) tready: PortId,
}

impl StreamPorts {
    fn find(dut: &Verilated, name: &str) -> Result<Self, VerilatedError> {
        let port = |part: &str| dut.port(&format!("{name}${part}"));
        Ok(Self {
            tdata: port("tdata")?,
            tkeep: port("tkeep")?,
            tlast: port("tlast")?,
            tvalid: port("tvalid")?,
            tready: port("tready")?,
        })
    }
}

/// All ports that the simulation uses.
pub(super) struct NicPorts {
    pub(super) clock: PortId,
    pub(super) mac_clock: PortId,
    pub(super) tlp_rx: StreamPorts,
    pub(super) tlp_tx: StreamPorts,
    pub(super) mac_rx: StreamPorts,
    pub(super) mac_tx: StreamPorts,
    reset: PortId,
    mac_reset: PortId,
    flr: PortId,
    host: Vec<(PortId, HostField)>,
}

/// What the host configured in the endpoint, as inputs of the NIC.
#[derive(Clone, Copy)]
enum HostField {
    RequesterId,
    Mps,
    Mrrs,
    BusMaster,
    MsixEnable,
    MsixMask,
    LinkUp,
    Rate,
}

impl NicPorts {
    pub(super) fn find(dut: &Verilated) -> Result<Self, VerilatedError> {
        let host = [
            ("requester_id", HostField::RequesterId),
            ("mps", HostField::Mps),
            ("mrrs", HostField::Mrrs),
            ("bus_master", HostField::BusMaster),
            ("msix_enable", HostField::MsixEnable),
            ("msix_mask", HostField::MsixMask),
            ("link_up", HostField::LinkUp),
            ("rate", HostField::Rate),
        ];
        Ok(Self {
            clock: dut.port("clock")?,
            mac_clock: dut.port("mac_clock")?,
            tlp_rx: StreamPorts::find(dut, "tlp_rx")?,
            tlp_tx: StreamPorts::find(dut, "tlp_tx")?,
            mac_rx: StreamPorts::find(dut, "mac_rx")?,
            mac_tx: StreamPorts::find(dut, "mac_tx")?,
            reset: dut.port("reset")?,
            mac_reset: dut.port("mac_reset")?,
            flr: dut.port("flr")?,
            host: host
                .into_iter()
                .map(|(name, field)| Ok((dut.port(name)?, field)))
                .collect::<Result<_, VerilatedError>>()?,
        })
    }

    /// Sets the inputs that stay.
    pub(super) fn configure(&self, dut: &mut Verilated, config: &SimConfig) {
        for (port, field) in &self.host {
            let value = match field {
                HostField::RequesterId => 0x0100,
                HostField::Mps => encode(config.host.mps),
                HostField::Mrrs => encode(config.host.mrrs),
                HostField::BusMaster | HostField::MsixEnable | HostField::LinkUp => 1,
                HostField::MsixMask => 0,
                HostField::Rate => config.rate_mbps.into(),
            };
            dut.set(*port, value);
        }
    }

    pub(super) fn power_on(&self, dut: &mut Verilated, reset: bool) {
        dut.set(self.reset, reset.into());
        dut.set(self.mac_reset, reset.into());
    }

    pub(super) fn function_reset(&self, dut: &mut Verilated, reset: bool) {
        dut.set(self.flr, reset.into());
    }
}

/// A size as Device Control has it (section 7.5.3.4): 128 << n.
fn encode(bytes: u16) -> u64 {
    u64::from(bytes.trailing_zeros().saturating_sub(7))
}
