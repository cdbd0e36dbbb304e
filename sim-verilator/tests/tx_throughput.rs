//! Cycles per frame and bubbles of the transmit datapath, with data at hand and a wire that takes everything.

mod tx_bench;

use nic_abi::{
    stats::Stat,
    tx::{L4Checksum, Tso, TxContext},
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use sim_lockstep::Pace;
use tx_bench::{host::Host, judge::judge, pins::Fast, traffic};

const LIMIT: u32 = 1518;
/// 0.5 µs at 250 MHz.
const LATENCY: u64 = 125;

/// TCP over IPv4 without options: 54 bytes.
fn plain(rng: &mut ChaCha8Rng) -> (TxContext, Vec<u8>) {
    loop {
        let (context, data) = traffic::header(rng, true, false);
        if data.len() == 54 {
            return (context, data);
        }
    }
}

/// Cycles per frame in the steady middle of the run, and bubbles per segment.
fn measure(count: usize, payload: usize, mss: Option<u16>, cut: bool, align: u64) -> (f64, f64) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut host = Host::new(Pace::steady, LATENCY);
    host.ring = 512;
    let mut dut = Fast::new("tx");
    for i in 0..count {
        let (mut context, mut data) = plain(&mut rng);
        context.l3_checksum = true;
        context.l4_checksum = L4Checksum::Tcp;
        context.complete = i + 1 == count;
        context.payload_len = payload as u32;
        context.tso = mss.map(|mss| Tso {
            mss,
            ip_id_fixed: false,
            cwr_all: false,
        });
        data.extend(traffic::bytes(&mut rng, payload));
        let cuts = if cut {
            vec![(54, 2), (payload, align)]
        } else {
            vec![(54 + payload, align)]
        };
        context.buffers = cuts.len() as u8;
        host.post(0, context, data, &cuts, None);
    }
    // At first the data are still on their way: that is not the datapath's doing.
    let segments = count * mss.map_or(1, |mss| payload.div_ceil(mss.into()));
    let from = segments / 4;
    while host.ended.len() <= from {
        dut.cycle(&mut host, &mut rng);
    }
    let before = host.stats[Stat::TxBubbles as usize];
    dut.finish(&mut host, &mut rng);
    assert_eq!(judge(&host, LIMIT, 1024).segments, segments as u64);
    let frames = (segments - 1 - from) as f64;
    let cycles = (host.ended[segments - 1] - host.ended[from]) as f64 / frames;
    let bubbles = (host.stats[Stat::TxBubbles as usize] - before) as f64 / frames;
    (cycles, bubbles)
}

#[test]
fn segmentation_leaves_no_bubbles_and_holds_the_bar() {
    for align in [0, 2, 7] {
        let (cycles, bubbles) = measure(8, 65_536, Some(1460), true, align);
        println!(
            "TSO, MSS 1460, payload at {align}: {cycles:.2} cycles a frame, {bubbles:.3} bubbles a segment"
        );
        assert!(cycles <= 192.25, "{cycles}");
        assert!(bubbles == 0.0, "{bubbles}");
    }
    for mss in [536, 100, 8] {
        let (cycles, bubbles) = measure(4, 20_000, Some(mss), true, 5);
        println!("TSO, MSS {mss}: {cycles:.2} cycles a frame, {bubbles:.3} bubbles a segment");
        assert!(bubbles == 0.0, "{bubbles}");
    }
}

#[test]
fn separate_frames_hold_the_bar() {
    for (payload, cut, bar) in [
        (6, false, 10.5),
        (6, true, 16.8),
        (74, false, 19.0),
        (1460, false, 192.25),
        (1460, true, 192.25),
    ] {
        let (cycles, _) = measure(64, payload, None, cut, 2);
        let frame = 54 + payload;
        println!(
            "{frame} B frames, in {} buffers: {cycles:.2} cycles a frame",
            1 + u8::from(cut)
        );
        assert!(cycles <= bar, "{frame} B: {cycles}");
    }
}
