//! A Linux TAP device as a wire: a kernel on the other end.
//!
//! The device is opened without `IFF_VNET_HDR`. It therefore offers the kernel no offloads: what the kernel sends has
//! complete checksums and at most one MTU, and what it receives it checks itself. There is nothing to switch off.

#[allow(unsafe_code, reason = "the one ioctl")]
mod ffi;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::fault::Faults;
use crate::frame::{Frame, FramePool};
use crate::line::{Line, LineConfig};
use crate::privileges::Unavailable;
use crate::time::Picos;
use crate::wire::{Sent, Wire};

/// A TAP device, non-blocking. Dropping it removes it, wherever it was moved.
pub struct Tap {
    device: OwnedFd,
    name: String,
}

impl Tap {
    /// Creates a device with a name that is unique on this machine: `ls`, the process, `t`, a number.
    ///
    /// # Errors
    /// If there is no TAP driver, or no permission.
    pub fn create() -> Result<Self, Unavailable> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // At most 15 characters: process numbers have up to 7 digits.
        let name = format!(
            "ls{}t{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed) % 10_000
        );
        Self::attach(&name, true)
    }

    /// Creates the device `name` (at most 15 characters), or opens it if it is there and nobody else has. One that was
    /// there before (`ip tuntap add`, with or without `multi_queue`) stays when this is dropped.
    ///
    /// # Errors
    /// If there is no TAP driver, or no permission, or the name cannot be used.
    pub fn named(name: &str) -> Result<Self, Unavailable> {
        Self::attach(name, false)
    }

    fn attach(name: &str, fresh: bool) -> Result<Self, Unavailable> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Unavailable::NoTun,
            // ENODEV and ENXIO: the node is there and the driver is not.
            _ if matches!(source.raw_os_error(), Some(6 | 19)) => Unavailable::NoTun,
            io::ErrorKind::PermissionDenied => Unavailable::TapDenied { source },
            _ => Unavailable::Tap {
                name: name.to_owned(),
                source,
            },
        };
        Ok(Self {
            device: ffi::attach(name, fresh).map_err(failed)?,
            name: name.to_owned(),
        })
    }

    /// The name it was created under. [`Netns::adopt`](crate::netns::Netns::adopt) renames it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends one frame to the kernel.
    ///
    /// # Errors
    /// What the kernel says: `EIO` while the interface is down, `EINVAL` for less than an Ethernet header.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        retry_interrupted(|| Ok(rustix::io::write(&self.device, frame)?)).map(drop)
    }

    /// Takes one frame from the kernel, with the rest of a frame longer than `buffer` cut off; `None` if there is none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match retry_interrupted(|| Ok(rustix::io::read(&self.device, &mut *buffer)?)) {
            Ok(len) => Ok(Some(len.min(buffer.len()))),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(e),
        }
    }
}

fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// What passed a [`TapWire`]. Every frame handed over is either sent or refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapStats {
    /// Frames the kernel took.
    pub tx_frames: u64,
    /// Their bytes, after padding.
    pub tx_bytes: u64,
    /// Frames the kernel refused: the interface was down, or they were shorter than an Ethernet header.
    pub tx_refused: u64,
    /// Frames from the kernel.
    pub rx_frames: u64,
    /// Their bytes, before padding.
    pub rx_bytes: u64,
    /// Reads that failed for another reason than there being no frame.
    pub rx_errors: u64,
}

/// A [`Tap`] plugged into a simulated MAC.
///
/// Simulated time paces it: frames from the kernel arrive at the line's rate, and stay queued in the kernel until there is
/// room on the line, where its own limits apply. The simulator keeps simulated time near the wall clock; while it is idle it
/// sleeps on [`Wire::poll_fd`], or in [`wait_readable`](Self::wait_readable).
pub struct TapWire {
    tap: Tap,
    tx: Line,
    rx: Line,
    pool: FramePool,
    /// Where frames are read to: a pooled buffer of this size would have to be cleared at every look for a frame.
    scratch: Box<[u8]>,
    /// A frame read and not yet arrived.
    arriving: Option<Frame>,
    stats: TapStats,
    warned: bool,
}

impl TapWire {
    /// The longest frame: IPv4 ends at 65,535 bytes, and a TAP's MTU below it.
    const LONGEST: usize = 65_535 + 18;

    /// Plugs `tap` in, to a line with the properties in `config`.
    #[must_use]
    pub fn new(tap: Tap, config: LineConfig) -> Self {
        Self {
            tap,
            tx: Line::new(config),
            rx: Line::new(config),
            pool: FramePool::default(),
            scratch: vec![0; Self::LONGEST].into_boxed_slice(),
            arriving: None,
            stats: TapStats::default(),
            warned: false,
        }
    }

    /// The device.
    #[must_use]
    pub fn tap(&self) -> &Tap {
        &self.tap
    }

    /// What passed so far.
    #[must_use]
    pub fn stats(&self) -> TapStats {
        self.stats
    }

    /// Sleeps until the kernel has a frame, or the time is over. Gives whether there is one; interrupted by a signal, `false`.
    ///
    /// # Errors
    /// If the descriptor cannot be polled.
    pub fn wait_readable(&self, timeout: Duration) -> io::Result<bool> {
        if self.arriving.is_some() {
            return Ok(true);
        }
        let timeout = Timespec::try_from(timeout).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut fds = [PollFd::new(&self.tap, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// The next frame from the kernel onto the receiving line, if the line is free.
    fn fetch(&mut self, now: Picos) {
        if self.arriving.is_some() || self.rx.free_at() > now {
            return;
        }
        match self.tap.receive(&mut self.scratch) {
            Ok(None) => {}
            Ok(Some(len)) => {
                let mut frame = self.pool.copy_of(&self.scratch[..len]);
                self.stats.rx_frames += 1;
                self.stats.rx_bytes += len as u64;
                let passage = self.rx.admit(now, &mut frame);
                frame.set_arrived_at(passage.arrival);
                self.arriving = Some(frame);
            }
            Err(e) => {
                self.stats.rx_errors += 1;
                self.warn(&e, "reading");
            }
        }
    }

    fn warn(&mut self, error: &io::Error, doing: &str) {
        if !self.warned {
            self.warned = true;
            tracing::warn!(tap = self.tap.name(), %error, "{doing} the TAP failed; further failures are only counted");
        }
    }
}

impl Wire for TapWire {
    /// The frame reaches the kernel at once; the line only spaces the frames that follow.
    fn transmit(&mut self, now: Picos, mut frame: Frame) -> Sent {
        let passage = self.tx.admit(now, &mut frame);
        match self.tap.send(&frame) {
            Ok(()) => {
                self.stats.tx_frames += 1;
                self.stats.tx_bytes += frame.len() as u64;
            }
            Err(e) => {
                self.stats.tx_refused += 1;
                self.warn(&e, "writing to");
            }
        }
        Sent {
            start: passage.start,
            faults: Faults::default(),
        }
    }

    fn receive(&mut self, now: Picos) -> Option<Frame> {
        self.fetch(now);
        let frame = self.arriving.take_if(|frame| frame.arrived_at() <= now);
        if frame.is_some() {
            // The next one is on its way while this one is being handled.
            self.fetch(now);
        }
        frame
    }

    fn next_event(&self) -> Option<Picos> {
        self.arriving.as_ref().map(Frame::arrived_at)
    }

    fn tx_free_at(&self) -> Picos {
        self.tx.free_at()
    }

    fn pool(&self) -> &FramePool {
        &self.pool
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.tap.as_fd())
    }
}
