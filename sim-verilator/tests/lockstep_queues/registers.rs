//! Every register of nic-abi's tables: reset value, writable bits, rights.

use super::bench::{Bench, Dut, PAIRS, lockstep};
use longshore_hdl::queue::register_map::Identity;
use nic_abi::block::{
    self, BASE_DIRECTORY, DEVICE, DIRECTORY, PORT, QUEUE, device, port, queue as pair,
};
use nic_abi::register::{Access, Register};

const EPOCH: u32 = 0x1234_5678;
const RATE: u32 = 10_000;

/// All registers of the NIC but MSI-X: offset, register.
fn registers() -> Vec<(u32, Register)> {
    let mut list: Vec<(u32, Register)> = Vec::new();
    for (block, count) in [(DEVICE, 1), (PORT, 1), (QUEUE, PAIRS as u32)] {
        for i in 0..count {
            list.extend(block.registers.iter().map(|&r| (block.at(i, r), r)));
        }
    }
    for i in 1..port::MULTICAST_ENTRIES {
        for r in [port::MULTICAST_LOW, port::MULTICAST_HIGH] {
            list.push((PORT.at(0, r) + i * port::MULTICAST_STRIDE, r));
        }
    }
    list
}

/// What a register reads after reset.
fn at_reset(offset: u32, register: Register) -> u32 {
    let identity = Identity::default();
    let known = [
        (DEVICE.at(0, device::EPOCH), EPOCH),
        (DEVICE.at(0, device::QUEUE_PAIRS), PAIRS as u32),
        (DEVICE.at(0, device::VECTORS), identity.vectors),
        (DEVICE.at(0, device::CORE_CLOCK), identity.core_clock_khz),
        (PORT.at(0, port::LINK), 1),
        (PORT.at(0, port::RATE), RATE),
        (PORT.at(0, port::FRAME_LIMIT), identity.frame_limit),
    ];
    known
        .iter()
        .find(|k| k.0 == offset)
        .map_or(register.reset, |k| k.1)
}

fn surroundings(dut: &mut Dut) {
    dut.epoch.next = u64::from(EPOCH).into();
    dut.rate.next = u64::from(RATE).into();
    dut.link_up.next = true;
    dut.idle.next = true;
}

/// Runs the accesses and returns what the reads answered.
fn answers(mut bench: Bench, cycles: u64) -> Vec<(u32, u32)> {
    lockstep().run(cycles, |dut, step| {
        surroundings(dut);
        bench.cycle(dut, step);
    });
    assert!(bench.accessed(), "{} accesses left", bench.accesses.len());
    bench.answers.into()
}

#[test]
fn every_register_reads_its_reset_value() {
    let mut bench = Bench::default();
    for (offset, _) in registers() {
        bench.read(offset);
    }
    for ((offset, register), answer) in registers().into_iter().zip(answers(bench, 3_000)) {
        assert_eq!(
            answer,
            (offset, at_reset(offset, register)),
            "{}",
            register.name
        );
    }
}

#[test]
fn every_register_keeps_its_writable_bits_and_no_others() {
    // Ones to all, one at a time; STATUS tells of the configuration that the ones are, and tails count.
    let tells = |r: Register| {
        [pair::STATUS, pair::SQ_STATE, pair::RQ_STATE, pair::CQ_STATE]
            .iter()
            .any(|s| s.name == r.name)
    };
    let tested = || registers().into_iter().filter(|&(_, r)| !tells(r));
    let mut bench = Bench::default();
    for (offset, _) in tested() {
        bench.write(offset, u32::MAX);
        bench.read(offset);
        bench.write(offset, 0);
        bench.read(offset);
    }
    let answers = answers(bench, 8_000);
    for ((offset, register), answer) in tested().zip(answers.chunks(2)) {
        let (ones, zeros) = match register.access {
            Access::ReadOnly => (at_reset(offset, register), at_reset(offset, register)),
            Access::ReadWrite => (register.writable(), 0),
            Access::WriteOnly => (0, 0),
        };
        assert_eq!(
            answer,
            [(offset, ones), (offset, zeros)],
            "{}",
            register.name
        );
    }
}

#[test]
fn the_directory_lists_the_features_and_ends() {
    let mut bench = Bench::default();
    for word in 0..DIRECTORY.count * DIRECTORY.stride / 4 {
        bench.read(DIRECTORY.base + 4 * word);
    }
    let mut words = answers(bench, 2_000).into_iter().map(|a| a.1);
    for &(feature, version, offset) in BASE_DIRECTORY {
        assert_eq!(words.next(), Some(feature.entry(version)));
        assert_eq!(words.next(), Some(offset));
    }
    assert!(words.all(|w| w == 0));
}

#[test]
fn offsets_without_a_register_read_zero_and_ignore_writes() {
    let known: std::collections::HashSet<u32> = registers().iter().map(|r| r.0).collect();
    let mut holes: Vec<u32> = (0..0x400)
        .chain(0x8000..0x8200)
        .chain(0x9ff0..0xa080)
        .chain(0xfff0..0x1_0000)
        .step_by(4)
        .collect();
    holes.extend((0x400..0x8000).step_by(0x3fc));
    holes.retain(|o| {
        let directory =
            (DIRECTORY.base..DIRECTORY.base + 8 * BASE_DIRECTORY.len() as u32).contains(o);
        !known.contains(o) && !directory && o.is_multiple_of(4)
    });
    let mut bench = Bench::default();
    for &offset in &holes {
        bench.write(offset, u32::MAX);
        bench.read(offset);
    }
    bench.read(block::STATS.base + 4);
    let answers = answers(bench, 12_000);
    for (offset, answer) in holes.iter().zip(answers) {
        assert_eq!(answer, (*offset, 0));
    }
}
