//! The NIC as the stack uses it: the owner's side of each queue pair, submission rings behind locks, send memory,
//! offloads.

mod tx;

use std::sync::Arc;

use ip_core::MAX_HEADER_LEN;
use longshore_device::Interrupt;
use longshore_dma::{Chunk, Pool};
use longshore_driver::{
    Completed, DriverError, Health, Piece, QueueConfig, QueuePair, Reception, Submitter,
};
use longshore_refs::holder::Own;

use crate::config::StackConfig;
use crate::lock::{Ordered, Outermost, Precedes, Ring, Token};

pub(crate) use tx::TxGuard;

/// Bytes of a chunk of send memory.
const SEND_CHUNK: usize = 16 * 1024;
/// Chunks of send memory: 64 MiB of addresses, backed when touched.
const SEND_CHUNKS: usize = 4096;
/// Receive buffer: a frame of 1518 bytes, or a part of a longer one.
const RECEIVE_BUFFER: usize = 2048;
/// Descriptors that a request may take: context, header, 64 KiB of payload across chunks.
const DESCRIPTORS: usize = 2 + 65_536 / SEND_CHUNK + 2;

/// A queue pair without its submission side, which is lent to the [`Rings`]: it polls and receives, under the right to
/// drive it and no other lock.
pub(crate) type Pair = QueuePair<()>;

/// The submission side of a queue pair, under its lock.
#[derive(Debug)]
pub(crate) struct Rings {
    /// `None` once the stack is shut down, and while the queue pair starts over: who wants to post finds no room.
    submitter: Option<Submitter<()>>,
    /// Chunks of headers that the NIC is done with, on their way to the next headers past the pool.
    spare: Vec<Chunk<Own>>,
    headers: Pool,
    pieces: Vec<Piece>,
}

impl Rings {
    /// Takes back what the NIC is done with.
    fn reclaim(&mut self) {
        let Self {
            submitter: Some(submitter),
            spare,
            headers,
            ..
        } = self
        else {
            return;
        };
        submitter.reclaim(drop, |chunk| {
            if headers.owns(&chunk) && chunk.is_unique() {
                spare.push(chunk.transfer());
            }
        });
    }

    /// Memory for a header.
    fn header(&mut self) -> Option<Chunk<Own>> {
        self.spare.pop().or_else(|| self.headers.take())
    }
}

/// The NIC.
#[derive(Debug)]
pub(crate) struct Nic {
    driver: longshore_driver::Nic,
    rings: Vec<Ordered<Ring, Rings>>,
    interrupts: Vec<Arc<Interrupt>>,
    send: Pool,
    checksum: bool,
    tso: bool,
    /// Kept for what a queue pair hands over when it closes: frames that nobody has asked for.
    receive: Vec<Arc<Pool>>,
}

impl Nic {
    /// Sets the port up and opens `queues` queue pairs, at least one. They go to their owners.
    pub(crate) fn open(
        driver: longshore_driver::Nic,
        config: &StackConfig,
        queue: QueueConfig,
        queues: u32,
    ) -> Result<(Self, Vec<Pair>), DriverError> {
        let (checksum, tso) = (driver.features().checksum, driver.features().tso);
        let count = queues.max(1);
        let send = driver.pool("send", SEND_CHUNKS, SEND_CHUNK)?;
        let mut rings = Vec::new();
        let mut pairs = Vec::new();
        let mut interrupts = Vec::new();
        let mut receive = Vec::new();
        for index in 0..count {
            let vectors = driver.device().info().vectors.max(1);
            // At most 8 queue pairs.
            #[expect(clippy::cast_possible_truncation)]
            let vector = index as u16 % vectors;
            let queue = QueueConfig { vector, ..queue };
            let buffers = Arc::new(driver.pool("receive", 2 << queue.rq_log2, RECEIVE_BUFFER)?);
            receive.push(Arc::clone(&buffers));
            let headers = driver.pool("headers", 1 << queue.sq_log2, MAX_HEADER_LEN)?;
            let mut pair = driver.queue_pair(index, queue, buffers)?;
            interrupts.push(Arc::clone(pair.interrupt()));
            rings.push(Ordered::new(Rings {
                submitter: pair.lend(),
                spare: Vec::with_capacity(headers.capacity()),
                headers,
                pieces: Vec::new(),
            }));
            pairs.push(pair);
        }
        let nic = Self {
            driver,
            rings,
            interrupts,
            send,
            checksum,
            tso,
            receive,
        };
        nic.set_port(config)?;
        Ok((nic, pairs))
    }

    /// Station address, filter, longest frame; then lets frames in.
    fn set_port(&self, config: &StackConfig) -> Result<(), DriverError> {
        let driver = &self.driver;
        driver.set_mac(config.ip.mac.0)?;
        let multicasts: Vec<_> = config
            .ip
            .multicast_filter()
            .iter()
            .map(|mac| mac.0)
            .collect();
        let fits = driver.set_multicasts(&multicasts);
        let all_multicast = match fits {
            Err(DriverError::TooManyMulticasts { .. }) => true,
            other => {
                other?;
                false
            }
        };
        driver.set_rx_queue(0)?;
        // Ethernet header and a VLAN tag on top of the MTU.
        driver.set_max_frame(u32::from(config.ip.mtu) + 18)?;
        driver.set_reception(Reception {
            enable: true,
            all_multicast,
            ..Reception::default()
        })
    }

    /// Whether the NIC cuts super-segments.
    pub(crate) fn has_tso(&self) -> bool {
        self.tso && self.checksum
    }

    /// The driver below.
    pub(crate) fn driver(&self) -> &longshore_driver::Nic {
        &self.driver
    }

    /// Memory for bytes to send.
    pub(crate) fn send_pool(&self) -> &Pool {
        &self.send
    }

    /// Wakes the owner of a queue pair.
    pub(crate) fn wake(&self, queue: usize) {
        self.interrupts[queue].signal();
    }

    pub(crate) fn interrupt(&self, queue: usize) -> &Interrupt {
        &self.interrupts[queue]
    }

    /// Locks the submission side of a queue pair.
    pub(crate) fn tx<'t, L: Precedes<Ring>>(
        &'t self,
        held: &'t mut Token<'_, L>,
        queue: usize,
    ) -> TxGuard<'t, L> {
        let (mut rings, _) = held.lock(&self.rings[queue]);
        rings.reclaim();
        TxGuard { nic: self, rings }
    }

    /// Makes a queue pair whole: nobody posts on it any more.
    fn join(&self, held: &mut Token<'_, impl Precedes<Ring>>, queue: usize, pair: &mut Pair) {
        let lent = held.with(&self.rings[queue], |rings| rings.submitter.take());
        if let Some(submitter) = lent {
            // It is its own.
            let taken = pair.take_back(submitter);
            debug_assert!(taken.is_ok());
        }
    }

    /// Whether the NIC says that a queue pair works. Reads registers.
    pub(crate) fn is_well(pair: &Pair) -> bool {
        matches!(pair.health(), Ok(Health::Up))
    }

    /// Starts a queue pair over and sets the port up again; by a reset of the device if it does not stop. What was
    /// posted comes back as aborted. Returns whether the device was reset: then the other queue pairs have to start over,
    /// too, each by its owner.
    pub(crate) fn recover(
        &self,
        held: &mut Token<'_, impl Outermost>,
        queue: usize,
        pair: &mut Pair,
        config: &StackConfig,
        done: &mut Vec<Completed<()>>,
    ) -> Result<bool, DriverError> {
        self.join(held, queue, pair);
        let result = self.start_over(pair, done);
        let submitter = pair.lend();
        // Its end is nobody's business under the lock: there is none, for it was taken out above.
        held.with(&self.rings[queue], |rings| rings.submitter = submitter);
        let reset = result?;
        self.set_port(config)?;
        Ok(reset)
    }

    fn start_over(
        &self,
        pair: &mut Pair,
        done: &mut Vec<Completed<()>>,
    ) -> Result<bool, DriverError> {
        let Err(error) = pair.recover(done) else {
            return Ok(false);
        };
        tracing::warn!(%error, "the queue pair does not recover, resetting the device");
        self.driver.reset()?;
        pair.recover(done)?;
        Ok(true)
    }

    /// Transmit requests that the NIC has not completed.
    pub(crate) fn outstanding(&self, held: &mut Token<'_, impl Precedes<Ring>>) -> usize {
        let of = |rings: &Ordered<Ring, Rings>| {
            held.with(rings, |rings| {
                rings.reclaim();
                rings.submitter.as_ref().map_or(0, Submitter::outstanding)
            })
        };
        self.rings.iter().map(of).sum()
    }

    /// Chunks of headers, and receive buffers, that are not in their pools.
    pub(crate) fn taken(&self, held: &mut Token<'_, impl Precedes<Ring>>) -> (usize, usize) {
        let headers = |rings: &Ordered<Ring, Rings>| {
            held.with(rings, |r| r.headers.taken().saturating_sub(r.spare.len()))
        };
        let headers = self.rings.iter().map(headers).sum();
        (headers, self.receive.iter().map(|pool| pool.taken()).sum())
    }

    /// Lets no frames in any more.
    pub(crate) fn end_reception(&self) {
        if let Err(error) = self.driver.set_reception(Reception::default()) {
            tracing::warn!(%error, "reception could not be switched off");
        }
    }

    /// Closes a queue pair: whatever the NIC held is given back, at the latest by a confirmed quiesce.
    pub(crate) fn close(&self, held: &mut Token<'_, impl Outermost>, queue: usize, mut pair: Pair) {
        self.join(held, queue, &mut pair);
        pair.close(&mut Vec::new());
    }
}
