use std::sync::Arc;

use longshore_device::{Device, DeviceError};
use longshore_driver::{DriverError, Nic, Reception};
use nic_abi::{
    block::{Feature, PORT, port},
    fault::QueueFault,
};

use crate::support::*;

fn open(card: &Arc<Card>) -> Result<Nic, DriverError> {
    Nic::open(card.clone() as Arc<dyn Device>)
}

#[test]
fn a_nic_is_identified_and_its_features_found() {
    let bench = Bench::new();
    let identity = bench.nic.identity();
    assert_eq!((identity.version, identity.queue_pairs), ((1, 0), QUEUES));
    assert_eq!(
        (identity.core_clock_khz, identity.frame_limit),
        (250_000, FRAME_LIMIT)
    );
    assert!(bench.nic.features().tso && bench.nic.features().checksum);
    assert!(!bench.nic.features().has(Feature::FlowTable));
}

#[test]
fn what_is_no_longshore_nic_or_speaks_another_version_is_refused() {
    let card = card();
    card.inner().nic().lock().magic = 7;
    assert!(matches!(
        open(&card),
        Err(DriverError::BadMagic { found: 7 })
    ));
    card.inner().nic().lock().magic = nic_abi::MAGIC;
    card.inner().nic().lock().version = nic_abi::ABI_VERSION + (1 << 16);
    assert!(matches!(open(&card), Err(DriverError::Version { .. })));
    card.inner().nic().lock().version = nic_abi::ABI_VERSION + 1;
    assert!(open(&card).is_ok(), "a higher minor version is compatible");
    card.inner().pull_out();
    assert!(matches!(
        open(&card),
        Err(DriverError::Device(DeviceError::Gone))
    ));
}

#[test]
fn port_settings_reach_the_registers() {
    let bench = Bench::new();
    let mac = [2, 3, 4, 5, 6, 7];
    bench.nic.set_mac(mac).unwrap();
    assert_eq!(bench.nic.mac().unwrap(), mac);
    assert_eq!(
        bench.card.read32(PORT.at(0, port::MAC_LOW)).unwrap(),
        0x0504_0302
    );
    bench
        .nic
        .set_reception(Reception {
            enable: true,
            ..Reception::default()
        })
        .unwrap();
    let control = bench.card.read32(PORT.at(0, port::RX_CONTROL)).unwrap();
    assert_eq!(control, port::RX_ENABLE.of(1) | port::RX_BROADCAST.of(1));
    let group = [0x33, 0x33, 0, 0, 0, 1];
    bench.nic.set_multicasts(&[mac, group]).unwrap();
    let high = bench
        .card
        .read32(PORT.at(0, port::MULTICAST_HIGH) + port::MULTICAST_STRIDE)
        .unwrap();
    assert_eq!(high, 0x0100 | port::MULTICAST_VALID.of(1));
    assert!(matches!(
        bench.nic.set_multicasts(&[group; 9]),
        Err(DriverError::TooManyMulticasts { .. })
    ));
    assert!(bench.nic.set_max_frame(FRAME_LIMIT + 1).is_err());
}

#[test]
fn a_queue_pair_has_one_owner_and_must_exist() {
    let bench = Bench::new();
    let queue = bench.queue();
    let again = bench.nic.queue_pair::<u32>(0, SMALL, bench.rx.clone());
    assert!(matches!(
        again,
        Err(DriverError::QueueUnavailable { index: 0, .. })
    ));
    assert!(
        bench
            .nic
            .queue_pair::<u32>(QUEUES, SMALL, bench.rx.clone())
            .is_err()
    );
    drop(queue);
    drop(bench.queue());
}

#[test]
fn impossible_configurations_are_refused_and_leave_the_queue_pair_free() {
    let bench = Bench::new();
    for (sq_log2, rq_log2, cq_log2, vector) in
        [(3, 4, 5, 0), (4, 4, 4, 0), (14, 14, 16, 0), (4, 4, 5, 4)]
    {
        let config = longshore_driver::QueueConfig {
            sq_log2,
            rq_log2,
            cq_log2,
            vector,
            ..SMALL
        };
        assert!(
            bench
                .nic
                .queue_pair::<u32>(0, config, bench.rx.clone())
                .is_err()
        );
    }
    bench.script().refuse = Some(QueueFault::BadConfiguration);
    let refused = bench.nic.queue_pair::<u32>(0, SMALL, bench.rx.clone());
    assert!(matches!(
        refused,
        Err(DriverError::EnableFailed {
            fault: Some(QueueFault::BadConfiguration),
            ..
        })
    ));
    bench.script().refuse = None;
    drop(bench.queue());
}

#[test]
fn memory_that_is_let_go_is_unmapped_and_its_addresses_are_used_again() {
    let bench = Bench::new();
    let iova =
        |pool: &longshore_dma::Pool| pool.take::<longshore_refs::holder::Own>().unwrap().iova();
    let mapped = bench.card.inner().memory().mapped();
    let pool = bench.nic.pool("first", 4, 1024).unwrap();
    assert_eq!(bench.card.inner().memory().mapped(), mapped + 1);
    let first = iova(&pool);
    drop(pool);
    assert_eq!(bench.card.inner().memory().mapped(), mapped);
    assert_eq!(iova(&bench.nic.pool("second", 4, 1024).unwrap()), first);
    assert_eq!(bench.nic.leaked_bytes(), 0);
}

#[test]
fn a_link_that_is_down_is_waited_for_and_then_told_with_its_remedy() {
    use std::time::Duration;
    let bench = Bench::new();
    let down = bench.nic.wait_for_link(Duration::ZERO).unwrap_err();
    assert!(matches!(down, DriverError::LinkDown));
    assert!(down.to_string().contains("cable"), "{down}");
    std::thread::scope(|s| {
        let waiting = s.spawn(|| bench.nic.wait_for_link(Duration::from_secs(60)));
        let device: &dyn Device = &*bench.card;
        device
            .write32(PORT.at(0, port::LINK), port::LINK_UP.of(1))
            .unwrap();
        assert!(waiting.join().unwrap().unwrap().up);
    });
}
