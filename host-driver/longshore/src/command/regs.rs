//! `longshore regs`

use super::inspect::{Inspection, Which};
use crate::cli::Regs;
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use anyhow::{Result, bail};
use longshore_driver::Statistics;
use nic_abi::block::{
    self, DEVICE, DIRECTORY, FLOW_QUEUE, Feature, MSIX_PBA, MSIX_TABLE, PORT, QUEUE, SPLIT_QUEUE,
    STATS, port,
};
use nic_abi::register::{Access, Block, Register};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// A NIC's registers, decoded.
#[derive(Debug, Serialize)]
struct Dump {
    device: Which,
    blocks: Vec<BlockDump>,
}

#[derive(Debug, Serialize)]
struct BlockDump {
    name: &'static str,
    /// Which of several: queue pair, vector.
    instance: u32,
    base: u32,
    registers: Vec<Word>,
}

#[derive(Debug, Serialize)]
struct Word {
    /// In BAR0.
    offset: u32,
    name: String,
    /// `RO`, `RW` or `WO`.
    access: &'static str,
    /// `null` for a register that cannot be read.
    value: Option<u64>,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Field {
    name: &'static str,
    value: u32,
}

impl Report for Dump {
    const SCHEMA: &'static str = "longshore/regs/1";
}

pub(super) fn run(args: &Regs, root: &Path, output: &mut Output) -> Result<Outcome> {
    let wanted: Vec<_> = args.block.iter().map(|b| b.to_lowercase()).collect();
    let is_wanted = |name: &str| {
        let name = name.to_lowercase();
        wanted.is_empty() || wanted.iter().any(|w| name.starts_with(w))
    };
    if !block::ALL.iter().any(|b| is_wanted(b.name)) {
        let names: Vec<_> = block::ALL.iter().map(|b| b.name).collect();
        bail!("no block is called so; there are: {}", names.join(", "));
    }
    let nic = Inspection::open(&args.transport, root)?;
    let mut blocks = Vec::new();
    for (block, instances) in present(&nic) {
        if !is_wanted(block.name) {
            continue;
        }
        for instance in 0..instances {
            blocks.push(BlockDump {
                name: block.name,
                instance,
                base: block.base + instance * block.stride,
                registers: words(&nic, block, instance)?,
            });
        }
    }
    output.show(&Dump {
        device: nic.which(),
        blocks,
    })?;
    Ok(Outcome::Done)
}

/// The blocks that the NIC has, where it has them, and how often.
fn present(nic: &Inspection) -> Vec<(Block, u32)> {
    let pairs = nic.identity.queue_pairs;
    let vectors = u32::from(nic.device.info().vectors);
    let mut list = vec![(DEVICE, 1), (DIRECTORY, 1)];
    for (feature, block, instances) in [
        (Feature::Port, PORT, 1),
        (Feature::Stats, STATS, 1),
        (Feature::Msix, MSIX_TABLE, vectors),
        (Feature::Queues, QUEUE, pairs),
        (Feature::FlowTable, FLOW_QUEUE, pairs),
        (Feature::HeaderSplit, SPLIT_QUEUE, pairs),
    ] {
        if let Some(block) = nic.place(feature, block) {
            list.push((block, instances));
            if feature == Feature::Msix {
                list.push((MSIX_PBA, 1));
            }
        }
    }
    list
}

fn words(nic: &Inspection, block: Block, instance: u32) -> Result<Vec<Word>> {
    let word = |offset: u32, name: &str, register: Option<Register>| {
        let access = register.map_or(Access::ReadOnly, |r| r.access);
        let value = match access {
            Access::WriteOnly => None,
            _ => Some(nic.device.read32(offset)?),
        };
        let bits = register.map_or(&[][..], |r| r.bits);
        anyhow::Ok(Word {
            offset,
            name: name.to_owned(),
            access: access.short(),
            value: value.map(u64::from),
            fields: value.map_or_else(Vec::new, |value| {
                let field = |b: &nic_abi::register::Bits| Field {
                    name: b.name,
                    value: b.get(value),
                };
                bits.iter().map(field).collect()
            }),
        })
    };
    let mut list = Vec::new();
    if block.name == STATS.name {
        let statistics = Statistics::read(&*nic.device, &nic.features)?;
        for (stat, value) in statistics.iter() {
            list.push(Word {
                offset: stat.offset() - STATS.base + block.base,
                name: stat.name().to_owned(),
                access: Access::ReadOnly.short(),
                value: Some(value),
                fields: Vec::new(),
            });
        }
    } else if block.name == DIRECTORY.name {
        for (i, (feature, ..)) in (0..).zip(&nic.features.entries) {
            let at = block.base + i * block.stride;
            let names = Feature::ALL.iter();
            let name = names
                .clone()
                .find(|(f, ..)| f == feature)
                .map_or("", |f| f.1);
            list.push(word(at, &format!("{name} type, version"), None)?);
            list.push(word(at + 4, &format!("{name} offset"), None)?);
        }
    } else if block.name == MSIX_PBA.name {
        list.push(word(block.base, "PENDING_LOW", None)?);
        list.push(word(block.base + 4, "PENDING_HIGH", None)?);
    } else {
        for register in block.registers {
            let multicast = register.name.starts_with("MULTICAST_");
            let entries = if multicast {
                port::MULTICAST_ENTRIES
            } else {
                1
            };
            for entry in 0..entries {
                let offset = block.at(instance, *register) + entry * port::MULTICAST_STRIDE;
                let name = if multicast {
                    format!("{}[{entry}]", register.name)
                } else {
                    register.name.to_owned()
                };
                list.push(word(offset, &name, Some(*register))?);
            }
        }
        list.sort_by_key(|w| w.offset);
    }
    Ok(list)
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, block) in self.blocks.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            writeln!(
                f,
                "{} {} at {:#06x}",
                block.name, block.instance, block.base
            )?;
            for word in &block.registers {
                let value = match word.value {
                    Some(value) => format!("{value:#010x}"),
                    None => "write only".into(),
                };
                let fields: Vec<_> = word
                    .fields
                    .iter()
                    .map(|field| format!("{}={:#x}", field.name, field.value))
                    .collect();
                let line = format!(
                    "  {:#06x}  {:22} {value:10}  {}",
                    word.offset,
                    word.name,
                    fields.join(" ")
                );
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }
}
