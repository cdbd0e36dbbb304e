//! Two simulators, one stimulus.

use crate::{
    Step,
    channels::{self, Channel},
    probe::{self, Value},
    seed, settle,
    streams::{self, Stream},
};
use longshore_hdl::{
    emit::{self, Direction, Port},
    stream::checker::Violation,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rust_hdl_core::prelude::{Block, check_all};
use sim_verilator::verilated::{PortId, Verilated};
use thiserror::Error;

/// What lock step found.
#[derive(Debug, Error)]
pub enum LockstepError {
    /// The simulators disagree.
    #[error(
        "module {module}, cycle {cycle}, port {port}: rust-hdl {rust}, Verilog {verilog}; replay with LONGSHORE_SEED={seed}"
    )]
    Mismatch {
        /// Name in the catalogue.
        module: String,
        /// Rising edges before.
        cycle: u64,
        /// The output that differs.
        port: String,
        /// Its value in rust-hdl's simulator.
        rust: String,
        /// Its value in Verilator.
        verilog: String,
        /// The test's seed.
        seed: u64,
    },
    /// A valid/ready channel broke its protocol.
    #[error(
        "module {module}, cycle {cycle}, channel {channel}: {what}; replay with LONGSHORE_SEED={seed}"
    )]
    Channel {
        /// Name in the catalogue.
        module: String,
        /// Rising edges before.
        cycle: u64,
        /// The channel's name among the ports.
        channel: String,
        /// What is wrong.
        what: String,
        /// The test's seed.
        seed: u64,
    },
    /// A stream broke its protocol.
    #[error("module {module}, cycle {cycle}: {violation}; replay with LONGSHORE_SEED={seed}")]
    Protocol {
        /// Name in the catalogue.
        module: String,
        /// Rising edges before.
        cycle: u64,
        /// The rule and the samples.
        violation: Violation,
        /// The test's seed.
        seed: u64,
    },
}

/// What a run saw: enough to assert that the stimulus did something.
#[derive(Debug)]
pub struct Report {
    /// The seed used.
    pub seed: u64,
    /// For each stream its name, whole frames and beats.
    pub streams: Vec<(String, u64, u64)>,
    /// For each output how often its value changed.
    pub changes: Vec<(String, u64)>,
}

impl Report {
    /// Asserts that every output has changed at least once.
    ///
    /// # Panics
    /// If one has not: the stimulus tests nothing there.
    pub fn assert_all_outputs_moved(&self) {
        self.assert_outputs_moved_except(&[]);
    }

    /// The same but for outputs that are constant by design, or rare in this test.
    ///
    /// # Panics
    /// If another one has not changed.
    pub fn assert_outputs_moved_except(&self, still: &[&str]) {
        let stuck: Vec<&str> = self
            .changes
            .iter()
            .filter(|c| c.1 == 0 && !still.contains(&c.0.as_str()))
            .map(|c| c.0.as_str())
            .collect();
        assert!(
            stuck.is_empty(),
            "outputs that never changed: {stuck:?}; widen the stimulus"
        );
    }
}

struct ClockLine<T> {
    port: usize,
    period: u64,
    set: fn(&mut T, bool),
    level: bool,
    /// Time of the next toggle.
    next: u64,
}

/// A module in both simulators.
pub struct Lockstep<T: Block> {
    dut: T,
    verilated: Verilated,
    /// In the order of both the snapshots and the Verilated ports.
    ports: Vec<Port>,
    clocks: Vec<ClockLine<T>>,
    streams: Vec<Stream>,
    channels: Vec<Channel>,
    seed: Option<u64>,
}

impl<T: Block> Lockstep<T> {
    /// The module `name` of the catalogue; `dut` must be built as the catalogue builds it, so take its function.
    ///
    /// # Panics
    /// If the library has no such module, its ports differ, or `dut` does not pass rust-hdl's checks.
    #[must_use]
    pub fn new(name: &str, mut dut: T) -> Self {
        let verilated = Verilated::new(name).unwrap_or_else(|e| panic!("{e}"));
        dut.connect_all();
        check_all(&dut).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let ports = emit::ports(&dut);
        let same = ports.len() == verilated.ports().len()
            && ports.iter().zip(verilated.ports()).all(|(a, b)| {
                (a.name.as_str(), a.width, a.direction == Direction::Input)
                    == (b.name, b.width, b.input)
            });
        assert!(
            same,
            "{name}: the module given has other ports than the Verilated one; build it with the catalogue's function"
        );
        let streams = streams::find(&ports);
        let channels = channels::find(&ports);
        Self {
            dut,
            verilated,
            ports,
            clocks: Vec::new(),
            streams,
            channels,
            seed: None,
        }
    }

    /// Adds a clock: its port, its period in picoseconds, and how to set it in rust-hdl. Combinational modules
    /// have none.
    ///
    /// # Panics
    /// If there is no such input.
    #[must_use]
    pub fn clock(mut self, port: &str, period: u64, set: fn(&mut T, bool)) -> Self {
        let port = self.port(port);
        self.clocks.push(ClockLine {
            port,
            period,
            set,
            level: false,
            next: period,
        });
        self
    }

    /// Says that stream `name` belongs to clock number `clock`, and which port resets it. Without this, streams belong to
    /// the first clock and the port `reset`, if there is one.
    ///
    /// # Panics
    /// If there is no such stream or port.
    #[must_use]
    pub fn stream(mut self, name: &str, clock: usize, reset: Option<&str>) -> Self {
        let reset = reset.map(|r| self.port(r));
        let stream = self.streams.iter_mut().find(|s| s.name == name);
        let stream = stream.unwrap_or_else(|| panic!("no stream {name}"));
        (stream.clock, stream.reset) = (clock, reset);
        self
    }

    /// Says that the valid/ready channel `name` belongs to clock number `clock`, and which port resets it. Without this, channels
    /// belong to the first clock and the port `reset`, if there is one.
    ///
    /// # Panics
    /// If there is no such channel or port.
    #[must_use]
    pub fn channel(mut self, name: &str, clock: usize, reset: Option<&str>) -> Self {
        let reset = reset.map(|r| self.port(r));
        let channel = self.channels.iter_mut().find(|c| c.name == name);
        let channel = channel.unwrap_or_else(|| panic!("no channel {name}"));
        (channel.clock, channel.reset) = (clock, reset);
        self
    }

    /// Says that the valid/ready channel `name` offers nothing while bit `bit` of port `gate` is low, and that this is the only way in
    /// which an offer may be withdrawn (docs/GATEWARE.md: descriptors).
    ///
    /// # Panics
    /// If there is no such channel or port.
    #[must_use]
    pub fn gated(mut self, name: &str, gate: &str, bit: usize) -> Self {
        let at = self.ports.iter().position(|p| p.name == gate);
        let gate = at.unwrap_or_else(|| panic!("no port {gate}"));
        let channel = self.channels.iter_mut().find(|c| c.name == name);
        let channel = channel.unwrap_or_else(|| panic!("no channel {name}"));
        channel.gate = Some((gate, bit));
        self
    }

    /// Uses this seed instead of `$LONGSHORE_SEED` or a fresh one.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Runs `cycles` rising edges; see [`try_run`](Self::try_run).
    ///
    /// # Panics
    /// With the module, the cycle, the port, both values and the seed, at the first difference or broken stream rule.
    pub fn run(self, cycles: u64, stimulus: impl FnMut(&mut T, &mut Step)) -> Report {
        self.try_run(cycles, stimulus)
            .unwrap_or_else(|e| panic!("{e}"))
    }

    /// Runs `cycles` rising edges, with a waveform of the Verilated module into `$LONGSHORE_WAVE` if that is set. Before each, `stimulus` sets inputs (never clocks) of the rust-hdl module; they are copied
    /// to the Verilated one, all outputs are compared, and the streams' protocols are checked.
    ///
    /// # Errors
    /// The first difference or broken stream rule.
    pub fn try_run(
        mut self,
        cycles: u64,
        mut stimulus: impl FnMut(&mut T, &mut Step),
    ) -> Result<Report, LockstepError> {
        let seed = self.seed.unwrap_or_else(seed);
        let mut step = Step {
            cycle: 0,
            time: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            rising: 0,
            in_reset: false,
        };
        if let Some(path) = std::env::var_os("LONGSHORE_WAVE") {
            let path = std::path::Path::new(&path);
            self.verilated
                .trace(path)
                .unwrap_or_else(|e| panic!("LONGSHORE_WAVE={}: {e}", path.display()));
        }
        let mut values: Vec<Value> = Vec::new();
        let mut before: Vec<Value> = Vec::new();
        let mut changes = vec![0; self.ports.len()];
        settle(&mut self.dut);
        while step.cycle < cycles {
            // A module without clocks is compared once per step all the same.
            step.time = self
                .clocks
                .iter()
                .map(|c| c.next)
                .min()
                .unwrap_or(step.time + 1_000);
            step.rising = u64::from(self.clocks.is_empty());
            for (i, clock) in self.clocks.iter().enumerate() {
                if clock.next == step.time && !clock.level {
                    step.rising |= 1 << i;
                }
            }
            if step.rising != 0 {
                stimulus(&mut self.dut, &mut step);
                settle(&mut self.dut);
                probe::snapshot(&self.dut, &mut values);
                self.copy_inputs(&values, &before);
                self.verilated.set_time(step.time - 1);
                self.verilated.eval();
                self.compare(&values, step.cycle, seed)?;
                for stream in self
                    .streams
                    .iter_mut()
                    .filter(|s| step.rising >> s.clock & 1 == 1)
                {
                    stream
                        .check(&values)
                        .map_err(|violation| LockstepError::Protocol {
                            module: self.verilated.name().to_owned(),
                            cycle: step.cycle,
                            violation,
                            seed,
                        })?;
                }
                let rising = step.rising;
                for channel in self
                    .channels
                    .iter_mut()
                    .filter(|c| rising >> c.clock & 1 == 1)
                {
                    channel
                        .check(&values, &self.ports)
                        .map_err(|what| LockstepError::Channel {
                            module: self.verilated.name().to_owned(),
                            cycle: step.cycle,
                            channel: channel.name.clone(),
                            what,
                            seed,
                        })?;
                }
                for (count, (new, old)) in changes.iter_mut().zip(values.iter().zip(&before)) {
                    *count += u64::from(new != old);
                }
                std::mem::swap(&mut values, &mut before);
                step.cycle += 1;
            }
            self.toggle_clocks(step.time);
        }
        let streams = self
            .streams
            .iter()
            .map(|s| (s.name.clone(), s.checker.frames, s.checker.beats))
            .collect();
        let outputs = self
            .ports
            .iter()
            .zip(changes)
            .filter(|(p, _)| p.direction == Direction::Output);
        Ok(Report {
            seed,
            streams,
            changes: outputs.map(|(p, n)| (p.name.clone(), n)).collect(),
        })
    }

    fn port(&self, name: &str) -> usize {
        let found = self
            .ports
            .iter()
            .position(|p| p.name == name && p.direction == Direction::Input);
        found.unwrap_or_else(|| panic!("{} has no input {name}", self.verilated.name()))
    }

    fn copy_inputs(&mut self, values: &[Value], before: &[Value]) {
        for (i, port) in self.ports.iter().enumerate() {
            let is_clock = self.clocks.iter().any(|c| c.port == i);
            if port.direction == Direction::Input && !is_clock && before.get(i) != Some(&values[i])
            {
                self.verilated.set_words(PortId(i), &values[i]);
            }
        }
    }

    fn compare(&self, values: &[Value], cycle: u64, seed: u64) -> Result<(), LockstepError> {
        for (i, port) in self
            .ports
            .iter()
            .enumerate()
            .filter(|(_, p)| p.direction == Direction::Output)
        {
            let verilog = self.verilated.words(PortId(i));
            if verilog != values[i] {
                return Err(LockstepError::Mismatch {
                    module: self.verilated.name().to_owned(),
                    cycle,
                    port: port.name.clone(),
                    rust: probe::hex(&values[i]),
                    verilog: probe::hex(&verilog),
                    seed,
                });
            }
        }
        Ok(())
    }

    fn toggle_clocks(&mut self, time: u64) {
        for clock in self.clocks.iter_mut().filter(|c| c.next == time) {
            clock.level = !clock.level;
            (clock.set)(&mut self.dut, clock.level);
            self.verilated
                .set(PortId(clock.port), u64::from(clock.level));
            clock.next += if clock.level {
                clock.period / 2
            } else {
                clock.period - clock.period / 2
            };
        }
        settle(&mut self.dut);
        self.verilated.set_time(time);
        self.verilated.eval();
    }
}
