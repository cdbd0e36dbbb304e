//! Capture of the frames on any wire to a pcapng file, for Wireshark.
//!
//! Each captured end has two interfaces, `NAME tx` and `NAME rx`, with nanosecond timestamps. A frame that a fault injector
//! below the capture touched carries a comment, and frames that it lost are in the file too: in Wireshark, filter by
//! `frame.comment contains "fault"`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};
use pcap_file::{DataLink, Endianness};
use thiserror::Error;

use crate::fault::Faults;
use crate::frame::{Frame, FramePool};
use crate::line::Rate;
use crate::time::Picos;
use crate::wire::{Sent, Wire};

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

struct Sink {
    path: PathBuf,
    /// `None` once finished or failed.
    writer: Option<PcapNgWriter<Box<dyn Write + Send>>>,
    failure: Option<String>,
    base: Duration,
    frames: u64,
    limit: u64,
    interfaces: Vec<InterfaceCounts>,
    last: Duration,
}

#[derive(Default)]
struct InterfaceCounts {
    seen: u64,
    lost: u64,
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
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![
                SectionHeaderOption::Hardware("Longshore, simulated".into()),
                SectionHeaderOption::UserApplication(
                    concat!("sim-wire ", env!("CARGO_PKG_VERSION")).into(),
                ),
            ],
            ..SectionHeaderBlock::default()
        };
        let writer =
            PcapNgWriter::with_section_header(writer, section).map_err(|e| CaptureError {
                path: path.clone(),
                cause: e.to_string(),
            })?;
        let base = match epoch {
            Epoch::Virtual => Duration::ZERO,
            Epoch::Real(start) => start
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        };
        let sink = Sink {
            path,
            writer: Some(writer),
            failure: None,
            base,
            frames: 0,
            limit: u64::MAX,
            interfaces: Vec::new(),
            last: base,
        };
        Ok(Self {
            sink: Arc::new(Mutex::new(sink)),
        })
    }

    /// Writes at most this many frames; the rest is only counted.
    #[must_use]
    pub fn limited_to(self, frames: u64) -> Self {
        self.sink.lock().limit = frames;
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

    /// Frames written so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.sink.lock().frames
    }

    /// Flushes what is written so far, for a reader that looks on.
    ///
    /// # Errors
    /// If writing failed, now or earlier.
    pub fn flush(&self) -> Result<(), CaptureError> {
        let mut sink = self.sink.lock();
        let flushed = sink
            .writer
            .as_mut()
            .map_or(Ok(()), |writer| writer.get_mut().flush());
        sink.note(flushed.map_err(|e| e.to_string()));
        sink.outcome()
    }

    /// Writes each interface's statistics and closes the file; nothing is captured afterwards. The file is also readable
    /// without this, should the simulation die.
    ///
    /// # Errors
    /// If writing failed, now or earlier.
    pub fn finish(&self) -> Result<(), CaptureError> {
        let mut sink = self.sink.lock();
        sink.write_statistics();
        let flushed = sink
            .writer
            .take()
            .map_or(Ok(()), |mut writer| writer.get_mut().flush());
        sink.note(flushed.map_err(|e| e.to_string()));
        sink.outcome()
    }
}

/// Bits 0 and 1 of the `epb_flags` option (pcapng, 4.3): the frame's direction.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

impl Sink {
    fn add_interface(&mut self, name: &str, rate: Rate) -> u32 {
        let id = self.interfaces.len() as u32;
        self.interfaces.push(InterfaceCounts::default());
        let mut options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ];
        if let Some(rate) = rate.get() {
            options.push(InterfaceDescriptionOption::IfSpeed(rate.get()));
        }
        self.write(InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: 0,
            options,
        });
        id
    }

    fn record(&mut self, interface: u32, direction: u32, at: Picos, bytes: &[u8], faults: Faults) {
        let counts = &mut self.interfaces[interface as usize];
        counts.seen += 1;
        counts.lost += u64::from(faults.lost);
        if self.frames >= self.limit || self.writer.is_none() {
            return;
        }
        let timestamp = self.base + Duration::from(at);
        self.last = self.last.max(timestamp);
        let mut options = vec![EnhancedPacketOption::Flags(direction)];
        if faults.any() {
            options.push(EnhancedPacketOption::Common(CommonOption::Comment(
                format!("fault: {faults}").into(),
            )));
        }
        self.write(EnhancedPacketBlock {
            interface_id: interface,
            timestamp,
            original_len: bytes.len() as u32,
            data: Cow::Borrowed(bytes),
            options,
        });
        self.frames += 1;
    }

    fn write_statistics(&mut self) {
        for id in 0..self.interfaces.len() {
            let InterfaceCounts { seen, lost } = self.interfaces[id];
            self.write(InterfaceStatisticsBlock {
                interface_id: id as u32,
                timestamp: self.last,
                options: vec![
                    InterfaceStatisticsOption::IsbIfRecv(seen),
                    InterfaceStatisticsOption::IsbIfDrop(lost),
                ],
            });
        }
    }

    fn write<'a>(&mut self, block: impl PcapNgBlock<'a>) {
        if let Some(writer) = &mut self.writer {
            let written = writer.write_pcapng_block(block).map(drop);
            self.note(written.map_err(|e| e.to_string()));
        }
    }

    fn note(&mut self, result: Result<(), String>) {
        if let Err(cause) = result {
            tracing::warn!(path = %self.path.display(), %cause, "the capture ends here");
            self.writer = None;
            self.failure.get_or_insert(cause);
        }
    }

    fn outcome(&self) -> Result<(), CaptureError> {
        match &self.failure {
            None => Ok(()),
            Some(cause) => Err(CaptureError {
                path: self.path.clone(),
                cause: cause.clone(),
            }),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.write_statistics();
        let flushed: io::Result<()> = self
            .writer
            .take()
            .map_or(Ok(()), |mut writer| writer.get_mut().flush());
        self.note(flushed.map_err(|e| e.to_string()));
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
        self.capture
            .sink
            .lock()
            .record(self.tx, OUTBOUND, sent.start, &self.scratch, sent.faults);
        sent
    }

    fn receive(&mut self, now: Picos) -> Option<Frame> {
        let frame = self.inner.receive(now);
        let mut sink = self.capture.sink.lock();
        while let Some(lost) = self.inner.take_lost() {
            sink.record(self.rx, INBOUND, lost.arrived_at(), &lost, lost.faults());
        }
        if let Some(frame) = &frame {
            sink.record(self.rx, INBOUND, frame.arrived_at(), frame, frame.faults());
        }
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
