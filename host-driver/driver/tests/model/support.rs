//! Two NICs on one wire.

use std::{sync::Arc, time::Duration};

use longshore_device::{Counting, Device, InProcess, Patience};
use longshore_dma::{Chunk, Pool};
use longshore_driver::{
    Completed, FRAME_AS_IT_IS, Nic, Piece, QueueConfig, QueuePair, Reception, TxOutcome,
};
use longshore_refs::holder::{D, Own};
use nic_model::{Config, Model};
use parking_lot::Mutex;
use sim_wire::{LineConfig, Station, pair::PairEnd};

pub(crate) type Card = Counting<InProcess<Model<PairEnd>>>;

/// One host: its NIC, a queue pair, memory, and what has come back.
pub(crate) struct Host {
    pub(crate) model: Arc<Mutex<Model<PairEnd>>>,
    pub(crate) card: Arc<Card>,
    pub(crate) nic: Nic,
    pub(crate) queue: QueuePair<u32>,
    pub(crate) tx: Pool,
    pub(crate) rx: Arc<Pool>,
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) sent: Vec<(u32, TxOutcome)>,
    pub(crate) quarantines: usize,
}

pub(crate) fn mac(side: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, side]
}

impl Host {
    fn new(wire: PairEnd, side: u8, buffer: usize, config: QueueConfig) -> Self {
        let model = Arc::new(Mutex::new(Model::new(Config::default(), wire)));
        let card = Arc::new(Counting::new(InProcess::new(model.clone()).unwrap()));
        let patience = Patience {
            reads: 100,
            time: Duration::ZERO,
        };
        let nic = Nic::open_with(card.clone() as Arc<dyn Device>, patience).unwrap();
        let rx = Arc::new(nic.pool("rx", 2 << config.rq_log2, buffer).unwrap());
        let tx = nic.pool("tx", 128, 4096).unwrap();
        let queue = nic.queue_pair(0, config, rx.clone()).unwrap();
        let host = Self {
            model,
            card,
            nic,
            queue,
            tx,
            rx,
            received: Vec::new(),
            sent: Vec::new(),
            quarantines: 0,
        };
        host.set_port(side);
        host
    }

    pub(crate) fn set_port(&self, side: u8) {
        self.nic.set_mac(mac(side)).unwrap();
        self.nic
            .set_reception(Reception {
                enable: true,
                ..Reception::default()
            })
            .unwrap();
    }

    /// Chunks that hold `bytes`, in pieces of at most `piece` bytes.
    pub(crate) fn pieces(&self, bytes: &[u8], piece: usize) -> Vec<Piece> {
        bytes
            .chunks(piece)
            .map(|bytes| {
                let chunk: Chunk<Own> = self.tx.take().unwrap();
                // Anywhere in the chunk: the NIC takes buffers at any alignment.
                let offset = (bytes.len() * 13) % 37;
                chunk.write(offset, bytes).unwrap();
                Piece {
                    chunk: chunk.transfer::<D>(),
                    offset: offset as u32,
                    len: bytes.len() as u32,
                }
            })
            .collect()
    }

    /// Posts a frame if there is room.
    pub(crate) fn post(&mut self, frame: &[u8], piece: usize, owner: u32) -> bool {
        let mut pieces = self.pieces(frame, piece);
        self.queue.post(FRAME_AS_IT_IS, &mut pieces, owner).is_ok()
    }

    pub(crate) fn poll(&mut self) -> usize {
        let mut done = Vec::new();
        let n = self.queue.poll(64, &mut done).unwrap();
        self.take(done);
        n
    }

    pub(crate) fn take(&mut self, done: Vec<Completed<u32>>) {
        for completed in done {
            match completed {
                Completed::Received(frame) => {
                    self.received.push(frame.to_vec());
                    self.queue.recycle(frame);
                }
                Completed::Sent { owner, outcome } => self.sent.push((owner, outcome)),
                Completed::Quarantined { .. } => self.quarantines += 1,
            }
        }
    }

    pub(crate) fn recover(&mut self) {
        let mut done = Vec::new();
        self.queue.recover(&mut done).unwrap();
        self.take(done);
    }
}

pub(crate) fn hosts(buffer: usize, config: QueueConfig) -> [Host; 2] {
    let (a, b) = sim_wire::pair::pair(LineConfig::default());
    [
        Host::new(a, 1, buffer, config),
        Host::new(b, 2, buffer, config),
    ]
}

/// Runs both until neither NIC nor host has anything to do.
pub(crate) fn settle(hosts: &mut [Host; 2]) {
    loop {
        let polled: usize = hosts.iter_mut().map(Host::poll).sum();
        let next = hosts
            .iter()
            .filter_map(|h| h.model.lock().next_event())
            .min();
        match next {
            Some(at) => hosts.iter().for_each(|h| h.model.lock().run_until(at)),
            None if polled == 0 => return,
            None => {}
        }
    }
}

/// As it arrives: padded to 60 bytes.
pub(crate) fn padded(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame.resize(frame.len().max(60), 0);
    frame
}

pub(crate) fn frame(to: [u8; 6], from: [u8; 6], body: &[u8]) -> Vec<u8> {
    // An EtherType for local experiments (IEEE 802, 9.2.4).
    [&to[..], &from, &[0x88, 0xb5], body].concat()
}
