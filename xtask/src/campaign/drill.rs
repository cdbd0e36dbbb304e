//! The kernel's own packetdrill scripts against the stack. They come out of Debian's package of the kernel's source, are
//! kept below the folder of downloaded tools, and are no part of this repository: they are the kernel's (GPL-2.0).

use crate::guest::packages;
use crate::process::{cargo, command, run as spawn, tools};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Where they lie in the kernel's source.
const SCRIPTS: &str = "tools/testing/selftests/net/packetdrill";

/// Options of `cargo xtask campaign drill`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Only scripts whose name contains this.
    #[arg(long, default_value = "")]
    script: String,
    /// Also those of the list of exceptions (host-driver/drill/exceptions.toml).
    #[arg(long)]
    all: bool,
    /// Scripts of another folder instead of the kernel's.
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// Plays them and prints how they went; an error if any failed.
pub(super) fn run(args: &Args) -> Result<()> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => fetch(&tools().join("packetdrill"))?,
    };
    let mut player = cargo();
    player.args(["run", "--quiet", "--package", "longshore-drill", "--"]);
    if args.all {
        player.arg("--all");
    }
    spawn(player.args(["--script", &args.script]).arg(folder))
}

/// The folder of scripts below `cache`, downloaded unless it is there.
fn fetch(cache: &Path) -> Result<PathBuf> {
    let (folder, stamp) = (cache.join("scripts"), cache.join("package"));
    if !stamp.exists() {
        if cache.exists() {
            fs::remove_dir_all(cache)?;
        }
        fs::create_dir_all(&folder)?;
        println!(
            "fetching the kernel's source with apt, for the scripts in it, into {} (some 170 MB, deleted afterwards)",
            cache.display()
        );
        let package = packages::newest_source(cache)?;
        unpack(&package, &folder)?;
        let name = package.file_name().unwrap_or_default().to_string_lossy();
        // Last: without it everything begins anew.
        fs::write(&stamp, name.as_bytes())?;
        fs::remove_file(&package)?;
    }
    println!("scripts of {}", fs::read_to_string(stamp)?);
    Ok(folder)
}

/// Only the scripts, out of the archive in the package.
fn unpack(package: &Path, folder: &Path) -> Result<()> {
    let inside = folder.with_file_name("unpacked");
    spawn(command("dpkg").arg("-x").arg(package).arg(&inside))?;
    let archive = fs::read_dir(inside.join("usr/src"))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "xz"))
        .context("the package holds no archive of the source")?;
    // Behind the archive's own folder, SCRIPTS has as many parts as it has slashes, and one.
    let strip = 2 + SCRIPTS.matches('/').count();
    spawn(
        command("tar")
            .arg(format!("--strip-components={strip}"))
            .args(["--wildcards", "-xf"])
            .arg(archive)
            .arg("-C")
            .arg(folder)
            .arg(format!("*/{SCRIPTS}/*")),
    )?;
    fs::remove_dir_all(inside)?;
    Ok(())
}
