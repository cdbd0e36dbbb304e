//! The main job: a file through sockets, TCP, driver, VFIO and NIC, both ways, against Linux outside.

use std::{fs, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, ensure};
use ip_core::{Cidr, MacAddr};
use longshore_device::Device;
use longshore_driver::Nic;
use longshore_http::{Server, hex};
use longshore_sockets::{Stack, StackConfig, TcpListener};
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::Guest;
use crate::{card, echo};

/// Bytes each way.
const LEN: usize = 4 << 20;
/// Any: the bytes must only be hard to get right by accident.
const SEED: u64 = 0x4c6f_6e67_7368_6f72;

/// curl outside downloads a file and uploads it again.
pub(super) fn both_ways(guest: &Guest) -> Result<String> {
    let folder = "/tmp/files";
    fs::create_dir_all(folder)?;
    let mut bytes = vec![0; LEN];
    ChaCha8Rng::seed_from_u64(SEED).fill(&mut bytes[..]);
    fs::write(format!("{folder}/sample"), &bytes)?;
    let sum = hex(&Sha256::digest(&bytes));
    drop(bytes);

    let card = card::open(guest.nics[0])?;
    let path = echo::path(0)?;
    let nic = Nic::open(card.clone() as Arc<dyn Device>)?;
    let mut ip = ip_core::Config::new(MacAddr(path.mac));
    ip.addresses
        .push(Cidr::new(path.ip, 24).context("our address")?);
    let stack = Stack::new(nic, StackConfig::new(ip))?;
    stack.start()?;
    let listener = TcpListener::bind(&stack, SocketAddr::new(path.ip.into(), 80))?;
    let server = Arc::new(Server::new(folder));
    let serving = server.clone();
    std::thread::spawn(move || serving.run(&listener));

    let before = card.inner().counts();
    let answer = guest
        .outside
        .ask(&format!("curl http://{}/sample {LEN}", path.ip))?;
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
