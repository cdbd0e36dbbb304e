//! A device thread and a driver thread on the same memory.

use std::{sync::Arc, thread};

use longshore_dma::{DmaRegion, HostMemory, IovaTable};

const IOVA: u64 = 0x4000;

/// The completion queue's protocol: the last word of an entry, loaded with acquire order, tells that all that the
/// device wrote before is there: the entry's first half, and the buffer that the entry speaks of.
#[test]
fn whoever_sees_the_last_word_sees_all_that_was_written_before() {
    const ROUNDS: u64 = 20_000;
    let region = Arc::new(DmaRegion::anonymous(4096).unwrap());
    let table = Arc::new(IovaTable::new());
    table.map(region.clone(), IOVA).unwrap();
    let device = {
        let (table, region) = (table.clone(), region.clone());
        thread::spawn(move || {
            for round in 1..=ROUNDS {
                table.write(IOVA + 1024, &[round as u8; 77]).unwrap();
                let entry = u128::from(round) << 64 | u128::from(!round);
                table.write(IOVA, &entry.to_le_bytes()).unwrap();
                while region.load_u64(16).unwrap() != round {
                    thread::yield_now();
                }
            }
        })
    };
    for round in 1..=ROUNDS {
        while region.load_u64(8).unwrap() != round {
            thread::yield_now();
        }
        assert_eq!(region.load_u64(0), Ok(!round));
        let mut buffer = [0; 77];
        region.read(1024, &mut buffer).unwrap();
        assert_eq!(buffer, [round as u8; 77]);
        region.store_u64(16, round).unwrap();
    }
    device.join().unwrap();
}

#[test]
fn access_races_with_unmapping_and_either_works_or_faults() {
    let table = Arc::new(IovaTable::new());
    thread::scope(|s| {
        s.spawn(|| {
            for _ in 0..2000 {
                let region = Arc::new(DmaRegion::anonymous(4096).unwrap());
                table.map(region.clone(), IOVA).unwrap();
                let back = table.unmap(IOVA).unwrap();
                // No access is under way any more: what is there now stays.
                let first = back.load_u64(0).unwrap();
                thread::yield_now();
                assert_eq!(region.load_u64(0), Ok(first));
            }
        });
        s.spawn(|| {
            for n in 0..20_000u64 {
                let _ = table.write(IOVA, &n.to_le_bytes());
            }
        });
    });
}
