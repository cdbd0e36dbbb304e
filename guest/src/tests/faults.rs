//! Accesses that the IOMMU refuses, because the memory was unmapped under way.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use longshore_driver::{Health, TxOutcome, Waiting};
use longshore_refs::holder::Own;
use nic_abi::fault::{QueueFault, Status};

use super::Guest;
use crate::{
    card,
    station::{PATIENCE, Station},
};

/// A payload that cannot be read: the request ends with an error, its queue pair is in quarantine until it is
/// recovered, the other goes on.
pub(super) fn read(guest: &Guest) -> Result<String> {
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    let queue = &mut station.queues[0];
    let chunk = queue.tx.take::<Own>().map(|c| c.iova()).unwrap_or_default();
    let (iova, _) = station.card.region_of(chunk)?;
    station.card.take_away(iova)?;
    let frame = station.path.who_has()?;
    for owner in 0..3 {
        queue.send(owner, &frame)?;
    }
    let start = Instant::now();
    while queue.quarantined.is_none() {
        queue.poll(&station.path)?;
        ensure!(start.elapsed() < PATIENCE, "no quarantine");
    }
    ensure!(
        queue.quarantined == Some(QueueFault::PayloadReadFailed),
        "{:?}",
        queue.quarantined
    );
    let failed = TxOutcome::Done {
        status: Status::ReadFailed,
        segments: Some(0),
    };
    ensure!(queue.sent.first() == Some(&(0, failed)), "{:?}", queue.sent);
    let health = queue.pair.health()?;
    ensure!(matches!(health, Health::Quarantined(Some(_))), "{health:?}");
    // All else is unaffected.
    station.echo(1, 64, 1000, Waiting::Interrupt)?;
    station.card.give_back(iova)?;
    let queue = &mut station.queues[0];
    queue.recover(&station.path)?;
    // What the NIC had begun with when it stopped it gives up itself, the rest comes back with the recovery.
    let cancelled = TxOutcome::Done {
        status: Status::Cancelled,
        segments: Some(0),
    };
    let unsent = [TxOutcome::Aborted, cancelled];
    let owners: Vec<_> = queue.sent.iter().map(|(owner, _)| *owner).collect();
    ensure!(
        owners == [0, 1, 2] && queue.sent[1..].iter().all(|(_, o)| unsent.contains(o)),
        "{:?}",
        queue.sent
    );
    queue.sent.clear();
    station.check()?;
    station.close()?;
    Ok("ReadFailed, quarantine, recovery; the other queue pair unaffected".into())
}

/// Completions that cannot be written: nothing comes, which only time tells; the other queue pair goes on; a reset
/// mends it.
pub(super) fn write(guest: &Guest) -> Result<String> {
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    // Rings are the one region of a queue pair that no pool is in.
    let rings = rings(&station, 0)?;
    station.card.take_away(rings)?;
    let frame = station.path.who_has()?;
    station.nic.set_rx_queue(0)?;
    // The descriptor itself cannot be read any more; what the NIC has to say of it cannot be written.
    let queue = &mut station.queues[0];
    queue.send(7, &frame)?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(500) {
        let n = queue.poll(&station.path)?;
        ensure!(n == 0, "{n} completions out of nowhere");
    }
    ensure!(queue.pair.outstanding() == 1, "the request is lost");
    station.echo(1, 64, 1000, Waiting::Interrupt)?;
    station.card.give_back(rings)?;
    station.nic.reset()?;
    let queue = &mut station.queues[0];
    queue.recover(&station.path)?;
    ensure!(queue.sent == [(7, TxOutcome::Aborted)], "{:?}", queue.sent);
    station.recover()?;
    station.check()?;

    // Receive buffers: the frame's bytes are lost, everything else of it arrives.
    let buffer = station.queues[0]
        .rx
        .take::<Own>()
        .map(|c| c.iova())
        .unwrap_or_default();
    let (buffers, region) = station.card.region_of(buffer)?;
    station.card.take_away(buffers)?;
    let mut before = vec![0; region.len()];
    region.read(0, &mut before)?;
    let frame = station.path.who_has()?;
    station.nic.set_rx_queue(0)?;
    let queue = &mut station.queues[0];
    queue.send(8, &frame)?;
    let start = Instant::now();
    while queue.pair.counters().frames == 0 || queue.sent.is_empty() {
        queue.poll(&station.path)?;
        if start.elapsed() > Duration::from_secs(3) {
            break;
        }
    }
    ensure!(
        queue.answers.is_empty(),
        "an answer came through unmapped memory"
    );
    let mut after = vec![0; region.len()];
    region.read(0, &mut after)?;
    ensure!(before == after, "unmapped memory was written");
    station.echo(1, 64, 1000, Waiting::Interrupt)?;
    station.card.give_back(buffers)?;
    station.nic.reset()?;
    station.recover()?;
    station.check()?;
    station.close()?;
    Ok("lost and found by time-out; reset; the other queue pair unaffected".into())
}

/// Bus address of the rings of queue pair `index`.
fn rings(station: &Station, index: usize) -> Result<u64> {
    use longshore_device::Device;
    use nic_abi::block::{QUEUE, queue};
    let at = |register| station.card.read32(QUEUE.at(index as u32, register));
    let base = u64::from(at(queue::CQ_BASE_HIGH)?) << 32 | u64::from(at(queue::CQ_BASE_LOW)?);
    Ok(station.card.region_of(base)?.0)
}
