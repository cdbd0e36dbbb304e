//! Runs of the job, from the knobs to the page.

use super::page::Run;
use super::sample::Sample;
use super::summary::NicReport;
use super::{bulk, linux, pair};
use crate::options::{Setup, Wires};
use crate::world::host::Host;
use crate::world::linux::LinuxPeer;
use crate::world::pair::{ENDS, Pair, PairConfig};
use anyhow::Result;
use longshore_sockets::StackConfig;
use sim_wire::capture::Epoch;
use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

/// curl over a TAP downloads `sample` and uploads it, `repeat` times.
///
/// # Errors
/// Privileges or tools are missing, or a transfer failed.
pub fn with_curl(
    setup: &Setup,
    sample: &Sample,
    scratch: &Path,
    ipv6: bool,
    repeat: u32,
) -> Result<Run> {
    let seed = setup.seed()?;
    let wires = setup.wires(seed, Epoch::Real(SystemTime::now()))?;
    let peer = LinuxPeer::new(
        &setup.kind(seed),
        setup.line(),
        |wire| wires.wrap(ENDS[0], wire),
        |_| {},
    )?;
    trace(setup, &peer.host)?;
    let since = peer.host.mmio();
    let transfers = linux::run(
        &peer.host.stack,
        &peer.namespace,
        sample,
        scratch,
        ipv6,
        repeat,
    )?;
    let nic = NicReport::of(ENDS[0], &peer.host, since)?;
    drop(peer);
    wires.finish()?;
    Ok(Run {
        transfers,
        nics: vec![nic],
    })
}

/// Two NICs in virtual time: HTTP download and upload of `sample`.
///
/// # Errors
/// A transfer failed.
pub fn back_to_back(setup: &Setup, sample: &Sample, ipv6: bool) -> Result<Run> {
    let (world, wires) = two_nics(setup, |stack| {
        stack.tcp.timestamps = false;
        // A wire may be asked to lose a fifth of its frames, and to spoil a neighbour's answer (no check sequence
        // protects it there). Patience costs nothing in virtual time.
        stack.ip.neighbours.solicitations = 32;
        stack.tcp.syn_retries = 32;
    })?;
    let outcome = pair::run(world, sample, ipv6)?;
    wires.finish()?;
    Ok(Run {
        transfers: outcome.transfers.into(),
        nics: outcome.nics.into(),
    })
}

/// Two NICs in virtual time: a plain stream of `len` bytes.
///
/// # Errors
/// The transfer failed.
pub fn stream(setup: &Setup, len: usize, ipv6: bool) -> Result<bulk::Bulk> {
    let (world, wires) = two_nics(setup, large_buffers)?;
    let result = bulk::run(world, len, ipv6, setup.seed()?.0)?;
    wires.finish()?;
    Ok(result)
}

/// Buffers for a stream at line rate, and full segments of 1,460 B.
fn large_buffers(stack: &mut StackConfig) {
    stack.tcp.timestamps = false;
    stack.send_buffer = 1 << 20;
    stack.tcp.receive_buffer = 1 << 20;
}

fn two_nics(setup: &Setup, adjust: fn(&mut StackConfig)) -> Result<(Pair, Rc<Wires>)> {
    let seed = setup.seed()?;
    let wires = Rc::new(setup.wires(seed, Epoch::Virtual)?);
    let wrapping = Rc::clone(&wires);
    let mut config = PairConfig::new(setup.kind(seed));
    config.line = setup.line();
    config.wrap = Box::new(move |name, wire| wrapping.wrap(name, wire));
    config.adjust = adjust;
    let world = Pair::new(config)?;
    trace(setup, &world.hosts[0])?;
    Ok((world, wires))
}

fn trace(setup: &Setup, host: &Host) -> Result<()> {
    if let Some(path) = &setup.wave {
        host.nic.lock().trace(path)?;
    }
    Ok(())
}
