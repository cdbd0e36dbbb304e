//! A plain stream between two NICs in virtual time, for figures.

use super::summary::{NicReport, Transfer};
use crate::world::pair::{ENDS, Pair, addresses};
use anyhow::{Context, Result, bail};
use longshore_sockets::{TcpListener, TcpStream};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_wire::Picos;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Instant;

const SENDER: usize = 0;
const RECEIVER: usize = 1;
const PORT: u16 = 5001;
/// Bytes per call of either program.
const CHUNK: usize = 256 * 1024;

/// Result of a bulk transfer.
pub struct Bulk {
    /// From the first written byte to the last read one.
    pub transfer: Transfer,
    /// Goodput from the moment the first quarter had arrived to the end, in Gb/s: without slow start.
    pub steady_gbps: f64,
    /// Sender and receiver.
    pub nics: [NicReport; 2],
}

/// Sends `len` pseudo-random bytes over one connection.
///
/// # Errors
/// The connection failed, the bytes differ, or nothing happens any more.
pub fn run(mut pair: Pair, len: usize, ipv6: bool, seed: u64) -> Result<Bulk> {
    let mut data = vec![0; len];
    ChaCha8Rng::seed_from_u64(seed).fill(&mut data[..]);
    let address = SocketAddr::new(addresses(RECEIVER as u8)[usize::from(ipv6)], PORT);
    let listener = TcpListener::bind(&pair.hosts[RECEIVER].stack, address).context("listening")?;
    listener.set_nonblocking(true)?;
    let mut sender =
        TcpStream::start_connect(&pair.hosts[SENDER].stack, address).context("connecting")?;
    sender.set_nonblocking(true)?;
    pair.called(SENDER);
    let mut receiver = None;
    let since = [pair.hosts[0].mmio(), pair.hosts[1].mmio()];
    let start = Instant::now();
    let (mut sent, mut received) = (0, 0);
    let mut buffer = vec![0; CHUNK];
    let (mut from, mut quarter) = (None, None);
    while received < len {
        pair.step()?;
        if receiver.is_none() {
            receiver = unblocked(listener.accept())?.map(|(stream, _)| stream);
            if let Some(stream) = &receiver {
                stream.set_nonblocking(true)?;
            }
        }
        while sent < len {
            let end = len.min(sent + CHUNK);
            let Some(n) = unblocked(sender.write(&data[sent..end]))? else {
                break;
            };
            from.get_or_insert(pair.now());
            sent += n;
            pair.called(SENDER);
            if sent == len {
                sender.shutdown(Shutdown::Write)?;
            }
        }
        let Some(stream) = &mut receiver else {
            continue;
        };
        while let Some(n) = unblocked(stream.read(&mut buffer))? {
            pair.called(RECEIVER);
            if n == 0 {
                break;
            }
            if buffer[..n] != data[received..received + n] {
                bail!("the bytes from {received} on differ");
            }
            received += n;
            if received >= len / 4 {
                quarter.get_or_insert((pair.now(), received));
            }
        }
    }
    let simulated = pair.now() - from.unwrap_or(Picos::ZERO);
    let steady = quarter.map_or(0.0, |(at, had)| {
        (len - had) as f64 * 8.0 / (pair.now() - at).as_secs_f64() / 1e9
    });
    let report = |end: usize| NicReport::of(ENDS[end], &pair.hosts[end], since[end]);
    Ok(Bulk {
        transfer: Transfer {
            what: "stream".into(),
            bytes: len as u64,
            equal: true,
            simulated: Some(simulated),
            wall: start.elapsed(),
        },
        steady_gbps: steady,
        nics: [report(0)?, report(1)?],
    })
}

/// `None` where the call would block.
fn unblocked<R>(result: io::Result<R>) -> io::Result<Option<R>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => Ok(None),
        Err(e) => Err(e),
    }
}
