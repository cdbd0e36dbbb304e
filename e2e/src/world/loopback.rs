//! A plug that sends a NIC's frames back to it.

use sim_wire::pair::{PairEnd, pair};
use sim_wire::{Frame, FramePool, LineConfig, Picos, Sent, Wire};

/// What is sent is received, after its time on the line.
pub struct Loopback {
    tx: PairEnd,
    rx: PairEnd,
}

impl Loopback {
    /// A plug on a line with the properties in `config`.
    pub fn new(config: LineConfig) -> Self {
        let (tx, rx) = pair(config);
        Self { tx, rx }
    }
}

impl Wire for Loopback {
    fn transmit(&mut self, now: Picos, frame: Frame) -> Sent {
        self.tx.transmit(now, frame)
    }

    fn receive(&mut self, now: Picos) -> Option<Frame> {
        self.rx.receive(now)
    }

    fn next_event(&self) -> Option<Picos> {
        self.rx.next_event()
    }

    fn tx_free_at(&self) -> Picos {
        self.tx.tx_free_at()
    }

    fn pool(&self) -> &FramePool {
        self.tx.pool()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_comes_back_after_its_time_on_the_line() {
        let mut plug = Loopback::new(LineConfig::default());
        let frame = plug.pool().copy_of(&[7; 60]);
        plug.transmit(Picos::ZERO, frame);
        let due = plug.next_event().unwrap();
        assert!(plug.receive(Picos(due.0 - 1)).is_none());
        assert_eq!(plug.receive(due).unwrap()[..], [7; 60]);
        assert!(plug.next_event().is_none());
    }
}
