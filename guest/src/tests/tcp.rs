//! The main job: a file through sockets, TCP, driver, VFIO and NIC, both ways, against Linux outside.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use ip_core::{Cidr, MacAddr};
use longshore_device::{Device, MmioCounts};
use longshore_driver::Nic;
use longshore_http::{Server, hex};
use longshore_sockets::{Stack, StackConfig, TcpListener};
use nic_abi::stats::Stat;

use super::{Guest, sample, sample::LEN};
use crate::card::{self, Card};

/// Ours, found by ARP.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const MAC: [u8; 6] = [2, 0x4c, 0x53, 0, 0, 0x77];

/// Doorbells a frame, at most.
const DOORBELLS: f64 = 0.1;

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

    let before = Mark::set(&card, &stack)?;
    let down = guest
        .outside
        .ask(&format!("download http://{ADDRESS}/sample {LEN}"))?;
    let between = Mark::set(&card, &stack)?;
    ensure!(down == sum, "the download's sum is {down} instead of {sum}");
    let up = guest
        .outside
        .ask(&format!("upload http://{ADDRESS}/upload"))?;
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
    let after = Mark::set(&card, &stack)?;

    // On the console, for whoever wonders what happened.
    eprintln!("{:?}\n{}", stack.counters(), stack.nic().statistics()?);
    stack.shutdown();
    let down = before.until(&between);
    let up = between.until(&after);
    ensure!(
        down.mmio.reads + up.mmio.reads == 0,
        "registers are read on the data path: down {down}; up {up}"
    );
    // One way alone depends on how much the kernel outside sends at a time.
    let together =
        (down.mmio.doorbells() + up.mmio.doorbells()) as f64 / (down.frames + up.frames) as f64;
    ensure!(
        together <= DOORBELLS,
        "too many doorbells: down {down}; up {up}"
    );
    Ok(format!(
        "{LEN} B each way, SHA-256 equal; down {down}; up {up}; together {together:.3}"
    ))
}

/// What was counted up to a moment. What it takes to find out is not counted.
struct Mark {
    /// Register accesses before the NIC's own counter was read, and after.
    reached: MmioCounts,
    left: MmioCounts,
    frames: u64,
}

impl Mark {
    fn set(card: &Card, stack: &Stack) -> Result<Self> {
        let reached = card.inner().counts();
        let frames = stack.counters().frames_in + stack.nic().statistic(Stat::TxFrames)?;
        Ok(Self {
            reached,
            frames,
            left: card.inner().counts(),
        })
    }

    fn until(&self, later: &Self) -> Work {
        Work {
            mmio: later.reached.since(&self.left),
            frames: later.frames - self.frames,
        }
    }
}

/// What was done between two moments.
struct Work {
    mmio: MmioCounts,
    /// On the wire, either direction.
    frames: u64,
}

impl Work {
    /// Doorbells a frame.
    fn rate(&self) -> f64 {
        self.mmio.doorbells() as f64 / self.frames.max(1) as f64
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mmio, frames } = self;
        write!(f, "{frames} frames, {mmio}: {:.3} a frame", self.rate())
    }
}
