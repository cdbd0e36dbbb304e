//! The submission side apart from the side that polls.

use longshore_driver::{Completed, DriverError, FRAME_AS_IT_IS, Refusal, Submitter};
use longshore_refs::holder::D;
use nic_abi::{completion::RxCompletion, fault::Status};

use crate::support::*;

fn post(bench: &Bench, submitter: &mut Submitter<u32>, owner: u32) {
    let mut pieces = vec![bench.piece(&[0; 60])];
    submitter.post(FRAME_AS_IT_IS, &mut pieces, owner).unwrap();
    submitter.ring().unwrap();
}

fn reclaim(submitter: &mut Submitter<u32>) -> Vec<u32> {
    let mut owners = Vec::new();
    submitter.reclaim(|owner| owners.push(owner), drop);
    owners
}

#[test]
fn one_thread_posts_while_another_polls() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let mut submitter = queue.lend().unwrap();
    assert!(queue.lend().is_none());
    let mut pieces = vec![bench.piece(&[0; 60])];
    let refused = queue.post(FRAME_AS_IT_IS, &mut pieces, 9).unwrap_err();
    assert_eq!((refused.refusal, refused.owner), (Refusal::Down, 9));
    for owner in 1..=3 {
        post(&bench, &mut submitter, owner);
    }
    assert!(queue.is_sending());
    bench.script().submitted(0);
    bench.script().sent(0, 4, 1, Status::Ok);
    assert!(bench.script().deliver(0, &[1; 60], RxCompletion::default()));
    std::thread::scope(|s| {
        s.spawn(|| {
            // Two requests are done, silently here; the frame is not.
            assert!(matches!(poll(&mut queue)[..], [Completed::Received(_)]));
            assert!(queue.is_reclaimable());
        });
        post(&bench, &mut submitter, 4);
    });
    assert_eq!(reclaim(&mut submitter), [1, 2]);
    assert!(!queue.is_reclaimable() && queue.is_sending());
    bench.script().sent(0, 8, 1, Status::Ok);
    assert!(poll(&mut queue).is_empty());
    assert!(!queue.is_sending());
    queue.take_back(submitter).unwrap();
    assert_eq!(queue.outstanding(), 2);
    let mut done = Vec::new();
    queue.recover(&mut done).unwrap();
    assert_eq!(owners(&done).len(), 2);
    let counters = queue.counters();
    assert_eq!(
        (counters.posted, counters.sent, counters.aborted),
        (4, 2, 2)
    );
    drop(pieces);
    assert_eq!(bench.tx.taken(), 0);
}

#[test]
fn chunks_come_back_to_whoever_takes_them() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let mut submitter = queue.lend().unwrap();
    post(&bench, &mut submitter, 1);
    bench.script().send_all(0);
    poll(&mut queue);
    let mut chunks = Vec::new();
    submitter.reclaim(drop, |chunk| chunks.push(chunk.transfer::<D>()));
    assert_eq!((chunks.len(), bench.tx.taken()), (1, 1));
    drop(chunks);
    assert_eq!(bench.tx.taken(), 0);
}

#[test]
fn a_failed_request_is_counted_by_the_side_that_polls_and_given_back() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let mut submitter = queue.lend().unwrap();
    post(&bench, &mut submitter, 1);
    bench.script().submitted(0);
    bench.script().sent(0, 2, 0, Status::BadLength);
    poll(&mut queue);
    assert_eq!(queue.counters().failed, 1);
    assert_eq!(reclaim(&mut submitter), [1]);
}

#[test]
fn completions_of_nothing_release_nothing_while_the_submission_side_is_lent() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let mut submitter = queue.lend().unwrap();
    post(&bench, &mut submitter, 1);
    post(&bench, &mut submitter, 2);
    bench.script().submitted(0);
    // Nothing, beyond what was posted, and within a request.
    for head in [0, 5, 0x8000] {
        bench.script().sent(0, head, 1, Status::Ok);
    }
    poll(&mut queue);
    assert_eq!(queue.counters().bad_tx_head, 3);
    assert!(reclaim(&mut submitter).is_empty());
    bench.script().sent(0, 3, 1, Status::Ok);
    poll(&mut queue);
    assert!(reclaim(&mut submitter).is_empty());
    assert_eq!((submitter.counters().bad_tx_head, bench.tx.taken()), (1, 2));
    bench.script().sent(0, 4, 1, Status::Ok);
    poll(&mut queue);
    assert_eq!(reclaim(&mut submitter), [1, 2]);
    assert_eq!(bench.tx.taken(), 0);
}

#[test]
fn a_queue_pair_does_not_start_over_without_its_submission_side_nor_with_anothers() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let submitter = queue.lend().unwrap();
    let early = queue.recover(&mut Vec::new());
    assert!(matches!(early, Err(DriverError::BadConfig(_))));
    let mut other = bench.nic.queue_pair(1, SMALL, bench.rx.clone()).unwrap();
    let submitter = other.take_back(submitter).unwrap_err();
    queue.take_back(submitter).unwrap();
    queue.recover(&mut Vec::new()).unwrap();
}

#[test]
fn a_submission_side_that_goes_away_alone_keeps_what_the_nic_may_read() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let mut submitter: Submitter<u32> = queue.lend().unwrap();
    post(&bench, &mut submitter, 1);
    drop(submitter);
    assert_eq!(bench.tx.taken(), 1);
    bench.nic.reset().unwrap();
    assert_eq!(bench.tx.taken(), 0);
    // A queue pair that was closed reads nothing any more.
    let mut queue = bench.nic.queue_pair(1, SMALL, bench.rx.clone()).unwrap();
    let mut submitter = queue.lend().unwrap();
    post(&bench, &mut submitter, 1);
    queue.close(&mut Vec::new());
    assert!(submitter.is_down());
    drop(submitter);
    assert_eq!(bench.tx.taken(), 0);
}
