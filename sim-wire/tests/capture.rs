//! Captures, read back with a parser that shares no code with the writer.

mod common;

use std::fs;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use common::{drain, numbered, seeded};
use pcap_parser::pcapng::{Block, EnhancedPacketBlock, OptionCode};
use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{PcapBlockOwned, PcapError, PcapNGReader};
use proptest::prelude::*;
use sim_wire::capture::{Capture, Epoch};
use sim_wire::fault::{Action, FaultInjector, Script};
use sim_wire::pair::pair;
use sim_wire::{LineConfig, Picos, Rate, Seed, Wire};

#[derive(Debug, PartialEq)]
struct Packet {
    interface: usize,
    nanos: u64,
    bytes: Vec<u8>,
    flags: u32,
    comment: Option<String>,
}

#[derive(Debug, Default)]
struct Parsed {
    interfaces: Vec<(String, u8, Option<u64>)>,
    packets: Vec<Packet>,
    statistics: Vec<(u64, u64)>,
}

fn option<'a>(options: &[pcap_parser::PcapNGOption<'a>], code: u16) -> Option<Vec<u8>> {
    options
        .iter()
        .find(|o| o.code == OptionCode(code))
        .map(|o| o.value()[..usize::from(o.len)].to_vec())
}

fn packet(block: &EnhancedPacketBlock<'_>) -> Packet {
    assert_eq!(block.caplen, block.origlen);
    Packet {
        interface: block.if_id as usize,
        nanos: u64::from(block.ts_high) << 32 | u64::from(block.ts_low),
        bytes: block.packet_data()[..block.caplen as usize].to_vec(),
        flags: u32::from_le_bytes(option(&block.options, 2).unwrap().try_into().unwrap()),
        comment: option(&block.options, 1).map(|text| String::from_utf8(text).unwrap()),
    }
}

fn parse(file: &[u8]) -> Parsed {
    let mut reader = PcapNGReader::new(1 << 17, file).unwrap();
    let mut parsed = Parsed::default();
    loop {
        match reader.next() {
            Ok((used, block)) => {
                let PcapBlockOwned::NG(block) = block else {
                    panic!("not pcapng")
                };
                match block {
                    Block::SectionHeader(_) => {}
                    Block::InterfaceDescription(i) => {
                        let name = String::from_utf8(option(&i.options, 2).unwrap()).unwrap();
                        let speed = option(&i.options, 8)
                            .map(|s| u64::from_le_bytes(s.try_into().unwrap()));
                        assert_eq!(i.linktype, pcap_parser::Linktype::ETHERNET);
                        parsed.interfaces.push((name, i.if_tsresol, speed));
                    }
                    Block::EnhancedPacket(p) => parsed.packets.push(packet(&p)),
                    Block::InterfaceStatistics(s) => {
                        let count = |code| {
                            u64::from_le_bytes(
                                option(&s.options, code).unwrap().try_into().unwrap(),
                            )
                        };
                        parsed.statistics.push((count(4), count(5)));
                    }
                    other => panic!("unexpected block {other:?}"),
                }
                reader.consume(used);
            }
            Err(PcapError::Eof) => return parsed,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(e) => panic!("not readable: {e:?}"),
        }
    }
}

#[test]
fn frames_read_back_with_interface_direction_time_and_bytes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let capture = Capture::create(file.path(), Epoch::Virtual).unwrap();
    let (a, b) = pair(LineConfig::default());
    let mut a = capture.attach("nic0", Rate::GBPS_10, a);
    let mut b = capture.attach("nic1", Rate::GBPS_10, b);
    let frame = numbered(a.pool(), 7, 1514);
    a.transmit(Picos(2_000_999), frame);
    let arrival = b.next_event().unwrap();
    let received = b.receive(arrival).unwrap();
    capture.finish().unwrap();

    let parsed = parse(&fs::read(file.path()).unwrap());
    let names: Vec<_> = parsed
        .interfaces
        .iter()
        .map(|(name, ..)| name.as_str())
        .collect();
    assert_eq!(names, ["nic0 tx", "nic0 rx", "nic1 tx", "nic1 rx"]);
    assert!(
        parsed
            .interfaces
            .iter()
            .all(|&(_, resolution, speed)| resolution == 9 && speed == Some(10_000_000_000))
    );
    let bytes = received.to_vec();
    assert_eq!(
        parsed.packets,
        [
            Packet {
                interface: 0,
                nanos: 2_000,
                bytes: bytes.clone(),
                flags: 2,
                comment: None
            },
            Packet {
                interface: 3,
                nanos: arrival.as_nanos(),
                bytes,
                flags: 1,
                comment: None
            },
        ]
    );
    assert_eq!(parsed.statistics, [(1, 0), (0, 0), (0, 0), (1, 0)]);
}

#[test]
fn real_time_stamps_count_from_the_given_moment() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let start = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let capture = Capture::create(file.path(), Epoch::Real(start)).unwrap();
    let (a, _b) = pair(LineConfig::default());
    let mut a = capture.attach("nic0", Rate::UNLIMITED, a);
    let frame = numbered(a.pool(), 0, 60);
    a.transmit(Picos::from_nanos(11), frame);
    capture.finish().unwrap();
    let parsed = parse(&fs::read(file.path()).unwrap());
    assert_eq!(parsed.packets[0].nanos, 1_700_000_000_123_456_800);
    assert_eq!(parsed.interfaces[0].2, None);
}

#[test]
fn faults_in_both_directions_are_commented_and_lost_frames_kept() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let capture = Capture::create(file.path(), Epoch::Virtual).unwrap();
    let (a, mut b) = pair(LineConfig::default());
    let a = FaultInjector::new(a, Seed(1))
        .with_tx_script(Script::new().drop_frame(0).at(1, Action::Flip { bit: 400 }))
        .with_rx_script(Script::new().drop_frame(0).at(1, Action::Duplicate));
    let mut a = capture.attach("nic0", Rate::GBPS_10, a);
    for n in 0..3 {
        let frame = numbered(a.pool(), n, 60);
        a.transmit(a.tx_free_at(), frame);
    }
    assert_eq!(drain(&mut a, &mut b).len(), 2);
    for n in 10..13 {
        b.transmit(b.tx_free_at(), numbered(b.pool(), n, 60));
    }
    assert_eq!(drain(&mut b, &mut a).len(), 3);
    capture.finish().unwrap();

    let parsed = parse(&fs::read(file.path()).unwrap());
    let story: Vec<_> = parsed
        .packets
        .iter()
        .map(|p| (p.interface, common::number(&p.bytes), p.comment.as_deref()))
        .collect();
    assert_eq!(
        story,
        [
            (0, 0, Some("fault: lost")),
            (0, 1, Some("fault: corrupted")),
            (0, 2, None),
            (1, 10, Some("fault: lost")),
            (1, 11, Some("fault: duplicated")),
            (1, 11, Some("fault: duplicated")),
            (1, 12, None),
        ]
    );
    assert_eq!(parsed.statistics, [(3, 1), (4, 1)]);
}

#[test]
fn frames_are_in_order_of_time_though_some_wait_in_the_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let capture = Capture::create(file.path(), Epoch::Virtual).unwrap();
    let (a, b) = pair(LineConfig::default());
    let mut a = capture.attach("nic0", Rate::GBPS_10, a);
    let mut b = capture.attach("nic1", Rate::GBPS_10, b);
    for n in 0..5 {
        let frame = numbered(a.pool(), n, 1514);
        a.transmit(Picos::ZERO, frame);
    }
    assert_eq!(drain(&mut a, &mut b).len(), 5);
    capture.finish().unwrap();
    let parsed = parse(&fs::read(file.path()).unwrap());
    assert_eq!(parsed.packets.len(), 10);
    assert!(parsed.packets.is_sorted_by_key(|p| p.nanos));
}

#[test]
fn a_limit_stops_the_file_and_not_the_counting() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let capture = Capture::create(file.path(), Epoch::Virtual)
        .unwrap()
        .limited_to(2);
    let (a, _b) = pair(LineConfig::default());
    let mut a = capture.attach("nic0", Rate::GBPS_10, a);
    for n in 0..5 {
        let frame = numbered(a.pool(), n, 60);
        a.transmit(Picos::ZERO, frame);
    }
    assert_eq!(capture.frames(), 2);
    capture.finish().unwrap();
    let parsed = parse(&fs::read(file.path()).unwrap());
    assert_eq!((parsed.packets.len(), parsed.statistics[0].0), (2, 5));
}

#[test]
fn a_capture_that_is_only_dropped_is_complete() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (a, _b) = pair(LineConfig::default());
    let mut a = Capture::create(file.path(), Epoch::Virtual)
        .unwrap()
        .attach("nic0", Rate::GBPS_10, a);
    let frame = numbered(a.pool(), 0, 60);
    a.transmit(Picos::ZERO, frame);
    drop(a);
    assert_eq!(
        parse(&fs::read(file.path()).unwrap()).statistics,
        [(1, 0), (0, 0)]
    );
}

struct Full {
    room: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self
            .room
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_capture_and_not_the_traffic() {
    let capture = Capture::to_writer(Full { room: 600 }, Epoch::Virtual).unwrap();
    let (a, mut b) = pair(LineConfig::default());
    let mut a = capture.attach("nic0", Rate::GBPS_10, a);
    for n in 0..20 {
        let frame = numbered(a.pool(), n, 60);
        a.transmit(Picos::ZERO, frame);
    }
    assert_eq!(drain(&mut a, &mut b).len(), 20);
    let error = capture.finish().unwrap_err().to_string();
    assert!(error.contains("space left"), "{error}");
}

#[test]
fn a_file_that_cannot_be_created_is_named() {
    let error = Capture::create("/nonexistent/x.pcapng", Epoch::Virtual)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("/nonexistent/x.pcapng"), "{error}");
}

proptest! {
    #![proptest_config(seeded(32))]

    #[test]
    fn any_bytes_at_any_time_read_back(frames in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), 0u64..1 << 60), 0..20)) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let capture = Capture::create(file.path(), Epoch::Virtual).unwrap();
        for (bytes, at) in &frames {
            // A wire of its own for each frame: time may go back between them.
            let (a, _b) = pair(LineConfig { pad: false, ..LineConfig::instant() });
            capture.attach("end", Rate::UNLIMITED, a).transmit(Picos(*at), bytes.as_slice().into());
        }
        capture.finish().unwrap();
        let parsed = parse(&fs::read(file.path()).unwrap());
        prop_assert_eq!(parsed.packets.len(), frames.len());
        for (packet, (bytes, at)) in parsed.packets.iter().zip(&frames) {
            prop_assert_eq!(&packet.bytes, bytes);
            prop_assert_eq!(packet.nanos, at / 1000);
        }
    }
}
