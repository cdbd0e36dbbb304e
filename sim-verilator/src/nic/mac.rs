//! The MAC: frames between the NIC's streams and a wire, eight bytes each way and cycle.
//!
//! It keeps one whole frame in each direction: a frame goes to the wire when it is complete and the line is
//! free, and meanwhile the next one comes out of the NIC. So the line's rate, preamble and gap included, is the
//! limit, and a frame's latency is that of a store-and-forward MAC.

use super::ports::NicPorts;
use crate::verilated::Verilated;
use sim_wire::{Frame, Picos, Wire};

/// Cycles between two looks at a wire to the outside world.
const LOOK_INTERVAL: u64 = 64;

/// Frames between the NIC and its wire.
#[derive(Default)]
pub(super) struct Mac {
    /// The frame that the NIC is receiving, and how many of its bytes have passed.
    incoming: Option<(Frame, usize)>,
    /// What the NIC has sent of its present frame.
    outgoing: Option<Frame>,
    /// A whole frame that waits for the line.
    waiting: Option<Frame>,
    ticks: u64,
    violations: Vec<String>,
}

impl Mac {
    /// The NIC's function was reset: what it was sending is cut off. What comes from the line goes on to its end: a MAC knows
    /// nothing of that reset, and the gateware counts on the frame's last beat.
    pub(super) fn reset(&mut self) {
        self.outgoing = None;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.incoming.is_none() && self.outgoing.is_none() && self.waiting.is_none()
    }

    pub(super) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// One cycle of the MAC's clock; true if something moved.
    pub(super) fn cycle(
        &mut self,
        dut: &mut Verilated,
        ports: &NicPorts,
        wire: &mut impl Wire,
        now: Picos,
    ) -> bool {
        if self.waiting.is_some()
            && wire.tx_free_at() <= now
            && let Some(frame) = self.waiting.take()
        {
            wire.transmit(now, frame);
        }
        self.ticks = self.ticks.wrapping_add(1);
        if self.incoming.is_none() && self.may_receive(wire, now) {
            // A frame that was cut down to nothing never reaches a stream.
            let frame = wire.receive(now).filter(|frame| !frame.is_empty());
            self.incoming = frame.map(|frame| (frame, 0));
        }
        self.offer(dut, ports);
        let ready = self.waiting.is_none();
        dut.set(ports.mac_tx.tready, ready.into());
        dut.set(ports.mac_clock, 0);
        dut.eval();

        let received = self.pass(dut, ports);
        let sent = ready && dut.get(ports.mac_tx.tvalid) == 1;
        if sent {
            self.take(dut, ports, wire);
        }
        dut.set(ports.mac_clock, 1);
        dut.eval();
        received || sent || self.waiting.is_some()
    }

    /// A wire that knows of its frames is asked when one is due; one to the outside world every so often, because each
    /// question is a system call.
    fn may_receive(&self, wire: &impl Wire, now: Picos) -> bool {
        wire.next_event().is_some_and(|at| at <= now)
            || (wire.poll_fd().is_some() && self.ticks.is_multiple_of(LOOK_INTERVAL))
    }

    fn offer(&self, dut: &mut Verilated, ports: &NicPorts) {
        let rx = &ports.mac_rx;
        dut.set(rx.tvalid, self.incoming.is_some().into());
        if let Some((frame, at)) = &self.incoming {
            let left = &frame[*at..];
            let count = left.len().min(8);
            let mut lanes = [0; 8];
            lanes[..count].copy_from_slice(&left[..count]);
            dut.set(rx.tdata, u64::from_le_bytes(lanes));
            dut.set(rx.tkeep, 0xff >> (8 - count));
            dut.set(rx.tlast, (left.len() <= 8).into());
        }
    }

    /// A real MAC cannot wait: a beat that is not taken is lost, and the gateware is wrong.
    fn pass(&mut self, dut: &Verilated, ports: &NicPorts) -> bool {
        let Some((frame, at)) = &mut self.incoming else {
            return false;
        };
        if dut.get(ports.mac_rx.tready) == 0 {
            self.violations.push("mac_rx was not ready".to_owned());
        }
        *at += 8;
        if *at >= frame.len() {
            self.incoming = None;
        }
        true
    }

    fn take(&mut self, dut: &Verilated, ports: &NicPorts, wire: &impl Wire) {
        let tx = &ports.mac_tx;
        let frame = self.outgoing.get_or_insert_with(|| wire.pool().take());
        let keep = dut.get(tx.tkeep);
        let count = keep.trailing_ones() as usize;
        let last = dut.get(tx.tlast) == 1;
        if keep >> count != 0 || count == 0 || (count < 8 && !last) {
            self.violations
                .push(format!("mac_tx tkeep {keep:#04x}, tlast {last}"));
        }
        frame
            .bytes_mut()
            .extend_from_slice(&dut.get(tx.tdata).to_le_bytes()[..count.min(8)]);
        if last {
            self.waiting = self.outgoing.take();
        }
    }
}
