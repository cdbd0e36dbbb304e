//! From a program's datagram to the NIC.

use std::io;
use std::net::{IpAddr, SocketAddr};

use arrayvec::ArrayVec;
use ip_core::{IpNumber, MacAddr, Path, UDP_HEADER_LEN, udp_header};
use longshore_dma::Pool;
use longshore_driver::{Piece, Refusal};
use longshore_refs::sync::atomic::Ordering;

use crate::counters::count;
use crate::failure::Failure;
use crate::neighbours::Way;
use crate::protocol::{Attempt, Call};
use crate::shared::Shared;

use super::block::{Block, Route};
use super::{Outgoing, Udp};

/// EDESTADDRREQ on Linux: it has no kind of its own.
const EDESTADDRREQ: i32 = 89;
/// Pieces of a datagram: 64 KiB in chunks of 16 KiB.
const PIECES: usize = 4;

/// Checks a destination, and says from which own address it is spoken to.
pub(super) fn source_to(shared: &Shared, block: &Block, remote: SocketAddr) -> io::Result<IpAddr> {
    let config = shared.neighbours.config();
    let ip = remote.ip();
    let invalid = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    if ip.is_ipv4() != block.bound.is_ipv4() {
        return invalid(format!("{remote} is not of the socket's address family"));
    }
    if remote.port() == 0 || ip.is_unspecified() {
        return invalid(format!("{remote} is no address with a port"));
    }
    if config.is_own(ip) {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "sending to an own address: this stack has no loopback",
        ));
    }
    if matches!(ip, IpAddr::V4(v4) if config.is_broadcast(v4)) && !block.options.broadcast {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{ip} is a broadcast address: set_broadcast allows to send there"),
        ));
    }
    if !block.bound.ip().is_unspecified() {
        return Ok(block.bound.ip());
    }
    let local = config.source_for(ip);
    local.ok_or_else(|| Failure::NetworkUnreachable.into())
}

/// Tries to send a datagram.
pub(super) fn send(
    call: &mut Call<'_, '_, Udp>,
    block: &mut Block,
    message: Outgoing<'_>,
) -> Attempt<usize> {
    if let Some(error) = block.refusal() {
        return Attempt::Done(Err(error));
    }
    let Some(remote) = message.to.or(block.name.remote) else {
        return Attempt::Done(Err(io::Error::from_raw_os_error(EDESTADDRREQ)));
    };
    let remote = SocketAddr::from((remote.ip(), remote.port()));
    let local = match block.name.remote {
        Some(peer) if peer == remote => Ok(block.name.local.ip()),
        _ => source_to(call.shared, block, remote),
    };
    match local.and_then(|local| send_from(call, block, local, remote, message.data)) {
        Ok(Sent::Now) => {
            count(&call.shared.counters.datagrams_out);
            block.note_sent(remote);
            Attempt::Done(Ok(message.data.len()))
        }
        Ok(Sent::NoRoom) => Attempt::Wait,
        Err(error) => Attempt::Done(Err(error)),
    }
}

enum Sent {
    Now,
    /// The socket is parked.
    NoRoom,
}

fn send_from(
    call: &mut Call<'_, '_, Udp>,
    block: &mut Block,
    local: IpAddr,
    remote: SocketAddr,
    data: &[u8],
) -> io::Result<Sent> {
    let shared = call.shared;
    let own = shared.config.ip.mtu;
    let mtu = shared.udp.mtus.get(call.under, call.now, remote.ip(), own);
    let headers = UDP_HEADER_LEN + if local.is_ipv4() { 20 } else { 40 };
    if data.len() + headers > usize::from(mtu) {
        return Err(Failure::MessageTooLong.into());
    }
    let header = udp_header(block.name.local.port(), remote.port(), data.len());
    let ready = find_way(call, block, local, remote.ip())?;
    let Some(path) = ready else {
        // The next hop is being asked. Whoever waits for the answer is told if none comes; he has to be on the list before.
        if block.name.remote == Some(remote) && !block.unresolved {
            block.unresolved = true;
            let unresolved = &shared.udp.unresolved;
            call.under.with(unresolved, |list| list.push(block.handle));
        }
        let path = Path {
            local,
            remote: remote.ip(),
            source_mac: shared.config.ip.mac,
            destination_mac: MacAddr::default(),
            hop_limit: 0,
            traffic_class: 0,
        };
        let path = marked(block, path);
        let frame = path
            .header(IpNumber::UDP, next_id(block), &header, data.len())
            .into_frame(data);
        shared.neighbours.with(call.under, |interface| {
            interface.send(call.now, remote.ip(), frame);
        });
        shared.wake_ip_layer();
        return Ok(Sent::Now);
    };
    if post(call, block, &path, &header, data)? {
        return Ok(Sent::Now);
    }
    park(call, block);
    // There may be room since, and nobody to tell of it any more.
    if post(call, block, &path, &header, data)? {
        return Ok(Sent::Now);
    }
    Ok(Sent::NoRoom)
}

/// The way to a host; `None` while its next hop is being asked.
fn find_way(
    call: &mut Call<'_, '_, Udp>,
    block: &mut Block,
    local: IpAddr,
    remote: IpAddr,
) -> io::Result<Option<Path>> {
    let shared = call.shared;
    if let Some(Route { path, until, epoch }) = block.route
        && (path.local, path.remote) == (local, remote)
        && call.now < until
        && epoch == shared.neighbours.epoch()
    {
        return Ok(Some(marked(block, path)));
    }
    match shared.resolve(call.under, call.now, local, remote, false) {
        Way::Ready { path, until, epoch } => {
            block.route = Some(Route { path, until, epoch });
            Ok(Some(marked(block, path)))
        }
        Way::Pending => Ok(None),
        Way::NoRoute => Err(Failure::NetworkUnreachable.into()),
    }
}

/// A path as the socket's options want it.
fn marked(block: &Block, path: Path) -> Path {
    let options = &block.options;
    Path {
        hop_limit: if path.remote.is_multicast() {
            options.multicast_hop_limit
        } else {
            options.hop_limit
        },
        traffic_class: options.traffic_class,
        ..path
    }
}

fn next_id(block: &mut Block) -> u16 {
    block.identification = block.identification.wrapping_add(1);
    block.identification
}

/// Posts a datagram. False if there is no room in the ring, or no send memory.
fn post(
    call: &mut Call<'_, '_, Udp>,
    block: &mut Block,
    path: &Path,
    header: &[u8],
    data: &[u8],
) -> io::Result<bool> {
    let shared = call.shared;
    let Some(pieces) = copy(shared.nic.send_pool(), data) else {
        return Ok(false);
    };
    let mut tx = shared.nic.tx(call.under, block.queue);
    if !tx.has_room() {
        return Ok(false);
    }
    let header = path.header(IpNumber::UDP, next_id(block), header, data.len());
    if let Err(error) = tx.post_udp(&header, pieces.into_iter()) {
        if matches!(error, Refusal::Full) {
            return Ok(false);
        }
        count(&shared.counters.device_errors);
        tracing::warn!(%error, name = ?block.name, "datagram not posted");
        return Err(io::Error::other(error));
    }
    tx.commit();
    Ok(true)
}

/// Copies a datagram's bytes to memory that the NIC reads. `None` if there is none left.
fn copy(pool: &Pool, data: &[u8]) -> Option<ArrayVec<Piece, PIECES>> {
    let mut pieces = ArrayVec::new();
    let mut left = data;
    while !left.is_empty() {
        let chunk = pool.take()?;
        let (now, later) = left.split_at(left.len().min(chunk.len()));
        chunk.write(0, now).ok()?;
        // A datagram is less than 64 KiB.
        #[expect(clippy::cast_possible_truncation)]
        let len = now.len() as u32;
        let piece = Piece {
            chunk: chunk.transfer(),
            offset: 0,
            len,
        };
        pieces.try_push(piece).ok()?;
        left = later;
    }
    Some(pieces)
}

/// Puts a socket on the list of those who wait for room.
fn park(call: &mut Call<'_, '_, Udp>, block: &mut Block) {
    if !block.parked {
        block.parked = true;
        count(&call.shared.counters.ring_full);
        let udp = &call.shared.udp;
        call.under.with(&udp.parked, |list| {
            list.push((block.queue, block.handle));
            udp.has_parked.store(true, Ordering::Release);
        });
        // A connection that ends and gives memory back wakes the owner then.
        call.shared.queues[block.queue]
            .has_parked
            .store(true, Ordering::Release);
        call.shared.note_if_down(call.under, block.queue);
    }
}
