//! The NIC's clocks in real time: as fast as they go, asleep while there is nothing to do.

use super::any_nic::AnyNic;
use anyhow::{Context, Result};
use parking_lot::{Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sim_wire::{Picos, Station};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Simulated under one hold of the lock; register accesses come through in between.
const SLICE: Picos = Picos::from_nanos(1_000);
/// A sleeping NIC's lock is looked at this often for register writes.
const NAP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000,
};

/// The thread that runs a NIC's clocks; it ends when this is dropped.
pub struct Runner {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    /// Starts running `nic`.
    ///
    /// # Errors
    /// No thread, or no descriptor to wait on.
    pub fn start(nic: Arc<Mutex<AnyNic>>) -> Result<Self> {
        let outside = nic
            .lock()
            .wire()
            .poll_fd()
            .map(|fd| fd.try_clone_to_owned())
            .transpose()
            .context("a descriptor to wait for frames on")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("nic clocks".into())
            .spawn(move || {
                while !stopped.load(Ordering::Acquire) {
                    if !slice(&nic) {
                        sleep(&nic, outside.as_ref());
                    }
                }
            })
            .context("starting the thread of the NIC's clocks")?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

/// Runs one slice; false if there was nothing to do.
fn slice(nic: &Mutex<AnyNic>) -> bool {
    let mut nic = nic.lock();
    let Some(next) = nic.next_event() else {
        return false;
    };
    let now = nic.now();
    nic.run_until(Picos(next.0.max(now.0) + SLICE.0));
    MutexGuard::unlock_fair(nic);
    true
}

/// Waits for frames from outside, at most for a nap.
fn sleep(nic: &Mutex<AnyNic>, outside: Option<&OwnedFd>) {
    let Some(fd) = outside else {
        std::thread::sleep(std::time::Duration::from_nanos(NAP.tv_nsec as u64));
        return;
    };
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    if poll(&mut fds, Some(&NAP)).is_ok_and(|ready| ready > 0) {
        let mut nic = nic.lock();
        nic.wake();
        let now = nic.now();
        nic.run_until(Picos(now.0 + SLICE.0));
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the NIC's clocks has panicked");
        }
    }
}
