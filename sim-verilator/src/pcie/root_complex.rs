//! The root complex: turns the NIC's packets into accesses to host memory, and register accesses into packets.
//!
//! Reads are answered after a latency, in completions that end at read-completion boundaries (section 2.3.1.1), on
//! request out of order across tags. Posted writes take effect at once and in order, so nothing that comes later is
//! visible before them. What the NIC must not do (cross 4 KiB, exceed MPS or MRRS, reuse a tag) is recorded as a
//! violation.

use super::tlp::{CompletionStatus, Tlp};
use longshore_device::{IrqSink, message_vector};
use longshore_dma::HostMemory;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_wire::Picos;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// How the host behaves, and what it configured in the endpoint.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Maximum payload size in bytes: 128 to 4,096, a power of two.
    pub mps: u16,
    /// Maximum read request size in bytes: 128 to 4,096, a power of two.
    pub mrrs: u16,
    /// Largest completion in bytes, a multiple of the read completion boundary of 64 B.
    pub completion: u16,
    /// Time from a read request to its first completion.
    pub read_latency: Picos,
    /// Random addition to it, at most.
    pub jitter: Picos,
    /// Answer reads of different tags out of order, and split them at random boundaries.
    pub reorder: bool,
    /// Seed of what is random.
    pub seed: u64,
}

impl Default for HostConfig {
    /// The reference simulated configuration: MPS 256, MRRS 512, 0.5 µs.
    fn default() -> Self {
        Self {
            mps: 256,
            mrrs: 512,
            completion: 256,
            read_latency: Picos::from_nanos(500),
            jitter: Picos::ZERO,
            reorder: false,
            seed: 0,
        }
    }
}

/// What passed over the link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Read requests of the NIC.
    pub reads: u64,
    /// Bytes that they asked for.
    pub read_bytes: u64,
    /// Completions sent to the NIC.
    pub completions: u64,
    /// Write requests of the NIC.
    pub writes: u64,
    /// Bytes that they carried.
    pub written_bytes: u64,
    /// Interrupt messages among them.
    pub messages: u64,
    /// Reads and writes that no mapping covers.
    pub faults: u64,
}

/// How a read ends that the host cannot answer with data (PCI Express Base 5.0, sections 2.3.2, 2.7.2 and 2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFault {
    /// A completion without data, of this status.
    Status(CompletionStatus),
    /// Completions whose data are marked as poisoned.
    Poisoned,
    /// No completion at all. The NIC gives the read up; the host knows of it until [`LOST_FOR`] is over.
    Lost,
}

/// How long a read counts as outstanding that is never answered: longer than the NIC waits for several, one after the other.
pub const LOST_FOR: Picos = Picos::from_micros(200);

/// A read of the NIC that is being answered.
struct PendingRead {
    due: Picos,
    tag: u8,
    requester: u16,
    /// Address of the next byte to be sent.
    address: u64,
    /// Bytes still to be sent.
    left: u16,
    fault: Option<ReadFault>,
}

const COMPLETER: u16 = 0x0000;
const REGISTER_TAG: u8 = 0;
const BOUNDARY: u64 = 64;
const PAGE: u64 = 4096;

/// The root complex of one NIC.
pub struct RootComplex {
    config: HostConfig,
    memory: Option<Arc<dyn HostMemory>>,
    interrupts: Option<Arc<dyn IrqSink>>,
    reads: Vec<PendingRead>,
    to_nic: VecDeque<Vec<u32>>,
    answer: Option<u32>,
    faulty: Option<(Range<u64>, ReadFault)>,
    rng: ChaCha8Rng,
    counts: LinkCounts,
    violations: Vec<String>,
}

impl RootComplex {
    /// A root complex without memory.
    #[must_use]
    pub fn new(config: HostConfig) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(config.seed),
            config,
            memory: None,
            interrupts: None,
            reads: Vec::new(),
            to_nic: VecDeque::new(),
            answer: None,
            faulty: None,
            counts: LinkCounts::default(),
            violations: Vec::new(),
        }
    }

    /// Gives it memory and interrupts.
    pub fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        self.memory = Some(memory);
        self.interrupts = Some(interrupts);
    }

    /// How the host behaves.
    #[must_use]
    pub fn config(&self) -> &HostConfig {
        &self.config
    }

    /// What passed so far.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }

    /// Rules of the link that the NIC broke.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Reads that begin in this range of bus addresses end with a fault; `None`: no reads do.
    pub fn spoil_reads(&mut self, faulty: Option<(Range<u64>, ReadFault)>) {
        self.faulty = faulty;
    }

    /// Forgets everything that is under way, as a function-level reset does.
    pub fn reset(&mut self) {
        self.reads.clear();
        self.to_nic.clear();
        self.answer = None;
    }

    /// Queues a register write.
    pub fn register_write(&mut self, offset: u32, value: u32) {
        self.to_nic.push_back(
            Tlp::MemWrite {
                requester: COMPLETER,
                address: offset.into(),
                first_be: 0xf,
                last_be: 0,
                data: value.to_le_bytes().to_vec(),
            }
            .encode(),
        );
    }

    /// Queues a register read; [`take_answer`](Self::take_answer) has its value in time.
    pub fn register_read(&mut self, offset: u32) {
        self.answer = None;
        self.to_nic.push_back(
            Tlp::MemRead {
                requester: COMPLETER,
                tag: REGISTER_TAG,
                address: offset.into(),
                length: 1,
                first_be: 0xf,
                last_be: 0,
            }
            .encode(),
        );
    }

    /// The value of the last register read, once.
    pub fn take_answer(&mut self) -> Option<u32> {
        self.answer.take()
    }

    /// True if nothing is under way in either direction.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.to_nic.is_empty() && self.reads.is_empty()
    }

    /// True if every register access has left for the NIC.
    #[must_use]
    pub fn registers_sent(&self) -> bool {
        self.to_nic.is_empty()
    }

    /// The next packet for the NIC, if one is due.
    pub fn pop(&mut self, now: Picos) -> Option<Vec<u32>> {
        if let Some(words) = self.to_nic.pop_front() {
            return Some(words);
        }
        let due: Vec<usize> = (0..self.reads.len())
            .filter(|i| self.reads[*i].due <= now)
            .collect();
        let pick = if self.config.reorder && due.len() > 1 {
            self.rng.random_range(0..due.len())
        } else {
            0
        };
        let at = *due.get(pick)?;
        Some(self.complete(at)?.encode())
    }

    /// Takes a packet from the NIC.
    pub fn push(&mut self, now: Picos, words: &[u32]) {
        match Tlp::decode(words) {
            Ok(Tlp::MemRead {
                requester,
                tag,
                address,
                length,
                first_be,
                last_be,
            }) => {
                let (skip, trail) = edges(first_be, last_be, length);
                let bytes = 4 * length - skip - trail;
                self.read(
                    now,
                    requester,
                    tag,
                    address + u64::from(skip),
                    bytes,
                    length,
                );
            }
            Ok(Tlp::MemWrite {
                address,
                first_be,
                last_be,
                data,
                ..
            }) => {
                let (skip, trail) = edges(first_be, last_be, (data.len() / 4) as u16);
                let end = data.len() - usize::from(trail);
                self.write(address, &data[..end], skip.into());
            }
            Ok(Tlp::Completion {
                tag, status, data, ..
            }) => {
                let word: Option<[u8; 4]> = data.try_into().ok();
                match (tag, status, word) {
                    (REGISTER_TAG, CompletionStatus::Success, Some(word)) => {
                        self.answer = Some(u32::from_le_bytes(word));
                    }
                    _ => {
                        // As a root complex answers the processor: all ones.
                        self.answer = Some(u32::MAX);
                    }
                }
            }
            Err(error) => self.violations.push(format!("{error}: {words:08x?}")),
        }
    }

    fn read(&mut self, now: Picos, requester: u16, tag: u8, address: u64, bytes: u16, length: u16) {
        self.counts.reads += 1;
        self.counts.read_bytes += u64::from(bytes);
        if 4 * length > self.config.mrrs {
            self.violations.push(format!(
                "read of {} B above MRRS {}",
                4 * length,
                self.config.mrrs
            ));
        }
        if address % PAGE + u64::from(bytes) > PAGE {
            self.violations
                .push(format!("read of {bytes} B at {address:#x} crosses 4 KiB"));
        }
        if self.reads.iter().any(|r| r.tag == tag) {
            self.violations
                .push(format!("tag {tag} is outstanding already"));
        }
        let jitter = match self.config.jitter.0 {
            0 => 0,
            most => self.rng.random_range(0..=most),
        };
        let fault = self
            .faulty
            .as_ref()
            .filter(|(range, _)| range.contains(&address))
            .map(|(_, fault)| *fault);
        let latency = match fault {
            Some(ReadFault::Lost) => LOST_FOR,
            _ => self.config.read_latency,
        };
        self.reads.push(PendingRead {
            due: Picos(now.0 + latency.0 + jitter),
            tag,
            requester,
            address,
            left: bytes,
            fault,
        });
    }

    /// The next completion of the read at place `at`, if it gets any.
    fn complete(&mut self, at: usize) -> Option<Tlp> {
        let read = &self.reads[at];
        let (address, left, tag, requester) = (read.address, read.left, read.tag, read.requester);
        let fault = read.fault;
        if fault == Some(ReadFault::Lost) {
            self.reads.remove(at);
            return None;
        }
        self.counts.completions += 1;
        let completion = u64::from(self.config.completion);
        let (most, boundary) = if self.config.reorder {
            let steps = (completion / BOUNDARY).max(1);
            (BOUNDARY * self.rng.random_range(1..=steps), BOUNDARY)
        } else {
            (completion, completion)
        };
        // All but the last completion end at a boundary (section 2.3.1.1).
        let end = (address + most) / boundary * boundary;
        let bytes = u64::from(left).min(end - address) as u16;
        let skip = (address % 4) as usize;
        let mut data = vec![0; (skip + usize::from(bytes)).next_multiple_of(4)];
        let found = self.memory.as_ref().is_some_and(|m| {
            m.read(address, &mut data[skip..skip + usize::from(bytes)])
                .is_ok()
        });
        let lower_address = (address & 0x7f) as u8;
        let refused = match fault {
            Some(ReadFault::Status(status)) => Some(status),
            _ if found => None,
            _ => {
                self.counts.faults += 1;
                Some(CompletionStatus::UnsupportedRequest)
            }
        };
        if let Some(status) = refused {
            self.reads.remove(at);
            return Some(Tlp::Completion {
                completer: COMPLETER,
                requester,
                tag,
                status,
                byte_count: left,
                lower_address,
                poisoned: false,
                data: Vec::new(),
            });
        }
        if bytes == left {
            self.reads.remove(at);
        } else {
            let read = &mut self.reads[at];
            read.address += u64::from(bytes);
            read.left -= bytes;
        }
        Some(Tlp::Completion {
            completer: COMPLETER,
            requester,
            tag,
            status: CompletionStatus::Success,
            byte_count: left,
            lower_address,
            poisoned: fault == Some(ReadFault::Poisoned),
            data,
        })
    }

    fn write(&mut self, address: u64, data: &[u8], skip: usize) {
        let bytes = data.len() - skip;
        self.counts.writes += 1;
        self.counts.written_bytes += bytes as u64;
        if data.len() > self.config.mps.into() {
            self.violations.push(format!(
                "write of {} B above MPS {}",
                data.len(),
                self.config.mps
            ));
        }
        let address = address + skip as u64;
        if address % PAGE + bytes as u64 > PAGE {
            self.violations
                .push(format!("write of {bytes} B at {address:#x} crosses 4 KiB"));
        }
        if let (Some(vector), Some(interrupts)) = (message_vector(address, data), &self.interrupts)
        {
            self.counts.messages += 1;
            interrupts.raise(vector);
            return;
        }
        let lands = self
            .memory
            .as_ref()
            .is_some_and(|m| m.write(address, &data[skip..]).is_ok());
        if !lands {
            self.counts.faults += 1;
        }
    }
}

/// Bytes that are not enabled at the start and at the end of `length` double words.
fn edges(first_be: u8, last_be: u8, length: u16) -> (u16, u16) {
    let skip = (first_be.trailing_zeros() as u16).min(4);
    let last = if length == 1 { first_be } else { last_be };
    let trail = (last << 4).leading_zeros() as u16;
    if first_be == 0 {
        (0, 4 * length)
    } else {
        (skip, trail.min(4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_count_disabled_bytes() {
        assert_eq!(edges(0xf, 0xf, 2), (0, 0));
        assert_eq!(edges(0xc, 0x1, 3), (2, 3));
        assert_eq!(edges(0x6, 0x0, 1), (1, 1));
        assert_eq!(edges(0x0, 0x0, 1), (0, 4));
    }
}
