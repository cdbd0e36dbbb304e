//! TCP in memory: ours against smoltcp, in one harness (see the crate's documentation for what each includes).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use longshore_peers::ours::{self, Cut, Memory};
use longshore_peers::smoltcp;
use std::hint::black_box;

/// What one bulk transfer moves.
const BULK: usize = 1 << 20;

fn connect_and_close(c: &mut Criterion) {
    let mut group = c.benchmark_group("connect+close");
    let mut memory = Some(Memory::default());
    group.bench_function("tcp-core", |b| {
        b.iter(|| {
            let pair = ours::Pair::connect(memory.take().expect("given back"), Cut::Software);
            memory = Some(black_box(pair).close());
        })
    });
    let mut smoltcp = smoltcp::Pair::new();
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
    let mut ours = ours::Pair::connect(Memory::default(), Cut::Software);
    group.bench_function("tcp-core", |b| b.iter(|| ours.round_trip(black_box(64))));
    let mut smoltcp = smoltcp::Pair::new();
    smoltcp.connect();
    group.bench_function("smoltcp", |b| b.iter(|| smoltcp.round_trip(black_box(64))));
    group.finish();
}

fn bulk(c: &mut Criterion) {
    let mut group = c.benchmark_group("bulk, 1 MiB in segments of 1460 B");
    group.throughput(Throughput::Bytes(BULK as u64));
    for (name, cut) in [
        ("tcp-core", Cut::Software),
        ("tcp-core, cut by the NIC", Cut::Nic),
    ] {
        let mut ours = ours::Pair::connect(Memory::default(), cut);
        group.bench_function(name, |b| b.iter(|| ours.bulk(black_box(BULK))));
    }
    let mut smoltcp = smoltcp::Pair::new();
    smoltcp.connect();
    group.bench_function("smoltcp", |b| b.iter(|| smoltcp.bulk(black_box(BULK))));
    group.finish();
}

criterion_group!(benches, connect_and_close, request_and_response, bulk);
criterion_main!(benches);
