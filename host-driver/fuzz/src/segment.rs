//! A TCP header of any bytes: read or refused, and what is read is written and read the same.

use std::time::Duration;

use tcp_core::{
    Config, Connection, Initial, MAX_HEADER_LEN, Ports, Segment, SeqNumber, SynCookies, Transmit,
};

/// The bytes are a segment: header, options and data.
///
/// # Panics
/// If what is read does not survive being written and read again, or lies outside the bytes.
pub fn run(bytes: &[u8]) {
    let Ok((segment, header)) = Segment::parse_whole(bytes) else {
        return;
    };
    assert!(header >= 20 && header <= bytes.len());
    assert_eq!(segment.payload_len as usize, bytes.len() - header);
    written_and_read_again(&segment);
    // A SYN, an ACK and anything else as a listener sees them that sends cookies.
    let config = Config::default();
    let cookies = SynCookies::new([9; 16]);
    let now = Duration::from_secs(u64::from(segment.window));
    let (local, remote) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    let local = (local, segment.ports.destination).into();
    let remote = (remote, segment.ports.source).into();
    if let Some(entry) = cookies.accept(now, &config, local, remote, &segment) {
        let _ = Connection::from_half_open(now, &config, &entry, &segment);
    }
    let Some(answer) = cookies.answer(now, &config, local, remote, &segment) else {
        return;
    };
    // Whoever acknowledges the cookie comes in, and with what the SYN said.
    let ack = Segment {
        seq: segment.seq + 1,
        ack: answer.seq + 1,
        flags: tcp_core::Flags::ACK,
        options: tcp_core::Options {
            timestamps: segment
                .options
                .timestamps
                .zip(answer.options.timestamps)
                .map(|(theirs, ours)| tcp_core::Timestamps {
                    value: theirs.value,
                    echo: ours.value,
                }),
            ..tcp_core::Options::default()
        },
        payload_len: 0,
        ..segment
    };
    let entry = cookies.accept(now, &config, local, remote, &ack);
    assert!(entry.is_some(), "{answer:?} is not taken back");
}

fn written_and_read_again(segment: &Segment) {
    let initial = Initial {
        iss: SeqNumber(1000),
        timestamp_offset: 0,
    };
    let mut tcp = Connection::connect(&Config::default(), initial);
    let Some(syn) = tcp.poll_transmit(Duration::ZERO) else {
        panic!("a connection begins with a SYN");
    };
    let transmit = Transmit {
        options: segment.options,
        ..syn
    };
    let mut header = [0; MAX_HEADER_LEN];
    let Ok(len) = transmit.emit(Ports::default(), &mut header) else {
        panic!("no room for {transmit:?} in the longest header");
    };
    assert!(len.is_multiple_of(4));
    let Ok((again, _)) = Segment::parse(&header[..len], 0) else {
        panic!("our own header is not read: {header:x?}");
    };
    // All but the SACK blocks that do not fit beside the rest.
    let kept = again.options.sack.as_slice();
    assert_eq!(kept, &segment.options.sack.as_slice()[..kept.len()]);
    let again = tcp_core::Options {
        sack: segment.options.sack,
        ..again.options
    };
    assert_eq!(again, segment.options);
}
