//! What finding an arriving segment's connection costs: by its tuple, and by the handle that a NIC with a flow table gives.
//!
//! Clients come in a shuffled order, so that the caches see what a server's see.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use longshore_refs::{Handle, Recycle, Ref, Slab, holder::Own};
use longshore_sockets::look_up::LookUp;
use rand::{SeedableRng, seq::SliceRandom};
use std::hint::black_box;

/// As large as a connection block's hot part.
struct Block([u64; 8]);

impl Recycle for Block {
    fn recycle(&self) {}
}

fn look_up(c: &mut Criterion) {
    let mut group = c.benchmark_group("look-up");
    for connections in [64u32, 65_536] {
        let slab = Slab::new("blocks", connections, |i| Block([i.into(); 8]));
        let mut blocks: Vec<Ref<Own, Block>> = Vec::new();
        let mut handles: Vec<Handle> = Vec::new();
        let table = LookUp::default();
        for client in 0..connections {
            let block = slab
                .insert::<Own>(|handle, _| handles.push(handle))
                .expect("as many slots as connections");
            blocks.push(block);
            assert!(table.enter(client, handles[client as usize]));
        }
        let mut order: Vec<u32> = (0..connections).collect();
        order.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(1));
        let mut turn = order.iter().cycle();
        group.bench_function(BenchmarkId::new("handle", connections), |b| {
            b.iter(|| {
                let client = *turn.next().expect("endless");
                let block = slab.get(handles[client as usize]).expect("alive");
                black_box(block.0[0])
            });
        });
        group.bench_function(BenchmarkId::new("tuple", connections), |b| {
            b.iter(|| {
                let client = *turn.next().expect("endless");
                let handle = table.find(client).expect("entered");
                let block = slab.get(handle).expect("alive");
                black_box(block.0[0])
            });
        });
        drop(blocks);
    }
    group.finish();
}

criterion_group!(benches, look_up);
criterion_main!(benches);
