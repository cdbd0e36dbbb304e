//! Registers against the tables of nic-abi: reset values, access rights, masks.

use longshore_e2e::on_every_nic;
use longshore_e2e::rig::nics::{GatewareNic, ModelNic};
use longshore_e2e::rig::{Nic, QueueConfig, Rig, RigConfig};
use nic_abi::block::{
    BASE_DIRECTORY, DEVICE, DIRECTORY, MSIX_PBA, MSIX_TABLE, PORT, QUEUE, device, port, queue,
};
use nic_abi::register::{Access, Block, Register};
use nic_abi::stats::{COUNTERS, Stat};

/// All registers of the NIC with queue pairs and vectors as it says, with their offsets.
fn registers<N: Nic>(rig: &mut Rig<N>) -> Vec<(u32, Register)> {
    let pairs = rig.read(DEVICE.at(0, device::QUEUE_PAIRS));
    let vectors = rig.read(DEVICE.at(0, device::VECTORS));
    assert!((1..=8).contains(&pairs) && (1..=16).contains(&vectors));
    let of = |block: Block, instances: u32| {
        (0..instances).flat_map(move |i| block.registers.iter().map(move |r| (block.at(i, *r), *r)))
    };
    of(DEVICE, 1)
        .chain(of(PORT, 1))
        .chain(of(QUEUE, pairs))
        .chain(of(MSIX_TABLE, vectors))
        .collect()
}

/// Read-only registers that tell something variable: their reset value is not in the tables.
fn is_fact(offset: u32) -> bool {
    [
        DEVICE.at(0, device::EPOCH),
        DEVICE.at(0, device::QUEUE_PAIRS),
        DEVICE.at(0, device::VECTORS),
        DEVICE.at(0, device::CORE_CLOCK),
        PORT.at(0, port::LINK),
        PORT.at(0, port::RATE),
        PORT.at(0, port::FRAME_LIMIT),
    ]
    .contains(&offset)
}

fn assert_reset_values<N: Nic>(rig: &mut Rig<N>) {
    for (offset, r) in registers(rig) {
        if !is_fact(offset) {
            let reset = if r.access == Access::WriteOnly {
                0
            } else {
                r.reset
            };
            assert_eq!(rig.read(offset), reset, "{} at {offset:#x}", r.name);
        }
    }
    for stat in Stat::ALL {
        // Reading registers moves packets on a real bus, but counts no memory requests.
        assert_eq!(rig.stat(*stat), 0, "{}", stat.name());
    }
}

fn reset_values<N: Nic>() {
    let mut rig = Rig::<N>::powered_on(&RigConfig::default());
    assert_reset_values(&mut rig);
    assert_eq!(rig.read(DEVICE.at(0, device::EPOCH)), 0);
    assert_eq!(rig.read(PORT.at(0, port::LINK)), 1);
    assert!(rig.read(PORT.at(0, port::FRAME_LIMIT)) >= 1_518);
    assert_ne!(rig.read(DEVICE.at(0, device::CORE_CLOCK)), 0);
}

#[test]
fn reset_values_are_those_of_the_tables_model() {
    reset_values::<ModelNic>();
}

#[test]
fn reset_values_are_those_of_the_tables_gateware() {
    reset_values::<GatewareNic>();
}

/// What a register reads after `value` was written over `old`.
fn expected(r: Register, old: u32, value: u32) -> u32 {
    match r.access {
        Access::ReadOnly => old,
        Access::WriteOnly => 0,
        Access::ReadWrite => (old & !r.writable()) | (value & r.writable()),
    }
}

/// `value` without the bit that would start a queue pair.
fn quiet(offset: u32, r: Register, value: u32) -> u32 {
    if offset >= QUEUE.base && r.name == queue::CONTROL.name {
        value & !queue::CONTROL_ENABLE.mask()
    } else {
        value
    }
}

on_every_nic! {
    fn writes_change_the_writable_bits_and_nothing_else(rig) {
        let all = registers(rig);
        for round in [u32::MAX, 0x5a5a_a5a5, 0xa5a5_5a5a, 0x1234_5678, 0] {
            // A value of its own for each register shows writes that go astray.
            let value = |offset: u32| match round {
                0 | u32::MAX => round,
                _ => round ^ offset.wrapping_mul(0x9e37_79b1),
            };
            let old: Vec<u32> = all.iter().map(|(offset, _)| rig.read(*offset)).collect();
            for (offset, r) in &all {
                rig.write(*offset, quiet(*offset, *r, value(*offset)));
            }
            for ((offset, r), old) in all.iter().zip(old) {
                // Whether it is quiet depends on another register by purpose.
                if *offset != DEVICE.at(0, device::QUIESCED) {
                    let value = quiet(*offset, *r, value(*offset));
                    assert_eq!(rig.read(*offset), expected(*r, old, value), "{} at {offset:#x}", r.name);
                }
            }
        }
    }

    fn every_multicast_entry_is_a_register_of_its_own(rig) {
        let at = |entry, r| PORT.at(0, r) + entry * port::MULTICAST_STRIDE;
        for entry in 0..port::MULTICAST_ENTRIES {
            rig.write(at(entry, port::MULTICAST_LOW), 0x0101_0101 * (entry + 1));
            rig.write(at(entry, port::MULTICAST_HIGH), 0xffff_0000 | entry);
        }
        for entry in 0..port::MULTICAST_ENTRIES {
            assert_eq!(rig.read(at(entry, port::MULTICAST_LOW)), 0x0101_0101 * (entry + 1));
            assert_eq!(rig.read(at(entry, port::MULTICAST_HIGH)), 0x8000_0000 | entry);
        }
    }

    fn the_directory_lists_the_features_and_ends(rig) {
        for (i, (feature, version, base)) in (0..).zip(BASE_DIRECTORY) {
            let at = DIRECTORY.base + i * DIRECTORY.stride;
            assert_eq!(rig.read(at), feature.entry(*version));
            assert_eq!(rig.read(at + 4), *base);
        }
        let end = DIRECTORY.base + BASE_DIRECTORY.len() as u32 * DIRECTORY.stride;
        assert_eq!(rig.read(end) & 0xffff, 0);
    }

    fn where_there_is_no_register_it_reads_zero_and_writes_change_nothing(rig) {
        let pairs = rig.read(DEVICE.at(0, device::QUEUE_PAIRS));
        let vectors = rig.read(DEVICE.at(0, device::VECTORS));
        let behind = 8 * COUNTERS.len() as u32;
        for offset in [
            0x0028, 0x00fc, 0x0220, 0x0280, 0x0300, nic_abi::block::STATS.base + behind, 0x0600, 0x0ffc,
            MSIX_TABLE.base + 16 * vectors, MSIX_PBA.base + 4, 0x2000, 0x7ffc,
            QUEUE.base + 0x08, QUEUE.base + 0x4c, QUEUE.base + 0x60, QUEUE.base + 0xffc,
            QUEUE.base + pairs * QUEUE.stride, 0xfffc,
        ] {
            assert_eq!(rig.read(offset), 0, "{offset:#x}");
            rig.write(offset, u32::MAX);
            assert_eq!(rig.read(offset), 0, "{offset:#x} after a write");
        }
    }

    fn a_function_level_reset_resets_everything_and_raises_the_epoch(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 4, 256);
        rig.inject(&[0x55; 100]);
        rig.settle();
        assert_eq!(rig.stat(Stat::RxDelivered), 1);
        for epoch in 1..4 {
            rig.nic.flr();
            assert_reset_values(rig);
            assert_eq!(rig.read(DEVICE.at(0, device::EPOCH)), epoch);
        }
        rig.set_up();
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 4, 256);
        rig.inject(&[0x55; 100]);
        rig.settle();
        assert_eq!(rig.collect(0).rx.len(), 1);
    }

    fn quiesced_tells_the_magic_word_only_while_asked(rig) {
        let quiesced = DEVICE.at(0, device::QUIESCED);
        assert_eq!(rig.read(quiesced), 0);
        rig.write(DEVICE.at(0, device::CONTROL), device::CONTROL_QUIESCE.of(1));
        rig.settle();
        assert_eq!(rig.read(quiesced), device::QUIESCED_MAGIC);
        rig.write(DEVICE.at(0, device::CONTROL), device::CONTROL_ENABLE.of(1));
        assert_eq!(rig.read(quiesced), 0);
    }
}
