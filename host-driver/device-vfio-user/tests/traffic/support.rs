//! Two served models on one wire, and a driver over each.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_device::{Canary, Counting, Device};
use longshore_device_vfio_user::VfioUser;
use longshore_dma::{Chunk, Pool};
use longshore_driver::{
    Completed, FRAME_AS_IT_IS, Nic, Piece, QueueConfig, QueuePair, Reception, TxOutcome,
};
use longshore_refs::holder::{D, Own};
use nic_model::{Config, Model};
use sim_vfio::{Ringing, Server, ringing_pair};
use sim_wire::LineConfig;
use sim_wire::pair::PairEnd;
use tempfile::TempDir;

pub(crate) type Card = Canary<Counting<VfioUser>>;

/// Both servers.
pub(crate) struct Servers {
    pub(crate) servers: Vec<Server<Model<Ringing<PairEnd>>>>,
    pub(crate) paths: [PathBuf; 2],
    _scratch: TempDir,
}

impl Servers {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let paths = ["a.sock", "b.sock"].map(|name| scratch.path().join(name));
        let ends = ringing_pair(LineConfig::default()).unwrap();
        let servers = ends
            .into_iter()
            .zip(&paths)
            .map(|((wire, bell), path)| {
                let model = Model::new(Config::default(), wire);
                Server::start(model, path, Some(bell)).unwrap()
            })
            .collect();
        Self {
            servers,
            paths,
            _scratch: scratch,
        }
    }
}

pub(crate) fn mac(side: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, side]
}

/// One host: its NIC, a queue pair, memory, and what has come back.
pub(crate) struct Host {
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) sent: Vec<(u32, TxOutcome)>,
    pub(crate) posted: u32,
    pub(crate) queue: QueuePair<u32>,
    pub(crate) tx: Pool,
    pub(crate) nic: Nic,
    pub(crate) card: Arc<Card>,
}

impl Host {
    pub(crate) fn new(path: &Path, side: u8) -> Self {
        let card = Arc::new(Canary::new(Counting::new(VfioUser::connect(path).unwrap())));
        let nic = Nic::open(card.clone() as Arc<dyn Device>).unwrap();
        let config = QueueConfig::default();
        let rx = Arc::new(nic.pool("rx", 2 << config.rq_log2, 2048).unwrap());
        let tx = nic.pool("tx", 256, 2048).unwrap();
        let queue = nic.queue_pair(0, config, rx).unwrap();
        nic.set_mac(mac(side)).unwrap();
        nic.set_reception(Reception {
            enable: true,
            ..Reception::default()
        })
        .unwrap();
        // Register writes are posted: a read pushes them through before the other host sends.
        nic.mac().unwrap();
        Self {
            received: Vec::new(),
            sent: Vec::new(),
            posted: 0,
            queue,
            tx,
            nic,
            card,
        }
    }

    /// Posts a frame if there is room; the NIC sees it at the next ring.
    pub(crate) fn post(&mut self, frame: &[u8]) -> bool {
        let Some(chunk) = self.tx.take::<Own>() else {
            return false;
        };
        chunk.write(0, frame).unwrap();
        let chunk: Chunk<D> = chunk.transfer();
        let mut pieces = vec![Piece {
            chunk,
            offset: 0,
            len: frame.len() as u32,
        }];
        let fits = self
            .queue
            .post(FRAME_AS_IT_IS, &mut pieces, self.posted)
            .is_ok();
        self.posted += u32::from(fits);
        fits
    }

    pub(crate) fn poll(&mut self) -> usize {
        let mut done = Vec::new();
        let n = self.queue.poll(64, &mut done).unwrap();
        for completed in done {
            match completed {
                Completed::Received(frame) => {
                    self.received.push(frame.to_vec());
                    self.queue.recycle(frame);
                }
                Completed::Sent { owner, outcome } => self.sent.push((owner, outcome)),
                Completed::Quarantined { fault, index } => {
                    panic!("quarantine: {fault:?} at {index}")
                }
            }
        }
        n
    }
}

/// Polls until `done`, sleeping on the interrupt of `host` while there is nothing; panics if it takes far too long.
pub(crate) fn poll_until(host: &mut Host, mut done: impl FnMut(&Host) -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        while host.poll() > 0 {}
        if done(host) {
            return;
        }
        assert!(
            Instant::now() < limit,
            "nothing more comes: {:?}",
            host.queue
        );
        host.queue.wait(Some(Duration::from_millis(100))).unwrap();
    }
}

pub(crate) fn frame(to: [u8; 6], from: [u8; 6], body: &[u8]) -> Vec<u8> {
    // An EtherType for local experiments (IEEE 802, 9.2.4).
    [&to[..], &from, &[0x88, 0xb5], body].concat()
}
