//! The main job: a file through sockets, TCP, driver, VFIO and NIC, both ways, against Linux outside.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use ip_core::{Cidr, MacAddr};
use longshore_device::Device;
use longshore_driver::Nic;
use longshore_http::{Server, hex};
use longshore_sockets::{Stack, StackConfig, TcpListener};

use super::{Guest, sample, sample::LEN};
use crate::card;

/// Ours, found by ARP.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const MAC: [u8; 6] = [2, 0x4c, 0x53, 0, 0, 0x77];
/// curl outside downloads a file and uploads it again.
pub(super) fn both_ways(guest: &Guest) -> Result<String> {
    let (_, sum) = sample::make()?;
    let card = card::open(guest.nics[0])?;
    let nic = Nic::open(card.clone() as Arc<dyn Device>)?;
    let mut ip = ip_core::Config::new(MacAddr(MAC));
    ip.addresses
        .push(Cidr::new(ADDRESS, 24).context("our address")?);
    let stack = Stack::new(nic, StackConfig::new(ip))?;
    stack.start()?;
    let listener = TcpListener::bind(&stack, SocketAddr::new(ADDRESS.into(), 80))?;
    let server = Arc::new(Server::new(sample::FOLDER));
    let serving = server.clone();
    std::thread::spawn(move || serving.run(&listener));

    let before = card.inner().counts();
    let answer = guest
        .outside
        .ask(&format!("curl http://{ADDRESS}/sample {LEN}"))?;
    let (down, up) = answer.split_once(' ').context("two sums")?;
    ensure!(down == sum, "the download's sum is {down} instead of {sum}");
    let upload = server.uploads().pop().context("no upload arrived")?;
    ensure!(
        upload.len == LEN as u64 && up == sum,
        "{} B were sent up, sum {up}",
        upload.len
    );
    ensure!(
        hex(&upload.sha256) == sum,
        "the upload's sum is {}",
        hex(&upload.sha256)
    );

    let mmio = card.inner().counts().since(&before);
    let counters = stack.counters();
    // On the console, for whoever wonders what happened.
    eprintln!("{counters:?}\n{}", stack.nic().statistics()?);
    let packets = counters.frames_in + counters.transmits;
    stack.shutdown();
    ensure!(
        mmio.reads == 0,
        "{} register reads on the data path",
        mmio.reads
    );
    let rate = mmio.doorbells() as f64 / packets as f64;
    Ok(format!(
        "{LEN} B down and up, SHA-256 equal; {packets} packets, 0 register reads, {rate:.3} doorbells a packet"
    ))
}
