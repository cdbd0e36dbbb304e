//! The read and write multiplexers in lock step.

use longshore_hdl::{bits::from_u128, dma};
use rand::RngExt as _;
use sim_lockstep::{Lockstep, Pace};
use std::collections::VecDeque;

#[test]
fn readers_get_their_own_responses_and_all_have_their_turn() {
    let mut offered: [Option<u64>; 3] = [None; 3];
    let (mut asked, mut outstanding) = ([0_u32; 3], VecDeque::new());
    let mut taken = VecDeque::new();
    let mut sending: Option<(usize, u64)> = None;
    let mut pace: [Pace; 5] = Default::default();
    let mut answered = [0_u32; 3];
    let report = Lockstep::new("dma_read_mux", dma::dma_read_mux())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(6_000, |dut, step| {
            dut.reset.next = step.reset();
            if step.in_reset() {
                return;
            }
            let rng = &mut step.rng;
            for i in 0..3 {
                if offered[i].is_none() && pace[i].now(rng) {
                    offered[i] = Some(rng.random::<u64>() >> 2 | (i as u64) << 62);
                    dut.req[i].len.next = rng.random_range(1..=4096_u64).into();
                    dut.req[i].tag.next = rng.random_range(0..16_u64).into();
                }
                dut.req[i].addr.next = offered[i].unwrap_or(0).into();
                dut.req[i].valid.next = offered[i].is_some();
                dut.rsp[i].ready.next = pace[3].now(rng);
            }
            dut.rd_req.ready.next = pace[4].now(rng);
            if sending.is_none() && rng.random() {
                sending = outstanding.pop_front();
                dut.rd_rsp.last.next = rng.random();
                dut.rd_rsp.err.next = rng.random();
            }
            dut.rd_rsp.valid.next = sending.is_some();
            let (tag, data) = sending.unwrap_or((0, 0));
            dut.rd_rsp.tag.next = (tag as u64).into();
            dut.rd_rsp.data.next = data.into();
            step.settle(dut);
            if dut.rd_req.valid.val() && dut.rd_req.ready.val() {
                let tag = dut.rd_req.tag.val().to_u8() as usize;
                let addr = dut.rd_req.addr.val().to_u64();
                assert_eq!(Some((tag, addr)), taken.pop_front(), "requests in order");
                outstanding.push_back((tag, addr));
                asked[tag] += 1;
            }
            for i in 0..3 {
                let (valid, ready) = (dut.rsp[i].valid.val(), dut.rsp[i].ready.val());
                assert_eq!(
                    valid,
                    sending.is_some_and(|s| s.0 == i),
                    "response of reader {i}"
                );
                assert!(!valid || dut.rsp[i].data.val().to_u64() >> 62 == i as u64);
                answered[i] += u32::from(valid && ready);
                if dut.req[i].ready.val()
                    && let Some(addr) = offered[i].take()
                {
                    taken.push_back((i, addr));
                }
            }
            if dut.rd_rsp.ready.val() {
                sending = None;
            }
        });
    report.assert_all_outputs_moved();
    assert!(
        asked.iter().chain(&answered).all(|n| *n > 200),
        "{asked:?} {answered:?}"
    );
}

#[test]
fn completions_pass_in_order_and_are_held_visibly() {
    let (mut inside, mut taken) = (VecDeque::new(), 0);
    let (mut fill, mut drain) = (Pace::default(), Pace::default());
    let mut offered = None;
    let report = Lockstep::new("dma_completion_slot", dma::dma_completion_slot())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(4_000, |dut, step| {
            dut.reset.next = step.reset();
            if step.in_reset() {
                return;
            }
            let rng = &mut step.rng;
            if offered.is_none() && fill.now(rng) {
                offered = Some((rng.random::<u128>(), rng.random_range(0..8_u64)));
            }
            let (data, queue) = offered.unwrap_or((0, 0));
            dut.s.data.next = from_u128(data);
            dut.s.queue.next = queue.into();
            dut.s.valid.next = offered.is_some();
            dut.m.ready.next = drain.now(rng);
            step.settle(dut);
            let held = inside.front().map_or(0, |(_, queue)| 1_u64 << queue);
            assert_eq!(
                dut.held.val().to_u64(),
                held,
                "queue pairs with a completion here"
            );
            if dut.m.valid.val() && dut.m.ready.val() {
                let (data, queue) = inside.pop_front().expect("a completion");
                assert_eq!(dut.m.data.val(), from_u128(data));
                assert_eq!(dut.m.queue.val().to_u64(), queue);
                taken += 1;
            }
            if dut.s.ready.val() {
                inside.extend(offered.take());
            }
        });
    report.assert_all_outputs_moved();
    assert!(taken > 400, "{taken} completions");
}

#[test]
fn write_bursts_stay_whole() {
    // Per writer: burst number and beat of what is offered.
    let mut at = [(0_u64, 0_u64); 2];
    let mut offered = [false; 2];
    let mut inside: Option<usize> = None;
    let mut seen = [0_u32; 2];
    let mut pace: [Pace; 3] = Default::default();
    let beats = |burst: u64| burst % 7 + 1;
    let report = Lockstep::new("dma_write_mux", dma::dma_write_mux())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(6_000, |dut, step| {
            dut.reset.next = step.reset();
            if step.in_reset() {
                return;
            }
            let rng = &mut step.rng;
            for i in 0..2 {
                offered[i] |= pace[i].now(rng);
                let (burst, beat) = at[i];
                dut.s[i].addr.next = ((i as u64) << 40 | burst << 8).into();
                dut.s[i].len.next = (8 * beats(burst)).into();
                dut.s[i].data.next = beat.into();
                dut.s[i].last.next = beat + 1 == beats(burst);
                dut.s[i].valid.next = offered[i];
            }
            dut.wr.ready.next = pace[2].now(rng);
            step.settle(dut);
            if dut.wr.valid.val() && dut.wr.ready.val() {
                let writer = (dut.wr.addr.val().to_u64() >> 40) as usize;
                assert!(inside.is_none_or(|w| w == writer), "a burst was cut");
                let (burst, beat) = at[writer];
                assert_eq!(dut.wr.addr.val().to_u64() >> 8 & 0xffff_ffff, burst);
                assert_eq!(dut.wr.len.val().to_u64(), 8 * beats(burst));
                assert_eq!(dut.wr.data.val().to_u64(), beat);
                assert!(dut.s[writer].ready.val() && !dut.s[1 - writer].ready.val());
                let last = dut.wr.last.val();
                inside = (!last).then_some(writer);
                at[writer] = if last {
                    (burst + 1, 0)
                } else {
                    (burst, beat + 1)
                };
                offered[writer] = false;
                seen[writer] += u32::from(last);
            }
        });
    report.assert_all_outputs_moved();
    assert!(seen.iter().all(|n| *n > 100), "{seen:?}");
}
