//! The whole NIC as Verilog, in simulated time: a root complex on one side, a wire on the other.
//!
//! [`SimulatedNic`] is a NIC in this process for the driver (`LocalNic`) and a station for the loop of a
//! simulation (`Station`). Two clocks run: the core's, on which TLPs pass, and the MAC's. While nothing has
//! moved for a while and nothing is due, the clocks stand still and time passes at no cost.

mod link;
mod mac;
mod ports;

use crate::pcie::{HostConfig, LinkCounts, ReadFault, RootComplex};
use crate::verilated::{Verilated, VerilatedError};
use link::Link;
use longshore_device::{IrqSink, LocalNic};
use longshore_dma::HostMemory;
use mac::Mac;
use nic_abi::block::{QUEUE, queue};
use ports::NicPorts;
use sim_wire::{Picos, Station, Wire};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Name of the NIC in the gateware's catalogue.
pub const TOP: &str = "nic";

/// How the NIC is clocked and what its surroundings are.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Period of the core's clock.
    pub core_period: Picos,
    /// Period of the MAC's clock: 8 bytes pass in each.
    pub mac_period: Picos,
    /// The host.
    pub host: HostConfig,
    /// Rate of the link in Mb/s, as the driver reads it.
    pub rate_mbps: u32,
}

impl Default for SimConfig {
    /// The reference simulated configuration: core and TLPs at 250 MHz, a 10 Gb/s MAC at 156.25 MHz.
    fn default() -> Self {
        Self {
            core_period: Picos(4_000),
            mac_period: Picos(6_400),
            host: HostConfig::default(),
            rate_mbps: 10_000,
        }
    }
}

/// Core cycles without any traffic after which the clocks may stop: longer than every timer of the gateware
/// but interrupt moderation, which is added.
const QUIET_CYCLES: u64 = 4_096;
/// Core cycles that a register read may take before the NIC counts as gone.
const REGISTER_TIMEOUT: u64 = 200_000;
/// Cycles of reset at power-on and of a function-level reset.
const RESET_CYCLES: u64 = 16;

/// The Verilated NIC with its root complex and its MAC.
pub struct SimulatedNic<W> {
    dut: Verilated,
    ports: NicPorts,
    config: SimConfig,
    host: RootComplex,
    link: Link,
    mac: Mac,
    wire: W,
    now: Picos,
    core_edge: Picos,
    mac_edge: Picos,
    cycles: u64,
    quiet: u64,
    moderation: u64,
}

impl<W: Wire> SimulatedNic<W> {
    /// A NIC after power-on reset at the end of `wire`.
    ///
    /// # Errors
    /// [`VerilatedError`]: the gateware has no module [`TOP`], or not its ports.
    pub fn new(config: SimConfig, wire: W) -> Result<Self, VerilatedError> {
        Self::of_module(TOP, config, wire)
    }

    /// As [`new`](Self::new) with another Verilated module that has the NIC's ports: one that is wrong on purpose.
    ///
    /// # Errors
    /// [`VerilatedError`]: the gateware has no module `top`, or not its ports.
    pub fn of_module(top: &str, config: SimConfig, wire: W) -> Result<Self, VerilatedError> {
        let dut = Verilated::new(top)?;
        let ports = NicPorts::find(&dut)?;
        let mut nic = Self {
            dut,
            ports,
            host: RootComplex::new(config.host.clone()),
            link: Link::default(),
            mac: Mac::default(),
            wire,
            now: Picos::ZERO,
            core_edge: config.core_period,
            mac_edge: config.mac_period,
            cycles: 0,
            quiet: 0,
            moderation: 0,
            config,
        };
        nic.ports.configure(&mut nic.dut, &nic.config);
        nic.ports.power_on(&mut nic.dut, true);
        nic.run_cycles(RESET_CYCLES);
        nic.ports.power_on(&mut nic.dut, false);
        nic.run_cycles(RESET_CYCLES);
        Ok(nic)
    }

    /// Core cycles that were simulated; those that were skipped do not count.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// The wire.
    pub fn wire(&self) -> &W {
        &self.wire
    }

    /// The wire, for tests that put frames on it.
    pub fn wire_mut(&mut self) -> &mut W {
        &mut self.wire
    }

    /// What passed over the link.
    pub fn link_counts(&self) -> LinkCounts {
        self.host.counts()
    }

    /// Rules of the link or of the streams that the NIC broke: none, or it has a bug.
    pub fn violations(&self) -> Vec<String> {
        let mut all = self.host.violations().to_vec();
        all.extend_from_slice(self.mac.violations());
        all
    }

    /// See [`RootComplex::spoil_reads`].
    pub fn spoil_reads(&mut self, faulty: Option<(Range<u64>, ReadFault)>) {
        self.host.spoil_reads(faulty);
    }

    /// Lets the clocks run although nothing was due: frames came from outside the simulation.
    pub fn wake(&mut self) {
        self.quiet = 0;
    }

    /// Writes a waveform from here on.
    ///
    /// # Errors
    /// [`VerilatedError::NoWave`] without the feature `wave`, [`VerilatedError::Trace`].
    pub fn trace(&mut self, path: &Path) -> Result<(), VerilatedError> {
        self.dut.trace(path)
    }

    fn run_cycles(&mut self, cycles: u64) {
        let target = self.cycles + cycles;
        while self.cycles < target {
            self.edge();
        }
    }

    /// Goes to the next edge of either clock.
    fn edge(&mut self) {
        if self.core_edge <= self.mac_edge {
            self.now = self.core_edge;
            self.core_edge = Picos(self.core_edge.0 + self.config.core_period.0);
            self.dut.set_time(self.now.0);
            let moved = self
                .link
                .cycle(&mut self.dut, &self.ports, &mut self.host, self.now);
            self.cycles += 1;
            self.quiet = if moved || !self.host.is_idle() {
                0
            } else {
                self.quiet + 1
            };
        } else {
            self.now = self.mac_edge;
            self.mac_edge = Picos(self.mac_edge.0 + self.config.mac_period.0);
            self.dut.set_time(self.now.0);
            if self
                .mac
                .cycle(&mut self.dut, &self.ports, &mut self.wire, self.now)
            {
                self.quiet = 0;
            }
        }
    }

    fn is_asleep(&self) -> bool {
        self.quiet > QUIET_CYCLES + self.moderation && self.mac.is_idle()
    }

    /// Moves the clocks' next edges to `time` or later, keeping their phase.
    fn skip_to(&mut self, time: Picos) {
        for (edge, period) in [
            (&mut self.core_edge, self.config.core_period),
            (&mut self.mac_edge, self.config.mac_period),
        ] {
            if *edge < time {
                let periods = (time.0 - edge.0).div_ceil(period.0);
                *edge = Picos(edge.0 + periods * period.0);
            }
        }
    }

    /// Interrupt moderation is a timer in the gateware that may run while nothing moves.
    fn watch_moderation(&mut self, offset: u32, value: u32) {
        let inside = offset.wrapping_sub(QUEUE.base);
        if offset >= QUEUE.base && inside % QUEUE.stride == queue::INTERRUPT.offset {
            let cycles = 256 * u64::from(queue::INTERRUPT_DELAY.get(value) + 1);
            self.moderation = self.moderation.max(cycles);
        }
    }
}

impl<W: Wire> LocalNic for SimulatedNic<W> {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        self.host.attach(memory, interrupts);
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        self.quiet = 0;
        self.host.register_read(offset);
        let deadline = self.cycles + REGISTER_TIMEOUT;
        while self.cycles < deadline {
            if let Some(value) = self.host.take_answer() {
                return value;
            }
            self.edge();
        }
        // As a root complex answers the processor when no completion comes.
        u32::MAX
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        self.quiet = 0;
        self.watch_moderation(offset, value);
        self.host.register_write(offset, value);
    }

    fn flr(&mut self) {
        self.quiet = 0;
        // Register writes that were posted before the reset are ordered before it.
        let deadline = self.cycles + REGISTER_TIMEOUT;
        while !self.link.is_flushed(&self.host) && self.cycles < deadline {
            self.edge();
        }
        self.ports.function_reset(&mut self.dut, true);
        self.run_cycles(RESET_CYCLES);
        self.host.reset();
        self.link.reset();
        self.mac.reset();
        self.ports.function_reset(&mut self.dut, false);
        self.run_cycles(RESET_CYCLES);
        self.moderation = 0;
    }
}

impl<W: Wire> Station for SimulatedNic<W> {
    fn now(&self) -> Picos {
        self.now
    }

    fn run_until(&mut self, until: Picos) {
        while self.now < until {
            if self.is_asleep() {
                match self.wire.next_event().filter(|e| *e <= until) {
                    Some(event) => {
                        self.skip_to(event);
                        self.quiet = 0;
                    }
                    None => {
                        self.skip_to(until);
                        self.now = until;
                        return;
                    }
                }
            }
            if self.core_edge.min(self.mac_edge) > until {
                self.now = until;
                return;
            }
            self.edge();
        }
    }

    fn next_event(&self) -> Option<Picos> {
        let next = self.core_edge.min(self.mac_edge).max(self.now);
        if self.is_asleep() {
            return self.wire.next_event().map(|e| e.max(self.now));
        }
        Some(next)
    }
}
