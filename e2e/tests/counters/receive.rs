//! Reception: filter, buffers, verdicts, and the one counter in which each frame ends.

use longshore_e2e::on_every_nic;
use longshore_e2e::rig::QueueConfig;
use longshore_e2e::rig::bench::STATION;
use longshore_e2e::rig::frames;
use longshore_e2e::rig::rings::frames as joined;
use nic_abi::block::{PORT, QUEUE, port, queue};
use nic_abi::completion::{L4Kind, Verdict};
use nic_abi::ring::COMPLETIONS_KEPT;
use nic_abi::rx::BUFFER_MAX;
use nic_abi::stats::Stat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn to(address: [u8; 6], len: usize) -> Vec<u8> {
    let mut frame = vec![0x77; len];
    frame[..6].copy_from_slice(&address);
    frame
}

on_every_nic! {
    fn a_frame_lies_in_its_buffer_as_it_came(rig) {
        rig.enable(0, QueueConfig::default());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let lengths = [14, 15, 16, 17, 59, 60, 61, 64, 65, 127, 128, 129, 255, 256, 257, 1_000, 1_514, 1_518];
        rig.provide_all(0, lengths.len(), 2_048);
        let sent: Vec<Vec<u8>> = lengths.iter().map(|n| (0..*n).map(|_| rng.random()).collect()).collect();
        for frame in &sent {
            rig.inject(frame);
        }
        rig.settle();
        let received = joined(&rig.collect(0).rx);
        assert_eq!(received.iter().map(|(f, _)| f.clone()).collect::<Vec<_>>(), sent);
        for (frame, completion) in received {
            assert_eq!(completion.raw_sum, nic_model::checksum::sum(0, &frame[14..]));
            assert_eq!((completion.segments, completion.flow, completion.flow_hit), (1, 0, false));
        }
        assert_eq!(rig.stat(Stat::RxDelivered), sent.len() as u64);
        assert_eq!(rig.stat(Stat::RxBytes), lengths.iter().sum::<usize>() as u64);
        assert_eq!(rig.stat(Stat::Completions), sent.len() as u64);
    }

    fn the_filter_takes_what_is_addressed_to_the_station(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 32, 128);
        let group = [0x33, 0x33, 0, 0, 0, 1];
        let [low, high] = [0x0000_3333u32, 0x8000_0100];
        rig.write(PORT.at(0, port::MULTICAST_LOW) + 5 * port::MULTICAST_STRIDE, low);
        rig.write(PORT.at(0, port::MULTICAST_HIGH) + 5 * port::MULTICAST_STRIDE, high);
        let other = [0x02, 0x4c, 0x53, 0x00, 0x00, 0x02];
        let stray = [0x33, 0x33, 0, 0, 0, 2];
        let all = [STATION, other, [0xff; 6], group, stray];
        let mut filtered = 0;
        for (control, taken) in [
            (0, [true, false, false, true, false]),
            (port::RX_BROADCAST.mask(), [true, false, true, true, false]),
            (port::RX_ALL_MULTICAST.mask(), [true, false, false, true, true]),
            (port::RX_PROMISCUOUS.mask(), [true; 5]),
        ] {
            rig.write(PORT.at(0, port::RX_CONTROL), control | port::RX_ENABLE.mask());
            rig.settle();
            for address in all {
                rig.inject(&to(address, 60));
            }
            rig.settle();
            let received = joined(&rig.collect(0).rx);
            let expected: Vec<[u8; 6]> = all.into_iter().zip(taken).filter(|(_, t)| *t).map(|(a, _)| a).collect();
            assert_eq!(received.iter().map(|(f, _)| f[..6].to_vec()).collect::<Vec<_>>(), expected);
            filtered += 5 - expected.len() as u64;
            assert_eq!(rig.stat(Stat::RxFiltered), filtered, "{control:#x}");
        }
        // An entry that is not in use is no address.
        rig.write(PORT.at(0, port::RX_CONTROL), port::RX_ENABLE.mask());
        rig.write(PORT.at(0, port::MULTICAST_HIGH) + 5 * port::MULTICAST_STRIDE, high & 0xffff);
        rig.inject(&to(group, 60));
        rig.settle();
        assert_eq!(rig.stat(Stat::RxFiltered), filtered + 1);
    }

    fn runts_and_oversized_frames_are_counted_and_dropped(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 16, 2_048);
        for len in 1..14 {
            rig.inject(&vec![0xff; len]);
        }
        rig.inject(&[0xff; 14]);
        for len in [1_518, 1_519, 1_520, 1_600, 9_000, 1_518] {
            rig.inject(&vec![1; len]);
        }
        rig.settle();
        rig.write(PORT.at(0, port::MAX_FRAME), 100);
        for len in [100, 101] {
            rig.inject(&vec![1; len]);
        }
        rig.settle();
        let lengths: Vec<usize> = joined(&rig.collect(0).rx).iter().map(|(f, _)| f.len()).collect();
        assert_eq!(lengths, [14, 1_518, 1_518, 100]);
        assert_eq!(rig.stat(Stat::RxRunt), 13);
        assert_eq!(rig.stat(Stat::RxOversize), 5);
    }

    fn a_frame_without_a_buffer_is_counted_and_the_next_one_finds_one(rig) {
        rig.enable(0, QueueConfig::default());
        for _ in 0..3 {
            rig.inject(&[1; 60]);
        }
        rig.settle();
        assert_eq!(rig.stat(Stat::RxNoBuffer), 3);
        rig.provide_all(0, 1, 64);
        rig.inject(&[2; 60]);
        rig.inject(&[3; 60]);
        rig.settle();
        let received = joined(&rig.collect(0).rx);
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].0, [2; 60]);
        assert_eq!(rig.stat(Stat::RxNoBuffer), 4);
    }

    fn a_long_frame_goes_on_in_the_next_buffers(rig) {
        rig.enable(0, QueueConfig::default());
        let frame: Vec<u8> = (0..1_500u32).map(|i| (i * 7) as u8).collect();
        for len in [64, 128, 1_024, 64, 256] {
            rig.provide(0, len);
        }
        rig.ring_rq(0);
        rig.settle();
        rig.inject(&frame);
        rig.settle();
        let parts = rig.collect(0).rx;
        let lengths: Vec<u16> = parts.iter().map(|p| p.completion.len).collect();
        assert_eq!(lengths, [64, 128, 1_024, 64, 220]);
        let more: Vec<bool> = parts.iter().map(|p| p.completion.more).collect();
        assert_eq!(more, [true, true, true, true, false]);
        assert_eq!(joined(&parts)[0].0, frame);
        // A frame that fills its buffers exactly.
        for _ in 0..2 {
            rig.provide(0, 64);
        }
        rig.ring_rq(0);
        rig.settle();
        rig.inject(&[5; 128]);
        rig.settle();
        let parts = rig.collect(0).rx;
        assert_eq!(parts.len(), 2);
        assert_eq!(joined(&parts)[0].0, [5; 128]);
    }

    fn buffers_of_a_frame_that_did_not_fit_serve_the_next_one(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 3, 128);
        rig.inject(&[1; 1_000]);
        rig.inject(&[2; 200]);
        rig.settle();
        assert_eq!(rig.stat(Stat::RxNoBuffer), 1);
        let parts = rig.collect(0).rx;
        assert_eq!(parts.iter().map(|p| p.completion.index).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(joined(&parts)[0].0, [2; 200]);
        rig.provide_all(0, 1, 128);
        rig.inject(&[3; 256]);
        rig.settle();
        assert_eq!(joined(&rig.collect(0).rx)[0].0, [3; 256]);
    }

    fn nothing_is_received_while_reception_or_the_queue_pair_is_off(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 4, 128);
        let control = PORT.at(0, port::RX_CONTROL);
        rig.write(control, port::RX_PROMISCUOUS.mask());
        rig.inject(&[1; 60]);
        rig.settle();
        assert_eq!(rig.stat(Stat::RxDisabled), 1);
        rig.write(control, port::RX_PROMISCUOUS.mask() | port::RX_ENABLE.mask());
        // Queue pair 1 is not enabled; 9 does not exist.
        for (n, queue) in [(2, 1), (3, 9)] {
            rig.write(PORT.at(0, port::RX_QUEUE), queue);
            rig.inject(&[2; 60]);
            rig.settle();
            assert_eq!(rig.stat(Stat::RxDisabled), n);
        }
        rig.write(PORT.at(0, port::RX_QUEUE), 0);
        rig.inject(&[3; 60]);
        rig.settle();
        assert_eq!(joined(&rig.collect(0).rx)[0].0, [3; 60]);
    }

    fn verdicts_are_told_and_counted(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 64, 2_048);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut counted = [0u64; 3];
        for (ipv6, udp) in [(false, false), (false, true), (true, false), (true, true)] {
            let headers = frames::headers(&mut rng, 0, ipv6, udp);
            let good = frames::whole(&headers, &[0xab; 99]);
            let mut bad_l4 = good.clone();
            *bad_l4.last_mut().expect("bytes") ^= 1;
            let mut bad_l3 = good.clone();
            bad_l3[headers.l3 + 8] ^= 0x10;
            for frame in [&good, &bad_l4, &bad_l3] {
                rig.inject(frame);
            }
            rig.settle();
            let received = joined(&rig.collect(0).rx);
            let l4: Vec<Verdict> = received.iter().map(|(_, c)| c.l4).collect();
            let l3: Vec<Verdict> = received.iter().map(|(_, c)| c.l3).collect();
            if ipv6 {
                // Where IPv4 has its time to live, IPv6 has its source address.
                assert_eq!(l3, [Verdict::NotChecked; 3]);
                assert_eq!(l4, [Verdict::Ok, Verdict::Bad, Verdict::Bad]);
                counted = [counted[0], counted[1] + 2, counted[2] + 1];
            } else {
                assert_eq!(l3, [Verdict::Ok, Verdict::Ok, Verdict::Bad]);
                assert_eq!(l4, [Verdict::Ok, Verdict::Bad, Verdict::Ok]);
                counted = [counted[0] + 1, counted[1] + 1, counted[2] + 2];
            }
            for (_, c) in received {
                assert_eq!(c.l4_kind, if udp { L4Kind::Udp } else { L4Kind::Tcp });
                assert_eq!((c.ipv6, usize::from(c.header_len)), (ipv6, headers.bytes.len()));
            }
        }
        assert_eq!([Stat::RxL3Bad, Stat::RxL4Bad, Stat::RxL4Ok].map(|s| rig.stat(s)), counted);
    }

    /// Small frames at full rate, more than the frame FIFO holds.
    fn back_to_back_frames_all_arrive(rig) {
        rig.enable(0, QueueConfig { rq: 9, cq: 11, ..QueueConfig::default() });
        rig.provide_all(0, 500, 128);
        let sent: Vec<Vec<u8>> = (0..500u32).map(|i| [&[9u8; 20][..], &i.to_be_bytes(), &[7; 60]].concat()).collect();
        for frame in &sent {
            rig.inject(frame);
        }
        rig.settle();
        let received = joined(&rig.collect(0).rx);
        assert!(received.iter().map(|(f, _)| f).eq(sent.iter()));
        assert_eq!(rig.stat(Stat::RxOverflow), 0);
    }

    /// What the driver allows beyond the buffers of the NIC is not received.
    fn no_frame_longer_than_the_frame_limit_is_received(rig) {
        rig.enable(0, QueueConfig::default());
        let limit = rig.read(PORT.at(0, port::FRAME_LIMIT));
        let register = PORT.at(0, port::MAX_FRAME);
        rig.write(register, port::MAX_FRAME_BYTES.mask());
        assert_eq!(rig.read(register), port::MAX_FRAME_BYTES.mask());
        rig.provide_all(0, 4, 2_048);
        rig.inject(&vec![1; limit as usize + 1]);
        rig.inject(&vec![2; limit as usize]);
        rig.settle();
        assert_eq!(rig.stat(Stat::RxOversize), 1);
        assert_eq!(joined(&rig.collect(0).rx)[0].0, vec![2; limit as usize]);
    }

    fn the_largest_buffer_is_a_good_one(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 1, BUFFER_MAX);
        rig.inject(&[1; 1_000]);
        rig.settle();
        assert_eq!(joined(&rig.collect(0).rx)[0].0, [1; 1_000]);
    }

    /// Frames for a completion ring without room are dropped and counted: they wait for no driver, and nothing is overwritten.
    fn a_queue_pair_without_room_for_completions_drops_its_frames(rig) {
        rig.enable(0, QueueConfig { sq: 4, rq: 4, cq: 5, interrupt: 0 });
        let room = 32 - COMPLETIONS_KEPT as u8;
        for round in 0..2 {
            rig.provide_all(0, 16, 128);
            for i in 0..16 {
                rig.inject(&[16 * round + i; 100]);
            }
            rig.settle();
        }
        assert_eq!(rig.stat(Stat::RxNoBuffer), u64::from(32 - room));
        let read = joined(&rig.peek(0, usize::MAX).rx);
        assert_eq!(read.len(), usize::from(room));
        // Buffers are there, but the driver has not told what it read.
        for i in 0..40 {
            rig.inject(&[100 + i; 100]);
        }
        rig.settle();
        assert_eq!(rig.peek(0, 1).rx, []);
        assert_eq!(rig.stat(Stat::RxNoBuffer), 40 + u64::from(32 - room));
        rig.ring_cq(0, false);
        rig.inject(&[200; 100]);
        rig.settle();
        assert_eq!(joined(&rig.collect(0).rx)[0].0, [200; 100]);
        assert_eq!(rig.stat(Stat::RxOverflow), 0);
        let status = rig.read(QUEUE.at(0, queue::STATUS));
        assert_eq!(queue::STATUS_QUARANTINE.get(status), 0);
    }

    /// Buffers that a dropped frame left are kept with the room for their completions.
    fn a_frame_that_needs_more_completions_than_there_is_room_for_leaves_its_buffers(rig) {
        rig.enable(0, QueueConfig { sq: 4, rq: 4, cq: 5, interrupt: 0 });
        rig.provide_all(0, 16, 64);
        for _ in 0..2 {
            rig.inject(&[1; 64 * 8]);
        }
        rig.settle();
        rig.provide_all(0, 16, 64);
        rig.inject(&[2; 64 * 10]);
        // Four entries are left, and five are needed.
        rig.inject(&[3; 64 * 5]);
        rig.inject(&[4; 64 * 4]);
        rig.settle();
        let received = joined(&rig.collect(0).rx);
        assert_eq!(received.iter().map(|(f, _)| f[0]).collect::<Vec<_>>(), [1, 1, 2, 4]);
        assert_eq!(rig.stat(Stat::RxNoBuffer), 1);
    }
}
