//! docs/REGISTERS.md from the tables of nic-abi.

use crate::document::write_or_check;
use anyhow::Result;
use nic_abi::block::{self, Feature};
use nic_abi::fault::{QueueFault, Status};
use nic_abi::field::Layout;
use nic_abi::register::Block;
use nic_abi::{command, completion, pci, ring, rx, stats, tx};
use std::fmt::Write as _;

/// Options of `cargo xtask registers`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only check that the document is up to date.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes or checks the document.
pub(crate) fn run(args: &Args) -> Result<()> {
    let path = crate::process::root().join("docs/REGISTERS.md");
    write_or_check(&path, &document(), args.check, "cargo xtask registers")
}

fn document() -> String {
    let mut text = String::from(
        "# Registers, descriptors, completions\n\n\
         Generated from `nic-abi` by `cargo xtask registers`; change it there. All numbers are little-endian.\n\n",
    );
    identity(&mut text);
    text.push_str("## BAR0\n\n| offset | block | instances | |\n|---|---|---|---|\n");
    for b in block::ALL {
        let _ = writeln!(
            text,
            "| 0x{:04x} | {} | {} × 0x{:x} | {} |",
            b.base, b.name, b.count, b.stride, b.doc
        );
    }
    features(&mut text);
    for b in block::ALL.iter().filter(|b| !b.registers.is_empty()) {
        registers(&mut text, b);
    }
    text.push_str("\n## Descriptors and completions\n\nBits of 16 bytes; bit 0 is bit 0 of the byte at the lowest address.\n");
    for layout in [
        tx::CONTEXT,
        tx::BUFFER,
        rx::DESCRIPTOR,
        command::HEAD,
        completion::RX,
        completion::TX,
        completion::COMMAND,
        completion::EVENT,
    ] {
        self::layout(&mut text, &layout);
    }
    codes(&mut text);
    counters(&mut text);
    text
}

fn identity(text: &mut String) {
    let _ = write!(
        text,
        "## Identity\n\n| | |\n|---|---|\n| contract | {}.{} |\n| vendor:device | {:04x}:{:04x} |\n| revision | {} |\n\
         | class | {:02x}{:02x}{:02x} |\n| BAR0 | {} KiB of memory, 32 bit, not prefetchable, whole words only |\n\
         | MSI-X | table at BAR0 + 0x{:x}, pending bits at + 0x{:x}, up to {} vectors |\n\
         | rings | {} B entries ({} B commands), base {} B aligned, {}..={} entries |\n\n",
        nic_abi::ABI_VERSION >> 16,
        nic_abi::ABI_VERSION & 0xffff,
        pci::VENDOR_ID,
        pci::DEVICE_ID,
        pci::REVISION_ID,
        pci::BASE_CLASS,
        pci::SUB_CLASS,
        pci::PROGRAMMING_INTERFACE,
        pci::BAR0_SIZE / 1024,
        pci::MSIX_TABLE_OFFSET,
        pci::MSIX_PBA_OFFSET,
        pci::MSIX_VECTORS_MAX,
        ring::ENTRY_BYTES,
        ring::COMMAND_BYTES,
        ring::BASE_ALIGN,
        1 << ring::LOG2_MIN,
        1 << ring::LOG2_MAX,
    );
}

fn features(text: &mut String) {
    text.push_str(
        "\n### Feature types\n\n| type | name | what the offset points to |\n|---|---|---|\n",
    );
    for (feature, name, doc) in Feature::ALL {
        let _ = writeln!(text, "| {} | {name} | {doc} |", *feature as u16);
    }
}

fn registers(text: &mut String, b: &Block) {
    let _ = writeln!(
        text,
        "\n### {}\n\n{} First instance at 0x{:04x}.\n\n| offset | register | | reset | |\n|---|---|---|---|---|",
        b.name, b.doc, b.base
    );
    for r in b.registers {
        let _ = writeln!(
            text,
            "| 0x{:02x} | {} | {} | 0x{:x} | {} |",
            r.offset,
            r.name,
            r.access.short(),
            r.reset,
            r.doc
        );
        for bits in r.bits {
            let _ = writeln!(
                text,
                "| | {} | {} | | {} |",
                bits.name,
                range(bits.lsb, bits.width),
                bits.doc
            );
        }
    }
}

fn layout(text: &mut String, l: &Layout) {
    let _ = writeln!(
        text,
        "\n### {}\n\n{}\n\n| bits | field | |\n|---|---|---|",
        l.name, l.doc
    );
    for (field, doc) in l.fields {
        let _ = writeln!(
            text,
            "| {} | {} | {doc} |",
            range(field.lsb, field.width),
            field.name
        );
    }
}

fn codes(text: &mut String) {
    text.push_str("\n## Status of a completion\n\n| code | | |\n|---|---|---|\n");
    for (code, name, doc) in Status::ALL {
        let _ = writeln!(text, "| {} | {name} | {doc} |", *code as u8);
    }
    text.push_str("\n## Queue faults\n\n| code | | |\n|---|---|---|\n");
    for (code, name, doc) in QueueFault::ALL {
        let _ = writeln!(text, "| {} | {name} | {doc} |", *code as u8);
    }
}

fn counters(text: &mut String) {
    text.push_str("\n## Statistics\n\n| offset | counter | |\n|---|---|---|\n");
    for stat in stats::Stat::ALL {
        let counter = stats::COUNTERS[*stat as usize];
        let _ = writeln!(
            text,
            "| 0x{:04x} | {} | {} |",
            stat.offset(),
            counter.name,
            counter.doc
        );
    }
}

fn range(lsb: u32, width: u32) -> String {
    if width == 1 {
        format!("{lsb}")
    } else {
        format!("{}:{lsb}", lsb + width - 1)
    }
}
