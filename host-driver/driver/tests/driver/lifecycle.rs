use longshore_device::Device;
use longshore_driver::{
    Completed, DriverError, FRAME_AS_IT_IS, Health, QueuePair, Refusal, TxOutcome,
};
use nic_abi::{
    block::queue,
    completion::RxCompletion,
    fault::{QueueFault, Status},
};

use crate::support::*;

fn post(bench: &Bench, queue: &mut QueuePair<u32>, owner: u32) {
    queue
        .post(FRAME_AS_IT_IS, &mut vec![bench.piece(&[0; 60])], owner)
        .unwrap();
    queue.ring().unwrap();
}

#[test]
fn a_quarantined_queue_pair_is_told_of_and_recovers() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    post(&bench, &mut queue, 1);
    post(&bench, &mut queue, 2);
    post(&bench, &mut queue, 3);
    bench.script().submitted(0);
    bench.script().sent(0, 2, 1, Status::Ok);
    bench.script().quarantine(0, 2, QueueFault::BadLength);
    // A completion that was written, but not polled, when the recovery begins.
    let done = poll(&mut queue);
    assert_eq!(owners(&done).len(), 1);
    assert!(matches!(
        done[1],
        Completed::Quarantined {
            fault: QueueFault::BadLength,
            index: 2
        }
    ));
    assert!(queue.is_down());
    let refused = queue
        .post(FRAME_AS_IT_IS, &mut vec![bench.piece(&[0; 60])], 4)
        .unwrap_err();
    assert_eq!(refused.refusal, Refusal::Down);
    bench.script().sent(0, 4, 1, Status::Ok);
    let mut done = Vec::new();
    queue.recover(&mut done).unwrap();
    assert_eq!(
        owners(&done),
        [
            (
                2,
                TxOutcome::Done {
                    status: Status::Ok,
                    segments: Some(1)
                }
            ),
            (3, TxOutcome::Aborted)
        ]
    );
    assert_eq!(bench.tx.taken(), 0);
    post(&bench, &mut queue, 5);
    bench.script().send_all(0);
    bench.script().deliver(0, &[1; 60], RxCompletion::default());
    let done = poll(&mut queue);
    assert_eq!((owners(&done).len(), frames(done).len()), (1, 1));
    assert_eq!(queue.counters().bad_completions(), 0);
}

#[test]
fn a_recovery_that_fails_leaves_the_queue_pair_down_and_can_be_tried_again() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    bench.script().quarantine(0, 0, QueueFault::ReadFailed);
    poll(&mut queue);
    bench.script().refuse = Some(QueueFault::BadConfiguration);
    let refused = queue.recover(&mut Vec::new());
    assert!(matches!(refused, Err(DriverError::EnableFailed { .. })));
    assert!(queue.is_down());
    bench.script().refuse = None;
    queue.recover(&mut Vec::new()).unwrap();
    assert!(!queue.is_down());
    post(&bench, &mut queue, 1);
}

#[test]
fn health_is_read_from_the_device() {
    let bench = Bench::new();
    let queue = bench.queue();
    assert_eq!(queue.health().unwrap(), Health::Up);
    bench.script().refuse = Some(QueueFault::ReadFailed);
    assert_eq!(
        queue.health().unwrap(),
        Health::Quarantined(Some(QueueFault::ReadFailed))
    );
    bench.script().refuse = None;
    bench.card.reset().unwrap();
    assert!(
        matches!(queue.health(), Err(DriverError::Device(_))),
        "reset behind the driver's back"
    );
}

#[test]
fn a_reset_takes_queue_pairs_down_until_they_recover() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    post(&bench, &mut queue, 1);
    bench.nic.reset().unwrap();
    assert!(matches!(
        queue.poll(1, &mut Vec::new()),
        Err(DriverError::Reset)
    ));
    assert_eq!(bench.tx.taken(), 1, "kept until the owner recovers");
    let mut done = Vec::new();
    queue.recover(&mut done).unwrap();
    assert_eq!(owners(&done), [(1, TxOutcome::Aborted)]);
    assert_eq!(bench.tx.taken(), 0);
    post(&bench, &mut queue, 2);
    bench.script().send_all(0);
    assert_eq!(owners(&poll(&mut queue)).len(), 1);
}

#[test]
fn a_queue_pair_that_does_not_stop_is_recovered_by_a_reset() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    post(&bench, &mut queue, 1);
    bench.script().stuck = true;
    let mut done = Vec::new();
    assert!(queue.recover(&mut done).is_err());
    assert!(done.is_empty());
    assert_eq!(bench.tx.taken(), 1, "the NIC may still read it");
    bench.script().stuck = false;
    bench.nic.reset().unwrap();
    queue.recover(&mut done).unwrap();
    assert_eq!((owners(&done).len(), bench.tx.taken()), (1, 0));
}

#[test]
fn closing_stops_the_queue_pair_and_releases_everything() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    post(&bench, &mut queue, 1);
    let mappings = bench.card.inner().memory().mapped();
    let mut done = Vec::new();
    queue.close(&mut done);
    assert_eq!(owners(&done), [(1, TxOutcome::Aborted)]);
    assert_eq!((bench.tx.taken(), bench.rx.taken()), (0, 0));
    assert_eq!(
        bench.card.inner().memory().mapped(),
        mappings - 1,
        "the rings are unmapped"
    );
    assert_eq!(bench.script().queue_register(0, queue::CONTROL), 0);
}

#[test]
fn memory_of_a_queue_pair_that_does_not_stop_is_kept_until_a_quiesce() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    post(&bench, &mut queue, 1);
    bench.script().stuck = true;
    let mapped = bench.card.inner().memory().mapped();
    let mut done = Vec::new();
    queue.close(&mut done);
    assert_eq!(owners(&done).len(), 1, "owners come back in any case");
    assert_eq!(bench.card.inner().memory().mapped(), mapped);
    assert_eq!(
        (bench.tx.taken(), bench.rx.taken(), bench.nic.stranded()),
        (1, 16, 1)
    );
    let again = bench.nic.queue_pair::<u32>(0, SMALL, bench.rx.clone());
    assert!(matches!(again, Err(DriverError::QueueUnavailable { .. })));
    bench.nic.reset().unwrap();
    assert_eq!(
        (bench.tx.taken(), bench.rx.taken(), bench.nic.stranded()),
        (0, 0, 0)
    );
    bench.script().stuck = false;
    drop(bench.queue());
}

#[test]
fn dropping_everything_silences_even_a_stuck_device_and_unmaps_all() {
    let Bench { card, nic, rx, tx } = Bench::new();
    let queue = nic.queue_pair::<u32>(0, SMALL, rx.clone()).unwrap();
    card.inner().nic().lock().stuck = true;
    drop((queue, nic));
    drop((rx, tx));
    assert_eq!(card.inner().memory().mapped(), 0);
}

#[test]
fn a_card_that_is_pulled_out_ends_in_errors_and_loses_no_owner() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    post(&bench, &mut queue, 1);
    bench.card.inner().pull_out();
    let mut done = Vec::new();
    assert_eq!(queue.poll(8, &mut done).unwrap(), 0);
    assert!(queue.health().is_err());
    assert!(queue.recover(&mut done).is_err());
    assert!(bench.nic.reset().is_err());
    queue.close(&mut done);
    assert_eq!(owners(&done).len(), 1);
    let Bench { nic, rx, tx, .. } = bench;
    drop(nic);
    assert_eq!(
        (rx.taken(), tx.taken()),
        (0, 0),
        "cut off, so everything is free"
    );
}
