//! Capture of the frames on any wire to a pcapng file, for Wireshark.
//!
//! Each captured end has two interfaces, `NAME tx` and `NAME rx`, with nanosecond timestamps. A frame that a fault injector
//! below the capture touched carries a comment, and frames that it lost are in the file too: in Wireshark, filter by
//! `frame.comment contains "fault"`.

mod sink;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use thiserror::Error;

use crate::frame::{Frame, FramePool};
use crate::line::Rate;
use crate::time::Picos;
use crate::wire::{Sent, Wire};
use sink::{Direction, Record, Sink};

/// What the timestamps of a capture count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// Simulated time zero is 1970-01-01: Wireshark's "seconds since beginning" then is simulated time.
    Virtual,
    /// Simulated time zero was this moment: for a simulation that runs in real time, beside a capture made by the kernel.
    Real(SystemTime),
}

/// A capture that could not be written.
#[derive(Debug, Error)]
#[error("cannot write the capture {}: {cause}; check the directory, its permissions and the space left", path.display())]
pub struct CaptureError {
    /// The file, or `stream` for a writer.
    pub path: PathBuf,
    /// What the system or the pcapng writer said.
    pub cause: String,
}

/// A pcapng file that any number of wires write to. Cloning gives another handle to the same file.
///
/// A write that fails ends the capture and not the simulation: [`finish`](Self::finish) tells.
#[derive(Clone)]
pub struct Capture {
    sink: Arc<Mutex<Sink>>,
}

impl Capture {
    /// Creates the file.
    ///
    /// # Errors
    /// If it cannot be created or written.
    pub fn create(path: impl AsRef<Path>, epoch: Epoch) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let file = File::create(path).map_err(|e| CaptureError {
            path: path.to_owned(),
            cause: e.to_string(),
        })?;
        Self::open(
            Box::new(BufWriter::with_capacity(1 << 16, file)),
            path.to_owned(),
            epoch,
        )
    }

    /// Captures to `writer`.
    ///
    /// # Errors
    /// If the file's header cannot be written.
    pub fn to_writer(
        writer: impl Write + Send + 'static,
        epoch: Epoch,
    ) -> Result<Self, CaptureError> {
        Self::open(Box::new(writer), "stream".into(), epoch)
    }

    fn open(
        writer: Box<dyn Write + Send>,
        path: PathBuf,
        epoch: Epoch,
    ) -> Result<Self, CaptureError> {
        let base = match epoch {
            Epoch::Virtual => Duration::ZERO,
            Epoch::Real(start) => start
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        };
        let sink =
            Sink::new(writer, path.clone(), base).map_err(|cause| CaptureError { path, cause })?;
        Ok(Self {
            sink: Arc::new(Mutex::new(sink)),
        })
    }

    /// Writes at most this many frames; the rest is only counted.
    #[must_use]
    pub fn limited_to(self, frames: u64) -> Self {
        self.sink.lock().set_limit(frames);
        self
    }

    /// Captures what passes `wire`, seen from the MAC plugged into the result. Put it above a fault injector to see the
    /// faults marked, below one to see the wire itself.
    pub fn attach<W: Wire>(&self, name: &str, rate: Rate, mut wire: W) -> Captured<W> {
        wire.keep_lost(true);
        let mut sink = self.sink.lock();
        let tx = sink.add_interface(&format!("{name} tx"), rate);
        let rx = sink.add_interface(&format!("{name} rx"), rate);
        drop(sink);
        Captured {
            inner: wire,
            capture: self.clone(),
            tx,
            rx,
            scratch: Vec::new(),
        }
    }

    /// Frames captured so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.sink.lock().frames()
    }

    /// Flushes what is captured so far, for a reader that looks on.
    ///
    /// # Errors
    /// If writing failed, now or earlier.
    pub fn flush(&self) -> Result<(), CaptureError> {
        let mut sink = self.sink.lock();
        sink.flush();
        sink.outcome()
    }

    /// Writes each interface's statistics and closes the file; nothing is captured afterwards. Dropping the last handle does
    /// the same, without telling of errors.
    ///
    /// # Errors
    /// If writing failed, now or earlier.
    pub fn finish(&self) -> Result<(), CaptureError> {
        let mut sink = self.sink.lock();
        sink.finish();
        sink.outcome()
    }
}

/// A wire whose frames are captured; made by [`Capture::attach`].
pub struct Captured<W> {
    inner: W,
    capture: Capture,
    tx: u32,
    rx: u32,
    /// The frame as it was handed over: below, it may be damaged or lost before its fate is known.
    scratch: Vec<u8>,
}

impl<W> Captured<W> {
    /// The wire below.
    pub fn inner(&self) -> &W {
        &self.inner
    }

    /// The capture this wire writes to.
    pub fn capture(&self) -> &Capture {
        &self.capture
    }
}

impl<W: Wire> Wire for Captured<W> {
    fn transmit(&mut self, now: Picos, frame: Frame) -> Sent {
        self.scratch.clear();
        self.scratch.extend_from_slice(&frame);
        let sent = self.inner.transmit(now, frame);
        let record = Record {
            interface: self.tx,
            direction: Direction::Outbound,
            at: sent.start,
            faults: sent.faults,
        };
        self.capture.sink.lock().record(now, record, &self.scratch);
        sent
    }

    fn receive(&mut self, now: Picos) -> Option<Frame> {
        let frame = self.inner.receive(now);
        let mut sink = self.capture.sink.lock();
        let mut record = |frame: &Frame| {
            let record = Record {
                interface: self.rx,
                direction: Direction::Inbound,
                at: frame.arrived_at(),
                faults: frame.faults(),
            };
            sink.record(now, record, frame);
        };
        while let Some(lost) = self.inner.take_lost() {
            record(&lost);
        }
        frame.iter().for_each(record);
        frame
    }

    fn next_event(&self) -> Option<Picos> {
        self.inner.next_event()
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
}
