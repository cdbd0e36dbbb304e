//! Function-level reset and cutting off, while frames are on their way.

use anyhow::{Result, ensure};
use longshore_device::Device;
use longshore_driver::{DriverError, TxOutcome};
use nic_abi::block::{DEVICE, device};

use super::Guest;
use crate::{
    card,
    echo::pattern,
    station::{REQUESTS, Station},
};

/// So many resets at least, and at most so many until one has caught requests under way.
const ROUNDS: std::ops::RangeInclusive<u32> = 4..=12;

/// A reset amid traffic loses frames, but no owner, no buffer and no other memory.
pub(super) fn mid_traffic(guest: &Guest) -> Result<String> {
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    let (mut rounds, mut aborted) = (0, 0);
    while rounds < *ROUNDS.start() || (aborted == 0 && !guest.model) {
        ensure!(
            rounds < *ROUNDS.end(),
            "no reset caught a request under way"
        );
        rounds += 1;
        let before = station.card.read32(DEVICE.at(0, device::EPOCH))?;
        burst(&mut station)?;
        station.nic.reset()?;
        let after = station.card.read32(DEVICE.at(0, device::EPOCH))?;
        ensure!(
            after == before.wrapping_add(1),
            "round {rounds}: epoch {before} to {after}"
        );
        for queue in &mut station.queues {
            let refused = queue.pair.poll(64, &mut Vec::new());
            ensure!(matches!(refused, Err(DriverError::Reset)), "{refused:?}");
            queue.recover(&station.path)?;
            let owners = queue.sent.len();
            ensure!(
                owners == REQUESTS,
                "{owners} owners of {REQUESTS} came back"
            );
            let held = queue.tx.taken();
            ensure!(held == 0, "{held} transmit buffers are held");
            let is_aborted = |(_, outcome): &&(u16, TxOutcome)| *outcome == TxOutcome::Aborted;
            aborted += queue.sent.iter().filter(is_aborted).count();
        }
        station.recover()?;
        station.check()?;
    }
    station.close()?;
    Ok(format!(
        "{rounds} resets, {aborted} requests caught under way and handed back"
    ))
}

/// Fills every submission ring with echo requests.
fn burst(station: &mut Station) -> Result<()> {
    for index in 0..station.queues.len() {
        for _ in 0..REQUESTS {
            let seq = station.number();
            let frame = station.path.request(1, seq, &pattern(seq, 1400))?;
            station.queues[index].post(seq, &frame)?;
        }
    }
    for queue in &mut station.queues {
        queue.pair.ring()?;
    }
    Ok(())
}

/// The last resort: files closed amid traffic. Nothing is written afterwards, nothing leaks, and the card can be opened
/// again.
pub(super) fn sever(guest: &Guest) -> Result<String> {
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    burst(&mut station)?;
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
