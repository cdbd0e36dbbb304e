//! Transmission: every kind of request, with etherparse as witness of lengths and checksums.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use longshore_e2e::on_every_nic;
use longshore_e2e::rig::frames::{self, Headers};
use longshore_e2e::rig::request::PLAIN;
use longshore_e2e::rig::{QueueConfig, TxRequest};
use nic_abi::FlowHandle;
use nic_abi::completion::Completion;
use nic_abi::fault::Status;
use nic_abi::stats::Stat;
use nic_abi::tx::{self, L4Checksum, TxContext};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn tx(head: u16, segments: u32, status: Status) -> Completion {
    Completion::Tx {
        head,
        handle: FlowHandle::NONE,
        segments,
        status,
    }
}

fn context(headers: &Headers) -> TxContext {
    TxContext {
        header_len: headers.bytes.len() as u8,
        l3_offset: headers.l3 as u8,
        l4_offset: headers.l4 as u8,
        ipv6: headers.ipv6,
        ..PLAIN
    }
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Asserts that etherparse finds all lengths and checksums of `frame` right; returns the TCP header and the payload.
fn assert_valid_tcp(frame: &[u8]) -> (etherparse::TcpHeader, Vec<u8>, Option<u16>) {
    let packet = SlicedPacket::from_ethernet(frame).expect("a packet");
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
        panic!("no TCP: {packet:?}");
    };
    let header = tcp.to_header();
    let (expected, id) = match packet.net.expect("IP") {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header();
            assert_eq!(ip.header_checksum(), ip.to_header().calc_header_checksum());
            let sum = header.calc_checksum_ipv4(&ip.to_header(), tcp.payload());
            (sum, Some(ip.identification()))
        }
        NetSlice::Ipv6(ip) => {
            let ip = ip.header().to_header();
            (header.calc_checksum_ipv6(&ip, tcp.payload()), None)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(Ok(header.checksum), expected);
    (header, tcp.payload().to_vec(), id)
}

on_every_nic! {
    fn a_plain_frame_goes_out_as_it_is_and_short_ones_are_padded(rig) {
        rig.enable(0, QueueConfig::default());
        let mut rng = rng(1);
        let lengths = [14, 15, 16, 59, 60, 61, 63, 64, 65, 500, 1_514, 1_518];
        let sent: Vec<Vec<u8>> = lengths.iter().map(|n| (0..*n).map(|_| rng.random()).collect()).collect();
        let requests: Vec<TxRequest> = sent.iter().cloned().map(TxRequest::raw).collect();
        let completions = rig.transmit(0, &requests).tx;
        for (i, (frame, seen)) in sent.iter().zip(&rig.sent).enumerate() {
            let mut padded = frame.clone();
            padded.resize(frame.len().max(60), 0);
            assert_eq!(*seen, padded);
            assert_eq!(completions[i], tx(2 * (i as u16 + 1), 1, Status::Ok));
        }
        assert_eq!((rig.sent.len(), completions.len()), (lengths.len(), lengths.len()));
        let bytes: u64 = rig.sent.iter().map(|f| f.len() as u64).sum();
        assert_eq!(rig.stat(Stat::TxBytes), bytes);
        assert_eq!(rig.stat(Stat::TxSent), lengths.len() as u64);
        assert_eq!(rig.stat(Stat::Completions), lengths.len() as u64);
    }

    fn checksums_are_inserted_where_asked_whatever_stood_there(rig) {
        rig.enable(0, QueueConfig::default());
        let mut rng = rng(2);
        let mut expected = Vec::new();
        let mut requests = Vec::new();
        for (ipv6, udp) in [(false, false), (false, true), (true, false), (true, true)] {
            for len in [0, 1, 6, 7, 100, 1_001] {
                let headers = frames::headers(&mut rng, 0, ipv6, udp);
                let payload = frames::payload(&mut rng, len);
                let whole = frames::whole(&headers, &payload);
                let mut spoiled = whole.clone();
                let at = headers.l4 + if udp { 6 } else { 16 };
                spoiled[at..at + 2].copy_from_slice(&rng.random::<[u8; 2]>());
                if !ipv6 {
                    spoiled[headers.l3 + 10] = rng.random();
                }
                requests.push(TxRequest::new(TxContext {
                    l3_checksum: !ipv6,
                    l4_checksum: if udp { L4Checksum::Udp } else { L4Checksum::Tcp },
                    ..context(&headers)
                }, spoiled));
                let mut padded = whole;
                padded.resize(padded.len().max(60), 0);
                expected.push(padded);
            }
        }
        rig.transmit(0, &requests);
        assert_eq!(rig.sent, expected);
        assert_eq!(rig.stat(Stat::TxL4Checksums), 24);
        assert_eq!(rig.stat(Stat::TxL3Checksums), 12);
        assert_eq!(rig.stat(Stat::TxTsoRequests), 0);
    }

    /// RFC 768: 0 says that there is none.
    fn a_udp_checksum_of_zero_is_sent_as_all_ones(rig) {
        rig.enable(0, QueueConfig::default());
        let headers = frames::headers(&mut rng(3), 0, false, true);
        let mut frame = frames::whole(&headers, &[0, 0]);
        // Put what the sum lacks into the payload: with the checksum's field 0 it is then all ones.
        let check = [frame[headers.l4 + 6], frame[headers.l4 + 7]];
        let end = frame.len() - 2;
        frame[end..].copy_from_slice(&check);
        rig.transmit(0, &[TxRequest::new(TxContext { l4_checksum: L4Checksum::Udp, ..context(&headers) }, frame)]);
        assert_eq!(rig.sent[0][headers.l4 + 6..headers.l4 + 8], [0xff, 0xff]);
    }

    /// Linux leaves the pseudo-header's sum in the field (CHECKSUM_PARTIAL): the result is the full checksum.
    fn a_partial_checksum_sums_from_start_to_end(rig) {
        rig.enable(0, QueueConfig::default());
        let headers = frames::headers(&mut rng(4), 0, true, false);
        let whole = frames::whole(&headers, &[7; 333]);
        let mut frame = whole.clone();
        let at = headers.l4 + 16;
        frame[at..at + 2].fill(0);
        let addresses = &frame[headers.l3 + 8..headers.l3 + 40];
        let length = (frame.len() - headers.l4) as u16;
        let pseudo = nic_model::checksum::sum(nic_model::checksum::sum(6, &length.to_be_bytes()), addresses);
        frame[at..at + 2].copy_from_slice(&pseudo.to_be_bytes());
        let l4_checksum = L4Checksum::Partial { start: headers.l4 as u8, offset: at as u8 };
        rig.transmit(0, &[TxRequest::new(TxContext { l4_checksum, ..context(&headers) }, frame)]);
        assert_eq!(rig.sent, [whole]);
    }

    /// Each sum takes the bytes as they lie in the buffers; where both go to one word, the partial one stands.
    fn an_ipv4_header_checksum_and_a_partial_checksum_do_not_see_each_other(rig) {
        rig.enable(0, QueueConfig::default());
        let headers = frames::headers(&mut rng(9), 0, false, false);
        let mut frame = frames::whole(&headers, &[7; 100]);
        let l3 = headers.l3 + 10;
        let correct = [frame[l3], frame[l3 + 1]];
        frame[l3..l3 + 2].copy_from_slice(&[0x12, 0x34]);
        for offset in [headers.l4 + 16, l3] {
            let start = 14;
            let l4_checksum = L4Checksum::Partial { start, offset: offset as u8 };
            let request = TxContext { l3_checksum: true, l4_checksum, ..context(&headers) };
            rig.transmit(0, &[TxRequest::new(request, frame.clone())]);
            let mut expected = frame.clone();
            expected[l3..l3 + 2].copy_from_slice(&correct);
            let partial = !nic_model::checksum::sum(0, &frame[usize::from(start)..]);
            expected[offset..offset + 2].copy_from_slice(&partial.to_be_bytes());
            assert_eq!(std::mem::take(&mut rig.sent), [expected]);
        }
    }

    fn segmentation_follows_the_rules_of_linux(rig) {
        rig.enable(0, QueueConfig::default());
        for (ipv6, len, mss, cwr_all, ip_id_fixed) in [
            (false, 3_000usize, 1_460, false, false),
            (true, 3_000, 1_400, true, false),
            (false, 2_920, 1_460, true, true),
            (true, 100, 1, false, false),
            (false, 77, 7, false, false),
            (false, 5, 1_460, false, false),
            (true, 500, 65_535, false, false),
            (false, 1_461, 1_460, false, true),
        ] {
            let ethernet = etherparse::PacketBuilder::ethernet2([4; 6], [2, 0, 0, 0, 0, 0]);
            let first = u32::MAX - 1_000;
            let mut header = Vec::new();
            let built = if ipv6 {
                ethernet.ipv6([1; 16], [2; 16], 64).tcp(1, 2, first, 9).ack(5).psh().fin().cwr().write(&mut header, &[])
            } else {
                ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(1, 2, first, 9).ack(5).psh().fin().cwr().write(&mut header, &[])
            };
            built.expect("writing to memory");
            // The template's lengths and checksums are ignored.
            header[16..18].fill(0xee);
            if !ipv6 {
                header[18..20].copy_from_slice(&[0xff, 0xff]);
            }
            let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let l4 = if ipv6 { 54 } else { 34 };
            let mut request = TxRequest::tso(&header, l4, &payload, mss, ipv6);
            request.context = tx::CWR_ALL.set(request.context, cwr_all.into());
            request.context = tx::IP_ID_FIXED.set(request.context, ip_id_fixed.into());
            let completions = rig.transmit(0, &[request]).tx;
            let segments = len.div_ceil(usize::from(mss));
            let sent = std::mem::take(&mut rig.sent);
            assert_eq!(sent.len(), segments);
            let Completion::Tx { segments: told, status: Status::Ok, .. } = completions[0] else {
                panic!("{completions:?}");
            };
            assert_eq!(told as usize, segments);
            let mut seen = Vec::new();
            for (i, frame) in sent.iter().enumerate() {
                let (tcp, part, id) = assert_valid_tcp(frame);
                let last = i + 1 == segments;
                assert_eq!(tcp.sequence_number, first.wrapping_add(seen.len() as u32));
                assert_eq!((tcp.psh, tcp.fin, tcp.cwr, tcp.ack), (last, last, i == 0 || cwr_all, true));
                if let Some(id) = id {
                    let counted = if ip_id_fixed { 0 } else { i as u16 };
                    assert_eq!(id, 0xffff_u16.wrapping_add(counted));
                }
                assert!(last || part.len() == usize::from(mss));
                seen.extend_from_slice(&part);
            }
            assert_eq!(seen, payload);
        }
        assert_eq!(rig.stat(Stat::TxTsoRequests), 8);
        assert_eq!(rig.stat(Stat::TxL4Checksums), rig.stat(Stat::TxSegments));
    }

    fn the_largest_request_is_sent_whole(rig) {
        rig.enable(0, QueueConfig::default());
        let headers = frames::headers(&mut rng(6), 0, false, false);
        let payload: Vec<u8> = (0..65_536u32).map(|i| (i ^ i >> 8) as u8).collect();
        let mss = (1_518 - headers.bytes.len()) as u16;
        let request = TxRequest::tso(&headers.bytes, headers.l4 as u8, &payload, mss, false);
        rig.transmit(0, &[TxRequest { context: tx::L3_OFFSET.set(request.context, headers.l3 as u64), ..request }]);
        let seen: Vec<u8> = rig.sent.iter().flat_map(|f| f[headers.bytes.len()..].to_vec()).collect();
        // The last frame may carry padding.
        assert_eq!(seen[..payload.len()], payload);
        assert_eq!(rig.stat(Stat::TxSegments), rig.stat(Stat::TxFrames));
    }

    fn a_frame_is_the_same_however_it_lies_in_memory(rig) {
        rig.enable(0, QueueConfig::default());
        let mut rng = rng(7);
        let frame: Vec<u8> = (0..1_000).map(|_| rng.random()).collect();
        let plain = TxRequest::raw(frame.clone());
        let cuts: [&[usize]; 5] = [
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30],
            &[8, 16, 24, 500],
            &[999],
            &[1, 998],
            &[333, 341, 777],
        ];
        let mut requests = vec![plain.clone()];
        for cut in cuts {
            for skew in [0, 1, 7, 4_090, 4_095] {
                let skews: Vec<usize> = (0..=cut.len()).map(|i| (skew + 3 * i) % 4_096).collect();
                requests.push(plain.clone().scattered(cut, &skews));
            }
        }
        // Rings hold so many at once.
        for some in requests.chunks(6) {
            rig.transmit(0, some);
        }
        assert_eq!(rig.sent.len(), requests.len());
        assert!(rig.sent.iter().all(|f| *f == frame));
    }

    fn a_completion_comes_when_asked_for_and_tells_whose_it_is(rig) {
        rig.enable(1, QueueConfig::default());
        let handle = FlowHandle::new(0x1234, 0x5678).expect("a handle");
        let quiet = TxRequest::new(TxContext { complete: false, ..PLAIN }, vec![1; 60]);
        let asking = TxRequest::new(TxContext { handle, ..PLAIN }, vec![2; 60]);
        let completions = rig.transmit(1, &[quiet.clone(), quiet.clone(), asking, quiet]).tx;
        assert_eq!(completions, [Completion::Tx { head: 6, handle, segments: 1, status: Status::Ok }]);
        assert_eq!(rig.sent.len(), 4);
        assert_eq!(rig.stat(Stat::TxSent), 4);
        assert_eq!(rig.stat(Stat::Completions), 1);
    }

    fn half_a_request_waits_for_the_rest(rig) {
        rig.enable(0, QueueConfig::default());
        let frame: Vec<u8> = (0..200).map(|i| i as u8).collect();
        rig.post(0, &TxRequest::raw(frame.clone()).scattered(&[100, 150], &[]));
        let whole = rig.rings(0).sq_tail;
        for part in 1..=whole {
            assert!(rig.sent.is_empty());
            assert_eq!(rig.stat(Stat::TxRequests), 0, "nothing is taken up before the rest is there");
            rig.rings(0).sq_tail = part;
            rig.ring_sq(0);
            rig.settle();
        }
        assert_eq!(rig.sent, [frame]);
        assert_eq!(rig.collect(0).tx, [tx(4, 1, Status::Ok)]);
    }

    /// A ring of 16 never holds 31 buffers and their context.
    fn a_request_that_does_not_fit_the_ring_is_never_taken_up(rig) {
        rig.enable(0, QueueConfig { sq: 4, rq: 4, cq: 5, interrupt: 0 });
        rig.enable(1, QueueConfig::default());
        rig.post_descriptor(0, tx::BUFFERS.set(PLAIN.encode(), 31));
        let piece = tx::TxBuffer { addr: 0x1000, len: 10 }.encode();
        for _ in 0..15 {
            rig.post_descriptor(0, piece);
        }
        rig.ring_sq(0);
        rig.settle();
        assert_eq!(rig.stat(Stat::TxRequests), 0);
        assert_eq!(rig.queue_read(0, nic_abi::block::queue::STATUS), 0, "no fault, no activity");
        assert_eq!(rig.transmit(1, &[TxRequest::raw(vec![9; 64])]).tx.len(), 1);
    }

    /// Whoever never posts the rest is disabled, and nobody else is harmed.
    fn half_a_request_is_given_up_when_its_queue_pair_is_disabled(rig) {
        rig.enable(0, QueueConfig::default());
        rig.enable(1, QueueConfig::default());
        rig.post(0, &TxRequest::raw(vec![4; 200]).scattered(&[100, 150], &[]));
        rig.rings(0).sq_tail = 2;
        rig.ring_sq(0);
        rig.settle();
        assert_eq!(rig.transmit(1, &[TxRequest::raw(vec![9; 64])]).tx.len(), 1);
        rig.disable(0);
        assert_eq!(rig.transmit(1, &[TxRequest::raw(vec![9; 64])]).tx.len(), 1);
        assert_eq!(rig.sent, [[9; 64], [9; 64]]);
        assert_eq!(rig.stat(Stat::TxRequests), 2);
        rig.enable(0, QueueConfig::default());
        assert_eq!(rig.transmit(0, &[TxRequest::raw(vec![8; 64])]).tx, [tx(2, 1, Status::Ok)]);
    }
}
