//! `longshore info`

use super::inspect::{Inspection, Which};
use crate::cli::Info;
use crate::nic_link::{LinkState, link_of};
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use anyhow::Result;
use ip_core::MacAddr;
use nic_abi::block::{DEVICE, Feature, PORT, device, port};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What a NIC says of itself, and how it is reached.
#[derive(Debug, Serialize)]
struct About {
    device: Which,
    pci: Pci,
    contract: Contract,
    /// Function-level resets since power-on.
    epoch: u32,
    queue_pairs: u32,
    vectors: u16,
    core_clock_khz: u32,
    /// Bytes without FCS.
    frame_limit: u32,
    mac: Option<String>,
    link: LinkState,
    features: Vec<Entry>,
    dma: Dma,
}

#[derive(Debug, Serialize)]
struct Pci {
    vendor: u16,
    device: u16,
    subsystem_vendor: u16,
    subsystem: u16,
    revision: u8,
    class: u32,
}

#[derive(Debug, Serialize)]
struct Contract {
    major: u16,
    minor: u16,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    version: u16,
    offset: u32,
}

#[derive(Debug, Serialize)]
struct Dma {
    page_bytes: u64,
    ranges: Vec<Range>,
}

#[derive(Debug, Serialize)]
struct Range {
    first: u64,
    last: u64,
}

impl Report for About {
    const SCHEMA: &'static str = "longshore/info/1";
}

pub(super) fn run(args: &Info, root: &Path, output: &mut Output) -> Result<Outcome> {
    let nic = Inspection::open(&args.transport, root)?;
    output.show(&report(&nic)?)?;
    Ok(Outcome::Done)
}

fn report(nic: &Inspection) -> Result<About> {
    let info = nic.device.info();
    let place = nic.place(Feature::Port, PORT).unwrap_or(PORT);
    let [a, b, c, d] = nic.read(place, 0, port::MAC_LOW)?.to_le_bytes();
    let [e, f, ..] = nic.read(place, 0, port::MAC_HIGH)?.to_le_bytes();
    let mac = MacAddr([a, b, c, d, e, f]);
    let name = |feature: Feature| {
        let all = Feature::ALL.iter();
        all.clone()
            .find(|(f, ..)| *f == feature)
            .map_or("", |(_, name, _)| *name)
    };
    let identity = nic.identity;
    Ok(About {
        device: nic.which(),
        pci: Pci::of(&nic.device.config_space()?),
        contract: Contract {
            major: identity.version.0,
            minor: identity.version.1,
        },
        epoch: nic.read(DEVICE, 0, device::EPOCH)?,
        queue_pairs: identity.queue_pairs,
        vectors: info.vectors,
        core_clock_khz: identity.core_clock_khz,
        frame_limit: identity.frame_limit,
        mac: mac.is_station().then(|| mac.to_string()),
        link: link_of(&*nic.device)?,
        features: nic
            .features
            .entries
            .iter()
            .map(|&(feature, version, offset)| Entry {
                name: name(feature),
                version,
                offset,
            })
            .collect(),
        dma: Dma {
            page_bytes: info.iova_page,
            ranges: info
                .iova_ranges
                .iter()
                .map(|r| Range {
                    first: *r.start(),
                    last: *r.end(),
                })
                .collect(),
        },
    })
}

impl Pci {
    /// From a type 0 header (PCI Express Base 5.0, section 7.5.1); fields beyond a short space are 0.
    fn of(space: &[u8]) -> Self {
        let byte = |at: usize| space.get(at).copied().unwrap_or(0);
        let half = |at: usize| u16::from_le_bytes([byte(at), byte(at + 1)]);
        Self {
            vendor: half(0x00),
            device: half(0x02),
            subsystem_vendor: half(0x2c),
            subsystem: half(0x2e),
            revision: byte(0x08),
            class: u32::from_le_bytes([byte(0x09), byte(0x0a), byte(0x0b), 0]),
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pci {
            vendor,
            device,
            subsystem_vendor,
            subsystem,
            revision,
            class,
        } = &self.pci;
        writeln!(f, "device       {}", self.device)?;
        writeln!(
            f,
            "pci          {vendor:04x}:{device:04x}, subsystem {subsystem_vendor:04x}:{subsystem:04x}, class {class:06x}, revision {revision}"
        )?;
        writeln!(
            f,
            "contract     {}.{}",
            self.contract.major, self.contract.minor
        )?;
        writeln!(f, "epoch        {}", self.epoch)?;
        writeln!(
            f,
            "queues       {} queue pairs, {} interrupt vectors",
            self.queue_pairs, self.vectors
        )?;
        writeln!(
            f,
            "core clock   {} MHz",
            f64::from(self.core_clock_khz) / 1e3
        )?;
        writeln!(f, "frame limit  {} bytes", self.frame_limit)?;
        writeln!(
            f,
            "mac          {}",
            self.mac.as_deref().unwrap_or("not set")
        )?;
        if self.link.up {
            writeln!(f, "link         up, {} Mb/s", self.link.rate_mbps)?;
        } else {
            writeln!(
                f,
                "link         DOWN: plug the cable in, and bring the other end up"
            )?;
        }
        let names: Vec<_> = self.features.iter().map(|e| e.name).collect();
        writeln!(f, "features     {}", names.join(" "))?;
        let ranges: Vec<_> = self
            .dma
            .ranges
            .iter()
            .map(|r| format!("{:#x}..={:#x}", r.first, r.last))
            .collect();
        writeln!(
            f,
            "dma          {}, pages of {} bytes",
            ranges.join(", "),
            self.dma.page_bytes
        )
    }
}
