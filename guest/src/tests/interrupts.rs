//! MSI-X through the kernel's eventfds.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::event::epoll;

use longshore_driver::Waiting;

use super::Guest;
use crate::{
    card,
    station::{HYBRID, PATIENCE, Station},
};

/// Each queue pair raises its own vector, and no other's; the vector's file wakes an epoll; all ways of waiting work.
pub(super) fn every_queue(guest: &Guest) -> Result<String> {
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    let count = station.queues.len();
    let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, queue) in station.queues.iter().enumerate() {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&set, queue.pair.interrupt(), data, epoll::EventFlags::IN)?;
    }
    for round in 0..2 {
        for index in 0..count {
            // Nothing is under way: whatever was signalled is old.
            for queue in &mut station.queues {
                queue.poll(&station.path)?;
                queue.pair.interrupt().try_take();
            }
            station.queues[index].pair.arm()?;
            let frame = station.path.who_has()?;
            station.nic.set_rx_queue(index as u32)?;
            station.queues[index].send(0, &frame)?;
            let fired = wait(&set)?;
            ensure!(
                fired == [index as u64],
                "round {round}: queue pair {index} raised {fired:?}"
            );
            let start = Instant::now();
            while station.queues[index].answers.is_empty() {
                station.queues[index].poll(&station.path)?;
                ensure!(
                    start.elapsed() < PATIENCE,
                    "no answer on queue pair {index}"
                );
            }
            station.queues[index].answers.clear();
            station.queues[index].sent.clear();
        }
    }
    for index in 0..count {
        for waiting in [Waiting::Busy, Waiting::Interrupt, HYBRID] {
            station.echo(index, 32, 200, waiting)?;
        }
    }
    station.close()?;
    Ok(format!("{count} queue pairs; busy, by interrupt, hybrid"))
}

/// The vectors that fire within some time of the first.
fn wait(set: &rustix::fd::OwnedFd) -> Result<Vec<u64>> {
    let mut events = Vec::with_capacity(16);
    let patience = rustix::event::Timespec::try_from(PATIENCE)?;
    epoll::wait(
        set,
        rustix::buffer::spare_capacity(&mut events),
        Some(&patience),
    )?;
    std::thread::sleep(Duration::from_millis(20));
    events.clear();
    let now = rustix::event::Timespec::default();
    epoll::wait(set, rustix::buffer::spare_capacity(&mut events), Some(&now))?;
    Ok(events.iter().map(|e| e.data.u64()).collect())
}
