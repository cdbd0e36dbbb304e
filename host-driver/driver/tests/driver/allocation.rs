//! Frames pass without an allocation.

use longshore_driver::{Completed, FRAME_AS_IT_IS, Piece};
use longshore_refs::holder::{D, Own};
use nic_abi::completion::RxCompletion;

use crate::support::*;

#[test]
fn posting_polling_and_recycling_allocate_nothing_once_warm() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let chunk = bench.tx.take::<Own>().unwrap();
    let (mut pieces, mut done) = (Vec::with_capacity(4), Vec::with_capacity(64));
    let mut frames = 0;
    for warm in [false, true] {
        for _ in 0..50 {
            let allocated = allocation_counter::measure(|| {
                for owner in 0..4 {
                    pieces.push(Piece {
                        chunk: chunk.duplicate::<D>(),
                        offset: 0,
                        len: 60,
                    });
                    queue.post(FRAME_AS_IT_IS, &mut pieces, owner).unwrap();
                }
                queue.ring().unwrap();
            });
            assert!(!warm || allocated.count_total == 0);
            // The device's side allocates as it likes.
            bench.script().send_all(0);
            for _ in 0..4 {
                assert!(bench.script().deliver(0, &[1; 60], RxCompletion::default()));
            }
            let allocated = allocation_counter::measure(|| {
                queue.poll(64, &mut done).unwrap();
                for completed in done.drain(..) {
                    if let Completed::Received(frame) = completed {
                        frames += 1;
                        // Half of them by the short way, half through the pool.
                        if frames % 2 == 0 {
                            queue.recycle(frame)
                        }
                    }
                }
                queue.refill().unwrap();
            });
            // A doorbell to the script may grow its table of registers: it is warm after the first round.
            assert!(!warm || allocated.count_total == 0, "{allocated:?}");
        }
    }
    assert_eq!(frames, 400);
}
