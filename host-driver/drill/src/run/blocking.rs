//! Calls that wait, on a thread of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use super::call::{Done, Job, Pending};
use super::{Failure, Run};
use crate::ffi::Table;
use crate::script::Event;

/// A call that waits.
pub(super) struct Worker {
    result: Receiver<Done>,
    /// What the kernel says of the thread.
    stat: PathBuf,
    pending: Pending,
    line: usize,
    /// When it has to return.
    until: i64,
    since: i64,
    /// What it returned, and when that was noticed.
    done: Option<(Done, i64)>,
}

/// How long a call may wait once the script is over or wants the thread again, in microseconds.
const PATIENCE: i64 = 10_000_000;

impl Run {
    /// Begins a call on the other thread, and returns when it waits or is over.
    pub(super) fn begin(&mut self, event: &Event, until: i64, job: Job, pending: Pending) {
        let (started, begun) = channel();
        let (finished, result) = channel();
        let table: Arc<Table> = Arc::clone(&self.table);
        // Not joined: a call that nobody ends must not hold up the rest.
        std::thread::spawn(move || {
            let own = std::fs::read_link("/proc/thread-self").unwrap_or_default();
            let _ = started.send(own);
            let done = job(&table);
            drop(table);
            let _ = finished.send(done);
        });
        let own = begun.recv().unwrap_or_default();
        let at = super::timing::start(event.time);
        self.worker = Some(Worker {
            result,
            stat: Path::new("/proc").join(own).join("stat"),
            pending,
            line: event.line,
            until,
            since: until - at,
            done: None,
        });
        self.catch_up();
    }

    /// Returns when the other thread has done all that it can do now, and keeps what it returned.
    pub(super) fn catch_up(&mut self) {
        let Some(worker) = &self.worker else { return };
        if worker.done.is_some() {
            return;
        }
        let done = loop {
            match worker.result.try_recv() {
                Ok(done) => break Some(done),
                Err(TryRecvError::Disconnected) => break Some(Done::default()),
                Err(TryRecvError::Empty) => {}
            }
            if sleeps(&worker.stat) {
                break worker.result.try_recv().ok();
            }
            std::thread::yield_now();
        };
        let now = self.now();
        if let (Some(worker), Some(done)) = (&mut self.worker, done) {
            worker.done = Some((done, now));
        }
    }

    /// The call on the other thread has to be over before the next may begin.
    pub(super) fn await_worker(&mut self) -> Result<(), (usize, Failure)> {
        let begun = self.now();
        loop {
            match &self.worker {
                None => return Ok(()),
                Some(worker) if worker.done.is_some() => break,
                Some(worker) if self.now() - begun > PATIENCE => {
                    let line = worker.line;
                    return Err((line, Failure::failed("the call returns", "it still waits")));
                }
                Some(_) => self.pass(i64::MAX),
            }
        }
        let Some(worker) = self.worker.take() else {
            return Ok(());
        };
        let line = worker.line;
        let Some((done, at)) = worker.done else {
            return Ok(());
        };
        self.check_between(
            (worker.until, worker.until),
            worker.since,
            at,
            "the call returns",
        )
        .and_then(|()| self.finish_call(&worker.pending, done))
        .map_err(|failure| (line, failure))
    }

    /// The script is over.
    pub(super) fn finish(&mut self) -> Result<(), (usize, Failure)> {
        self.await_worker()
    }
}

/// Whether the kernel says that a thread sleeps, or is gone.
fn sleeps(stat: &Path) -> bool {
    std::fs::read_to_string(stat).map_or(true, |text| {
        text.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with('R'))
    })
}
