//! The NICs' clocks in real time: as fast as they go, asleep while there is nothing to do.

use super::nic::AnyNic;
use anyhow::{Context as _, Result};
use parking_lot::{Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sim_wire::{Picos, Station};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Simulated under one hold of the lock of a NIC that is alone; register accesses come through in between.
const ALONE: Picos = Picos::from_nanos(1_000);
/// The same for NICs on a common wire: shorter than the shortest frame takes, so that none arrives in the other's past.
const TOGETHER: Picos = Picos::from_nanos(100);
/// Sleeping NICs are looked at this often for register writes.
const NAP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000,
};

/// The thread that runs the clocks; it ends when this is dropped.
pub(super) struct Clocks {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Clocks {
    /// Starts running `nics`, which live in one time.
    ///
    /// # Errors
    /// No thread, or no descriptor to wait on.
    pub(super) fn start(nics: Vec<Arc<Mutex<AnyNic>>>) -> Result<Self> {
        let mut outside = Vec::new();
        for nic in &nics {
            let fd = nic.lock().outside();
            outside.extend(fd.context("a descriptor to wait for frames on")?);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("nic clocks".into())
            .spawn(move || {
                while !stopped.load(Ordering::Acquire) {
                    if !slice(&nics) {
                        sleep(&nics, &outside);
                    }
                }
            })
            .context("starting the thread of the NICs' clocks")?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

/// Runs one slice; false if there was nothing to do.
fn slice(nics: &[Arc<Mutex<AnyNic>>]) -> bool {
    let mut next: Option<Picos> = None;
    let mut now = Picos::ZERO;
    for nic in nics {
        let nic = nic.lock();
        now = now.max(nic.now());
        next = next.into_iter().chain(nic.next_event()).min();
    }
    let Some(next) = next else {
        return false;
    };
    let step = if nics.len() == 1 { ALONE } else { TOGETHER };
    run(nics, next.max(now) + step);
    true
}

fn run(nics: &[Arc<Mutex<AnyNic>>], until: Picos) {
    for nic in nics {
        let mut nic = nic.lock();
        nic.run_until(until);
        MutexGuard::unlock_fair(nic);
    }
}

/// Waits for frames from outside, at most for a nap.
fn sleep(nics: &[Arc<Mutex<AnyNic>>], outside: &[OwnedFd]) {
    let mut fds: Vec<_> = outside
        .iter()
        .map(|fd| PollFd::new(fd, PollFlags::IN))
        .collect();
    // Without descriptors this is a nap and nothing else.
    if poll(&mut fds, Some(&NAP)).is_ok_and(|ready| ready > 0) {
        for nic in nics {
            let mut nic = nic.lock();
            nic.wake();
            let until = nic.now() + ALONE;
            nic.run_until(until);
        }
    }
}

impl Drop for Clocks {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the NICs' clocks has panicked");
        }
    }
}
