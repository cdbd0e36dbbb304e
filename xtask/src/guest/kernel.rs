//! The kernel out of its wrapping.
//!
//! A `vmlinuz` unpacks itself, which takes an emulated processor seconds. QEMU boots the ELF file inside directly
//! (PVH), so it is unpacked here, once.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// First bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ELF: [u8; 4] = *b"\x7fELF";

/// The ELF file in `vmlinuz`, kept in `cache` under the kernel's name.
pub(crate) fn unpack(vmlinuz: &Path, cache: &Path) -> Result<PathBuf> {
    let name = vmlinuz.file_name().context("a kernel has a name")?;
    let version = name.to_string_lossy().replacen("vmlinuz", "vmlinux", 1);
    let unpacked = cache.join(version);
    if !unpacked.exists() {
        let image = fs::read(vmlinuz).with_context(|| vmlinuz.display().to_string())?;
        let elf = extract(&image).with_context(|| vmlinuz.display().to_string())?;
        // Whole or not at all.
        let part = unpacked.with_extension("part");
        fs::write(&part, elf)?;
        fs::rename(part, &unpacked)?;
    }
    Ok(unpacked)
}

/// The ELF file in a kernel image: what the first zstd frame that holds one unpacks to.
fn extract(image: &[u8]) -> Result<Vec<u8>> {
    let starts = image.windows(4).enumerate().filter(|(_, w)| *w == ZSTD);
    for (at, _) in starts {
        let Ok(mut frame) = ruzstd::decoding::StreamingDecoder::new(&image[at..]) else {
            continue;
        };
        let mut head = [0; 4];
        if frame.read_exact(&mut head).is_err() || head != ELF {
            continue;
        }
        let mut elf = head.to_vec();
        frame.read_to_end(&mut elf).context("unpacking")?;
        return Ok(elf);
    }
    bail!("no ELF file packed with zstd in it: another kernel than Debian's?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    #[test]
    fn the_elf_file_is_found_behind_other_bytes_and_other_frames() {
        let elf = [&ELF[..], &[7; 5000]].concat();
        let pack = |bytes: &[u8]| compress_to_vec(bytes, CompressionLevel::Uncompressed);
        let image = [
            &ZSTD[..],
            b"not a frame",
            &pack(b"no ELF file"),
            &pack(&elf),
        ]
        .concat();
        assert_eq!(extract(&image).unwrap(), elf);
        assert!(extract(b"nothing").is_err());
    }
}
