//! The stack: NIC, addresses, connections, and who runs them.

mod living;

pub use living::Living;

use longshore_refs::sync::atomic::{AtomicBool, AtomicU16, AtomicU64};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ip_core::{ConfigError, Discard, DiscardCounters};
use longshore_driver::{DriverError, Moderation, QueueConfig};
use longshore_refs::{Census, Slab};
use tcp_core::{IsnGenerator, SynCookies};

use crate::clock::Clock;
use crate::config::{SocketConfig, StackConfig};
use crate::counters::{Counters, StackCounters};
use crate::listener::{Listener, Listeners};
use crate::lock::{Leaf, Ordered, Token};
use crate::neighbours::Neighbours;
use crate::nic::Nic;
use crate::pcb::Pcb;
use crate::shared::{Queue, Shared};
use crate::table::Table;
use crate::udp;

/// Why a stack could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The NIC or the driver.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// Addresses and routes.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No thread to be had.
    #[error("starting the owner thread of a queue pair: {0}")]
    Thread(io::Error),
}

/// A TCP/IP stack over a NIC.
///
/// Time is either real ([`Stack::new`], then [`Stack::start`] for one owner thread per queue pair) or stepped
/// ([`Stack::stepped`], then [`Stack::poll`] by whoever moves time on).
///
/// Dropping it shuts it down: see [`Stack::shutdown`].
pub struct Stack {
    shared: Arc<Shared>,
    owners: Ordered<Leaf, Vec<JoinHandle<()>>>,
}

impl Stack {
    /// A stack in real time.
    ///
    /// # Errors
    /// [`StackError`]
    pub fn new(nic: longshore_driver::Nic, config: StackConfig) -> Result<Self, StackError> {
        Self::with_clock(nic, config, Clock::real(), default_queue())
    }

    /// A stack in stepped time, which begins at 0 and is what [`Stack::poll`] says.
    ///
    /// # Errors
    /// [`StackError`]
    pub fn stepped(nic: longshore_driver::Nic, config: StackConfig) -> Result<Self, StackError> {
        Self::with_clock(nic, config, Clock::stepped(), default_queue())
    }

    /// As [`Stack::stepped`], with rings of other sizes.
    ///
    /// # Errors
    /// [`StackError`]
    pub fn stepped_with_rings(
        nic: longshore_driver::Nic,
        config: StackConfig,
        rings: QueueConfig,
    ) -> Result<Self, StackError> {
        Self::with_clock(nic, config, Clock::stepped(), rings)
    }

    fn with_clock(
        nic: longshore_driver::Nic,
        mut config: StackConfig,
        clock: Clock,
        rings: QueueConfig,
    ) -> Result<Self, StackError> {
        let neighbours = Neighbours::new(Arc::new(config.ip.clone()))?;
        let (nic, pairs) = Nic::open(nic, &config, rings, config.queue_pairs)?;
        config.tcp.max_transmit = if nic.has_tso() {
            config.tcp.max_transmit.min(nic_abi::tx::PAYLOAD_MAX)
        } else {
            0
        };
        let secret = config.secret.unwrap_or_else(rand::random);
        let port = u64::from_le_bytes(*secret.first_chunk().unwrap_or(&[0; 8]));
        let shared = Shared {
            clock,
            isns: IsnGenerator::new(secret),
            // A key of its own.
            cookies: SynCookies::new(secret.map(|byte| byte ^ 0x5c)),
            table: Table::default(),
            addresses: Listeners::default(),
            listeners: Slab::new("listeners", config.listeners, |_| Listener::default()),
            pcbs: Slab::new("pcbs", config.connections, |_| Pcb::default()),
            sockets: Arc::new(Census::default()),
            udp: udp::Sockets::new(&config),
            neighbours,
            queues: pairs.into_iter().map(Queue::new).collect(),
            nic,
            unresolved: Ordered::default(),
            echoes: Ordered::default(),
            counters: Counters::default(),
            discards: DiscardCounters::default(),
            port: AtomicU64::new(port),
            listen_port: AtomicU16::new(0),
            down: AtomicBool::new(false),
            config,
        };
        Ok(Self {
            shared: Arc::new(shared),
            owners: Ordered::default(),
        })
    }

    /// Starts one owner thread per queue pair, if none runs yet. They end when the stack is shut down.
    ///
    /// # Errors
    /// [`StackError::Thread`]
    pub fn start(&self) -> Result<(), StackError> {
        let mut root = Token::root();
        let (mut owners, _) = root.lock(&self.owners);
        if !owners.is_empty() {
            return Ok(());
        }
        for queue in 0..self.shared.queues.len() {
            let shared = Arc::clone(&self.shared);
            let owner = std::thread::Builder::new()
                .name(format!("longshore queue {queue}"))
                .spawn(move || {
                    // Recovery on this thread shall not wait for the allocator.
                    tcp_core::preallocate(SPARE_BLOCKS);
                    let mut root = Token::root();
                    while !shared.is_down() {
                        if !shared.tend(&mut root, queue) {
                            shared.sleep(&mut root, queue);
                        }
                    }
                })
                .map_err(StackError::Thread)?;
            owners.push(owner);
        }
        Ok(())
    }

    /// Moves stepped time to `now` and does everything that is due. Returns when something is due next; frames
    /// and other completions may come before.
    pub fn poll(&self, now: Duration) -> Option<Duration> {
        self.shared.clock.advance(now);
        let root = &mut Token::root();
        let queues = 0..self.shared.queues.len();
        for queue in queues.clone() {
            while self.shared.tend(root, queue) {}
        }
        queues
            .filter_map(|queue| self.shared.next_deadline(queue))
            .min()
    }

    /// When something is due next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        (0..self.shared.queues.len())
            .filter_map(|queue| self.shared.next_deadline(queue))
            .min()
    }

    /// The stack's time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now()
    }

    /// Ends everything: listeners close, connections are aborted (their programs are told ENODEV once), the queue
    /// pairs are closed. Memory that the NIC does not give back then is freed when the driver goes, which cuts the
    /// device off if it must. Cannot fail; a second call does nothing. The same happens by itself when the NIC is lost.
    pub fn shutdown(&self) {
        let shared = &self.shared;
        let root = &mut Token::root();
        shared.end(root);
        let owners = root.with(&self.owners, std::mem::take);
        for owner in owners {
            if owner.join().is_err() {
                tracing::error!("an owner thread has panicked");
            }
        }
        for queue in &shared.queues {
            drop(queue.timers.clear(root));
        }
        shared.close_queues(root);
        shared.end_slots(root);
    }

    /// What the stack has done so far.
    #[must_use]
    pub fn counters(&self) -> StackCounters {
        self.shared.counted()
    }

    /// Received frames that went no further, by reason.
    #[must_use]
    pub fn discards(&self) -> Vec<(Discard, u64)> {
        self.shared.discards.nonzero().collect()
    }

    /// What a socket has that is given no settings of its own.
    #[must_use]
    pub fn socket_config(&self) -> SocketConfig {
        self.shared.config.socket()
    }

    /// The driver below.
    #[must_use]
    pub fn nic(&self) -> &longshore_driver::Nic {
        self.shared.nic.driver()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

/// Connections of a queue pair that can be in disorder at a time without an allocation: about 50 KiB.
const SPARE_BLOCKS: usize = 16;

/// Room for a few super-segments, and for the frames of a receive window.
///
/// Under bulk an interrupt tells of 64 frames (79 µs at 10 Gb/s) or of what comes in 115 µs (112 × 256 core cycles at 250 MHz), so
/// that arming it again and the doorbell of the answers cost far less than one register write in ten frames. A window of 256 KiB
/// holds what is sent while both ends wait. Otherwise an interrupt comes within 33 µs.
fn default_queue() -> QueueConfig {
    QueueConfig {
        moderation: Moderation {
            delay: 32,
            count: 64,
        },
        bulk: Moderation {
            delay: 112,
            count: 64,
        },
        sq_log2: 10,
        rq_log2: 10,
        cq_log2: 11,
        ..QueueConfig::default()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("ip", &self.shared.config.ip)
            .field("living", &self.living())
            .finish_non_exhaustive()
    }
}
