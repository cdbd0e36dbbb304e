//! TCP in memory: ours against smoltcp, in one harness.
//!
//! Both exchange real headers, built and parsed, over a queue in memory; neither computes checksums, which are
//! the NIC's. Time is virtual and stands still, so nothing waits. Ours runs without sockets and IP, smoltcp
//! without Ethernet: smoltcp's figures contain an IPv4 header and its socket set of two.

mod peers;

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn connect_and_close(c: &mut Criterion) {
    let mut group = c.benchmark_group("connect+close");
    group.bench_function("tcp-core", |b| {
        b.iter(|| black_box(peers::ours::Pair::connect()).close())
    });
    let mut smoltcp = peers::smoltcp::Pair::new();
    group.bench_function("smoltcp", |b| {
        b.iter(|| {
            smoltcp.connect();
            smoltcp.close();
        });
    });
    group.finish();
}

fn request_and_response(c: &mut Criterion) {
    let mut group = c.benchmark_group("64 B request+response");
    let mut ours = peers::ours::Pair::connect();
    group.bench_function("tcp-core", |b| b.iter(|| ours.round_trip(black_box(64))));
    let mut smoltcp = peers::smoltcp::Pair::new();
    smoltcp.connect();
    group.bench_function("smoltcp", |b| b.iter(|| smoltcp.round_trip(black_box(64))));
    group.finish();
}

criterion_group!(benches, connect_and_close, request_and_response);
criterion_main!(benches);
