//! The NIC as the stack uses it: queue pairs behind locks, send memory, offloads.

mod tx;

use std::sync::Arc;

use ip_core::MAX_HEADER_LEN;
use longshore_device::Interrupt;
use longshore_dma::Pool;
use longshore_driver::{Completed, DriverError, Health, Piece, QueueConfig, QueuePair, Reception};

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

/// Rings of a queue pair, under their lock.
#[derive(Debug)]
pub(crate) struct Rings {
    /// `None` once the stack is shut down, and while somebody waits for the NIC with it: never under the lock.
    pair: Option<QueuePair<()>>,
    closed: bool,
    headers: Pool,
    pieces: Vec<Piece>,
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
    /// Sets the port up and opens `queues` queue pairs, at least one.
    pub(crate) fn open(
        driver: longshore_driver::Nic,
        config: &StackConfig,
        queue: QueueConfig,
        queues: u32,
    ) -> Result<Self, DriverError> {
        let (checksum, tso) = (driver.features().checksum, driver.features().tso);
        let count = queues.max(1);
        let send = driver.pool("send", SEND_CHUNKS, SEND_CHUNK)?;
        let mut rings = Vec::new();
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
            let pair = driver.queue_pair(index, queue, buffers)?;
            interrupts.push(Arc::clone(pair.interrupt()));
            rings.push(Ordered::new(Rings {
                pair: Some(pair),
                closed: false,
                headers,
                pieces: Vec::new(),
            }));
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
        Ok(nic)
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

    /// Queue pairs.
    pub(crate) fn queues(&self) -> usize {
        self.rings.len()
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
        TxGuard {
            nic: self,
            rings: held.lock(&self.rings[queue]).0,
        }
    }

    /// Works with a queue pair in a way that may wait for the NIC: nobody's lock is held meanwhile, and whoever
    /// wants to post finds no room. `None` if there is no queue pair.
    fn apart<R>(
        &self,
        held: &mut Token<'_, impl Outermost>,
        queue: usize,
        work: impl FnOnce(&mut QueuePair<()>) -> R,
    ) -> Option<R> {
        let rings = &self.rings[queue];
        let mut pair = held.with(rings, |rings| rings.pair.take())?;
        let result = work(&mut pair);
        let left = held.with(rings, |rings| {
            if rings.closed {
                return Some(pair);
            }
            rings.pair = Some(pair);
            None
        });
        if let Some(pair) = left {
            // The stack was shut down meanwhile.
            pair.close(&mut Vec::new());
        }
        Some(result)
    }

    /// Takes up to `budget` completions; how many there were, and how many requests are outstanding still.
    pub(crate) fn poll(
        &self,
        held: &mut Token<'_, impl Precedes<Ring>>,
        queue: usize,
        budget: usize,
        done: &mut Vec<Completed<()>>,
    ) -> Result<(usize, usize), DriverError> {
        match &mut held.lock(&self.rings[queue]).0.pair {
            Some(pair) => Ok((pair.poll(budget, done)?, pair.outstanding())),
            None => Ok((0, 0)),
        }
    }

    /// Gives received frames back.
    pub(crate) fn recycle(
        &self,
        held: &mut Token<'_, impl Precedes<Ring>>,
        queue: usize,
        frames: &mut Vec<longshore_driver::Received>,
    ) {
        if frames.is_empty() {
            return;
        }
        let (mut rings, _) = held.lock(&self.rings[queue]);
        for frame in frames.drain(..) {
            match &mut rings.pair {
                Some(pair) => pair.recycle(frame),
                None => drop(frame),
            }
        }
    }

    /// Whether the NIC says that a queue pair works. Reads registers.
    pub(crate) fn is_well(&self, held: &mut Token<'_, impl Outermost>, queue: usize) -> bool {
        self.apart(held, queue, |pair| matches!(pair.health(), Ok(Health::Up)))
            .unwrap_or(true)
    }

    /// Starts all queue pairs over and sets the port up again; by a reset of the device if they do not stop.
    /// What was posted comes back as aborted.
    pub(crate) fn recover(
        &self,
        held: &mut Token<'_, impl Outermost>,
        config: &StackConfig,
        done: &mut Vec<Completed<()>>,
    ) -> Result<(), DriverError> {
        if let Err(error) = self.start_over(held, done) {
            tracing::warn!(%error, "queue pairs do not recover, resetting the device");
            self.driver.reset()?;
            self.start_over(held, done)?;
        }
        self.set_port(config)
    }

    fn start_over(
        &self,
        held: &mut Token<'_, impl Outermost>,
        done: &mut Vec<Completed<()>>,
    ) -> Result<(), DriverError> {
        for queue in 0..self.rings.len() {
            self.apart(held, queue, |pair| pair.recover(done))
                .transpose()?;
        }
        Ok(())
    }

    /// Asks for an interrupt at the next completion.
    pub(crate) fn arm(
        &self,
        held: &mut Token<'_, impl Precedes<Ring>>,
        queue: usize,
    ) -> Result<(), DriverError> {
        match &mut held.lock(&self.rings[queue]).0.pair {
            Some(pair) => pair.arm(),
            None => Ok(()),
        }
    }

    /// Transmit requests that the NIC has not completed.
    pub(crate) fn outstanding(&self, held: &mut Token<'_, impl Precedes<Ring>>) -> usize {
        let of = |rings: &Ordered<Ring, Rings>| {
            held.with(rings, |rings| {
                rings.pair.as_ref().map_or(0, QueuePair::outstanding)
            })
        };
        self.rings.iter().map(of).sum()
    }

    /// Chunks of headers, and receive buffers, that are not in their pools.
    pub(crate) fn taken(&self, held: &mut Token<'_, impl Precedes<Ring>>) -> (usize, usize) {
        let headers = |rings: &Ordered<Ring, Rings>| held.with(rings, |r| r.headers.taken());
        let headers = self.rings.iter().map(headers).sum();
        (headers, self.receive.iter().map(|pool| pool.taken()).sum())
    }

    /// Closes all queue pairs: whatever the NIC held is given back, at the latest by a confirmed quiesce.
    pub(crate) fn close(&self, held: &mut Token<'_, impl Outermost>) {
        if let Err(error) = self.driver.set_reception(Reception::default()) {
            tracing::warn!(%error, "reception could not be switched off");
        }
        for rings in &self.rings {
            let pair = held.with(rings, |rings| {
                rings.closed = true;
                rings.pair.take()
            });
            if let Some(pair) = pair {
                pair.close(&mut Vec::new());
            }
        }
    }
}
