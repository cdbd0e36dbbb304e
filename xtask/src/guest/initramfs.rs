//! The guest's file system: its programs, five modules, a console.

use anyhow::{Context, Result};
use cpio::newc::{Builder, ModeFileType, trailer};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes the archive that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst). Not
/// packed: unpacking takes an emulated processor longer than reading.
pub(crate) fn write(
    archive: &Path,
    programs: &[(&str, PathBuf)],
    modules: &[PathBuf],
) -> Result<()> {
    let mut out = BufWriter::new(File::create(archive)?);
    let mut number = 0;
    let mut add = |name: &str, kind, mode: u32, rdev: (u32, u32), bytes: &[u8]| -> Result<()> {
        number += 1;
        let entry = Builder::new(name)
            .ino(number)
            // In this order: the mode has the type in its upper bits.
            .mode(mode)
            .set_mode_file_type(kind)
            .rdev_major(rdev.0)
            .rdev_minor(rdev.1);
        let mut file = entry.write(&mut out, bytes.len() as u32);
        file.write_all(bytes)?;
        file.finish()?;
        Ok(())
    };
    add("dev", ModeFileType::Directory, 0o755, (0, 0), &[])?;
    // The first program's input and output, before it has mounted anything.
    add("dev/console", ModeFileType::Char, 0o600, (5, 1), &[])?;
    add("modules", ModeFileType::Directory, 0o755, (0, 0), &[])?;
    for module in modules {
        let name = module.file_name().context("a module has a name")?;
        let name = format!("modules/{}", name.to_string_lossy());
        add(
            &name,
            ModeFileType::Regular,
            0o644,
            (0, 0),
            &fs::read(module)?,
        )?;
    }
    add("bin", ModeFileType::Directory, 0o755, (0, 0), &[])?;
    for (name, program) in programs {
        let bytes = fs::read(program).with_context(|| program.display().to_string())?;
        add(name, ModeFileType::Regular, 0o755, (0, 0), &bytes)?;
    }
    trailer(out)?.flush()?;
    Ok(())
}
