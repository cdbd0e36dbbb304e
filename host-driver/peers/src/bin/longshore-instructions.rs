//! One kind of work, so many times, for `valgrind --tool=callgrind`.
//!
//! Run it with two counts and divide the difference of the instruction totals by that of the counts: start and end of
//! the process fall out. `cargo xtask bench` does so.

use clap::{Parser, ValueEnum};
use longshore_peers::ours::{self, Cut, Memory};
use longshore_peers::smoltcp;

/// Work for an instruction counter.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Whose TCP.
    peer: Peer,
    /// What it does.
    work: Work,
    /// How often.
    count: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Peer {
    /// Longshore's.
    TcpCore,
    /// Longshore's, with a NIC that cuts segments.
    TcpCoreTso,
    /// smoltcp.
    Smoltcp,
}

#[derive(Clone, Copy, ValueEnum)]
enum Work {
    /// A handshake and both ends' close.
    Connect,
    /// 64 bytes there and 64 bytes back.
    Request,
    /// 64 KiB one way in segments of 1,460 bytes.
    Bulk,
}

/// Bytes of a bulk transfer.
const BULK: usize = 65_536;

fn main() {
    let args = Args::parse();
    match args.peer {
        Peer::Smoltcp => smoltcp(args.work, args.count),
        Peer::TcpCore => tcp_core(args.work, args.count, Cut::Software),
        Peer::TcpCoreTso => tcp_core(args.work, args.count, Cut::Nic),
    }
}

fn tcp_core(work: Work, count: u32, cut: Cut) {
    let connected = || ours::Pair::connect(Memory::default(), cut);
    match work {
        Work::Connect => {
            let mut memory = Memory::default();
            for _ in 0..count {
                memory = ours::Pair::connect(memory, cut).close();
            }
        }
        Work::Request => {
            let mut pair = connected();
            (0..count).for_each(|_| pair.round_trip(64));
        }
        Work::Bulk => {
            let mut pair = connected();
            (0..count).for_each(|_| pair.bulk(BULK));
        }
    }
}

fn smoltcp(work: Work, count: u32) {
    let mut pair = smoltcp::Pair::new();
    if !matches!(work, Work::Connect) {
        pair.connect();
    }
    (0..count).for_each(|_| match work {
        Work::Connect => {
            pair.connect();
            pair.close();
        }
        Work::Request => pair.round_trip(64),
        Work::Bulk => pair.bulk(BULK),
    });
}
