use std::sync::Arc;

use longshore_device::Device;
use longshore_dma::DmaRegion;
use longshore_driver::{Health, QueueConfig, TxOutcome};
use nic_abi::{fault::Status, stats::Stat};

use crate::support::*;

/// Takes the memory of the transmit pool away from under the driver: region and bus address.
fn unmap_tx(host: &Host) -> (Arc<DmaRegion>, u64) {
    let inside = host.pieces(&[0], 1)[0].chunk.iova();
    // Chunks are pages: the mapping starts at one of those at or below this.
    (0..host.tx.capacity() as u64)
        .map(|i| inside - i * 4096)
        .find_map(|iova| Some((host.card.inner().memory().unmap(iova).ok()?, iova)))
        .expect("the pool is mapped")
}

#[test]
fn a_payload_that_cannot_be_read_quarantines_the_queue_pair_until_it_recovers() {
    let mut hosts = hosts(2048, QueueConfig::default());
    let bytes = frame(mac(2), mac(1), &[1; 100]);
    let (region, iova) = unmap_tx(&hosts[0]);
    for owner in 0..3 {
        assert!(hosts[0].post(&bytes, 2000, owner));
    }
    hosts[0].queue.ring().unwrap();
    settle(&mut hosts);
    assert_eq!(hosts[0].quarantines, 1);
    assert!(matches!(
        hosts[0].queue.health().unwrap(),
        Health::Quarantined(Some(_))
    ));
    let failed = TxOutcome::Done {
        status: Status::ReadFailed,
        segments: Some(0),
    };
    assert_eq!(hosts[0].sent, [(0, failed)]);
    hosts[0].card.dma_map(&region, iova).unwrap();
    hosts[0].recover();
    assert_eq!(
        hosts[0].sent[1..],
        [(1, TxOutcome::Aborted), (2, TxOutcome::Aborted)]
    );
    assert_eq!(hosts[0].tx.taken(), 0);
    assert!(hosts[0].post(&bytes, 2000, 7));
    hosts[0].queue.ring().unwrap();
    settle(&mut hosts);
    assert_eq!(hosts[1].received, [bytes]);
}

#[test]
fn a_reset_amid_traffic_loses_frames_but_no_owner_and_no_buffer() {
    let mut hosts = hosts(2048, QueueConfig::default());
    let bytes = frame(mac(2), mac(1), &[1; 1400]);
    for round in 0..20u32 {
        for i in 0..30 {
            assert!(hosts[0].post(&bytes, 700, round * 100 + i));
        }
        hosts[0].queue.ring().unwrap();
        // Both ends, in turn, while frames are on their way.
        let side = (round % 2) as usize;
        hosts[side].nic.reset().unwrap();
        hosts[side].recover();
        hosts[side].set_port(1 + side as u8);
        settle(&mut hosts);
        assert_eq!(hosts[0].sent.len(), (round as usize + 1) * 30);
        assert_eq!(hosts[0].tx.taken(), 0);
    }
    hosts[1].received.clear();
    assert!(hosts[0].post(&bytes, 700, 0));
    hosts[0].queue.ring().unwrap();
    settle(&mut hosts);
    assert_eq!(hosts[1].received, [bytes]);
}

#[test]
fn frames_without_a_buffer_are_dropped_and_counted_and_the_rest_arrives() {
    let config = QueueConfig {
        rq_log2: 4,
        ..QueueConfig::default()
    };
    let mut hosts = hosts(2048, config);
    let bytes = frame(mac(2), mac(1), &[1; 1400]);
    for i in 0..40 {
        assert!(hosts[0].post(&bytes, 2000, i));
    }
    hosts[0].queue.ring().unwrap();
    // The receiver's host does nothing meanwhile.
    while let Some(at) = hosts
        .iter()
        .filter_map(|h| sim_wire::Station::next_event(&*h.model.lock()))
        .min()
    {
        hosts
            .iter()
            .for_each(|h| sim_wire::Station::run_until(&mut *h.model.lock(), at));
    }
    settle(&mut hosts);
    assert_eq!(hosts[1].received.len(), 16);
    assert_eq!(hosts[1].nic.statistic(Stat::RxNoBuffer).unwrap(), 24);
    assert!(hosts[0].post(&bytes, 2000, 99));
    hosts[0].queue.ring().unwrap();
    settle(&mut hosts);
    assert_eq!(hosts[1].received.len(), 17);
}

#[test]
fn dropping_a_host_amid_traffic_leaves_nothing_mapped_and_nothing_held() {
    let mut hosts = hosts(2048, QueueConfig::default());
    let bytes = frame(mac(2), mac(1), &[1; 1400]);
    for i in 0..40 {
        assert!(hosts[0].post(&bytes, 2000, i));
    }
    hosts[0].queue.ring().unwrap();
    let [
        Host {
            card,
            nic,
            queue,
            tx,
            rx,
            ..
        },
        _other,
    ] = hosts;
    drop(queue);
    assert_eq!((tx.taken(), rx.taken()), (0, 0));
    drop((nic, tx, rx));
    assert_eq!(card.inner().memory().mapped(), 0);
}
