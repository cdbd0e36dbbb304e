//! A NIC with its driver, two queue pairs, and echo requests to the Linux outside.
//!
//! Every other chunk of the receive memory is never given to the NIC and holds a pattern: a canary at both ends of
//! every buffer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use longshore_device::Device;
use longshore_dma::{Chunk, Pool};
use longshore_driver::{
    Completed, FRAME_AS_IT_IS, Nic, Piece, QueueConfig, QueuePair, Reception, TxOutcome, Waiting,
};
use longshore_refs::holder::{D, Own};
use nic_abi::fault::QueueFault;

use crate::{
    card::Card,
    echo::{self, Answer, Path, pattern},
};

/// Nothing takes longer, on a loaded machine with the gateware simulated cycle by cycle.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a receive buffer: a whole frame.
pub(crate) const BUFFER: usize = 2048;
/// Requests that a queue pair holds.
pub(crate) const REQUESTS: usize = 128;
/// Echo requests under way at a time.
const WINDOW: usize = 16;
const CANARY: u8 = 0xc5;

/// Looks for a while, then sleeps.
pub(crate) const HYBRID: Waiting = Waiting::Hybrid {
    spin: Duration::from_micros(200),
};

/// A queue pair and what it has brought.
pub(crate) struct Queue {
    pub(crate) pair: QueuePair<u16>,
    pub(crate) tx: Pool,
    pub(crate) answers: Vec<Answer>,
    pub(crate) sent: Vec<(u16, TxOutcome)>,
    pub(crate) quarantined: Option<QueueFault>,
    canaries: Vec<Chunk<Own>>,
    /// After all that holds chunks of it.
    pub(crate) rx: Arc<Pool>,
}

/// The station. Fields are dropped in order: queue pairs before the NIC.
pub(crate) struct Station {
    pub(crate) queues: Vec<Queue>,
    pub(crate) nic: Nic,
    pub(crate) card: Arc<Card>,
    pub(crate) path: Path,
    next: u16,
}

impl Queue {
    /// Queue pair `index` with a vector of the same number.
    fn open(nic: &Nic, index: u32) -> Result<Self> {
        let config = QueueConfig {
            sq_log2: 8,
            rq_log2: 7,
            cq_log2: 9,
            vector: index as u16,
            ..QueueConfig::default()
        };
        let pool = nic.pool("rx", 4 << config.rq_log2, BUFFER)?;
        let mut canaries = Vec::new();
        let mut all = Vec::new();
        while let Some(chunk) = pool.take::<Own>() {
            all.push(chunk);
        }
        all.sort_by_key(Chunk::iova);
        for (i, chunk) in all.into_iter().enumerate() {
            chunk.write(0, &[CANARY; BUFFER])?;
            if i % 2 == 0 {
                canaries.push(chunk);
            }
        }
        let rx = Arc::new(pool);
        Ok(Self {
            pair: nic.queue_pair(index, config, rx.clone())?,
            tx: nic.pool("tx", REQUESTS, BUFFER)?,
            answers: Vec::new(),
            sent: Vec::new(),
            quarantined: None,
            canaries,
            rx,
        })
    }

    /// Posts a frame and shows it to the NIC.
    pub(crate) fn send(&mut self, owner: u16, frame: &[u8]) -> Result<()> {
        self.post(owner, frame)?;
        Ok(self.pair.ring()?)
    }

    /// Posts a frame.
    pub(crate) fn post(&mut self, owner: u16, frame: &[u8]) -> Result<()> {
        let chunk: Chunk<Own> = self.tx.take().context("no transmit buffer is free")?;
        chunk.write(0, frame)?;
        let mut pieces = vec![Piece {
            chunk: chunk.transfer::<D>(),
            offset: 0,
            len: frame.len() as u32,
        }];
        self.pair.post(FRAME_AS_IT_IS, &mut pieces, owner)?;
        Ok(())
    }

    /// Takes in what is complete; `path` tells which frames answer us.
    pub(crate) fn poll(&mut self, path: &Path) -> Result<usize> {
        let mut done = Vec::new();
        let n = self.pair.poll(64, &mut done)?;
        self.take(path, done);
        Ok(n)
    }

    /// Starts over after a fault or a reset.
    pub(crate) fn recover(&mut self, path: &Path) -> Result<()> {
        let mut done = Vec::new();
        self.pair.recover(&mut done)?;
        self.take(path, done);
        self.quarantined = None;
        Ok(())
    }

    fn take(&mut self, path: &Path, done: Vec<Completed<u16>>) {
        for completed in done {
            match completed {
                Completed::Received(frame) => {
                    self.answers.extend(path.answer(&frame.to_vec()));
                    self.pair.recycle(frame);
                }
                Completed::Sent { owner, outcome } => self.sent.push((owner, outcome)),
                Completed::Quarantined { fault, .. } => self.quarantined = Some(fault),
            }
        }
    }

    /// Fails if anything but the buffers was written.
    pub(crate) fn check_canaries(&self) -> Result<()> {
        let mut bytes = [0; BUFFER];
        for canary in &self.canaries {
            canary.read(0, &mut bytes)?;
            if let Some(at) = bytes.iter().position(|&b| b != CANARY) {
                bail!(
                    "stray DMA: the canary at {:#x} is overwritten from byte {at} on",
                    canary.iova()
                );
            }
        }
        Ok(())
    }

    fn wait(&mut self, waiting: Waiting) -> Result<()> {
        // Not for long: whoever waits has time limits of its own.
        self.pair
            .wait_by(waiting, Some(Duration::from_millis(200)))?;
        Ok(())
    }
}

impl Station {
    /// Sets NIC number `number` up and learns the peer's station address.
    pub(crate) fn open(card: Arc<Card>, number: u8) -> Result<Self> {
        let nic = Nic::open(card.clone() as Arc<dyn Device>)?;
        let path = echo::path(number)?;
        let queues = (0..nic.identity().queue_pairs.min(2))
            .map(|index| Queue::open(&nic, index).with_context(|| format!("queue pair {index}")))
            .collect::<Result<_>>()?;
        let mut station = Self {
            queues,
            nic,
            card,
            path,
            next: 0,
        };
        station.set_port()?;
        station.learn_peer()?;
        Ok(station)
    }

    /// What a reset has undone.
    pub(crate) fn set_port(&self) -> Result<()> {
        self.nic.set_mac(self.path.mac)?;
        let reception = Reception {
            enable: true,
            ..Reception::default()
        };
        Ok(self.nic.set_reception(reception)?)
    }

    /// Recovers all queue pairs after a reset and sets the port up again.
    pub(crate) fn recover(&mut self) -> Result<()> {
        for queue in &mut self.queues {
            queue.recover(&self.path)?;
            queue.sent.clear();
            queue.answers.clear();
        }
        self.set_port()
    }

    fn learn_peer(&mut self) -> Result<()> {
        self.nic.set_rx_queue(0)?;
        let ask = self.path.who_has()?;
        let start = Instant::now();
        let queue = &mut self.queues[0];
        while start.elapsed() < PATIENCE {
            queue.send(0, &ask)?;
            let asked = Instant::now();
            while asked.elapsed() < Duration::from_secs(1) {
                queue.poll(&self.path)?;
                if let Some(Answer::Mac(mac)) = queue.answers.pop() {
                    self.path.peer_mac = mac;
                    break;
                }
                queue.wait(Waiting::Busy)?;
            }
            if self.path.peer_mac != [0xff; 6] && queue.pair.outstanding() == 0 {
                queue.answers.clear();
                queue.sent.clear();
                return Ok(());
            }
        }
        bail!("the peer does not answer ARP")
    }

    /// A number that no request before had.
    pub(crate) fn number(&mut self) -> u16 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    /// Sends `count` echo requests of `len` bytes through queue pair `index` and checks every byte of every answer,
    /// which come in by the same queue pair.
    pub(crate) fn echo(
        &mut self,
        index: usize,
        count: usize,
        len: usize,
        waiting: Waiting,
    ) -> Result<()> {
        self.nic.set_rx_queue(index as u32)?;
        let mut open: Vec<u16> = Vec::new();
        let mut started = 0;
        let mut moved = Instant::now();
        while started < count || !open.is_empty() {
            while started < count && open.len() < WINDOW {
                let seq = self.number();
                let frame = self.path.request(ID, seq, &pattern(seq, len))?;
                self.queues[index].send(seq, &frame)?;
                open.push(seq);
                started += 1;
            }
            let queue = &mut self.queues[index];
            queue.wait(waiting)?;
            if queue.poll(&self.path)? > 0 {
                moved = Instant::now();
            }
            if let Some(fault) = queue.quarantined {
                bail!("queue pair {index} is in quarantine: {fault:?}");
            }
            for (seq, outcome) in queue.sent.drain(..) {
                ensure!(
                    matches!(
                        outcome,
                        TxOutcome::Done {
                            status: nic_abi::fault::Status::Ok,
                            ..
                        }
                    ),
                    "request {seq}: {outcome:?}"
                );
            }
            for answer in queue.answers.drain(..) {
                let Answer::Echo(ID, seq, payload) = answer else {
                    continue;
                };
                let Some(at) = open.iter().position(|&s| s == seq) else {
                    continue;
                };
                ensure!(payload == pattern(seq, len), "echo {seq} came back changed");
                open.swap_remove(at);
            }
            ensure!(
                moved.elapsed() < PATIENCE,
                "{} of {count} echoes are missing after {} s; counters: {}",
                open.len(),
                PATIENCE.as_secs(),
                self.nic.statistics()?.to_string().replace('\n', " ")
            );
        }
        Ok(())
    }

    /// Echoes over every queue pair in turn, and looks at the canaries.
    pub(crate) fn check(&mut self) -> Result<()> {
        for index in 0..self.queues.len() {
            self.echo(index, 2 * WINDOW, 700, HYBRID)
                .with_context(|| format!("queue pair {index}"))?;
            self.queues[index].check_canaries()?;
        }
        Ok(())
    }

    /// Takes the station down and fails if anything was left behind.
    pub(crate) fn close(self) -> Result<()> {
        for queue in &self.queues {
            queue.check_canaries()?;
        }
        let Self {
            queues, nic, card, ..
        } = self;
        drop(queues);
        ensure!(nic.stranded() == 0, "queue pairs are stranded");
        ensure!(
            nic.leaked_bytes() == 0,
            "{} B are leaked",
            nic.leaked_bytes()
        );
        drop(nic);
        let left = card.regions().len();
        ensure!(left == 0, "{left} regions are still mapped");
        Ok(())
    }
}

/// Identifier of our echo requests.
const ID: u16 = 0x4c53;
