//! Frames into pcapng blocks, in order of time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

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

use super::CaptureError;
use crate::fault::Faults;
use crate::line::Rate;
use crate::time::Picos;

/// Bits 0 and 1 of the `epb_flags` option (pcapng, 4.3).
#[derive(Clone, Copy)]
pub(super) enum Direction {
    Inbound = 1,
    Outbound = 2,
}

/// What is known of a captured frame beside its bytes.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) interface: u32,
    pub(super) direction: Direction,
    pub(super) at: Picos,
    pub(super) faults: Faults,
}

/// The file and its counts.
pub(super) struct Sink {
    path: PathBuf,
    /// `None` once finished or failed.
    writer: Option<PcapNgWriter<Box<dyn Write + Send>>>,
    failure: Option<String>,
    base: Duration,
    frames: u64,
    limit: u64,
    interfaces: Vec<InterfaceCounts>,
    /// Frames that wait in the line: written when time has come to them, so that the file is in order of time.
    ahead: BTreeMap<(Picos, u64), (Record, Vec<u8>)>,
    last: Duration,
}

#[derive(Default)]
struct InterfaceCounts {
    seen: u64,
    lost: u64,
}

impl Sink {
    pub(super) fn new(
        writer: Box<dyn Write + Send>,
        path: PathBuf,
        base: Duration,
    ) -> Result<Self, String> {
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
            PcapNgWriter::with_section_header(writer, section).map_err(|e| e.to_string())?;
        Ok(Self {
            path,
            writer: Some(writer),
            failure: None,
            base,
            frames: 0,
            limit: u64::MAX,
            interfaces: Vec::new(),
            ahead: BTreeMap::new(),
            last: base,
        })
    }

    pub(super) fn set_limit(&mut self, frames: u64) {
        self.limit = frames;
    }

    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn add_interface(&mut self, name: &str, rate: Rate) -> u32 {
        let id = self.interfaces.len() as u32;
        self.interfaces.push(InterfaceCounts::default());
        let mut options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ];
        if let Some(rate) = rate.get() {
            options.push(InterfaceDescriptionOption::IfSpeed(rate.get()));
        }
        // Snapshot length 0: frames are never cut.
        self.write(InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: 0,
            options,
        });
        id
    }

    /// Takes a frame in at time `now`, which may lie before or after the frame's own.
    pub(super) fn record(&mut self, now: Picos, record: Record, bytes: &[u8]) {
        let counts = &mut self.interfaces[record.interface as usize];
        counts.seen += 1;
        counts.lost += u64::from(record.faults.lost);
        if self.frames >= self.limit || self.writer.is_none() {
            return;
        }
        self.frames += 1;
        if record.at > now {
            self.ahead
                .insert((record.at, self.frames), (record, bytes.to_vec()));
        } else {
            self.catch_up(record.at);
            self.write_frame(record, bytes);
        }
    }

    /// Writes what waits up to `at`.
    fn catch_up(&mut self, at: Picos) {
        while let Some(first) = self.ahead.first_entry() {
            if first.key().0 > at {
                return;
            }
            let (record, bytes) = first.remove();
            self.write_frame(record, &bytes);
        }
    }

    fn write_frame(&mut self, record: Record, bytes: &[u8]) {
        let timestamp = self.base + Duration::from(record.at);
        self.last = self.last.max(timestamp);
        let mut options = vec![EnhancedPacketOption::Flags(record.direction as u32)];
        if record.faults.any() {
            let comment = format!("fault: {}", record.faults);
            options.push(EnhancedPacketOption::Common(CommonOption::Comment(
                comment.into(),
            )));
        }
        self.write(EnhancedPacketBlock {
            interface_id: record.interface,
            timestamp,
            original_len: bytes.len() as u32,
            data: Cow::Borrowed(bytes),
            options,
        });
    }

    pub(super) fn flush(&mut self) {
        self.catch_up(Picos::MAX);
        let flushed = self
            .writer
            .as_mut()
            .map_or(Ok(()), |writer| writer.get_mut().flush());
        self.note(flushed.map_err(|e| e.to_string()));
    }

    /// Writes what is left and the statistics, and closes the file. Once finished, does nothing.
    pub(super) fn finish(&mut self) {
        self.catch_up(Picos::MAX);
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
        self.flush();
        self.writer = None;
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

    pub(super) fn outcome(&self) -> Result<(), CaptureError> {
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
        self.finish();
    }
}
