//! Function-level reset and cutting off, while frames are on their way.

use anyhow::{Result, ensure};
use longshore_device::Device;
use longshore_driver::DriverError;
use nic_abi::block::{DEVICE, device};

use super::Guest;
use crate::{card, echo::pattern, station::Station};

const ROUNDS: usize = 4;

/// A reset amid traffic loses frames, but no owner, no buffer and no other memory.
pub(super) fn mid_traffic(guest: &Guest) -> Result<String> {
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    let mut aborted = 0;
    for round in 0..ROUNDS {
        for index in 0..station.queues.len() {
            for _ in 0..24 {
                let seq = station.number();
                let frame = station.path.request(1, seq, &pattern(seq, 1400))?;
                station.queues[index].send(seq, &frame)?;
            }
        }
        let before = station.card.read32(DEVICE.at(0, device::EPOCH))?;
        station.nic.reset()?;
        let after = station.card.read32(DEVICE.at(0, device::EPOCH))?;
        ensure!(
            after == before.wrapping_add(1),
            "round {round}: epoch {before} to {after}"
        );
        for index in 0..station.queues.len() {
            let queue = &mut station.queues[index];
            let refused = queue.pair.poll(64, &mut Vec::new());
            ensure!(matches!(refused, Err(DriverError::Reset)), "{refused:?}");
            queue.sent.clear();
            queue.recover(&station.path)?;
            ensure!(
                queue.sent.len() == 24,
                "{} owners of 24 came back",
                queue.sent.len()
            );
            ensure!(
                queue.tx.taken() == 0,
                "{} transmit buffers are held",
                queue.tx.taken()
            );
            aborted += queue.pair.counters().aborted;
        }
        station.recover()?;
        station.check()?;
    }
    station.close()?;
    Ok(format!(
        "{ROUNDS} resets, {aborted} requests aborted and handed back"
    ))
}

/// The last resort: files closed amid traffic. Nothing is written afterwards, nothing leaks, and the card can be opened
/// again.
pub(super) fn sever(guest: &Guest) -> Result<String> {
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    for index in 0..station.queues.len() {
        for _ in 0..24 {
            let seq = station.number();
            let frame = station.path.request(1, seq, &pattern(seq, 1400))?;
            station.queues[index].send(seq, &frame)?;
        }
    }
    let proof = station.card.sever();
    ensure!(
        proof.proof() == longshore_device::QuiesceProof::Severed,
        "{proof:?}"
    );
    let magic = station.card.read32(DEVICE.at(0, device::MAGIC))?;
    ensure!(magic == u32::MAX, "a severed card answers {magic:#x}");
    // Another owner has the card while the first still holds its memory.
    let mut second = Station::open(card::open(guest.nics[0])?, 0)?;
    second.check()?;
    for queue in &station.queues {
        queue.check_canaries()?;
    }
    drop(station);
    second.check()?;
    second.close()?;
    Ok("cut off, taken over by another".into())
}
