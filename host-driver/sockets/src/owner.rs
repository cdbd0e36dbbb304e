//! What the owner of a queue pair does: drain its completions, run its timers.

use longshore_refs::sync::atomic::Ordering;
use std::time::Duration;

use ip_core::{IpNumber, Notice, Verdicts};
use longshore_driver::{Completed, DriverError, Received};
use tcp_core::{ConnectionError, Events};

use crate::batch::{Batch, Hints};
use crate::counters::{count, note};
use crate::failure::Failure;
use crate::lock::{Outermost, Root, Token};
use crate::nic::Pair;
use crate::shared::Shared;
use crate::slots::FlowSlots;
use crate::timers::Due;

/// Completions per batch.
const BATCH: usize = 64;
/// Batches that are dealt with before somebody else may drive the queue pair.
const ROUNDS: usize = 16;

/// What whoever drives a queue pair has of it, and memory that is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// `None` once the stack is shut down.
    pub(crate) pair: Option<Pair>,
    /// Failed requests that were told of.
    failed: u64,
    pub(crate) done: Vec<Completed<()>>,
    frames: Vec<Received>,
    batch: Batch,
    hints: Hints,
    pub(crate) slots: Option<FlowSlots>,
}

impl Workspace {
    pub(crate) fn new(pair: Pair) -> Self {
        Self {
            pair: Some(pair),
            ..Self::default()
        }
    }
}

impl Shared {
    /// Drives a queue pair until nothing is left to do, or for long enough: true if more is there already. Whoever else
    /// wants to drive it waits for the end of that.
    pub(crate) fn tend(&self, root: &mut Token<'_, Root>, queue: usize) -> bool {
        let (mut work, mut held) = root.lock(&self.queues[queue].workspace);
        let more = (0..ROUNDS).all(|_| self.round(&mut held, queue, &mut work));
        if work.pair.as_ref().is_some_and(Pair::is_reclaimable) {
            // Whoever posts takes back what the NIC is done with; before a sleep it must be us.
            drop(self.nic.tx(&mut held, queue));
        }
        more
    }

    fn round(
        &self,
        held: &mut Token<'_, impl Outermost>,
        queue: usize,
        work: &mut Workspace,
    ) -> bool {
        let now = self.now();
        let completions = self.poll(queue, work).unwrap_or_else(|error| {
            tracing::warn!(%error, queue, "polling failed");
            self.note_trouble(queue);
            0
        });
        self.watch(now, queue, completions, work.pair.as_ref());
        for completed in work.done.drain(..) {
            match completed {
                Completed::Received(frame) => {
                    let place = work.batch.append(&frame);
                    let info = frame.info();
                    let verdicts = Verdicts {
                        l3: info.l3,
                        l4: info.l4,
                    };
                    self.on_frame(held, now, None, &mut work.batch, place, verdicts);
                    work.frames.push(frame);
                }
                // Aborted when the queue pair started over: TCP sends it again.
                Completed::Sent { .. } => {}
                Completed::Quarantined { fault, index } => {
                    tracing::error!(?fault, index, queue, "queue pair in quarantine");
                    self.note_trouble(queue);
                }
            }
        }
        let counters = &self.queues[queue].counters;
        note(&counters.frames_in, work.frames.len() as u64);
        note(&counters.segments_in, work.batch.arrivals.len() as u64);
        // The frames' bytes are copied: their buffers go back before anything else is done.
        for frame in work.frames.drain(..) {
            if let Some(pair) = &mut work.pair {
                pair.recycle(frame);
            }
        }
        self.on_batch(held, now, queue, &mut work.batch, &mut work.hints);
        work.batch.clear();
        self.rescue(held, queue, work);
        self.run_timers(held, queue, now);
        self.serve_parked(held, queue);
        self.serve_parked_udp(held, queue);
        if queue == 0 {
            self.tend_neighbours(held, now);
        }
        completions >= BATCH
    }

    /// Takes completions; returns how many.
    fn poll(&self, queue: usize, work: &mut Workspace) -> Result<usize, DriverError> {
        let Some(pair) = &mut work.pair else {
            return Ok(0);
        };
        let completions = pair.poll(BATCH, &mut work.done)?;
        if completions > 0 {
            let failed = pair.counters().failed;
            if failed != work.failed {
                note(
                    &self.queues[queue].counters.device_errors,
                    failed - work.failed,
                );
                tracing::warn!(failed, queue, "transmit requests failed");
                work.failed = failed;
            }
        }
        Ok(completions)
    }

    /// When a queue pair's owner has to act next, completions aside.
    pub(crate) fn next_deadline(&self, queue: usize) -> Option<Duration> {
        let timers = self.queues[queue].timers.next();
        let neighbours = (queue == 0)
            .then(|| self.neighbours.next_timeout())
            .flatten();
        timers.into_iter().chain(neighbours).min()
    }

    /// Sleeps until something is to be done for the queue pair.
    pub(crate) fn sleep(&self, root: &mut Token<'_, Root>, queue: usize) {
        let nanos = |at: Duration| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        let cell = &self.queues[queue].sleeps_until;
        // Whoever arms an earlier timer from now on wakes us; what was armed before, we see here.
        cell.store(u64::MAX, Ordering::SeqCst);
        let deadline = self.next_deadline(queue);
        let armed = root.with(&self.queues[queue].workspace, |work| {
            work.pair.as_mut().map_or(Ok(()), Pair::arm)
        });
        if let Err(error) = armed {
            tracing::warn!(%error, queue, "interrupt not armed");
        }
        if !self.is_down() {
            cell.store(deadline.map_or(u64::MAX, nanos), Ordering::SeqCst);
            let earlier =
                self.next_deadline(queue).map_or(u64::MAX, nanos) < cell.load(Ordering::SeqCst);
            let missed = earlier
                || (queue == 0 && self.neighbours.has_output())
                || self.can_serve_parked(root, queue);
            let timeout = deadline.map(|at| at.saturating_sub(self.now()));
            if !missed {
                self.nic.interrupt(queue).wait(timeout);
            }
        }
        cell.store(0, Ordering::SeqCst);
    }

    pub(crate) fn run_timers(
        &self,
        held: &mut Token<'_, impl Outermost>,
        queue: usize,
        now: Duration,
    ) {
        while let Some((key, due)) = self.queues[queue].timers.expired(held, now) {
            match due {
                Due::Pcb(armed) => self.update_in(held, &armed, |live, now, _| {
                    // Stopped too late, and perhaps armed again since.
                    if live.timer == Some(key) {
                        live.timer = None;
                    }
                    let due = live.connection.next_timeout().is_some_and(|at| at <= now);
                    let events = if due && !live.dropped {
                        live.connection.on_timeout(now)
                    } else {
                        Events::empty()
                    };
                    // It may pass: whoever is woken can ask for it.
                    if events.contains(Events::DELIVERY_PROBLEM) && live.soft.is_none() {
                        live.soft = Some(Failure::Tcp(ConnectionError::TimedOut));
                    }
                    ((), events)
                }),
                Due::Shard(number) => self.on_shard_timer(held, now, number, key),
            }
        }
    }

    /// Whether somebody waits for room in the ring or for send memory, and there is some.
    fn can_serve_parked(&self, held: &mut Token<'_, impl Outermost>, queue: usize) -> bool {
        self.queues[queue].has_parked.load(Ordering::Acquire)
            && self.nic.tx(held, queue).has_room()
            && !self.nic.send_pool().is_dry()
    }

    /// Drives those who waited for room in the ring or for send memory, if there is some.
    fn serve_parked(&self, held: &mut Token<'_, impl Outermost>, queue: usize) {
        if !self.can_serve_parked(held, queue) {
            return;
        }
        let parked = &self.queues[queue].parked;
        let waiting = held.with(parked, |list| {
            self.queues[queue]
                .has_parked
                .store(false, Ordering::Release);
            std::mem::take(list)
        });
        for handle in waiting {
            self.unpark(held, handle);
        }
    }

    fn tend_neighbours(&self, held: &mut Token<'_, impl Outermost>, now: Duration) {
        self.neighbours.tend(held, now);
        while self.neighbours.has_output() {
            let (frames, notices) = self.neighbours.take_output(held);
            if frames.is_empty() && notices.is_empty() {
                return;
            }
            let mut tx = self.nic.tx(held, 0);
            for frame in frames {
                // Without room it is lost, as it may be on the wire.
                if tx.has_room()
                    && let Err(error) = tx.post_frame(&frame)
                {
                    count(&self.counters.device_errors);
                    tracing::warn!(%error, "frame not posted");
                }
            }
            tx.commit();
            drop(tx);
            for notice in notices {
                self.on_notice(held, now, notice);
            }
        }
    }

    fn on_notice(&self, held: &mut Token<'_, impl Outermost>, now: Duration, notice: Notice) {
        match notice {
            Notice::Resolved(_) => {
                self.on_udp_neighbour(held, None);
                let waiting = held.with(&self.unresolved, std::mem::take);
                for handle in waiting {
                    self.unpark(held, handle);
                }
            }
            Notice::Lost(hop) => {
                tracing::info!(%hop, "neighbour does not answer");
                self.on_echo_neighbour_lost(held, hop);
                self.on_udp_neighbour(held, Some(hop));
                self.on_neighbour_lost(held, now, hop);
            }
            Notice::Icmp(error) => {
                count(&self.counters.icmp_errors);
                if error.quoted.protocol == IpNumber::UDP {
                    self.on_udp_error(held, now, &error);
                } else {
                    self.on_icmp(held, &error);
                }
            }
            Notice::Echo(reply) => self.on_echo(held, reply, now),
        }
    }
}
