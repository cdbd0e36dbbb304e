use longshore_dma::Chunk;
use longshore_driver::{FRAME_AS_IT_IS, Piece, Refusal, TxOutcome};
use longshore_refs::holder::{D, Own};
use nic_abi::{
    fault::Status,
    tx::{L4Checksum, Tso, TxBuffer, TxContext},
};

use crate::support::*;

const DONE: TxOutcome = TxOutcome::Done {
    status: Status::Ok,
    segments: Some(1),
};
const DONE_SILENTLY: TxOutcome = TxOutcome::Done {
    status: Status::Ok,
    segments: None,
};

#[test]
fn a_request_becomes_a_context_and_its_buffers() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let mut pieces = vec![bench.piece(&[1; 54]), bench.piece(&[2; 1000])];
    pieces[1].offset = 100;
    pieces[1].len = 900;
    let addresses = [pieces[0].chunk.iova(), pieces[1].chunk.iova() + 100];
    let context = TxContext {
        header_len: 54,
        l3_offset: 14,
        l4_offset: 34,
        l3_checksum: true,
        l4_checksum: L4Checksum::Tcp,
        tso: Some(Tso {
            mss: 500,
            ip_id_fixed: false,
            cwr_all: false,
        }),
        ..FRAME_AS_IT_IS
    };
    queue.post(context, &mut pieces, 7).unwrap();
    assert!(pieces.is_empty());
    assert!(
        bench.script().submitted(0).is_empty(),
        "nothing is seen before the doorbell"
    );
    queue.ring().unwrap();
    let seen = bench.script().submitted(0);
    let expected = TxContext {
        payload_len: 900,
        buffers: 2,
        complete: true,
        ..context
    };
    assert_eq!(TxContext::decode(seen[0]), Some(expected));
    assert_eq!(
        TxBuffer::decode(seen[1]),
        Some(TxBuffer {
            addr: addresses[0],
            len: 54
        })
    );
    assert_eq!(
        TxBuffer::decode(seen[2]),
        Some(TxBuffer {
            addr: addresses[1],
            len: 900
        })
    );
    assert_eq!(seen.len(), 3);
}

#[test]
fn buffers_are_released_by_completion_and_owners_come_back_in_order() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    for owner in 0..3 {
        queue
            .post(FRAME_AS_IT_IS, &mut vec![bench.piece(&[0; 60])], owner)
            .unwrap();
    }
    queue.ring().unwrap();
    assert_eq!(bench.tx.taken(), 3);
    assert!(poll(&mut queue).is_empty());
    assert_eq!(bench.tx.taken(), 3);
    bench.script().submitted(0);
    bench.script().sent(0, 2, 1, Status::Ok);
    assert_eq!(owners(&poll(&mut queue)), [(0, DONE)]);
    assert_eq!(bench.tx.taken(), 2);
    bench.script().sent(0, 6, 1, Status::Cancelled);
    let cancelled = TxOutcome::Done {
        status: Status::Cancelled,
        segments: Some(1),
    };
    assert_eq!(
        owners(&poll(&mut queue)),
        [(1, DONE_SILENTLY), (2, cancelled)]
    );
    assert_eq!((bench.tx.taken(), queue.outstanding()), (0, 0));
}

#[test]
fn a_chunk_shared_by_two_requests_lives_until_both_are_done() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let own: Chunk<Own> = bench.tx.take().unwrap();
    for owner in 0..2 {
        let piece = Piece {
            chunk: own.duplicate::<D>(),
            offset: 0,
            len: 64,
        };
        queue.post(FRAME_AS_IT_IS, &mut vec![piece], owner).unwrap();
    }
    queue.ring().unwrap();
    drop(own);
    bench.script().submitted(0);
    bench.script().sent(0, 2, 1, Status::Ok);
    poll(&mut queue);
    assert_eq!(bench.tx.taken(), 1, "the second request still needs it");
    bench.script().sent(0, 4, 1, Status::Ok);
    poll(&mut queue);
    assert_eq!(bench.tx.taken(), 0);
}

#[test]
fn a_full_ring_refuses_and_gives_everything_back() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    for owner in 0..8 {
        queue
            .post(FRAME_AS_IT_IS, &mut vec![bench.piece(&[0; 60])], owner)
            .unwrap();
    }
    let mut pieces = vec![bench.piece(&[0; 60])];
    let refused = queue.post(FRAME_AS_IT_IS, &mut pieces, 99).unwrap_err();
    assert_eq!(
        (refused.refusal, refused.owner, pieces.len()),
        (Refusal::Full, 99, 1)
    );
    queue.ring().unwrap();
    bench.script().send_all(0);
    poll(&mut queue);
    queue.post(FRAME_AS_IT_IS, &mut pieces, 99).unwrap();
    assert_eq!(queue.counters().sq_full, 1);
}

#[test]
fn long_batches_ask_for_completions_on_the_way() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    for owner in 0..8 {
        queue
            .post(FRAME_AS_IT_IS, &mut vec![bench.piece(&[0; 60])], owner)
            .unwrap();
    }
    queue.ring().unwrap();
    let contexts: Vec<_> = bench
        .script()
        .submitted(0)
        .into_iter()
        .filter_map(TxContext::decode)
        .collect();
    let asked: Vec<_> = contexts.iter().map(|c| c.complete).collect();
    assert_eq!(asked, [false, true, false, true, false, true, false, true]);
}

#[test]
fn requests_that_the_nic_would_reject_are_not_posted() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let tcp = TxContext {
        header_len: 54,
        l3_offset: 14,
        l4_offset: 34,
        l4_checksum: L4Checksum::Tcp,
        ..FRAME_AS_IT_IS
    };
    let tso = |mss| {
        Some(Tso {
            mss,
            ip_id_fixed: false,
            cwr_all: false,
        })
    };
    let partial = |start, offset| TxContext {
        header_len: 60,
        l4_checksum: L4Checksum::Partial { start, offset },
        ..FRAME_AS_IT_IS
    };
    let too_short = Refusal::Invalid("the header is longer than all pieces together");
    let bad = [
        (
            TxContext {
                header_len: 101,
                ..FRAME_AS_IT_IS
            },
            too_short,
        ),
        (
            TxContext {
                header_len: 20,
                ..tcp
            },
            Refusal::Rejected(Status::BadHeader),
        ),
        (
            TxContext {
                l3_offset: 54,
                ..tcp
            },
            Refusal::Rejected(Status::BadHeader),
        ),
        (
            TxContext {
                l4_offset: 55,
                ..tcp
            },
            Refusal::Rejected(Status::BadHeader),
        ),
        (
            TxContext { tso: tso(0), ..tcp },
            Refusal::Rejected(Status::BadMss),
        ),
        (
            TxContext {
                vlan: Some(1),
                ..tcp
            },
            Refusal::Rejected(Status::BadFlags),
        ),
        (partial(15, 16), Refusal::Rejected(Status::BadHeader)),
        (partial(34, 60), Refusal::Rejected(Status::BadHeader)),
    ];
    for (context, expected) in bad {
        let mut pieces = vec![bench.piece(&[0; 100])];
        let refused = queue.post(context, &mut pieces, 0).unwrap_err();
        assert_eq!(refused.refusal, expected, "{context:?}");
        assert_eq!(pieces.len(), 1);
    }
    let mut beyond = vec![Piece {
        offset: 1000,
        len: 100,
        ..bench.piece(&[0; 1])
    }];
    assert!(queue.post(FRAME_AS_IT_IS, &mut beyond, 0).is_err());
    assert!(queue.post(FRAME_AS_IT_IS, &mut Vec::new(), 0).is_err());
    let mut jumbo: Vec<_> = (0..9).map(|_| bench.piece(&[0; 1024])).collect();
    assert!(
        queue.post(FRAME_AS_IT_IS, &mut jumbo, 0).is_err(),
        "longer than the NIC's buffers"
    );
}

#[test]
fn a_batch_costs_one_doorbell_and_no_register_is_read() {
    let bench = Bench::new();
    let config = longshore_driver::QueueConfig::default();
    let rx = std::sync::Arc::new(bench.nic.pool("rx", 512, 2048).unwrap());
    let mut queue = bench.nic.queue_pair(0, config, rx).unwrap();
    let before = bench.counts();
    let (batches, per_batch) = (1000, 32);
    for _ in 0..batches {
        for owner in 0..per_batch {
            queue
                .post(FRAME_AS_IT_IS, &mut vec![bench.piece(&[0; 60])], owner)
                .unwrap();
        }
        queue.ring().unwrap();
        queue.ring().unwrap();
        bench.script().send_all(0);
        assert_eq!(owners(&poll(&mut queue)).len(), per_batch as usize);
        for _ in 0..per_batch {
            assert!(bench.script().deliver(0, &[0; 60], Default::default()));
        }
        for frame in frames(poll(&mut queue)) {
            queue.recycle(frame);
        }
    }
    let counts = bench.counts().since(&before);
    assert_eq!(counts.reads, 0);
    assert_eq!(counts.sq_doorbells, batches);
    assert_eq!(counts.writes, counts.doorbells());
    assert_eq!(
        counts.doorbells(),
        queue.counters().doorbells() - 1,
        "one at enable"
    );
    let packets = 2 * batches * u64::from(per_batch);
    assert!(10 * counts.doorbells() < packets, "{counts:?}");
}
