//! The injector as a wire.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::BorrowedFd;

use super::config::{BadFaultConfig, FaultConfig, Script};
use super::counts::FaultCounts;
use super::stage::Stage;
use crate::frame::{Frame, FramePool};
use crate::seed::Seed;
use crate::time::Picos;
use crate::wire::{Sent, Wire, earlier};

/// A wire that damages what passes it. "Transmit" and "receive" are seen from the end it is plugged into.
///
/// If the thread panics (a failed test), the seed and the counts are printed as the injector is dropped.
pub struct FaultInjector<W> {
    inner: W,
    seed: Seed,
    tx: Stage,
    rx: Stage,
    keep_lost: bool,
    lost: VecDeque<Frame>,
}

impl<W: Wire> FaultInjector<W> {
    /// An injector on `inner` that passes everything on until told otherwise.
    pub fn new(inner: W, seed: Seed) -> Self {
        tracing::info!(%seed, "fault injector");
        let (tx, rx) = (Stage::new(seed, 0), Stage::new(seed, 1));
        Self {
            inner,
            seed,
            tx,
            rx,
            keep_lost: false,
            lost: VecDeque::new(),
        }
    }

    /// Faults by chance for frames sent from this end.
    ///
    /// # Errors
    /// If a rate is not within 0 to 1.
    pub fn with_tx(mut self, config: FaultConfig) -> Result<Self, BadFaultConfig> {
        self.tx.set_config(config)?;
        Ok(self)
    }

    /// Faults by chance for frames received at this end.
    ///
    /// # Errors
    /// If a rate is not within 0 to 1.
    pub fn with_rx(mut self, config: FaultConfig) -> Result<Self, BadFaultConfig> {
        self.rx.set_config(config)?;
        Ok(self)
    }

    /// Faults at chosen frames sent from this end.
    #[must_use]
    pub fn with_tx_script(mut self, script: Script) -> Self {
        self.tx.set_script(script);
        self
    }

    /// Faults at chosen frames received at this end.
    #[must_use]
    pub fn with_rx_script(mut self, script: Script) -> Self {
        self.rx.set_script(script);
        self
    }

    /// The seed that replays this run.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// What was done to frames sent from this end.
    pub fn tx_counts(&self) -> FaultCounts {
        self.tx.counts()
    }

    /// What was done to frames received at this end.
    pub fn rx_counts(&self) -> FaultCounts {
        self.rx.counts()
    }

    /// The wire below.
    pub fn inner(&self) -> &W {
        &self.inner
    }

    /// Passes on the frames to transmit that are due; gives what became of the first one.
    fn release(&mut self, now: Picos) -> Option<Sent> {
        let mut first = None;
        while let Some((at, frame)) = self.tx.pop(now) {
            let sent = self.inner.transmit(at, frame);
            first.get_or_insert(sent);
        }
        first
    }
}

impl<W: Wire> Wire for FaultInjector<W> {
    fn transmit(&mut self, now: Picos, frame: Frame) -> Sent {
        self.release(now);
        let (faults, _lost) = self.tx.admit(now, frame);
        // This frame goes first: its copy and the frames it overtakes follow it.
        match self.release(now) {
            Some(sent) => Sent {
                start: sent.start,
                faults: sent.faults | faults,
            },
            None => Sent { start: now, faults },
        }
    }

    fn receive(&mut self, now: Picos) -> Option<Frame> {
        self.release(now);
        while let Some(frame) = self.inner.receive(now) {
            let (_, lost) = self.rx.admit(frame.arrived_at(), frame);
            if self.keep_lost {
                self.lost.extend(lost);
            }
        }
        let (at, mut frame) = self.rx.pop(now)?;
        frame.set_arrived_at(at);
        Some(frame)
    }

    fn next_event(&self) -> Option<Picos> {
        let stages = earlier(self.tx.next_event(), self.rx.next_event());
        earlier(stages, self.inner.next_event())
    }

    fn tx_free_at(&self) -> Picos {
        self.inner.tx_free_at()
    }

    fn pool(&self) -> &FramePool {
        self.inner.pool()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.poll_fd()
    }

    fn keep_lost(&mut self, keep: bool) {
        self.keep_lost = keep;
        if !keep {
            self.lost.clear();
        }
        self.inner.keep_lost(keep);
    }

    fn take_lost(&mut self) -> Option<Frame> {
        self.inner.take_lost().or_else(|| self.lost.pop_front())
    }
}

impl<W> fmt::Display for FaultInjector<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}; tx: {}; rx: {}",
            self.seed,
            self.tx.counts(),
            self.rx.counts()
        )
    }
}

impl<W> Drop for FaultInjector<W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("fault injector: {self}");
        }
    }
}
