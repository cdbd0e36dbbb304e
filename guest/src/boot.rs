//! What an operating system's init does before anything else works.

use std::{ffi::CStr, fs, path::Path};

use anyhow::{Context, Result};
use rustix::{
    mount::{MountFlags, mount},
    system::{RebootCommand, finit_module, reboot},
};

use crate::{outside::Outside, tests};

/// In the order in which they depend on each other.
const MODULES: [&str; 5] = [
    "irqbypass",
    "vfio",
    "vfio_iommu_type1",
    "vfio-pci-core",
    "vfio-pci",
];

/// `MODULE_INIT_COMPRESSED_FILE` of `finit_module`: modules come as Debian packs them.
const COMPRESSED: i32 = 4;

/// The guest's whole life.
pub(crate) fn init() -> ! {
    match prepare() {
        Ok(outside) => tests::run(&outside),
        // On the console; nobody waits for more on the line outside, which ends.
        Err(error) => eprintln!("guest: {error:#}"),
    }
    let error = reboot(RebootCommand::PowerOff);
    // The first program's end is a kernel panic, upon which the guest ends too.
    panic!("cannot switch off: {error:?}");
}

fn prepare() -> Result<Outside> {
    let none: Option<&CStr> = None;
    for (kind, at) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        fs::create_dir_all(at)?;
        mount(kind, at, kind, MountFlags::empty(), none)
            .with_context(|| format!("mounting {at}"))?;
    }
    fs::create_dir_all("/tmp")?;
    tracing_subscriber::fmt()
        .with_env_filter("warn")
        .without_time()
        .with_ansi(false)
        .init();
    for name in MODULES {
        let path = Path::new("/modules").join(format!("{name}.ko.xz"));
        // A kernel may have it built in.
        if !path.exists() {
            continue;
        }
        let file = fs::File::open(&path).with_context(|| path.display().to_string())?;
        finit_module(&file, c"", COMPRESSED).with_context(|| format!("loading {name}"))?;
    }
    Outside::open().context("the line outside")
}
