//! What the commands need from the system, and how to get it.

use crate::process::{command, run, tools, which};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Stdio;

/// A program, or a library to build with, that may have to be installed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// On the PATH; of a library its C header.
    program: &'static str,
    why: &'static str,
    /// Package for apt, dnf and pacman.
    packages: [&'static str; 3],
}

const VERILATOR: Need = Need {
    program: "verilator",
    why: "turns the gateware's Verilog into a simulator",
    packages: ["verilator", "verilator", "verilator"],
};
const CXX: Need = Need {
    program: "g++",
    why: "compiles that simulator, and the fuzzer",
    packages: ["g++", "gcc-c++", "gcc"],
};
pub(crate) const IP: Need = Need {
    program: "ip",
    why: "makes the network namespace of the Linux peer",
    packages: ["iproute2", "iproute", "iproute2"],
};
const PING: Need = Need {
    program: "ping",
    why: "asks our stack for an echo",
    packages: ["iputils-ping", "iputils", "iputils"],
};
pub(crate) const CURL: Need = Need {
    program: "curl",
    why: "is the Linux peer's HTTP client",
    packages: ["curl", "curl", "curl"],
};
const PYTHON: Need = Need {
    program: "python3",
    why: "runs the packaged FPGA tools",
    packages: ["python3-venv", "python3", "python"],
};
pub(crate) const VALGRIND: Need = Need {
    program: "valgrind",
    why: "counts instructions",
    packages: ["valgrind", "valgrind", "valgrind"],
};
const ZLIB: Need = Need {
    program: "zlib.h",
    why: "compresses waveforms",
    packages: ["zlib1g-dev", "zlib-devel", "zlib"],
};

/// What building and running the simulated NIC takes.
pub(crate) const SIMULATION: &[Need] = &[VERILATOR, CXX];
/// What building a fuzzer takes.
pub(crate) const FUZZING: &[Need] = &[CXX];
/// What waveforms take besides.
pub(crate) const WAVE: &[Need] = &[CXX, ZLIB];
/// What the Linux peer takes.
pub(crate) const PEER: &[Need] = &[IP, CURL, PING];

/// What building a kernel takes.
pub(crate) const KERNEL_BUILD: &[Need] = &[
    CXX,
    kernel_needs("make", ["make", "make", "make"]),
    kernel_needs("flex", ["flex", "flex", "flex"]),
    kernel_needs("bison", ["bison", "bison", "bison"]),
    kernel_needs("bc", ["bc", "bc", "bc"]),
    kernel_needs("xz", ["xz-utils", "xz", "xz"]),
    kernel_needs(
        "libelf.h",
        ["libelf-dev", "elfutils-libelf-devel", "libelf"],
    ),
];

const fn kernel_needs(program: &'static str, packages: [&'static str; 3]) -> Need {
    Need {
        program,
        why: "builds the guest's kernel",
        packages,
    }
}

const MANAGERS: [(&str, &[&str]); 3] = [
    ("apt-get", &["install", "-y", "--no-install-recommends"]),
    ("dnf", &["install", "-y"]),
    ("pacman", &["-S", "--noconfirm", "--needed"]),
];

/// A program is on the PATH, a C header is found by the compiler.
fn is_there(program: &str) -> bool {
    if !program.ends_with(".h") {
        return which(program).is_some();
    }
    command("g++")
        .args(["-E", "-x", "c++", "-include", program, "/dev/null"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Installs whatever of `needs` is not on the PATH, and says what.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|n| !is_there(n.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        println!("missing: {} ({})", need.program, need.why);
    }
    let names: Vec<_> = missing.iter().map(|n| n.program).collect();
    let (column, (manager, args)) = MANAGERS
        .iter()
        .enumerate()
        .find(|(_, (manager, _))| which(manager).is_some())
        .with_context(|| {
            format!(
                "no apt-get, dnf or pacman here: install {} by hand and try again",
                names.join(", ")
            )
        })?;
    let packages: Vec<_> = missing.iter().map(|n| n.packages[column]).collect();
    println!("installing with {manager}: {}", packages.join(" "));
    if *manager == "apt-get" {
        // An image without package lists finds no package at all.
        run(as_root(manager)?.args(["update", "-qq"]))?;
    }
    run(as_root(manager)?
        .args(*args)
        .args(&packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
    .with_context(|| format!("install {} by hand and try again", packages.join(" ")))?;
    if let Some(need) = missing.iter().find(|n| !is_there(n.program)) {
        bail!("{} is still not found after its installation", need.program);
    }
    Ok(())
}

fn as_root(manager: &str) -> Result<std::process::Command> {
    let root = crate::process::output(command("id").arg("-u"))?.trim() == "0";
    if root {
        return Ok(command(manager));
    }
    if which("sudo").is_none() {
        bail!(
            "packages are missing, and without root or sudo they cannot be installed: run `{manager}` as root"
        );
    }
    let mut sudo = command("sudo");
    sudo.arg(manager);
    Ok(sudo)
}

/// The FPGA tools at their pinned versions, in a virtual environment of the project's own.
///
/// Returns the environment's `bin` folder.
pub(crate) fn fpga_tools() -> Result<PathBuf> {
    let venv = tools().join("fpga");
    let bin = venv.join("bin");
    let pins = include_str!("../requirements.txt");
    let stamp = venv.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|s| s == pins) {
        return Ok(bin);
    }
    ensure(&[PYTHON])?;
    println!("installing the FPGA tools (yosys, nextpnr) with pip, pinned");
    std::fs::create_dir_all(&venv)?;
    if run(command("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv))
    .is_err()
    {
        // Debian's python3 without its venv package.
        ensure_package_for_venv()?;
        run(command("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv))?;
    }
    run(command(bin.join("python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(crate::process::root().join("xtask/requirements.txt")))?;
    std::fs::write(&stamp, pins)?;
    Ok(bin)
}

fn ensure_package_for_venv() -> Result<()> {
    if which("apt-get").is_none() {
        bail!("`python3 -m venv` fails: install your system's venv package and try again");
    }
    run(as_root("apt-get")?.args(["install", "-y", "python3-venv"]))
}

/// Everything that any command needs.
pub(crate) fn everything() -> Result<()> {
    ensure(SIMULATION)?;
    ensure(PEER)?;
    fpga_tools()?;
    println!("everything is there");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_on_the_path_and_headers_by_the_compiler() {
        assert!(is_there("cargo"));
        assert!(!is_there("no-such-program"));
        assert!(is_there("stdio.h"));
        assert!(!is_there("no/such/header.h"));
    }
}
