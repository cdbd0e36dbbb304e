//! What completions mean, whatever a device writes: checked before it is believed, counted when it is wrong.

use longshore_dma::Chunk;
use longshore_refs::holder::B;
use nic_abi::{
    block::Feature,
    completion::{Completion, RxCompletion, UnknownCompletion},
    fault::{QueueFault, Status},
};

use super::{Completed, QueuePair};
use crate::{Received, frame::Part};

/// Frame of which not all buffers are complete.
pub(super) enum Chain {
    None,
    Begun(Received),
    /// The rest of a frame that was given up.
    Skipping,
}

impl<T: Send> QueuePair<T> {
    /// Takes up to `budget` completions and appends what they mean to `done`. Returns how many.
    pub(super) fn drain(&mut self, budget: usize, done: &mut Vec<Completed<T>>) -> usize {
        let mut n = 0;
        while n < budget
            && let Some(entry) = self.cq.next()
        {
            n += 1;
            self.complete(entry, done);
        }
        self.counters.completions += n as u64;
        n
    }

    fn complete(&mut self, entry: u128, done: &mut Vec<Completed<T>>) {
        match Completion::decode(entry) {
            Ok(Completion::Rx(rx)) => {
                if let Some(frame) = self.receive(rx) {
                    self.counters.frames += 1;
                    self.counters.frame_bytes += frame.len() as u64;
                    done.push(Completed::Received(frame));
                }
            }
            Ok(Completion::Tx {
                head,
                status,
                segments,
                ..
            }) => {
                let retired = match &mut self.submitter {
                    Some(submitter) => {
                        submitter.retire(head, status, segments, |owner, outcome| {
                            done.push(Completed::Sent { owner, outcome });
                        })
                    }
                    None => self.progress.finish(head),
                };
                if retired.is_ok() && status != Status::Ok {
                    self.counters.failed += 1;
                }
                if retired.is_err() {
                    self.counters.bad_tx_head += 1;
                    self.complain("transmit completion for no request of the NIC's", entry);
                }
            }
            Ok(Completion::Event { index, fault }) if fault != QueueFault::None => {
                self.counters.quarantines += 1;
                self.quarantined = true;
                self.show_state();
                tracing::warn!(
                    queue = self.index,
                    ?fault,
                    index,
                    "queue pair in quarantine"
                );
                done.push(Completed::Quarantined { fault, index });
            }
            // No command was ever posted.
            Ok(Completion::Event { .. } | Completion::Command { .. })
            | Err(UnknownCompletion(_)) => {
                self.counters.bad_unknown += 1;
                self.complain("completion of unknown kind", entry);
            }
        }
    }

    /// Takes the buffer of a receive completion; returns the frame when it is whole.
    fn receive(&mut self, rx: RxCompletion) -> Option<Received> {
        let chain = std::mem::replace(&mut self.chain, Chain::None);
        let part = self.checked_part(&rx);
        let frame = match (chain, part) {
            (Chain::Begun(mut frame), Some(part)) => {
                frame.append(part, rx);
                Some(frame)
            }
            (Chain::None, Some(part)) => Some(Received::new(part, rx)),
            // A frame that lost a buffer is none.
            (Chain::Skipping, Some(part)) => {
                self.put_back(part.chunk);
                None
            }
            (Chain::Begun(frame), None) => {
                self.recycle(frame);
                None
            }
            (Chain::None | Chain::Skipping, None) => None,
        };
        let frame = match frame {
            Some(frame) if frame.len() > self.longest_frame() => {
                self.counters.bad_rx_chain += 1;
                self.complain("frame beyond the longest", u128::from(frame.len));
                self.recycle(frame);
                None
            }
            other => other,
        };
        match (frame, rx.more) {
            (Some(frame), true) => {
                self.chain = Chain::Begun(frame);
                None
            }
            (None, true) => {
                self.chain = Chain::Skipping;
                None
            }
            (frame, false) => frame,
        }
    }

    /// The buffer of a receive completion, if index and length are possible.
    fn checked_part(&mut self, rx: &RxCompletion) -> Option<Part> {
        let Some(chunk) = self.rq.take(rx.index) else {
            self.counters.bad_rx_index += 1;
            self.complain(
                "receive completion for no buffer of the NIC's",
                rx.index.into(),
            );
            return None;
        };
        if rx.len == 0 || usize::from(rx.len) > chunk.len() {
            self.counters.bad_rx_length += 1;
            self.complain("receive completion of impossible length", rx.len.into());
            self.put_back(chunk);
            return None;
        }
        Some(Part { chunk, len: rx.len })
    }

    fn longest_frame(&self) -> usize {
        if self.shared.features.has(Feature::Coalescing) {
            u16::MAX.into()
        } else {
            self.shared.identity.frame_limit as usize
        }
    }

    /// Says once per order of magnitude what a broken device does; the counters say the rest.
    fn complain(&self, what: &str, entry: u128) {
        if self.counters.bad_completions().is_power_of_two() {
            let total = self.counters.bad_completions();
            tracing::warn!(
                queue = self.index,
                total,
                entry = format_args!("{entry:#x}"),
                "{what}"
            );
        }
    }

    pub(super) fn put_back(&mut self, chunk: Chunk<B>) {
        let room = self.recycled.len() < usize::from(self.rq.len());
        if room && chunk.is_unique() && self.buffers.owns(&chunk) {
            self.recycled.push(chunk);
        }
    }
}
