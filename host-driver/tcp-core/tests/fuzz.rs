//! Fuzz targets as properties: any bytes, as header, as options, and as segments of a connection.
//!
//! PROPTEST_CASES says how many cases; `cargo xtask campaign tcp` runs many.

use std::time::Duration;

use proptest::prelude::*;
use tcp_core::{
    Config, Connection, HalfOpen, Initial, MAX_HEADER_LEN, Options, ParseError, Ports, Segment,
    SeqNumber, State, SynCookies, Transmit,
};

const PORTS: Ports = Ports {
    source: 4000,
    destination: 80,
};

/// Option bytes: kinds that exist with lengths that fit, mixed with anything.
fn options() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(vec![0]),
        Just(vec![1]),
        any::<[u8; 2]>().prop_map(|v| [&[2, 4][..], &v].concat()),
        any::<u8>().prop_map(|v| vec![3, 3, v]),
        Just(vec![4, 2]),
        (1..5usize, any::<[u8; 32]>())
            .prop_map(|(n, v)| [&[5, 2 + 8 * n as u8][..], &v[..8 * n]].concat()),
        any::<[u8; 8]>().prop_map(|v| [&[8, 10][..], &v].concat()),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| {
        let mut bytes = pieces.concat();
        bytes.truncate(40);
        bytes
    })
}

/// A header with these options, its numbers near those of a connection.
fn header() -> impl Strategy<Value = Vec<u8>> {
    (
        any::<[u8; 20]>(),
        options(),
        -70_000..70_000i32,
        -70_000..70_000i32,
        any::<bool>(),
    )
        .prop_map(|(mut fixed, mut options, seq, ack, near)| {
            options.resize(options.len().next_multiple_of(4), 0);
            if near {
                fixed[4..8].copy_from_slice(&5001u32.wrapping_add_signed(seq).to_be_bytes());
                fixed[8..12].copy_from_slice(&1001u32.wrapping_add_signed(ack).to_be_bytes());
                fixed[13] = 0x10 | fixed[13] & 0x29;
            }
            fixed[12] = ((20 + options.len()) as u8 / 4) << 4;
            [&fixed[..], &options].concat()
        })
}

/// A connection with all options on: ISS 1000, the peer's 5000.
fn established(now: Duration) -> Connection {
    let config = Config::default();
    let initial = Initial {
        iss: SeqNumber(1000),
        timestamp_offset: 0,
    };
    let mut tcp = Connection::connect(&config, initial);
    let syn = tcp.poll_transmit(now).unwrap().to_segment(PORTS);
    let peer = Initial {
        iss: SeqNumber(5000),
        timestamp_offset: 0,
    };
    let (_, syn_ack) = HalfOpen::new(now, &config, peer, &syn).unwrap();
    tcp.on_segment(now, &syn_ack.to_segment(PORTS));
    assert_eq!(tcp.state(), State::Established);
    tcp
}

proptest! {
    #[test]
    fn any_options_are_read_and_what_is_read_is_written_and_read_the_same(bytes in options()) {
        let Ok(options) = Options::parse(&bytes) else {
            return Ok(());
        };
        let transmit = Transmit {
            options,
            ..established(Duration::from_secs(1)).poll_transmit(Duration::from_secs(1)).unwrap()
        };
        let mut header = [0; MAX_HEADER_LEN];
        let len = transmit.emit(PORTS, &mut header).unwrap();
        prop_assert!(len <= MAX_HEADER_LEN && len.is_multiple_of(4));
        let (again, _) = Segment::parse(&header[..len], 0).unwrap();
        // All but the SACK blocks that do not fit beside the rest.
        let kept = again.options.sack.as_slice();
        prop_assert_eq!(kept, &options.sack.as_slice()[..kept.len()]);
        prop_assert_eq!(Options { sack: options.sack, ..again.options }, options);
    }

    #[test]
    fn any_header_is_read_or_refused_with_the_reason(mut bytes in header(), cut in 0..70usize) {
        bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(10)));
        match Segment::parse(&bytes, 100) {
            Ok((segment, len)) => {
                prop_assert!(len >= 20 && len <= bytes.len());
                prop_assert_eq!(segment.payload_len, 100);
            }
            Err(ParseError::Truncated { needed, have }) => {
                prop_assert!(needed > have && have == bytes.len());
            }
            Err(_) => {}
        }
    }

    #[test]
    fn any_segments_leave_a_connection_in_order(
        headers in prop::collection::vec((header(), 0..3000usize, 0..300u64), 1..60),
    ) {
        let mut now = Duration::from_secs(1);
        let mut tcp = established(now);
        tcp.write(50_000).unwrap();
        for (bytes, payload, pass) in headers {
            for _ in 0..100 {
                if tcp.poll_transmit(now).is_none() {
                    break;
                }
            }
            now += Duration::from_millis(pass);
            if let Ok((segment, _)) = Segment::parse(&bytes, payload) {
                let received = tcp.on_segment(now, &segment);
                if let Some(place) = received.placement {
                    prop_assert!(place.skip + place.len <= segment.payload_len);
                }
            }
            tcp.on_timeout(now);
            let info = tcp.info();
            prop_assert!(info.sacked + info.lost <= info.in_flight);
            prop_assert!(info.pipe <= info.in_flight);
            prop_assert!(tcp.acked_offset() <= tcp.written_offset());
            tcp.consume(tcp.available() / 2);
        }
    }

    #[test]
    fn any_segment_is_no_cookie_or_one_that_makes_a_connection(bytes in header(), seconds in 0..500u64) {
        let now = Duration::from_secs(seconds);
        let cookies = SynCookies::new([9; 16]);
        let (local, remote) = ("192.0.2.1:80".parse().unwrap(), "192.0.2.2:4000".parse().unwrap());
        let config = Config::default();
        if let Ok((segment, _)) = Segment::parse(&bytes, 0) {
            if let Some(entry) = cookies.accept(now, &config, local, remote, &segment) {
                let _ = Connection::from_half_open(now, &config, &entry, &segment);
            }
            let _ = cookies.answer(now, &config, local, remote, &segment);
        }
    }
}
