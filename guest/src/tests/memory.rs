//! DMA memory: pages, addresses, limits.

use std::{fs, sync::Arc};

use anyhow::{Result, bail, ensure};
use longshore_device::{Device, DeviceError};
use longshore_dma::{Backing, DmaRegion, HUGE_PAGE_SIZE, MapError, PAGE_SIZE, Pages};
use longshore_sysfs::Sysfs;

use longshore_driver::Waiting;

use super::Guest;
use crate::{
    card,
    station::{BUFFER, Station},
};

/// Huge pages for the tests that want them.
const RESERVE: u64 = 8;

/// Sets the system's reserve of huge pages; gives how many there are, which may be fewer.
pub(super) fn reserve(pages: u64) -> Result<u64> {
    fs::write("/proc/sys/vm/nr_hugepages", pages.to_string())?;
    Ok(Sysfs::system().huge_pages()?.map_or(0, |h| h.total))
}

/// Without a reserve everything is made of small pages, and works.
pub(super) fn small_pages(guest: &Guest) -> Result<String> {
    ensure!(reserve(0)? == 0, "huge pages are left");
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    // Large enough for a huge page, if there were one.
    let large = station.nic.pool("large", 1024, BUFFER)?;
    let regions = station.card.regions();
    ensure!(
        regions.iter().all(|(_, r)| r.page_size() == PAGE_SIZE),
        "huge pages out of nowhere"
    );
    station.check()?;
    drop(large);
    station.close()?;
    Ok(format!("{} regions", regions.len()))
}

/// With a reserve, large pools are made of huge pages, aligned so that the IOMMU maps each with one entry, and the NIC
/// reads and writes them.
pub(super) fn huge_pages(guest: &Guest) -> Result<String> {
    let reserved = reserve(RESERVE)?;
    ensure!(
        reserved == RESERVE,
        "{reserved} huge pages instead of {RESERVE}"
    );
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    let large = station.nic.pool("large", 1024, BUFFER)?;
    let is_huge = |(_, r): &&(u64, Arc<DmaRegion>)| r.page_size() == HUGE_PAGE_SIZE;
    let regions = station.card.regions();
    let huge: Vec<_> = regions.iter().filter(is_huge).collect();
    ensure!(!huge.is_empty(), "no region of huge pages");
    ensure!(
        huge.iter()
            .all(|(iova, _)| iova.is_multiple_of(HUGE_PAGE_SIZE as u64)),
        "not aligned"
    );
    // Send from there.
    for queue in &mut station.queues {
        queue.tx = station.nic.pool("tx of huge pages", 1024, BUFFER)?;
    }
    for index in 0..station.queues.len() {
        station.echo(index, 64, 1400, Waiting::Interrupt)?;
    }
    let used = Sysfs::system()
        .huge_pages()?
        .map_or(0, |h| h.total - h.free);
    drop((large, regions));
    station.close()?;
    let left = Sysfs::system()
        .huge_pages()?
        .map_or(0, |h| h.total - h.free);
    ensure!(left == 0, "{left} huge pages are not given back");
    reserve(0)?;
    Ok(format!("{used} pages of 2 MiB"))
}

/// What the IOMMU cannot map is refused, by us and by the kernel alike.
pub(super) fn limits(guest: &Guest) -> Result<String> {
    let card = card::open(guest.nics[0])?;
    let info = card.info();
    let region = Arc::new(DmaRegion::allocate(
        PAGE_SIZE,
        Backing::Private,
        Pages::Small,
    )?);
    let mut last = 0;
    for range in &info.iova_ranges {
        // The first and the last page of each range are really usable.
        for iova in [*range.start(), range.end() - (PAGE_SIZE as u64 - 1)] {
            card.dma_map(&region, iova)?;
            card.dma_unmap(&region, iova)?;
        }
        last = *range.end();
    }
    let beyond = last.wrapping_add(1);
    match card.dma_map(&region, beyond) {
        Err(DeviceError::Map(MapError::OutOfRange { .. })) => {}
        other => bail!("mapped at {beyond:#x}: {other:?}"),
    }
    match card.dma_map(&region, info.iova_ranges[0].start() + 8) {
        Err(DeviceError::Map(MapError::Misaligned { .. })) => {}
        other => bail!("mapped at an odd address: {other:?}"),
    }
    card.dma_map(&region, *info.iova_ranges[0].start())?;
    match card.dma_map(&region, *info.iova_ranges[0].start()) {
        Err(DeviceError::Map(MapError::Overlap { .. })) => {}
        other => bail!("mapped twice: {other:?}"),
    }
    Ok(format!("{:x?}", info.iova_ranges))
}

/// Whoever may not lock memory is told so.
pub(super) fn locked_memory(guest: &Guest) -> Result<String> {
    use rustix::{
        process::{Resource, Rlimit, getrlimit, setrlimit},
        thread::{CapabilitySet, capabilities, set_capabilities},
    };
    let card = card::open(guest.nics[0])?;
    let iova = *card.info().iova_ranges[0].start();
    let limit = getrlimit(Resource::Memlock);
    let small = Rlimit {
        current: Some(64 << 10),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Memlock, small)?;
    // Capabilities are the thread's: this one ends with the test.
    let mapped = std::thread::scope(|s| {
        s.spawn(|| -> Result<_> {
            let mut mine = capabilities(None)?;
            mine.effective.remove(CapabilitySet::IPC_LOCK);
            set_capabilities(None, mine)?;
            let region = Arc::new(DmaRegion::anonymous(1 << 20)?);
            Ok(card.dma_map(&region, iova))
        })
        .join()
    });
    setrlimit(Resource::Memlock, limit)?;
    match mapped {
        Ok(Ok(Err(
            error @ DeviceError::LockedMemory {
                limit: Some(65_536),
                ..
            },
        ))) => Ok(error.to_string().chars().take(60).collect::<String>() + "…"),
        Ok(Ok(other)) => bail!("mapped 1 MiB with a limit of 64 KiB: {other:?}"),
        Ok(Err(error)) => Err(error),
        Err(_) => bail!("the thread panicked"),
    }
}
