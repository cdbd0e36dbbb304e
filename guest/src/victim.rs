//! What gets killed in the midst of DMA.

use std::{
    convert::Infallible,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use longshore_driver::Waiting;
use longshore_sysfs::Address;

use crate::{card, station::Station};

/// The argument that makes this program the victim.
pub(crate) const WORD: &str = "victim";

/// Echoes without end.
pub(crate) fn run(address: &str) -> Result<Infallible> {
    let mut station = Station::open(card::open(address.parse()?)?, 0)?;
    station.check()?;
    println!("ready");
    loop {
        for index in 0..station.queues.len() {
            station.echo(index, 64, 1400, Waiting::Busy)?;
        }
    }
}

/// Starts a victim on the NIC at `address`, lets it work, and kills it.
pub(crate) fn kill_one(address: Address) -> Result<()> {
    let mut child = Command::new("/proc/self/exe")
        .args([WORD, &address.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the victim")?;
    let stdout = child.stdout.take().context("the victim's output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    std::thread::sleep(Duration::from_millis(300));
    let alive = child.try_wait()?.is_none();
    child.kill()?;
    child.wait()?;
    ensure!(
        line.trim() == "ready" && alive,
        "the victim died on its own"
    );
    Ok(())
}
