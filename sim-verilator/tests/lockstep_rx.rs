//! The front end of reception: what it says of frames, at every pace, and its modules in lock step.

mod rx;

use longshore_hdl::{bits::from_u128, rx as gateware, stream::frames::beats};
use nic_abi::completion::Verdict;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rx::{frames, golden, golden::Said};
use sim_lockstep::{Lockstep, Pace, Step, seed};
use sim_verilator::verilated::{PortId, Verilated};
use std::collections::{HashMap, VecDeque};

/// The metadata as `FrameMeta` packs them: the first field lowest.
fn unpack(meta: u64) -> Said {
    let verdict = |at: u32| match meta >> at & 3 {
        0 => Verdict::NotChecked,
        1 => Verdict::Ok,
        2 => Verdict::Bad,
        other => panic!("verdict {other}"),
    };
    let bit = |at: u32| meta >> at & 1 == 1;
    if !bit(44) {
        assert_eq!(meta >> 8 & 0xffff, 0, "a tag that is not there");
    }
    Said {
        hdr_len: meta as u8,
        vlan: bit(44).then_some((meta >> 8) as u16),
        raw_sum: (meta >> 24) as u16,
        l3: verdict(40),
        l4: verdict(42),
        ipv6: bit(45),
        tcp: bit(46),
        udp: bit(47),
    }
}

/// A frame that left the front end: its bytes, and what was said of it.
struct Left {
    bytes: Vec<u8>,
    said: Said,
    discard: bool,
}

/// Runs frames through the Verilated front end; answers what leaves, and the cycles from the first beat in to the last out.
fn through_front(frames: &[Vec<u8>], mut pace: impl FnMut() -> bool) -> (Vec<Left>, u64) {
    let mut dut = Verilated::new("rx_front").unwrap();
    let port = {
        let ids: HashMap<&str, PortId> = dut
            .ports()
            .iter()
            .map(|p| (p.name, dut.port(p.name).unwrap()))
            .collect();
        move |name: &str| ids[name]
    };
    let (clock, reset, tdata, tkeep) = (port("clock"), port("reset"), port("tdata"), port("tkeep"));
    let (tlast, tvalid, beat, meta) = (port("tlast"), port("tvalid"), port("beat"), port("meta"));
    for name in ["rx_enable", "promiscuous"] {
        dut.set(port(name), 1);
    }
    dut.set(port("max_frame"), 16_383);
    dut.set(reset, 1);
    dut.run(clock, 2, 4_000, &[]);
    dut.set(reset, 0);
    dut.run(clock, 10, 4_000, &[]);
    let mut input = frames.iter().flat_map(|f| beats(f)).peekable();
    let (mut out, mut bytes, mut cycles) = (Vec::new(), Vec::new(), 0);
    while out.len() < frames.len() {
        cycles += 1;
        assert!(
            cycles < 1_000 + 10 * frames.iter().map(|f| f.len() as u64 + 8).sum::<u64>(),
            "a frame did not leave"
        );
        let next = if pace() { input.next() } else { None };
        dut.set(tvalid, u64::from(next.is_some()));
        let next = next.unwrap_or_default();
        dut.set(tdata, next.tdata | if next.tkeep == 0 { 0x5555 } else { 0 });
        dut.set(tkeep, u64::from(next.tkeep));
        dut.set(tlast, u64::from(next.tlast));
        dut.eval();
        let words = dut.words(beat);
        let (keep, flags) = (words[2] & 0xff, words[2] >> 8);
        if flags & 2 != 0 {
            let data = u64::from(words[0]) | u64::from(words[1]) << 32;
            bytes.extend(&data.to_le_bytes()[..keep.count_ones() as usize]);
            if flags & 1 != 0 {
                let said = unpack(dut.get(meta));
                let discard = flags & 4 != 0;
                out.push(Left {
                    bytes: std::mem::take(&mut bytes),
                    said,
                    discard,
                });
            }
        }
        dut.set(clock, 1);
        dut.eval();
        dut.set(clock, 0);
        dut.eval();
    }
    (out, cycles)
}

/// Compares what left with the rules; a frame shorter than an Ethernet header is only discarded.
fn check(frames: &[Vec<u8>], left: &[Left], seed: u64) {
    for (i, (frame, left)) in frames.iter().zip(left).enumerate() {
        assert_eq!(&left.bytes, frame, "frame {i}, LONGSHORE_SEED={seed}");
        assert_eq!(
            left.discard,
            frame.len() < 14,
            "frame {i}, LONGSHORE_SEED={seed}"
        );
        if frame.len() >= 14 {
            assert_eq!(
                left.said,
                golden::say(frame),
                "frame {i}: {frame:02x?}, LONGSHORE_SEED={seed}"
            );
        }
    }
}

#[test]
fn every_kind_of_frame_is_said_what_the_rules_say_at_full_rate_and_with_pauses() {
    let seed = seed();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let frames: Vec<_> = (0..20_000).map(|_| frames::any(&mut rng, 120)).collect();
    let mut seen = [0; 6];
    for said in frames
        .iter()
        .filter(|f| f.len() >= 14)
        .map(|f| golden::say(f))
    {
        let kinds = [
            said.tcp,
            said.udp,
            said.ipv6,
            said.l3 == Verdict::Bad,
            said.l4 == Verdict::Bad,
            said.l4 == Verdict::Ok,
        ];
        for (count, kind) in seen.iter_mut().zip(kinds) {
            *count += u32::from(kind);
        }
    }
    println!("tcp, udp, ipv6, l3 bad, l4 bad, l4 ok: {seen:?}");
    assert!(seen.iter().all(|&n| n > 500), "{seen:?}");
    let (left, _) = through_front(&frames, || true);
    check(&frames, &left, seed);
    let mut pace = Pace::default();
    let (left, _) = through_front(&frames[..5_000], || pace.now(&mut rng));
    check(&frames, &left, seed);
}

#[test]
fn frames_cut_short_at_every_byte_are_said_what_the_rules_say() {
    let seed = seed();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut all = Vec::new();
    for _ in 0..40 {
        let whole = frames::any(&mut rng, 40);
        for bytes in 1..=whole.len() {
            all.push(whole[..bytes].to_vec());
        }
    }
    let (left, _) = through_front(&all, || true);
    check(&all, &left, seed);
}

#[test]
fn one_beat_a_cycle_at_every_size() {
    for bytes in [1, 8, 9, 14, 15, 16, 17, 60, 64, 65, 1514, 9014] {
        let frames = vec![vec![0x81; bytes]; 20];
        let (_, cycles) = through_front(&frames, || true);
        assert_eq!(cycles, 20 * bytes.div_ceil(8) as u64 + 9, "{bytes} bytes");
    }
}

/// Lock step of a module that takes the raw beats of frames: random frames, at a random pace.
macro_rules! on_frames {
    ($name:ident, $still:expr, |$dut:ident, $step:ident| $more:block) => {
        #[test]
        fn $name() {
            let (mut queue, mut pace) = (VecDeque::new(), Pace::default());
            let report = Lockstep::new(stringify!($name), gateware::$name())
                .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
                .run(6_000, |$dut, $step| {
                    $dut.reset.next = $step.reset_now_and_then(2_000);
                    if queue.is_empty() {
                        queue.extend(beats(&frames::any(&mut $step.rng, 60)));
                    }
                    let beat = if pace.now(&mut $step.rng) {
                        queue.pop_front()
                    } else {
                        None
                    };
                    $dut.tvalid.next = beat.is_some();
                    let beat = beat.unwrap_or_default();
                    $dut.tdata.next = beat.tdata.into();
                    $dut.tkeep.next = u64::from(beat.tkeep).into();
                    $dut.tlast.next = beat.tlast;
                    $more
                });
            report.assert_outputs_moved_except(&$still);
        }
    };
}
on_frames!(rx_aligner, [], |dut, _step| {});
on_frames!(rx_parser, [], |dut, _step| {});
on_frames!(rx_front, [], |dut, step| {
    if step.cycle.is_multiple_of(64) {
        dut.rx_enable.next = !step.rng.random_ratio(1, 6);
        dut.promiscuous.next = step.rng.random_ratio(1, 2);
        dut.broadcast.next = step.rng.random();
        dut.all_multicast.next = step.rng.random();
        dut.mac.next = from_u128(step.rng.random());
        dut.max_frame.next = step.rng.random_range(0..300_u64).into();
        dut.multicast_valid.next = u64::from(step.rng.random::<u8>()).into();
        for entry in &mut dut.multicast {
            entry.next = from_u128(step.rng.random());
        }
    }
});

/// Lock step of a module under random inputs at all its ports.
macro_rules! on_noise {
    ($name:ident, |$dut:ident, $step:ident| $drive:block) => {
        #[test]
        fn $name() {
            Lockstep::new(stringify!($name), gateware::$name())
                .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
                .run(10_000, |$dut, $step| $drive)
                .assert_all_outputs_moved();
        }
    };
}

/// Random words of which most bytes are 0, a small number, or of meaning somewhere.
fn word(step: &mut Step) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|_| {
        *[
            0,
            0,
            1,
            4,
            6,
            17,
            43,
            60,
            0x45,
            0x60,
            0x81,
            0x88,
            0xa8,
            step.rng.random(),
        ]
        .get(step.rng.random_range(0..14_usize))
        .unwrap_or(&0)
    }))
}

on_noise!(rx_ethernet, |dut, step| {
    let types = [0x8100_u16, 0x88a8, 0x0800, 0x86dd, step.rng.random()];
    let mut data = word(step);
    for at in [0, 32] {
        let kind = types[step.rng.random_range(0..5_usize)].swap_bytes();
        data = data & !(0xffff << at) | u64::from(kind) << at;
    }
    dut.tdata.next = data.into();
    dut.tkeep.next = (0xff_u64 >> step.rng.random_range(0..4_u32)).into();
    dut.tvalid.next = step.rng.random();
    dut.beat.next = step.rng.random_range(0..4_u64).into();
});
on_noise!(rx_ipv4, |dut, step| {
    dut.data.next = word(step).into();
    dut.valid.next = step.rng.random();
    dut.slot.next = step.rng.random_range(0..9_u64).into();
});
on_noise!(rx_ipv6, |dut, step| {
    dut.reset.next = step.reset();
    dut.data.next = (word(step) & !0xf000).into();
    dut.valid.next = step.rng.random();
    dut.slot.next = (step.cycle / 3 % 12).into();
});
on_noise!(rx_layer4, |dut, step| {
    dut.data.next = word(step).into();
    dut.valid.next = step.rng.random();
    dut.start.next = step.rng.random_ratio(1, 4);
    dut.half.next = step.rng.random();
    dut.left.next = step.rng.random_range(0..40_u64).into();
});
on_noise!(rx_walk, |dut, step| {
    dut.reset.next = step.reset();
    dut.data.next = word(step).into();
    dut.keep.next = (0xff_u64 >> step.rng.random_range(0..8_u32)).into();
    dut.valid.next = step.rng.random();
    dut.first.next = step.rng.random();
    dut.last.next = step.rng.random_ratio(1, 8);
    dut.ipv6.next = step.rng.random();
    dut.head_a.next = step.rng.random();
    dut.head_b.next = step.rng.random();
    dut.address_a.next = step.rng.random();
    dut.address_b.next = step.rng.random();
    dut.start.next = step.rng.random_ratio(1, 6);
    dut.half.next = step.rng.random();
});
on_noise!(rx_result, |dut, step| {
    dut.ipv4.next = step.rng.random();
    dut.ipv6.next = step.rng.random();
    dut.tags.next = step.rng.random_range(0..3_u64).into();
    dut.vlan.next = u64::from(step.rng.random::<u16>()).into();
    dut.vlan_present.next = step.rng.random();
    dut.ipv4_good.next = step.rng.random();
    dut.ipv4_words.next = step.rng.random_range(0..16_u64).into();
    dut.ipv6_good.next = step.rng.random();
    dut.ipv6_beats.next = step.rng.random_range(0..17_u64).into();
    dut.tcp.next = step.rng.random();
    dut.udp.next = step.rng.random();
    dut.words.next = step.rng.random_range(0..33_u64).into();
    dut.fits.next = step.rng.random();
    dut.length.next = step.rng.random_range(0..80_u64).into();
    dut.offset.next = step.rng.random_range(0..16_u64).into();
    dut.udp_length.next = step.rng.random_range(0..80_u64).into();
    dut.unsummed.next = step.rng.random();
});

/// The rules' words on addresses and lengths.
#[test]
fn rx_filter() {
    let (mut queue, mut pace) = (VecDeque::new(), Pace::default());
    let mut waiting: VecDeque<(Vec<u8>, [u64; 8])> = VecDeque::new();
    let mut pool = [0_u64; 10];
    let mut outcomes = [0; 5];
    let report = Lockstep::new("rx_filter", gateware::rx_filter())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(12_000, |dut, step| {
            dut.reset.next = step.reset();
            // A new configuration while no frame is under way.
            if queue.is_empty() && waiting.is_empty() && step.rng.random_ratio(1, 2) {
                pool = std::array::from_fn(|_| step.rng.random::<u64>() >> 16);
                dut.rx_enable.next = !step.rng.random_ratio(1, 6);
                dut.promiscuous.next = step.rng.random_ratio(1, 4);
                dut.broadcast.next = step.rng.random();
                dut.all_multicast.next = step.rng.random();
                dut.mac.next = pool[8].into();
                dut.max_frame.next = step.rng.random_range(40..300_u64).into();
                dut.multicast_valid.next = u64::from(step.rng.random::<u8>()).into();
                for (entry, address) in dut.multicast.iter_mut().zip(pool) {
                    entry.next = address.into();
                }
            }
            if queue.is_empty() && (waiting.is_empty() || step.rng.random_ratio(1, 4)) {
                let mut frame = frames::any(&mut step.rng, 40);
                if step.rng.random_ratio(1, 4) {
                    frame.truncate(step.rng.random_range(1..14));
                }
                let address = match step.rng.random_range(0..12_usize) {
                    i @ 0..=8 => pool[i],
                    9 => 0xffff_ffff_ffff,
                    _ => pool[8] ^ 1 << step.rng.random_range(0..48),
                };
                for (byte, new) in frame.iter_mut().zip(&address.to_le_bytes()[..6]) {
                    *byte = *new;
                }
                queue.extend(beats(&frame).map(|b| (b, frame.clone())));
            }
            step.settle(dut);
            let judged = dut.judged.val();
            if judged.frame {
                let (frame, config): (Vec<u8>, _) = waiting.pop_front().expect("a frame");
                let [enable, promiscuous, broadcast, all, max, valid, ..] = config;
                let address = frame
                    .iter()
                    .take(6)
                    .rev()
                    .fold(0, |a, &b| a << 8 | u64::from(b));
                let everyone = address == 0xffff_ffff_ffff;
                let listed = (0..8).any(|i| valid >> i & 1 == 1 && pool[i] == address);
                let accepted = promiscuous == 1
                    || address == pool[8]
                    || listed
                    || (everyone && broadcast == 1)
                    || (!everyone && address & 1 == 1 && all == 1);
                let expected = if enable == 0 {
                    1
                } else if frame.len() < 14 {
                    2
                } else if frame.len() as u64 > max {
                    3
                } else if accepted {
                    0
                } else {
                    4
                };
                let flags = [
                    judged.disabled,
                    judged.runt,
                    judged.oversize,
                    judged.filtered,
                ];
                let found: Vec<_> = (1..5).filter(|&i| flags[i - 1]).collect();
                let expected_flags: Vec<usize> =
                    [expected].into_iter().filter(|&e| e != 0).collect();
                assert_eq!(found, expected_flags, "{frame:02x?}");
                assert_eq!(dut.discard.val(), expected != 0);
                assert_eq!(judged.length.to_u64(), frame.len() as u64);
                outcomes[expected] += 1;
            }
            let beat = if step.cycle > 2 && pace.now(&mut step.rng) {
                queue.pop_front()
            } else {
                None
            };
            dut.tvalid.next = beat.is_some();
            if let Some((beat, frame)) = beat {
                dut.tdata.next = beat.tdata.into();
                dut.tkeep.next = u64::from(beat.tkeep).into();
                dut.tlast.next = beat.tlast;
                if beat.tlast {
                    let bit = |signal: bool| u64::from(signal);
                    let config = [
                        bit(dut.rx_enable.val()),
                        bit(dut.promiscuous.val()),
                        bit(dut.broadcast.val()),
                        bit(dut.all_multicast.val()),
                        dut.max_frame.val().to_u64(),
                        dut.multicast_valid.val().to_u64(),
                        0,
                        0,
                    ];
                    waiting.push_back((frame, config));
                }
            }
        });
    println!("taken, disabled, runt, oversize, filtered: {outcomes:?}");
    assert!(outcomes.iter().all(|&n| n > 10), "{outcomes:?}");
    report.assert_all_outputs_moved();
}

/// `etherparse` as independent witness: frames that it builds are good to the last bit, and end where it says.
#[test]
fn frames_built_by_etherparse_are_found_good() {
    use etherparse::PacketBuilder;
    let seed = seed();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut all, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        let payload: Vec<u8> = (0..rng.random_range(0..200))
            .map(|_| rng.random())
            .collect();
        let (ipv6, tcp, tag): (bool, bool, Option<u16>) = (
            rng.random(),
            rng.random(),
            rng.random_bool(0.5).then(|| rng.random_range(0..4096)),
        );
        let ethernet = PacketBuilder::ethernet2(rng.random(), rng.random());
        let link = match tag {
            Some(id) => ethernet.single_vlan(id.try_into().unwrap()),
            None => {
                let mut frame = Vec::new();
                if ipv6 {
                    let ip = ethernet.ipv6(rng.random(), rng.random(), 64);
                    if tcp {
                        ip.tcp(1, 2, rng.random(), 3)
                            .write(&mut frame, &payload)
                            .unwrap();
                    } else {
                        ip.udp(1, 2).write(&mut frame, &payload).unwrap();
                    }
                } else {
                    let ip = ethernet.ipv4(rng.random(), rng.random(), 64);
                    if tcp {
                        ip.tcp(1, 2, rng.random(), 3)
                            .write(&mut frame, &payload)
                            .unwrap();
                    } else {
                        ip.udp(1, 2).write(&mut frame, &payload).unwrap();
                    }
                }
                expected.push((None, ipv6, tcp, frame.len() - payload.len()));
                all.push(frame);
                continue;
            }
        };
        let mut frame = Vec::new();
        let ip = link.ipv4(rng.random(), rng.random(), 64);
        ip.udp(1, 2).write(&mut frame, &payload).unwrap();
        expected.push((tag, false, false, frame.len() - payload.len()));
        all.push(frame);
    }
    let (left, _) = through_front(&all, || true);
    check(&all, &left, seed);
    for (left, (tag, ipv6, tcp, header)) in left.iter().zip(expected) {
        let said = left.said;
        assert_eq!(
            (said.vlan, said.ipv6, said.tcp, said.udp),
            (tag, ipv6, tcp, !tcp)
        );
        assert_eq!(usize::from(said.hdr_len), header);
        assert_eq!(said.l4, Verdict::Ok);
        assert_eq!(
            said.l3,
            if ipv6 {
                Verdict::NotChecked
            } else {
                Verdict::Ok
            }
        );
    }
}

on_noise!(rx_checksum, |dut, step| {
    dut.reset.next = step.reset();
    let mut beat = dut.beat.val();
    beat.data = word(step).into();
    beat.take = u64::from(step.rng.random::<u8>()).into();
    beat.valid = step.rng.random();
    beat.first = step.rng.random_ratio(1, 2);
    beat.last = step.rng.random_ratio(1, 2);
    beat.head_a = step.rng.random();
    beat.head_b = step.rng.random();
    beat.sum_a = step.rng.random();
    beat.sum_b = step.rng.random();
    // All ones now and then: a sum that is right.
    if step.rng.random_ratio(1, 2) {
        beat.data = u64::MAX.into();
        beat.take = 255_u64.into();
    }
    dut.beat.next = beat;
    dut.pseudo.next = if step.rng.random() {
        0
    } else {
        step.rng.random_range(0..1 << 17_u64)
    }
    .into();
});
on_noise!(rx_verdict, |dut, step| {
    let mut parsed = dut.parsed.val();
    parsed.ipv4 = step.rng.random();
    parsed.ipv6 = step.rng.random();
    parsed.tcp = step.rng.random();
    parsed.udp = step.rng.random();
    parsed.unsummed = step.rng.random();
    parsed.words = step.rng.random_range(0..60_u64).into();
    parsed.vlan = u64::from(step.rng.random::<u16>()).into();
    parsed.vlan_present = step.rng.random();
    dut.parsed.next = parsed;
    dut.ended.next = step.rng.random();
    dut.head_ok.next = step.rng.random();
    dut.layer4_ok.next = step.rng.random();
    dut.raw_sum.next = u64::from(step.rng.random::<u16>()).into();
});
