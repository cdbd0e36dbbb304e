use longshore_driver::{FRAME_AS_IT_IS, QueueConfig, TxOutcome};
use nic_abi::{
    completion::Verdict,
    fault::Status,
    stats::Stat,
    tx::{L4Checksum, Tso, TxContext},
};
use rand::{RngExt, SeedableRng};
use sim_wire::Seed;

use crate::support::*;

/// Random frames both ways, in random pieces, over rings that wrap.
fn exchange(buffer: usize, config: QueueConfig, rounds: usize) {
    let seed = Seed::from_env_or_random().unwrap();
    println!("LONGSHORE_SEED={seed}");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed.0);
    let mut hosts = hosts(buffer, config);
    let mut expected = [Vec::new(), Vec::new()];
    let mut posted = [0u32; 2];
    for _ in 0..rounds {
        for side in 0..2 {
            for _ in 0..rng.random_range(0..6) {
                let body: Vec<u8> = (0..rng.random_range(0..1500))
                    .map(|_| rng.random())
                    .collect();
                let bytes = frame(mac(2 - side as u8), mac(1 + side as u8), &body);
                let piece = rng.random_range(bytes.len().div_ceil(8)..=bytes.len());
                if hosts[side].post(&bytes, piece, posted[side]) {
                    posted[side] += 1;
                    expected[1 - side].push(padded(&bytes));
                }
            }
            hosts[side].queue.ring().unwrap();
        }
        settle(&mut hosts);
    }
    for (side, host) in hosts.iter_mut().enumerate() {
        assert_eq!(host.received.len(), expected[side].len());
        assert!(host.received == expected[side], "frames differ");
        assert!(host.sent.iter().map(|(o, _)| *o).eq(0..posted[side]));
        assert_eq!(host.queue.counters().bad_completions(), 0);
        assert_eq!(host.tx.taken(), 0);
        let statistics = host.nic.statistics().unwrap();
        assert_eq!(statistics.get(Stat::RxFrames), statistics.rx_outcomes());
        assert_eq!(
            statistics.get(Stat::RxDelivered),
            expected[side].len() as u64
        );
        assert_eq!(statistics.get(Stat::TxSent), u64::from(posted[side]));
        assert_eq!(statistics.tx_outcomes(), statistics.get(Stat::TxRequests));
    }
}

#[test]
fn random_frames_arrive_in_order_and_unchanged() {
    exchange(2048, QueueConfig::default(), 300);
}

#[test]
fn random_frames_over_small_rings_and_small_buffers_arrive_too() {
    let config = QueueConfig {
        sq_log2: 5,
        rq_log2: 6,
        cq_log2: 7,
        ..QueueConfig::default()
    };
    exchange(192, config, 300);
}

#[test]
fn a_super_segment_is_cut_and_every_segment_is_good() {
    let mut hosts = hosts(2048, QueueConfig::default());
    let payload: Vec<u8> = (0..40_000u32).map(|i| (i * 31) as u8).collect();
    let mut template = Vec::new();
    etherparse::PacketBuilder::ethernet2(mac(1), mac(2))
        .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .tcp(1000, 2000, 77, 4096)
        .psh()
        .ack(5)
        .write(&mut template, &[])
        .unwrap();
    let context = TxContext {
        header_len: template.len() as u8,
        l3_offset: 14,
        l4_offset: 34,
        l3_checksum: true,
        l4_checksum: L4Checksum::Tcp,
        tso: Some(Tso {
            mss: 1460,
            ip_id_fixed: false,
            cwr_all: false,
        }),
        ..FRAME_AS_IT_IS
    };
    let mut pieces = hosts[0].pieces(&template, 256);
    pieces.extend(hosts[0].pieces(&payload, 4000));
    hosts[0].queue.post(context, &mut pieces, 9).unwrap();
    hosts[0].queue.ring().unwrap();
    // Verdicts are in the frames themselves: look at them before they are recycled.
    let mut stream = Vec::new();
    let mut segments = 0u32;
    while stream.len() < payload.len() {
        let next = hosts
            .iter()
            .filter_map(|h| sim_wire::Station::next_event(&*h.model.lock()))
            .min();
        for h in &hosts {
            sim_wire::Station::run_until(
                &mut *h.model.lock(),
                next.expect("segments are on their way"),
            );
        }
        let mut done = Vec::new();
        hosts[1].queue.poll(64, &mut done).unwrap();
        for completed in done {
            let longshore_driver::Completed::Received(frame) = completed else {
                continue;
            };
            assert_eq!((frame.l3(), frame.l4()), (Verdict::Ok, Verdict::Ok));
            let bytes = frame.to_vec();
            let packet = etherparse::SlicedPacket::from_ethernet(&bytes).unwrap();
            let Some(etherparse::TransportSlice::Tcp(tcp)) = packet.transport else {
                panic!("no TCP")
            };
            assert_eq!(tcp.sequence_number(), 77 + stream.len() as u32);
            stream.extend_from_slice(tcp.payload());
            assert_eq!(tcp.psh(), stream.len() == payload.len());
            segments += 1;
            hosts[1].queue.recycle(frame);
        }
    }
    assert!(stream == payload, "payload differs");
    settle(&mut hosts);
    let done = TxOutcome::Done {
        status: Status::Ok,
        segments: Some(segments),
    };
    assert_eq!((segments, hosts[0].sent.clone()), (28, vec![(9, done)]));
}

#[test]
fn no_register_is_read_while_frames_pass() {
    let mut hosts = hosts(2048, QueueConfig::default());
    let before: Vec<_> = hosts.iter().map(|h| h.card.counts()).collect();
    let bytes = frame(mac(2), mac(1), &[1; 1000]);
    for _ in 0..50 {
        for i in 0..40 {
            assert!(hosts[0].post(&bytes, 2000, i));
        }
        hosts[0].queue.ring().unwrap();
        settle(&mut hosts);
    }
    assert_eq!(hosts[1].received.len(), 2000);
    for (host, before) in hosts.iter().zip(before) {
        let counts = host.card.counts().since(&before);
        assert_eq!((counts.reads, counts.writes), (0, counts.doorbells()));
        assert!(10 * counts.doorbells() <= 2000, "{counts:?}");
    }
}

#[test]
fn an_owner_that_sleeps_is_woken_by_the_first_frame() {
    let mut hosts = hosts(2048, QueueConfig::default());
    hosts[1].queue.arm().unwrap();
    let bytes = frame(mac(2), mac(1), &[1; 100]);
    hosts[0].post(&bytes, 2000, 0);
    hosts[0].queue.ring().unwrap();
    let interrupt = hosts[1].queue.interrupt().clone();
    let others = hosts[0].queue.interrupt().clone();
    settle(&mut hosts);
    assert!(interrupt.try_take());
    assert!(!others.try_take(), "not armed");
}
