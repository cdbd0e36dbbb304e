//! Random scenarios: what happens to a NIC, step by step, whatever NIC it is.
//!
//! After each step the NIC comes to rest, and only such things happen at once whose outcome does not depend on which is faster:
//! the contract says nothing of cycles.

use super::faults::Fault;
use super::request::TxRequest;
use super::rings::QueueConfig;
use super::{faults, frames, requests};
use nic_abi::block::port;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_wire::{Picos, Seed};

/// Queue pairs that scenarios use.
pub const QUEUE_PAIRS: u32 = 2;

/// One thing that happens, and is waited for.
#[derive(Debug, Clone)]
pub enum Step {
    /// The port is set up anew.
    Port {
        /// Register RX_CONTROL.
        control: u32,
        /// Register MAX_FRAME.
        max_frame: u32,
        /// Register RX_QUEUE.
        queue: u32,
        /// First multicast entry.
        multicast: [u8; 6],
    },
    /// Requests and frames at once.
    Traffic(Traffic),
    /// A queue pair is broken.
    Fault {
        /// The queue pair.
        queue: u32,
        /// What is done to it.
        fault: Fault,
        /// A frame comes in, which the fault may need.
        frame: Vec<u8>,
    },
    /// A queue pair is disabled and enabled with fresh rings.
    Restart {
        /// The queue pair.
        queue: u32,
        /// Its rings.
        config: QueueConfig,
    },
}

/// Requests and frames that are under way at the same time.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// Receive buffers to be provided before: queue pair and length.
    pub buffers: Vec<(u32, u32)>,
    /// Frames to the NIC, back to back.
    pub frames: Vec<Vec<u8>>,
    /// Requests; those of one doorbell together, and the time until the next one.
    pub requests: Vec<(u32, Vec<TxRequest>, Picos)>,
}

/// What is done to a NIC, and with which seed it was drawn.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Seed.
    pub seed: Seed,
    /// Rings at the start.
    pub queues: Vec<QueueConfig>,
    /// The steps.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// The scenario of `seed` with `count` random steps.
    #[must_use]
    pub fn random(seed: Seed, count: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed.0);
        let mut generator = Generator {
            queues: (0..QUEUE_PAIRS).map(|_| queue_config(&mut rng)).collect(),
            rx_queue: 0,
            rng,
        };
        let queues = generator.queues.clone();
        let mut steps = Vec::new();
        while steps.len() < count {
            match generator.rng.random_range(0..10) {
                0 => steps.push(generator.port()),
                1 => steps.push(generator.restart()),
                2 => steps.extend(generator.fault()),
                _ => steps.push(generator.traffic()),
            }
        }
        Self {
            seed,
            queues,
            steps,
        }
    }
}

fn queue_config(rng: &mut ChaCha8Rng) -> QueueConfig {
    let (sq, rq): (u32, u32) = (rng.random_range(4..8), rng.random_range(4..8));
    QueueConfig {
        sq,
        rq,
        cq: sq.max(rq) + 1 + rng.random_range(0..2),
        interrupt: rng.random_range(0..2),
    }
}

struct Generator {
    rng: ChaCha8Rng,
    queues: Vec<QueueConfig>,
    rx_queue: u32,
}

impl Generator {
    fn port(&mut self) -> Step {
        let rng = &mut self.rng;
        self.rx_queue = rng.random_range(0..QUEUE_PAIRS);
        let mut control = rng.random_range(0..16) | port::RX_ENABLE.mask();
        if rng.random_range(0..3) != 0 {
            control |= port::RX_PROMISCUOUS.mask();
        }
        if rng.random_range(0..8) == 0 {
            control &= !port::RX_ENABLE.mask();
        }
        let mut multicast: [u8; 6] = rng.random();
        multicast[0] |= 1;
        Step::Port {
            control,
            max_frame: *[1_518, 1_518, 1_514, 60, 600].choose(rng).unwrap_or(&1_518),
            queue: self.rx_queue,
            multicast,
        }
    }

    fn restart(&mut self) -> Step {
        let queue = self.rng.random_range(0..QUEUE_PAIRS);
        self.restart_of(queue)
    }

    fn restart_of(&mut self, queue: u32) -> Step {
        let config = queue_config(&mut self.rng);
        self.queues[queue as usize] = config;
        Step::Restart { queue, config }
    }

    /// A fault, sometimes traffic that the broken queue pair does not take part in, and a restart.
    fn fault(&mut self) -> Vec<Step> {
        // Rings without anything in them: what is under way when the fault strikes is not said by the contract.
        let rx_queue = self.rx_queue;
        let fault = faults::random(&mut self.rng);
        let queue = if fault.needs_frame() {
            rx_queue
        } else {
            self.rng.random_range(0..QUEUE_PAIRS)
        };
        let before = self.restart_of(queue);
        let frame = frames::well_formed(&mut self.rng, 1_000);
        let fault = Step::Fault {
            queue,
            fault,
            frame,
        };
        vec![before, fault, self.restart_of(queue)]
    }

    fn traffic(&mut self) -> Step {
        let rng = &mut self.rng;
        let most = if rng.random_range(0..8) == 0 {
            1_700
        } else {
            1_518
        };
        let mut left = 10_000;
        let mut frames = Vec::new();
        for _ in 0..rng.random_range(0..24) {
            let mut frame = frames::any(rng, most);
            if rng.random_range(0..16) == 0 {
                frame[0] = 0xff;
                for byte in frame.iter_mut().take(6) {
                    *byte = 0xff;
                }
            } else if rng.random_range(0..16) == 0 {
                frame[0] |= 1;
            }
            if frame.len() <= left {
                left -= frame.len();
                frames.push(frame);
            }
        }
        let mut buffers = Vec::new();
        for queue in 0..QUEUE_PAIRS {
            let room = 1usize << self.queues[queue as usize].rq;
            for _ in 0..rng.random_range(0..=room) {
                let len = match rng.random_range(0..4) {
                    0 => 64 * rng.random_range(1..8),
                    1 => 2_048,
                    2 => 4_096,
                    _ => 64 * rng.random_range(1..=32),
                };
                buffers.push((queue, len));
            }
        }
        let requests = self.requests();
        Step::Traffic(Traffic {
            buffers,
            frames,
            requests,
        })
    }

    fn requests(&mut self) -> Vec<(u32, Vec<TxRequest>, Picos)> {
        let rng = &mut self.rng;
        let mut room: Vec<usize> = self.queues.iter().map(|q| 1 << q.sq).collect();
        let bytes = *[2_000, 4_000, 9_000, 20_000].choose(rng).unwrap_or(&4_000);
        let mut all = Vec::new();
        for _ in 0..rng.random_range(0..5) {
            let queue = rng.random_range(0..QUEUE_PAIRS);
            let room = &mut room[queue as usize];
            let mut batch = Vec::new();
            for _ in 0..rng.random_range(1..4) {
                if *room < 2 {
                    break;
                }
                let request = requests::random(rng, queue as u8, *room, bytes);
                *room -= 1 + request.pieces.len();
                batch.push(request);
            }
            let pause = Picos::from_nanos(*[0, 50, 700, 3_000].choose(rng).unwrap_or(&0));
            all.push((queue, batch, pause));
        }
        all
    }
}
