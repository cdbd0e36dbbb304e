//! A kernel with VFIO's devices of their own and iommufd, which Debian leaves out of its own: built once from Debian's
//! source, and kept. Some eight minutes on two processors; not part of CI.

use super::packages;
use crate::process::{command, run};
use crate::setup::{KERNEL_BUILD, ensure};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What is switched on; all else is off.
const CONFIG: &str = include_str!("cdev.config");

/// The kernel as an ELF file, below `cache`.
pub(crate) fn kernel(cache: &Path) -> Result<PathBuf> {
    let dir = cache.join("cdev");
    let (built, stamp) = (dir.join("vmlinux"), dir.join("config"));
    if built.exists() && fs::read_to_string(&stamp).ok().as_deref() == Some(CONFIG) {
        return Ok(built);
    }
    ensure(KERNEL_BUILD)?;
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    println!(
        "building a kernel in {}: some minutes, two gigabytes meanwhile",
        dir.display()
    );
    let source = unpack(&dir)?;
    fs::write(dir.join("wanted"), CONFIG)?;
    make(&source, "allnoconfig")?;
    make(&source, "vmlinux")?;
    fs::rename(source.join("vmlinux"), &built)?;
    fs::remove_dir_all(source)?;
    // Last: without it everything begins anew.
    fs::write(stamp, CONFIG)?;
    Ok(built)
}

/// The source tree, out of the archive in the package.
fn unpack(dir: &Path) -> Result<PathBuf> {
    let package = packages::source(dir)?;
    let inside = dir.join("package");
    run(command("dpkg").arg("-x").arg(&package).arg(&inside))?;
    let archive = fs::read_dir(inside.join("usr/src"))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "xz"))
        .context("the package holds no archive of the source")?;
    let source = dir.join("source");
    fs::create_dir_all(&source)?;
    run(command("tar")
        .args(["--strip-components=1", "-xf"])
        .arg(archive)
        .arg("-C")
        .arg(&source))?;
    fs::remove_dir_all(inside)?;
    fs::remove_file(package)?;
    Ok(source)
}

/// At the lowest priority: nobody waits for it.
fn make(source: &Path, target: &str) -> Result<()> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    run(command("nice")
        .args(["-n", "19", "make", "--silent", &format!("-j{jobs}"), "-C"])
        .arg(source)
        .arg("KCONFIG_ALLCONFIG=../wanted")
        .arg(target))
    .with_context(|| format!("building the kernel ({target})"))
}
