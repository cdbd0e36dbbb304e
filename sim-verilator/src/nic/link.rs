//! The link: packets in and out, one beat of two double words each way and cycle.

use super::ports::NicPorts;
use crate::pcie::RootComplex;
use crate::verilated::Verilated;
use sim_wire::Picos;

/// Packets on their way over the link.
#[derive(Default)]
pub(super) struct Link {
    /// The packet that the NIC is receiving, and how many of its double words have passed.
    incoming: Option<(Vec<u32>, usize)>,
    /// What the NIC has sent of its present packet.
    outgoing: Vec<u32>,
}

const BOTH: u64 = 0xff;
const LOW: u64 = 0x0f;

impl Link {
    pub(super) fn reset(&mut self) {
        self.incoming = None;
        self.outgoing.clear();
    }

    /// True when every register access of the host was taken.
    pub(super) fn is_flushed(&self, host: &RootComplex) -> bool {
        self.incoming.is_none() && host.registers_sent()
    }

    /// One cycle of the core's clock; true if a beat passed.
    pub(super) fn cycle(
        &mut self,
        dut: &mut Verilated,
        ports: &NicPorts,
        host: &mut RootComplex,
        now: Picos,
    ) -> bool {
        if self.incoming.is_none() {
            self.incoming = host.pop(now).map(|words| (words, 0));
        }
        let rx = &ports.tlp_rx;
        dut.set(rx.tvalid, self.incoming.is_some().into());
        if let Some((words, at)) = &self.incoming {
            let second = words.get(at + 1);
            let high = u64::from(second.copied().unwrap_or(0));
            dut.set(rx.tdata, u64::from(words[*at]) | high << 32);
            dut.set(rx.tkeep, if second.is_some() { BOTH } else { LOW });
            dut.set(rx.tlast, (at + 2 >= words.len()).into());
        }
        dut.set(ports.tlp_tx.tready, 1);
        dut.set(ports.clock, 0);
        dut.eval();

        let mut moved = false;
        if let Some((words, at)) = &mut self.incoming
            && dut.get(rx.tready) == 1
        {
            moved = true;
            *at += 2;
            if *at >= words.len() {
                self.incoming = None;
            }
        }
        let tx = &ports.tlp_tx;
        if dut.get(tx.tvalid) == 1 {
            moved = true;
            let data = dut.get(tx.tdata);
            self.outgoing.push(data as u32);
            if dut.get(tx.tkeep) == BOTH {
                self.outgoing.push((data >> 32) as u32);
            }
            if dut.get(tx.tlast) == 1 {
                host.push(now, &self.outgoing);
                self.outgoing.clear();
            }
        }
        dut.set(ports.clock, 1);
        dut.eval();
        moved
    }
}
