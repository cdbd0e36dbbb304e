//! The driver's rings over the executable model, and the model's checksum.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use longshore_device::{Device, InProcess};
use longshore_dma::Chunk;
use longshore_driver::{Completed, FRAME_AS_IT_IS, Nic, Piece, QueueConfig};
use longshore_refs::holder::Own;
use nic_model::{Config, Model};
use parking_lot::Mutex;
use sim_wire::{LineConfig, Station, pair::pair};
use std::hint::black_box;
use std::sync::Arc;

const BATCH: usize = 32;

/// 32 frames posted under one doorbell, sent by the model, completed: the whole ring cycle.
fn rings(c: &mut Criterion) {
    let (near, _far) = pair(LineConfig::instant());
    let model = Arc::new(Mutex::new(Model::new(Config::default(), near)));
    let device: Arc<dyn Device> =
        Arc::new(InProcess::new(Arc::clone(&model)).expect("a fresh model"));
    let nic = Nic::open(device).expect("the model keeps the contract");
    let buffers = Arc::new(nic.pool("rx", 256, 2_048).expect("memory"));
    let frames = nic.pool("tx", BATCH, 2_048).expect("memory");
    let mut queue = nic
        .queue_pair::<usize>(0, QueueConfig::default(), buffers)
        .expect("a queue pair");
    let chunk: Chunk<Own> = frames.take().expect("a fresh pool");
    chunk.write(0, &[0xff; 1_514]).expect("it fits");
    let mut done = Vec::with_capacity(2 * BATCH);
    let mut group = c.benchmark_group("rings");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("post, ring, model, poll: 32 frames of 1514 B", |b| {
        b.iter_batched(
            || {
                (0..BATCH)
                    .map(|_| {
                        vec![Piece {
                            chunk: chunk.duplicate(),
                            offset: 0,
                            len: 1_514,
                        }]
                    })
                    .collect::<Vec<_>>()
            },
            |mut requests| {
                for (i, pieces) in requests.iter_mut().enumerate() {
                    queue
                        .post(FRAME_AS_IT_IS, pieces, i)
                        .expect("room in the ring");
                }
                queue.ring().expect("the device is there");
                let mut sent = 0;
                while sent < BATCH {
                    {
                        let mut model = model.lock();
                        let now = model.now();
                        model.run_until(now);
                    }
                    queue.poll(BATCH, &mut done).expect("the device is there");
                    sent += done
                        .drain(..)
                        .filter(|d| matches!(d, Completed::Sent { .. }))
                        .count();
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn checksum(c: &mut Criterion) {
    let bytes: Vec<u8> = (0..1_460u32).map(|i| i as u8).collect();
    let mut group = c.benchmark_group("checksum");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("model, 1460 B", |b| {
        b.iter(|| nic_model::checksum::sum(0, black_box(&bytes)))
    });
    group.finish();
}

criterion_group!(benches, rings, checksum);
criterion_main!(benches);
