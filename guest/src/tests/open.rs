//! Binding, opening, registers.

use anyhow::{Context, Result, bail, ensure};
use longshore_device::{Device, DeviceError};
use longshore_device_vfio::{Capabilities, Interface, OpenError, Vfio};
use longshore_driver::Nic;
use longshore_sysfs::{Address, Sysfs, SysfsError, VFIO_PCI};
use nic_abi::{
    block::{DEVICE, device},
    pci,
};

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::{fs, os::unix::fs::PermissionsExt};

use super::Guest;
use crate::card;

pub(super) fn bind_and_open(guest: &Guest) -> Result<String> {
    let sysfs = Sysfs::system();
    let address = guest.nics[0];
    ensure!(sysfs.has_iommu(), "no IOMMU");
    ensure!(sysfs.function(address)?.driver.is_none(), "bound already");
    let before = sysfs.bind(address)?;
    ensure!(sysfs.function(address)?.is_bound_to_vfio(), "not bound");
    sysfs.undo(&before)?;
    let function = sysfs.function(address)?;
    ensure!(
        function.driver.is_none() && function.driver_override.is_none(),
        "not undone"
    );
    sysfs.bind(address)?;
    let group = sysfs.usable_group(address)?;
    let interfaces = interfaces(&sysfs, address)?;
    for &interface in interfaces {
        drop(Vfio::open_by(&sysfs, address, interface).with_context(|| format!("{interface:?}"))?);
    }
    ensure!(sysfs.release(address)?.is_none(), "not released");
    sysfs.bind(address)?;
    Ok(format!(
        "group {} by {VFIO_PCI}, undone and bound again; opened by {interfaces:?}",
        group.number
    ))
}

/// The interfaces of VFIO that this kernel has, the one that is used first.
fn interfaces(sysfs: &Sysfs, address: Address) -> Result<&'static [Interface]> {
    let cdev = sysfs.function(address)?.cdev.is_some() && sysfs.iommufd_node().exists();
    Ok(match cdev {
        true => &[Interface::Cdev, Interface::Group],
        false => &[Interface::Group],
    })
}

/// What cannot be opened is refused with the cause.
pub(super) fn refusals(guest: &Guest) -> Result<String> {
    let sysfs = Sysfs::system();
    let address = guest.nics[0];
    sysfs.release(address)?;
    match Vfio::open(address) {
        Err(OpenError::Sysfs(SysfsError::NotBound { .. })) => {}
        other => bail!("opened unbound: {:?}", other.map(|_| ())),
    }
    sysfs.bind(address)?;
    let first = Vfio::open(address)?;
    for &interface in interfaces(&sysfs, address)? {
        match Vfio::open_by(&sysfs, address, interface) {
            Err(OpenError::Busy { .. }) => {}
            other => bail!("opened twice, by {interface:?}: {:?}", other.map(|_| ())),
        }
    }
    drop(first);
    let missing = "0000:00:1e.7".parse()?;
    match Vfio::open(missing) {
        Err(OpenError::Sysfs(SysfsError::NoFunction { .. })) => {}
        other => bail!("opened what is not there: {:?}", other.map(|_| ())),
    }
    not_allowed(&sysfs, address)?;
    drop(Vfio::open(address)?);
    Ok("unbound, in use, missing, not allowed: each by its name".into())
}

/// Somebody who may not open the file that stands for the function, or for its group, is told which.
fn not_allowed(sysfs: &Sysfs, address: Address) -> Result<()> {
    let node = match (
        interfaces(sysfs, address)?[0],
        sysfs.function(address)?.cdev,
    ) {
        (Interface::Cdev, Some(name)) => sysfs.cdev_node(&name),
        _ => sysfs.group_node(sysfs.group(address)?.number),
    };
    fs::set_permissions(&node, fs::Permissions::from_mode(0o000))?;
    // Root without the right to pass over permissions; capabilities are the thread's, which ends here.
    let opened = std::thread::scope(|s| {
        s.spawn(|| -> Result<_> {
            let mut mine = capabilities(None)?;
            let all = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
            mine.effective.remove(all);
            set_capabilities(None, mine)?;
            Ok(Vfio::open(address).map(drop))
        })
        .join()
    });
    fs::set_permissions(&node, fs::Permissions::from_mode(0o600))?;
    match opened {
        Ok(Ok(Err(OpenError::Denied { path }))) if path == node => Ok(()),
        Ok(other) => bail!("opened without permission: {other:?}"),
        Err(_) => bail!("the thread panicked"),
    }
}

pub(super) fn map_bar0(guest: &Guest) -> Result<String> {
    let card = card::open(guest.nics[0])?;
    let config = card.config_space()?;
    let capabilities = Capabilities::read(&config)?;
    ensure!(
        capabilities.revision == pci::REVISION_ID,
        "{capabilities:?}"
    );
    let magic = card.read32(DEVICE.at(0, device::MAGIC))?;
    ensure!(magic == nic_abi::MAGIC, "magic word {magic:#x}");
    let scratch = DEVICE.at(0, device::SCRATCH);
    for word in [0, u32::MAX, 0x1234_5678, 0xa5a5_5a5a] {
        card.write32(scratch, word)?;
        ensure!(card.read32(scratch)? == word, "scratch register");
    }
    for offset in [pci::BAR0_SIZE, 2, u32::MAX] {
        ensure!(
            matches!(card.read32(offset), Err(DeviceError::BadOffset { .. }))
                && matches!(card.write32(offset, 0), Err(DeviceError::BadOffset { .. })),
            "access at {offset:#x}"
        );
    }
    let before = card.read32(DEVICE.at(0, device::EPOCH))?;
    let nic = Nic::open(card.clone())?;
    let after = card.read32(DEVICE.at(0, device::EPOCH))?;
    ensure!(after == before.wrapping_add(1), "epoch {before} to {after}");
    ensure!(
        card.read32(scratch)? == 0,
        "the scratch register outlived the reset"
    );
    let identity = nic.identity();
    Ok(format!(
        "{} B of configuration space, {} vectors, {} queue pairs, contract {}.{}",
        config.len(),
        card.info().vectors,
        identity.queue_pairs,
        identity.version.0,
        identity.version.1
    ))
}
