//! The transmit datapath in Verilator under random and adversarial requests, against a plain reference.

mod tx_bench;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sim_lockstep::{Pace, seed};
use tx_bench::{host::Host, judge::judge, pins::Fast, traffic};

fn rng(test: u64) -> ChaCha8Rng {
    let seed = seed();
    println!("LONGSHORE_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed ^ test << 32)
}

const LIMIT: u32 = 1518;
const READ: u64 = 1024;

#[test]
fn good_requests_become_the_frames_of_the_reference() {
    let mut rng = rng(1);
    for round in 0..40 {
        let mut host = Host::new(Pace::default, rng.random_range(1..300));
        let mut dut = Fast::new("tx");
        for _ in 0..30 {
            traffic::good(
                &mut rng,
                &mut host,
                if round % 8 == 0 { 65_536 } else { 6_000 },
                LIMIT as usize,
            );
        }
        dut.finish(&mut host, &mut rng);
        let verdict = judge(&host, LIMIT, READ);
        assert_eq!(verdict.sent, 30);
        assert!(host.most_outstanding <= 1024);
    }
}

#[test]
fn bent_requests_are_refused_as_the_contract_says() {
    let mut rng = rng(2);
    let mut rejected = 0;
    for _ in 0..20 {
        let mut host = Host::new(Pace::default, rng.random_range(1..100));
        let mut dut = Fast::new("tx");
        for _ in 0..40 {
            if rng.random_bool(0.7) {
                traffic::bent(&mut rng, &mut host, false);
            } else {
                traffic::good(&mut rng, &mut host, 4_000, LIMIT as usize);
            }
        }
        dut.finish(&mut host, &mut rng);
        let verdict = judge(&host, LIMIT, READ);
        assert_eq!(verdict.sent + verdict.rejected, 40);
        rejected += verdict.rejected;
    }
    assert!(rejected > 200, "{rejected}");
}

#[test]
fn a_bad_descriptor_quarantines_its_queue_and_no_other() {
    let mut rng = rng(3);
    let mut faulted = 0;
    for _ in 0..60 {
        let mut host = Host::new(Pace::default, rng.random_range(1..100));
        let mut dut = Fast::new("tx");
        for i in 0..20 {
            if i == 7 {
                traffic::bent(&mut rng, &mut host, true);
            } else {
                traffic::good(&mut rng, &mut host, 4_000, LIMIT as usize);
            }
        }
        dut.finish(&mut host, &mut rng);
        let verdict = judge(&host, LIMIT, READ);
        faulted += verdict.faulted;
        assert_eq!(
            host.waiting() == 0,
            verdict.faulted == 0 || host.run == 0b11
        );
    }
    assert!(faulted > 3, "{faulted}");
}

#[test]
fn a_failed_read_ends_its_request_before_the_segment_at_hand() {
    let mut rng = rng(4);
    let mut failed = 0;
    for _ in 0..80 {
        let mut host = Host::new(Pace::default, rng.random_range(1..100));
        let mut dut = Fast::new("tx");
        for i in 0..12 {
            traffic::good(&mut rng, &mut host, 9_000, LIMIT as usize);
            if i == 5 {
                let r = host.unpost();
                let cuts: Vec<(usize, u64)> = r.buffers.iter().map(|b| (b.1, b.0 % 16)).collect();
                let broken = rng.random_range(0..r.bytes.len());
                host.post(r.queue, r.context, r.bytes, &cuts, Some(broken));
            }
        }
        dut.finish(&mut host, &mut rng);
        let verdict = judge(&host, LIMIT, READ);
        failed += verdict.read_failed;
    }
    assert_eq!(failed, 80);
}

#[test]
fn a_queue_disabled_in_mid_request_stops_between_segments_and_the_other_goes_on() {
    let mut rng = rng(5);
    let mut cancelled = 0;
    for _ in 0..80 {
        let mut host = Host::new(Pace::default, rng.random_range(1..100));
        let mut dut = Fast::new("tx");
        for _ in 0..12 {
            traffic::good(&mut rng, &mut host, 20_000, LIMIT as usize);
            let mut r = host.unpost();
            r.context.complete = true;
            r.descriptors[0] = r.context.encode();
            host.push(r);
        }
        for _ in 0..rng.random_range(0..4_000) {
            dut.cycle(&mut host, &mut rng);
        }
        host.run = 0b10;
        dut.finish(&mut host, &mut rng);
        let verdict = judge(&host, LIMIT, READ);
        cancelled += verdict.cancelled;
        let second = |r: &&tx_bench::host::Request| r.queue == 1;
        let done = host.completions.iter().filter(|c| c.0 == 1).count();
        assert_eq!(done, host.requests.iter().filter(second).count());
    }
    assert!(cancelled > 40, "{cancelled}");
}

/// Posts small requests: `count` of queue 0, as many of queue 1.
fn small(rng: &mut ChaCha8Rng, host: &mut Host, count: usize) {
    for i in 0..2 * count {
        let (mut context, mut data) = traffic::header(rng, false, false);
        data.extend(traffic::bytes(rng, 40));
        context.payload_len = 40;
        let len = data.len();
        host.post(i % 2, context, data, &[(len, 5)], None);
    }
}

fn completed(host: &Host, queue: u8) -> usize {
    host.completions.iter().filter(|c| c.0 == queue).count()
}

#[test]
fn a_request_that_is_not_whole_leaves_the_other_queue_alone() {
    let mut rng = rng(8);
    let mut host = Host::new(Pace::default, 40);
    let mut dut = Fast::new("tx");
    small(&mut rng, &mut host, 60);
    host.half = 0b01;
    for _ in 0..12_000 {
        dut.cycle(&mut host, &mut rng);
    }
    assert_eq!((completed(&host, 0), completed(&host, 1)), (0, 60));
    host.half = 0;
    dut.finish(&mut host, &mut rng);
    assert_eq!(judge(&host, LIMIT, READ).sent, 120);
}

#[test]
fn a_queue_whose_completions_nobody_reads_leaves_the_other_alone() {
    let mut rng = rng(9);
    let mut host = Host::new(Pace::default, 40);
    let mut dut = Fast::new("tx");
    small(&mut rng, &mut host, 60);
    host.reading = 0b10;
    for _ in 0..12_000 {
        dut.cycle(&mut host, &mut rng);
    }
    assert_eq!((completed(&host, 0), completed(&host, 1)), (30, 60));
    host.reading = 0b11;
    dut.finish(&mut host, &mut rng);
    assert_eq!(judge(&host, LIMIT, READ).sent, 120);
}

#[test]
fn requests_before_a_bad_descriptor_end_as_if_it_were_not_there() {
    let mut rng = rng(10);
    let mut faulted = 0;
    for _ in 0..40 {
        let mut host = Host::new(Pace::default, rng.random_range(1..300));
        let mut dut = Fast::new("tx");
        for _ in 0..8 {
            traffic::good(&mut rng, &mut host, 9_000, LIMIT as usize);
        }
        traffic::bent(&mut rng, &mut host, true);
        dut.finish(&mut host, &mut rng);
        let verdict = judge(&host, LIMIT, READ);
        assert_eq!((verdict.cancelled, verdict.sent >= 8), (0, true));
        faulted += verdict.faulted;
    }
    assert!(faulted > 2, "{faulted}");
}

#[test]
fn jumbo_frames_and_every_mss_up_to_9000() {
    let mut rng = rng(6);
    for _ in 0..10 {
        let mut host = Host::new(Pace::default, rng.random_range(1..300));
        let mut dut = Fast::new("tx_jumbo");
        for _ in 0..20 {
            traffic::good(&mut rng, &mut host, 65_536, 9_018);
        }
        dut.finish(&mut host, &mut rng);
        assert_eq!(judge(&host, 9_018, READ).sent, 20);
    }
}

#[test]
fn an_mss_of_one_byte_makes_a_segment_of_every_byte() {
    let mut rng = rng(7);
    let mut host = Host::new(Pace::default, 40);
    let mut dut = Fast::new("tx");
    for payload in [1, 2, 255] {
        let (mut context, mut data) = traffic::header(&mut rng, true, payload == 2);
        context.tso = Some(nic_abi::tx::Tso {
            mss: 1,
            ip_id_fixed: false,
            cwr_all: false,
        });
        context.l4_checksum = nic_abi::tx::L4Checksum::Tcp;
        context.l3_checksum = !context.ipv6;
        context.payload_len = payload as u32;
        data.extend(traffic::bytes(&mut rng, payload));
        let len = data.len();
        host.post(0, context, data, &[(len, 3)], None);
    }
    dut.finish(&mut host, &mut rng);
    assert_eq!(judge(&host, LIMIT, READ).segments, 258);
}
