//! Two ends back to back in simulated time.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::fault::Faults;
use crate::frame::{Frame, FramePool};
use crate::line::{Line, LineConfig};
use crate::time::Picos;
use crate::wire::{Sent, Wire};

/// What passed one end of a pair. Bytes are frame bytes after padding, without FCS and gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairStats {
    /// Frames this end sent.
    pub tx_frames: u64,
    /// Bytes this end sent.
    pub tx_bytes: u64,
    /// Frames this end received.
    pub rx_frames: u64,
    /// Bytes this end received.
    pub rx_bytes: u64,
    /// Frames on their way to this end.
    pub in_flight: usize,
}

struct Direction {
    line: Line,
    queue: VecDeque<Frame>,
    sent_frames: u64,
    sent_bytes: u64,
    received_frames: u64,
    received_bytes: u64,
}

impl Direction {
    fn new(config: LineConfig) -> Self {
        Self {
            line: Line::new(config),
            queue: VecDeque::new(),
            sent_frames: 0,
            sent_bytes: 0,
            received_frames: 0,
            received_bytes: 0,
        }
    }
}

/// One end of a full-duplex wire made by [`pair`].
pub struct PairEnd {
    directions: Arc<Mutex<[Direction; 2]>>,
    /// Index of the direction this end sends on; it receives from the other one.
    side: usize,
    pool: FramePool,
}

/// A full-duplex wire: both directions have the properties in `config`. Nothing is lost and nothing overtakes; put a
/// [`FaultInjector`](crate::fault::FaultInjector) on an end for the rest.
#[must_use]
pub fn pair(config: LineConfig) -> (PairEnd, PairEnd) {
    let directions = Arc::new(Mutex::new([Direction::new(config), Direction::new(config)]));
    let pool = FramePool::default();
    (
        PairEnd {
            directions: Arc::clone(&directions),
            side: 0,
            pool: pool.clone(),
        },
        PairEnd {
            directions,
            side: 1,
            pool,
        },
    )
}

impl PairEnd {
    /// What passed this end so far.
    #[must_use]
    pub fn stats(&self) -> PairStats {
        let directions = self.directions.lock();
        let (tx, rx) = (&directions[self.side], &directions[1 - self.side]);
        PairStats {
            tx_frames: tx.sent_frames,
            tx_bytes: tx.sent_bytes,
            rx_frames: rx.received_frames,
            rx_bytes: rx.received_bytes,
            in_flight: rx.queue.len(),
        }
    }
}

impl Wire for PairEnd {
    fn transmit(&mut self, now: Picos, mut frame: Frame) -> Sent {
        let tx = &mut self.directions.lock()[self.side];
        let passage = tx.line.admit(now, &mut frame);
        frame.set_arrived_at(passage.arrival);
        tx.sent_frames += 1;
        tx.sent_bytes += frame.len() as u64;
        tx.queue.push_back(frame);
        Sent {
            start: passage.start,
            faults: Faults::default(),
        }
    }

    fn receive(&mut self, now: Picos) -> Option<Frame> {
        let rx = &mut self.directions.lock()[1 - self.side];
        let frame = rx.queue.pop_front_if(|frame| frame.arrived_at() <= now)?;
        rx.received_frames += 1;
        rx.received_bytes += frame.len() as u64;
        Some(frame)
    }

    fn next_event(&self) -> Option<Picos> {
        self.directions.lock()[1 - self.side]
            .queue
            .front()
            .map(Frame::arrived_at)
    }

    fn tx_free_at(&self) -> Picos {
        self.directions.lock()[self.side].line.free_at()
    }

    fn pool(&self) -> &FramePool {
        &self.pool
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_arrives_when_its_last_bit_does_and_not_before() {
        let (mut a, mut b) = pair(LineConfig::default());
        let sent = a.transmit(Picos(1_000), a.pool().copy_of(&[9; 1514]));
        assert_eq!(sent.start, Picos(1_000));
        let due = b.next_event().unwrap();
        assert_eq!(due, Picos(1_000 + 1_220_800 + 50_000));
        assert_eq!(b.receive(Picos(due.0 - 1)), None);
        let frame = b.receive(due).unwrap();
        assert_eq!(frame.arrived_at(), due);
        assert_eq!(frame[..], [9; 1514]);
        assert_eq!(b.next_event(), None);
        assert_eq!(a.next_event(), None, "nothing comes back to the sender");
    }

    #[test]
    fn both_directions_run_at_once() {
        let (mut a, mut b) = pair(LineConfig::default());
        a.transmit(Picos::ZERO, Frame::from(vec![1; 60]));
        b.transmit(Picos::ZERO, Frame::from(vec![2; 60]));
        assert_eq!(a.next_event(), b.next_event());
        let due = a.next_event().unwrap();
        assert_eq!(a.receive(due).unwrap()[0], 2);
        assert_eq!(b.receive(due).unwrap()[0], 1);
    }

    #[test]
    fn short_frames_arrive_padded_unless_the_line_passes_runts() {
        let (mut a, mut b) = pair(LineConfig::instant());
        a.transmit(Picos::ZERO, Frame::from(vec![1; 42]));
        assert_eq!(b.receive(Picos::ZERO).unwrap().len(), 60);
        let (mut a, mut b) = pair(LineConfig {
            pad: false,
            ..LineConfig::instant()
        });
        a.transmit(Picos::ZERO, Frame::from(vec![1; 13]));
        assert_eq!(b.receive(Picos::ZERO).unwrap().len(), 13);
    }

    #[test]
    fn steady_traffic_reuses_buffers() {
        let (mut a, mut b) = pair(LineConfig::default());
        for _ in 0..1_000 {
            let now = a.tx_free_at();
            a.transmit(now, a.pool().copy_of(&[0; 1514]));
            let due = b.next_event().unwrap();
            assert!(b.receive(due).is_some());
        }
        assert_eq!(a.pool().allocated(), 1);
    }
}
