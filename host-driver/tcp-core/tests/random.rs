//! Random input: nothing panics, and what must always hold always holds.

use std::time::Duration;

use proptest::prelude::*;
use tcp_core::testing::{Faults, Pair, Reader, Watched, pattern};
use tcp_core::{
    Config, Connection, Flags, HalfOpen, HalfOpenOutcome, Initial, KeepAlive, MAX_HEADER_LEN,
    Options, Ports, Segment, SeqNumber, State, TimeWaitOutcome, Timestamps, Transmit, reset_for,
};

const ISS: SeqNumber = SeqNumber(u32::MAX - 3000);
const IRS: SeqNumber = SeqNumber(u32::MAX - 5000);

proptest! {
    #[test]
    fn any_bytes_parse_or_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = Segment::parse(&bytes, 77);
        if let Ok((segment, header_len)) = Segment::parse_whole(&bytes) {
            prop_assert_eq!(segment.payload_len as usize, bytes.len() - header_len);
        }
    }

    #[test]
    fn any_options_parse_or_are_an_error(options in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = Options::parse(&options);
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //= type=test
    //# A TCP implementation MUST be able to receive a TCP Option in any segment (MUST-5).
    #[test]
    fn a_header_that_is_written_reads_the_same(
        seq: u32, ack: u32, flags: u8, window: u16,
        mss: Option<u16>, shift: Option<u8>, sack_permitted: bool,
        timestamps in prop::option::of((any::<u32>(), any::<u32>())),
        ports: (u16, u16),
    ) {
        let transmit = Transmit {
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            flags: Flags::from_bits_retain(flags),
            window,
            urgent: 0,
            options: Options {
                mss,
                window_scale: shift,
                sack_permitted,
                timestamps: timestamps.map(|(value, echo)| Timestamps { value, echo }),
                ..Options::default()
            },
            payload: 10..110,
            mss: 1000,
            ect: false,
        };
        let ports = Ports { source: ports.0, destination: ports.1 };
        let mut bytes = [0; MAX_HEADER_LEN];
        let len = transmit.emit(ports, &mut bytes).unwrap();
        prop_assert_eq!(len, transmit.header_len());
        let (segment, header_len) = Segment::parse(&bytes[..len], 100).unwrap();
        prop_assert_eq!(header_len, len);
        prop_assert_eq!(segment, transmit.to_segment(ports));
        prop_assert!(transmit.emit(ports, &mut bytes[..len - 1]).is_err());
    }
}

/// Something that happens to a connection.
#[derive(Clone, Debug)]
enum Step {
    /// A segment, its numbers relative to what the connection would like best.
    Segment {
        seq: i32,
        ack: i32,
        flags: u8,
        window: u16,
        len: u32,
        segments: u16,
        timestamp: Option<i32>,
        /// Blocks: where they start before the highest number sent, and their length.
        sack: Vec<(u32, u32)>,
    },
    Write(u64),
    Consume(u64),
    Pass(u64),
    Expire,
    ShutdownWrite,
    Close,
    Poll,
    TooBig(u16, u32),
    WriteUrgent(u64),
    KeepAlive(bool),
    UserTimeout(u64),
}

fn near() -> impl Strategy<Value = i32> {
    prop_oneof![
        6 => Just(0),
        3 => -3000..3000i32,
        1 => -70_000..70_000i32,
        1 => any::<i32>(),
    ]
}

fn flags() -> impl Strategy<Value = u8> {
    prop_oneof![
        12 => Just(Flags::ACK.bits()),
        2 => Just((Flags::ACK | Flags::FIN).bits()),
        1 => Just((Flags::ACK | Flags::RST).bits()),
        1 => Just((Flags::ACK | Flags::SYN).bits()),
        1 => any::<u8>(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let segment = (
        near(),
        near(),
        flags(),
        prop_oneof![Just(0u16), 0..5000u16, any::<u16>()],
        prop_oneof![3 => Just(0u32), 5 => 1..1461u32, 1 => 0..70_000u32],
        0..50u16,
        prop::option::weighted(
            0.95,
            prop_oneof![5 => Just(0), 1 => -50..50i32, 1 => any::<i32>()],
        ),
        prop::collection::vec(
            (
                0..60_000u32,
                prop_oneof![5 => 0..20_000u32, 1 => any::<u32>()],
            ),
            0..5,
        ),
    )
        .prop_map(
            |(seq, ack, flags, window, len, segments, timestamp, sack)| Step::Segment {
                seq,
                ack,
                flags,
                window,
                len,
                segments,
                timestamp,
                sack,
            },
        );
    prop_oneof![
        12 => segment,
        3 => (1..40_000u64).prop_map(Step::Write),
        3 => (1..40_000u64).prop_map(Step::Consume),
        2 => (0..400u64).prop_map(Step::Pass),
        // Then larger segments are tried again.
        1 => Just(Step::Pass(600_000)),
        2 => Just(Step::Expire),
        6 => Just(Step::Poll),
        1 => Just(Step::ShutdownWrite),
        1 => Just(Step::Close),
        1 => (0..1600u16, 0..20_000u32).prop_map(|(mss, before)| Step::TooBig(mss, before)),
        1 => (1..3000u64).prop_map(Step::WriteUrgent),
        1 => any::<bool>().prop_map(Step::KeepAlive),
        1 => (0..100_000u64).prop_map(Step::UserTimeout),
    ]
}

/// A connection and a peer's clock.
struct Subject {
    watched: Watched,
    last_timestamp: u32,
}

impl Subject {
    fn new(config: &Config, active: bool) -> Self {
        let now = Duration::from_secs(5);
        let initial = Initial {
            iss: ISS,
            timestamp_offset: u32::MAX - 6000,
        };
        let mut syn = Segment {
            seq: IRS,
            ack: SeqNumber(0),
            ports: Ports::default(),
            flags: Flags::SYN,
            window: 20_000,
            urgent: 0,
            options: Options {
                mss: Some(1460),
                window_scale: Some(3),
                sack_permitted: true,
                timestamps: Some(Timestamps {
                    value: 100,
                    echo: 0,
                }),
                ..Options::default()
            },
            payload_len: 0,
            segments: 1,
            ce: false,
        };
        let tcp = if active {
            let mut tcp = Connection::connect(config, initial);
            tcp.poll_transmit(now).expect("a SYN");
            syn.flags |= Flags::ACK;
            syn.ack = ISS + 1;
            tcp.on_segment(now, &syn);
            tcp
        } else {
            let (mut entry, _) = HalfOpen::new(now, config, initial, &syn).expect("a SYN");
            let ack = Segment {
                seq: IRS + 1,
                ack: ISS + 1,
                flags: Flags::ACK,
                ..syn
            };
            let outcome = entry.on_segment(now, config, &ack);
            assert_eq!(outcome, HalfOpenOutcome::Complete);
            Connection::from_half_open(now, config, &entry, &ack).0
        };
        Self {
            watched: Watched::new(tcp, now, (ISS, IRS), config.receive_buffer),
            last_timestamp: 100,
        }
    }

    fn step(&mut self, step: &Step) {
        let watched = &mut self.watched;
        match *step {
            Step::Segment {
                seq,
                ack,
                flags,
                window,
                len,
                segments,
                timestamp,
                ref sack,
            } => {
                let (seq, ack) = watched.numbers(seq, ack);
                let timestamps = timestamp.map(|ahead| Timestamps {
                    value: self.last_timestamp.wrapping_add_signed(ahead),
                    echo: (watched.now.as_millis() as u32).wrapping_add(u32::MAX - 6000),
                });
                let segment = Segment {
                    seq,
                    ack,
                    ports: Ports::default(),
                    flags: Flags::from_bits_retain(flags),
                    window,
                    urgent: 0,
                    options: Options {
                        timestamps,
                        sack: watched.sack(sack.iter().copied()),
                        ..Options::default()
                    },
                    payload_len: len,
                    segments,
                    ce: len % 3 == 0,
                };
                watched.on_segment(&segment);
            }
            Step::Write(len) => {
                let _ = watched.tcp.write(len);
            }
            Step::Consume(len) => watched.tcp.consume(len),
            Step::Pass(millis) => watched.now += Duration::from_millis(millis),
            Step::Expire => watched.expire(),
            Step::ShutdownWrite => watched.tcp.shutdown_write(),
            Step::Close => watched.tcp.close(watched.now),
            Step::Poll => watched.poll(),
            Step::TooBig(mss, before) => {
                let seq = watched.sent(before);
                watched.tcp.on_packet_too_big(watched.now, seq, mss);
            }
            Step::WriteUrgent(len) => {
                let _ = watched.tcp.write_urgent(len);
            }
            Step::KeepAlive(on) => {
                let settings = on.then(KeepAlive::default);
                watched.tcp.set_keep_alive(watched.now, settings);
            }
            Step::UserTimeout(millis) => {
                let limit = (millis > 0).then(|| Duration::from_millis(millis));
                watched.tcp.set_user_timeout(limit);
            }
        }
        watched.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
    //= type=test
    //# The receiver MUST honor, as in window, any segment that would have been in window for any <ACK> sent by the
    //# receiver.
    #[test]
    fn random_segments_and_calls_break_nothing(
        active: bool,
        timestamps: bool,
        sack: bool,
        window_scaling: bool,
        receive_buffer in prop_oneof![Just(1u32), 100..5000u32, 60_000..2_000_000u32],
        max_transmit in prop_oneof![Just(0u32), Just(65_536u32)],
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let config = Config { timestamps, sack, window_scaling, receive_buffer, max_transmit, ..Config::default() };
        let mut subject = Subject::new(&config, active);
        for step in &steps {
            subject.step(step);
        }
        // Left alone, it comes to an end or to rest.
        subject.watched.tcp.close(subject.watched.now);
        for _ in 0..200 {
            subject.step(&Step::Poll);
            subject.step(&Step::Expire);
        }
        prop_assert_eq!(subject.watched.tcp.state(), State::Closed);
    }
}

/// Any segment, its numbers near `seq` and `ack`.
fn segment(seq: SeqNumber, ack: SeqNumber) -> impl Strategy<Value = Segment> {
    let timestamps = prop::option::of((0..300u32, any::<u32>()));
    (
        near(),
        near(),
        any::<u8>(),
        any::<u16>(),
        0..2000u32,
        timestamps,
    )
        .prop_map(
            move |(ahead, ack_ahead, flags, window, payload_len, timestamps)| Segment {
                seq: SeqNumber(seq.0.wrapping_add_signed(ahead)),
                ack: SeqNumber(ack.0.wrapping_add_signed(ack_ahead)),
                ports: Ports::default(),
                flags: Flags::from_bits_retain(flags),
                window,
                urgent: 0,
                options: Options {
                    timestamps: timestamps.map(|(value, echo)| Timestamps { value, echo }),
                    ..Options::default()
                },
                payload_len,
                segments: 1,
                ce: false,
            },
        )
}

proptest! {
    #[test]
    fn a_half_open_entry_stands_any_segments_and_completes_only_on_an_ack_of_its_syn(
        segments in prop::collection::vec(segment(IRS + 1, ISS + 1), 1..40),
        timestamps: bool,
    ) {
        let now = Duration::from_secs(5);
        let config = Config { timestamps, ..Config::default() };
        let initial = Initial { iss: ISS, timestamp_offset: 9 };
        let mut syn = segments[0];
        syn.flags = Flags::SYN;
        syn.seq = IRS;
        let (mut entry, _) = HalfOpen::new(now, &config, initial, &syn).expect("a SYN");
        for segment in &segments {
            match entry.on_segment(now, &config, segment) {
                HalfOpenOutcome::Ignore | HalfOpenOutcome::Remove => {}
                HalfOpenOutcome::Reply(reply) => {
                    let challenge = segment.flags.contains(Flags::RST) && reply.flags == Flags::ACK;
                    prop_assert!(challenge || reply.flags.intersects(Flags::SYN | Flags::RST));
                }
                HalfOpenOutcome::Complete => {
                    prop_assert!(segment.flags.contains(Flags::ACK));
                    prop_assert_eq!(segment.ack, ISS + 1);
                    let (mut tcp, _) = Connection::from_half_open(now, &config, &entry, segment);
                    while tcp.poll_transmit(now).is_some() {}
                    prop_assert!(tcp.next_timeout().is_none_or(|at| at > now));
                }
            }
            entry.on_timeout(entry.next_timeout(), &config);
        }
    }

    #[test]
    fn time_wait_stands_any_segments_and_never_answers_a_reset(
        segments in prop::collection::vec(segment(IRS + 2, ISS + 2), 1..40),
        timestamps: bool,
    ) {
        let config = Config { timestamps, ..Config::default() };
        let mut subject = Subject::new(&config, true);
        subject.watched.tcp.shutdown_write();
        subject.watched.poll();
        let fin = Step::Segment {
            seq: 0,
            ack: 0,
            flags: (Flags::FIN | Flags::ACK).bits(),
            window: 1000,
            len: 0,
            segments: 1,
            timestamp: Some(0),
            sack: Vec::new(),
        };
        subject.step(&fin);
        let mut record = subject.watched.tcp.time_wait().expect("TIME-WAIT");
        for segment in &segments {
            let outcome = record.on_segment(subject.watched.now, segment);
            if segment.flags.contains(Flags::RST) {
                prop_assert!(!matches!(outcome, TimeWaitOutcome::Acknowledge(_)));
            }
            prop_assert!(record.expires() >= subject.watched.now);
        }
        for segment in &segments {
            let reply = reset_for(segment);
            prop_assert_eq!(reply.is_none(), segment.flags.contains(Flags::RST));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_networks_deliver_every_byte(
        seed: u64,
        micros in 0..100_000u64,
        loss in 0.0..0.15,
        duplication in 0.0..0.2,
        reordering in 0.0..0.5,
        buffers in ((1..60_000usize, 1..100_000u32), (1..60_000usize, 1..100_000u32)),
        mtu in (100..9001u16, 100..9001u16),
        timestamps: (bool, bool),
        scaling: (bool, bool),
        sack: bool,
        tso: bool,
        lens in (0..60_000usize, 0..60_000usize),
        chunk in 1..20_000u64,
    ) {
        let config = |mtu, receive_buffer, timestamps, window_scaling| Config {
            receive_buffer,
            timestamps,
            window_scaling,
            sack,
            max_transmit: if tso { 65_536 } else { 0 },
            ..Config::ipv4(mtu)
        };
        let a = config(mtu.0, buffers.0.1, timestamps.0, scaling.0);
        let b = config(mtu.1, buffers.1.1, timestamps.1, scaling.1);
        // A window of a few bytes moves a few bytes a round trip: no more than 3000 of them.
        let cut = |len: usize, send: usize, receive: u32| {
            len.min(3000 * send.min(receive as usize))
        };
        let forth = pattern(cut(lens.0, buffers.0.0, buffers.1.1), 1);
        let back = pattern(cut(lens.1, buffers.0.0, buffers.0.1), 2);
        let faults = Faults {
            delay: Duration::from_micros(micros),
            loss,
            duplication,
            reordering,
            ..Faults::default()
        };
        let mut pair = Pair::new(&a, &b, buffers.0.0, faults, seed);
        pair.a.reader = Reader { chunk, every: Duration::from_millis(1) };
        let limit = Duration::from_secs(24 * 3600);
        if let Err(stuck) = pair.transfer(&forth, &back, limit) {
            return Err(TestCaseError::fail(stuck.to_string()));
        }
        prop_assert_eq!((pair.a.error, pair.b.error), (None, None));
        prop_assert!(pair.b.received == forth);
        prop_assert!(pair.a.received == back);
    }
}
