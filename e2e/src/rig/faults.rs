//! What quarantines a queue pair.

use super::bench::Rig;
use super::memory::HOLE;
use super::nics::Nic;
use super::request::TxRequest;
use nic_abi::block::queue;
use nic_abi::fault::QueueFault;
use nic_abi::rx::RxDescriptor;
use nic_abi::tx::{self, TxBuffer};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One way to break a queue pair that is at rest with empty rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A context is expected, and another type found.
    ContextType(u8),
    /// The buffer with this number is of another type; all are there.
    BufferType(usize),
    /// The buffer with this number has this length.
    BufferLength(usize, u32),
    /// The payload of a request cannot be read.
    Payload,
    /// Piece number so much of a request with this MSS cannot be read; whole segments before it are sent.
    Segment(usize, u16),
    /// The submission doorbell moves this much further than the ring is long.
    SubmissionIndex(u16),
    /// The receive doorbell moves this much further than the ring is long.
    ReceiveIndex(u16),
    /// The consumer index goes this far beyond the producer.
    ConsumerIndex(u16),
    /// A receive descriptor is of another type.
    ReceiveType(u8),
    /// A receive buffer is not aligned.
    ReceiveAlignment(u64),
    /// A receive buffer has this length.
    ReceiveLength(u32),
    /// The submission ring is not mapped.
    SubmissionRing,
    /// The receive ring is not mapped.
    ReceiveRing,
    /// The rings have these sizes.
    Sizes(u32, u32, u32),
    /// Ring number 0 to 2 is not aligned.
    RingAlignment(usize),
}

/// A random fault.
pub fn random(rng: &mut ChaCha8Rng) -> Fault {
    match rng.random_range(0..15) {
        0 => Fault::ContextType(*[0, 2, 3, 15, 9].get(rng.random_range(0..5)).unwrap_or(&0)),
        1 => Fault::BufferType(rng.random_range(0..4)),
        2 => {
            let len = if rng.random() {
                0
            } else {
                rng.random_range(tx::BUFFER_LEN_MAX + 1..0x2_0000)
            };
            Fault::BufferLength(rng.random_range(0..4), len)
        }
        3 => Fault::Payload,
        4 => Fault::SubmissionIndex(rng.random_range(1..100)),
        5 => Fault::ReceiveIndex(rng.random_range(1..100)),
        6 => Fault::ConsumerIndex(rng.random_range(1..100)),
        7 => Fault::ReceiveType(*[0, 1, 2, 15].get(rng.random_range(0..4)).unwrap_or(&0)),
        8 => Fault::ReceiveAlignment(rng.random_range(1..64)),
        9 => Fault::ReceiveLength(
            *[0, 32, 65_600, 100]
                .get(rng.random_range(0..4))
                .unwrap_or(&0),
        ),
        10 => Fault::SubmissionRing,
        11 => Fault::ReceiveRing,
        12 => {
            let sizes = [
                (3, 4, 6),
                (4, 3, 6),
                (4, 4, 3),
                (4, 4, 4),
                (5, 6, 6),
                (0, 0, 0),
                (15, 15, 15),
            ];
            let (sq, rq, cq) = sizes[rng.random_range(0..sizes.len())];
            Fault::Sizes(sq, rq, cq)
        }
        13 => Fault::Segment(rng.random_range(0..4), rng.random_range(100..1_400)),
        _ => Fault::RingAlignment(rng.random_range(0..3)),
    }
}

impl Fault {
    /// It shows only when a frame is received.
    #[must_use]
    pub fn needs_frame(&self) -> bool {
        matches!(
            self,
            Self::ReceiveType(_) | Self::ReceiveAlignment(_) | Self::ReceiveLength(_)
        )
    }

    /// The fault that the queue pair must be in quarantine for.
    #[must_use]
    pub fn cause(&self) -> QueueFault {
        match self {
            Self::ContextType(_) | Self::BufferType(_) | Self::ReceiveType(_) => {
                QueueFault::BadDescriptorType
            }
            Self::BufferLength(..) | Self::ReceiveLength(_) => QueueFault::BadLength,
            Self::Payload | Self::Segment(..) => QueueFault::PayloadReadFailed,
            Self::SubmissionIndex(_) | Self::ReceiveIndex(_) | Self::ConsumerIndex(_) => {
                QueueFault::BadIndex
            }
            Self::ReceiveAlignment(_) => QueueFault::BadAlignment,
            Self::SubmissionRing | Self::ReceiveRing => QueueFault::ReadFailed,
            Self::Sizes(..) | Self::RingAlignment(_) => QueueFault::BadConfiguration,
        }
    }

    /// The fault has no completion ring to tell of itself: only the STATUS register does.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Sizes(..) | Self::RingAlignment(_))
    }

    /// Breaks queue pair `q`, which is enabled and at rest with empty rings.
    pub fn strike<N: Nic>(&self, rig: &mut Rig<N>, q: u32) {
        match *self {
            Self::ContextType(kind) => {
                rig.post_descriptor(q, tx::TYPE.set(0, kind.into()));
                rig.ring_sq(q);
            }
            Self::BufferType(at) => post_with(rig, q, at, |d| tx::TYPE.set(d, tx::TYPE_CONTEXT)),
            Self::BufferLength(at, len) => {
                post_with(rig, q, at, |d| tx::BUFFER_LEN.set(d, len.into()));
            }
            Self::Payload => {
                let mut request = TxRequest::raw(vec![0x11; 100]);
                request.pieces[0].unmapped = true;
                rig.post(q, &request);
                rig.ring_sq(q);
            }
            Self::Segment(missing, mss) => {
                let header = vec![0; 54];
                let request = TxRequest::tso(&header, 34, &[0x22; 3_000], mss, false);
                let mut request = request.scattered(&[54, 1_000, 2_500], &[0, 3_900, 17]);
                request.pieces[missing].unmapped = true;
                rig.post(q, &request);
                rig.ring_sq(q);
            }
            Self::SubmissionIndex(beyond) => {
                let rings = rig.rings(q);
                let tail = rings.sq_tail.wrapping_add((1 << rings.config.sq) + beyond);
                rig.queue_write(q, queue::SQ_DOORBELL, tail.into());
            }
            Self::ReceiveIndex(beyond) => {
                let rings = rig.rings(q);
                let tail = rings.rq_tail.wrapping_add((1 << rings.config.rq) + beyond);
                rig.queue_write(q, queue::RQ_DOORBELL, tail.into());
            }
            Self::ConsumerIndex(beyond) => {
                let head = (rig.rings(q).cq_head as u16).wrapping_add(beyond);
                rig.queue_write(q, queue::CQ_DOORBELL, head.into());
            }
            Self::ReceiveType(kind) => {
                rig.provide_descriptor(q, nic_abi::rx::TYPE.set(0, kind.into()));
                rig.ring_rq(q);
            }
            Self::ReceiveAlignment(skew) => {
                let descriptor = RxDescriptor {
                    addr: HOLE + skew,
                    len: 2_048,
                };
                rig.provide_descriptor(q, descriptor.encode());
                rig.ring_rq(q);
            }
            Self::ReceiveLength(len) => {
                let descriptor = RxDescriptor { addr: HOLE, len };
                rig.provide_descriptor(q, descriptor.encode());
                rig.ring_rq(q);
            }
            Self::SubmissionRing => {
                self.enable_anew(rig, q);
                rig.queue_write(q, queue::SQ_DOORBELL, 4);
            }
            Self::ReceiveRing => {
                self.enable_anew(rig, q);
                rig.queue_write(q, queue::RQ_DOORBELL, 4);
            }
            Self::Sizes(..) | Self::RingAlignment(_) => self.enable_anew(rig, q),
        }
    }

    /// Enables the queue pair again with one thing wrong in its configuration.
    fn enable_anew<N: Nic>(&self, rig: &mut Rig<N>, q: u32) {
        rig.disable(q);
        let rings = rig.rings(q);
        let mut config = rings.config;
        let mut bases = [rings.sq.iova, rings.rq.iova, rings.cq.iova];
        match *self {
            Self::SubmissionRing => bases[0] = HOLE,
            Self::ReceiveRing => bases[1] = HOLE,
            Self::RingAlignment(ring) => bases[ring] += 32,
            Self::Sizes(sq, rq, cq) => (config.sq, config.rq, config.cq) = (sq, rq, cq),
            _ => {}
        }
        rig.enable_with(q, bases, config);
    }
}

/// Posts a request of four buffers with the descriptor of one of them changed.
fn post_with<N: Nic>(rig: &mut Rig<N>, q: u32, at: usize, change: impl Fn(u128) -> u128) {
    let buffer = rig.arena.allocate(400, 64, 0);
    let context = tx::BUFFERS.set(TxRequest::raw(vec![0; 400]).context, 4);
    rig.post_descriptor(q, context);
    for i in 0..4 {
        let piece = TxBuffer {
            addr: buffer.iova + 100 * i as u64,
            len: 100,
        };
        let descriptor = piece.encode();
        let descriptor = if i == at {
            change(descriptor)
        } else {
            descriptor
        };
        rig.post_descriptor(q, descriptor);
    }
    rig.ring_sq(q);
}
