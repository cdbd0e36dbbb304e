//! A NIC opened through VFIO.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use longshore_device::Counting;
use longshore_device_vfio::Vfio;
use longshore_sysfs::{Address, Sysfs};

use crate::recording::Recording;

/// The device, counted and recorded.
pub(crate) type Card = Recording<Counting<Vfio>>;

/// The NICs of this guest, in order.
pub(crate) fn addresses() -> Result<Vec<Address>> {
    let functions = Sysfs::system().functions()?;
    let ours = functions.iter().filter(|f| f.is_longshore());
    let addresses: Vec<_> = ours.map(|f| f.address).collect();
    ensure!(!addresses.is_empty(), "the guest sees no Longshore NIC");
    Ok(addresses)
}

/// Opens a NIC, bound to vfio-pci if it is not.
pub(crate) fn open(address: Address) -> Result<Arc<Card>> {
    Sysfs::system()
        .bind(address)
        .context("binding to vfio-pci")?;
    let vfio = Vfio::open(address).context("opening through VFIO")?;
    Ok(Arc::new(Recording::new(Counting::new(vfio))))
}
