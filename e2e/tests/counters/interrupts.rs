//! Interrupts: arming, moderation, masks.

use longshore_e2e::on_every_nic;
use longshore_e2e::rig::{QueueConfig, TxRequest};
use nic_abi::block::{DEVICE, MSIX_PBA, MSIX_TABLE, device, msix, queue};
use nic_abi::stats::Stat;
use sim_wire::Picos;

fn with(vector: u32, delay: u32, count: u32) -> QueueConfig {
    QueueConfig {
        interrupt: queue::INTERRUPT_VECTOR.of(vector)
            | queue::INTERRUPT_DELAY.of(delay)
            | queue::INTERRUPT_COUNT.of(count),
        ..QueueConfig::default()
    }
}

fn one() -> TxRequest {
    TxRequest::raw(vec![1; 60])
}

on_every_nic! {
    fn an_armed_queue_raises_its_vector_once(rig) {
        rig.enable(0, with(0, 0, 0));
        rig.enable(1, with(2, 0, 0));
        rig.transmit(1, &[one()]);
        assert_eq!(rig.interrupts.take(), [] as [u16; 0], "not armed");
        rig.ring_cq(1, true);
        rig.settle();
        assert_eq!(rig.interrupts.take(), [] as [u16; 0], "nothing to tell");
        rig.transmit(0, &[one()]);
        assert_eq!(rig.interrupts.take(), [] as [u16; 0], "another queue pair");
        rig.post(1, &one());
        rig.post(1, &one());
        rig.ring_sq(1);
        rig.settle();
        assert_eq!(rig.interrupts.take(), [2]);
        rig.transmit(1, &[one()]);
        assert_eq!(rig.interrupts.take(), [] as [u16; 0], "an interrupt disarms");
        assert_eq!(rig.stat(Stat::Interrupts), 1);
    }

    /// A completion came between the last look and arming.
    fn arming_behind_the_producer_fires_at_once(rig) {
        rig.enable(0, with(1, 0, 0));
        rig.transmit(0, &[one()]);
        rig.post(0, &one());
        rig.ring_sq(0);
        rig.settle();
        assert_eq!(rig.interrupts.take(), [] as [u16; 0]);
        rig.ring_cq(0, true);
        rig.settle();
        assert_eq!(rig.interrupts.take(), [1]);
        // Again, although nothing was read in between.
        rig.ring_cq(0, true);
        rig.settle();
        assert_eq!(rig.interrupts.take(), [1]);
        rig.collect(0);
        rig.ring_cq(0, true);
        rig.settle();
        assert_eq!(rig.interrupts.take(), [] as [u16; 0]);
        // An unarmed doorbell takes the arming back.
        rig.ring_cq(0, false);
        rig.transmit(0, &[one()]);
        assert_eq!(rig.interrupts.take(), [] as [u16; 0]);
    }

    fn an_interrupt_waits_for_the_delay(rig) {
        let khz = rig.read(DEVICE.at(0, device::CORE_CLOCK));
        let unit = Picos(256 * 1_000_000_000 / u64::from(khz));
        rig.enable(0, with(1, 40, 0));
        rig.ring_cq(0, true);
        rig.post(0, &one());
        rig.ring_sq(0);
        let limit = sim_wire::Station::now(&rig.nic) + Picos(100 * unit.0);
        while rig.peek(0, 1).tx.is_empty() {
            assert!(sim_wire::Station::now(&rig.nic) < limit);
            rig.run(Picos::from_nanos(100));
        }
        rig.run(Picos(38 * unit.0));
        assert_eq!(rig.interrupts.take(), [] as [u16; 0]);
        rig.run(Picos(3 * unit.0));
        assert_eq!(rig.interrupts.take(), [1]);
        // What the last interrupt told of and nobody read is told again, in time.
        rig.ring_cq(0, false);
        rig.post(0, &one());
        rig.ring_sq(0);
        rig.settle();
        rig.ring_cq(0, true);
        rig.run(Picos(42 * unit.0));
        assert_eq!(rig.interrupts.take(), [1]);
    }

    fn enough_completions_cut_the_delay_short(rig) {
        rig.enable(0, with(0, 255, 3));
        rig.ring_cq(0, true);
        for _ in 0..2 {
            rig.post(0, &one());
        }
        rig.ring_sq(0);
        rig.settle();
        assert_eq!(rig.interrupts.take(), [] as [u16; 0]);
        rig.post(0, &one());
        rig.ring_sq(0);
        rig.settle();
        assert_eq!(rig.interrupts.take(), [0]);
    }

    fn a_masked_interrupt_is_kept_until_unmasked(rig) {
        rig.enable(0, with(3, 0, 0));
        let control = MSIX_TABLE.at(3, msix::VECTOR_CONTROL);
        rig.write(control, msix::VECTOR_MASKED.of(1));
        assert_eq!(rig.read(MSIX_PBA.base), 0);
        rig.ring_cq(0, true);
        rig.transmit(0, &[one()]);
        assert_eq!(rig.interrupts.take(), [] as [u16; 0]);
        assert_eq!(rig.read(MSIX_PBA.base), 1 << 3);
        assert_eq!(rig.stat(Stat::Interrupts), 0);
        rig.write(control, 0);
        rig.settle();
        assert_eq!(rig.interrupts.take(), [3]);
        assert_eq!(rig.read(MSIX_PBA.base), 0);
        assert_eq!(rig.stat(Stat::Interrupts), 1);
    }

    /// A message is a memory write: behind an IOMMU, or in QEMU, it goes to any address.
    fn a_message_goes_where_the_table_says(rig) {
        rig.enable(0, with(1, 0, 0));
        let mailbox = rig.arena.allocate(64, 64, 0);
        rig.arena.allow(&mailbox);
        rig.write(MSIX_TABLE.at(1, msix::ADDRESS_LOW), mailbox.iova as u32 + 4);
        rig.write(MSIX_TABLE.at(1, msix::ADDRESS_HIGH), (mailbox.iova >> 32) as u32);
        rig.write(MSIX_TABLE.at(1, msix::DATA), 0xdead_beef);
        rig.ring_cq(0, true);
        rig.transmit(0, &[one()]);
        assert_eq!(rig.interrupts.take(), [] as [u16; 0]);
        assert_eq!(rig.arena.read(&mailbox, 4, 4), 0xdead_beefu32.to_le_bytes());
        assert!(rig.arena.is_untouched(&mailbox, 8));
    }
}
