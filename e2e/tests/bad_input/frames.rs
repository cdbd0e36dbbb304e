//! Malformed frames: delivered with what can be said of them, or counted; never lost without a trace.

use super::descriptors::assert_works;
use longshore_e2e::on_every_nic;
use longshore_e2e::rig::rings::frames as joined;
use longshore_e2e::rig::{QueueConfig, frames};
use nic_abi::stats::Stat;
use nic_model::rx::checksum::verdicts;
use nic_model::rx::parser::parse;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sim_wire::Seed;

on_every_nic! {
    /// What the rules of docs/RX-PARSING.md say, for noise, cut and damaged frames of all lengths.
    fn damaged_frames_are_delivered_with_the_right_verdicts(rig) {
        let seed = Seed::from_env_or_random().unwrap_or_else(|e| panic!("{e}"));
        println!("LONGSHORE_SEED={seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed.0);
        rig.enable(0, QueueConfig { sq: 4, rq: 7, cq: 8, interrupt: 0 });
        let mut runts = 0;
        for _ in 0..12 {
            let sent: Vec<Vec<u8>> = (0..16).map(|_| frames::any(&mut rng, 600)).collect();
            rig.provide_all(0, 16, 640);
            for frame in &sent {
                rig.inject(frame);
            }
            rig.settle();
            let long: Vec<&Vec<u8>> = sent.iter().filter(|f| f.len() >= 14).collect();
            runts += (sent.len() - long.len()) as u64;
            let received = joined(&rig.collect(0).rx);
            assert_eq!(received.len(), long.len());
            for (frame, (seen, completion)) in long.into_iter().zip(received) {
                assert_eq!(seen, *frame);
                let parsed = parse(frame);
                let v = verdicts(frame, &parsed);
                let said = (completion.l3, completion.l4, completion.raw_sum, completion.header_len);
                assert_eq!(said, (v.l3, v.l4, v.raw_sum, parsed.header_len), "{frame:02x?}");
                let said = (completion.vlan, completion.ipv6, completion.l4_kind);
                assert_eq!(said, (parsed.vlan, parsed.ipv6, parsed.l4_kind), "{frame:02x?}");
            }
            // Fewer frames than buffers: the rest stay for the next round, so give them back.
            rig.disable(0);
            rig.enable(0, QueueConfig { sq: 4, rq: 7, cq: 8, interrupt: 0 });
        }
        assert_eq!(rig.stat(Stat::RxRunt), runts);
    }

    fn every_length_up_to_a_header_is_survived(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 100, 64);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let headers = frames::headers(&mut rng, 1, true, false);
        let whole = frames::whole(&headers, &[]);
        for len in 1..=whole.len().min(64) {
            rig.inject(&whole[..len]);
        }
        rig.settle();
        let lengths: Vec<usize> = joined(&rig.collect(0).rx).iter().map(|(f, _)| f.len()).collect();
        assert_eq!(lengths, (14..=64).collect::<Vec<_>>());
        assert_eq!(rig.stat(Stat::RxRunt), 13);
    }

    fn a_burst_of_giants_is_counted_and_forgotten(rig) {
        rig.enable(0, QueueConfig::default());
        for _ in 0..5 {
            rig.inject(&vec![0xab; 30_000]);
            rig.inject(&[1; 3]);
        }
        rig.settle();
        assert_eq!(rig.stat(Stat::RxOversize), 5);
        assert_eq!(rig.stat(Stat::RxRunt), 5);
        assert_works(rig, 0);
    }
}
