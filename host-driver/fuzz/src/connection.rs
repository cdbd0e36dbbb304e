//! Headers near the numbers of a connection, and its program's calls.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use tcp_core::congestion::Algorithm;
use tcp_core::{
    Config, Connection, Ecn, Flags, HalfOpen, Initial, KeepAlive, Options, Ports, SackBlocks,
    Segment, SeqNumber, State, Timestamps,
};

const PORTS: Ports = Ports {
    source: 4000,
    destination: 80,
};
const ISS: SeqNumber = SeqNumber(u32::MAX - 3000);
const IRS: SeqNumber = SeqNumber(u32::MAX - 9000);
const STEPS: usize = 400;
/// Timers that expire at most until a connection that is left alone is over.
const REST: usize = 100_000;

#[derive(Debug, Arbitrary)]
struct Input {
    algorithm: u8,
    timestamps: bool,
    sack: bool,
    ecn: bool,
    pacing: bool,
    nagle: bool,
    tso: bool,
    receive_buffer: u16,
    steps: Vec<Step>,
}

#[derive(Debug, Arbitrary)]
enum Step {
    Segment {
        /// From what is expected, and from what was sent last.
        seq: i16,
        ack: i16,
        /// XORed to ACK.
        flags: u8,
        window: u16,
        len: u16,
        /// So many frames of the wire in one.
        segments: u8,
        urgent: u16,
        ce: bool,
        /// TSval's advance; TSecr before now.
        timestamps: Option<(i16, u16)>,
        /// Distance before what was sent last, and length.
        sack: Vec<(u16, u16)>,
    },
    Write(u16),
    WriteUrgent(u8),
    Consume(u16),
    Pass(u16),
    Expire,
    Poll,
    ShutdownWrite,
    Close,
    TooBig(u16, u16),
    KeepAlive(bool),
    UserTimeout(u16),
    Nagle(bool),
}

/// Takes the bytes for settings and steps, and goes through them.
///
/// # Panics
/// If the numbers of the connection get out of order, or it does not come to rest.
pub fn run(bytes: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    crate::show(&input);
    let mut subject = Subject::new(&input);
    for step in input.steps.iter().take(STEPS) {
        subject.step(step);
    }
    subject.tcp.close(subject.now);
    // Every segment of what was written may have a departure time of its own.
    for _ in 0..REST {
        subject.step(&Step::Poll);
        subject.step(&Step::Expire);
        if subject.tcp.state() == State::Closed {
            return;
        }
    }
    panic!("it does not end: {:?}", subject.tcp.info());
}

struct Subject {
    tcp: Connection,
    now: Duration,
    snd_nxt: SeqNumber,
    rcv_nxt: SeqNumber,
    /// The right edge of the window that was offered.
    edge: SeqNumber,
    timestamp: u32,
    buffer: u64,
}

impl Subject {
    fn new(input: &Input) -> Self {
        let config = Config {
            congestion: [Algorithm::Cubic, Algorithm::NewReno, Algorithm::Dctcp]
                [usize::from(input.algorithm % 3)],
            timestamps: input.timestamps,
            sack: input.sack,
            ecn: if input.ecn { Ecn::Request } else { Ecn::Accept },
            pacing: input.pacing,
            nagle: input.nagle,
            max_transmit: if input.tso { 65_536 } else { 0 },
            receive_buffer: u32::from(input.receive_buffer) * 16 + 1,
            ..Config::default()
        };
        let now = Duration::from_secs(5);
        let initial = |iss| Initial {
            iss,
            timestamp_offset: u32::MAX - 6000,
        };
        let mut tcp = Connection::connect(&config, initial(ISS));
        let syn = tcp.poll_transmit(now).expect("a SYN").to_segment(PORTS);
        let peer = Config {
            timestamps: true,
            sack: true,
            ..Config::default()
        };
        let (_, syn_ack) = HalfOpen::new(now, &peer, initial(IRS), &syn).expect("a SYN opens");
        let syn_ack = syn_ack.to_segment(PORTS.reversed());
        tcp.on_segment(now, &syn_ack);
        assert_eq!(tcp.state(), State::Established);
        Self {
            tcp,
            now,
            snd_nxt: ISS + 1,
            rcv_nxt: IRS + 1,
            edge: IRS + 1,
            timestamp: syn_ack.options.timestamps.map_or(0, |t| t.value),
            buffer: config.receive_buffer.into(),
        }
    }

    fn step(&mut self, step: &Step) {
        let now = self.now;
        match step {
            Step::Segment { .. } => self.segment(step),
            Step::Write(len) => drop(self.tcp.write((*len).into())),
            Step::WriteUrgent(len) => drop(self.tcp.write_urgent(u64::from(*len) + 1)),
            Step::Consume(len) => {
                let len = u64::from(*len).min(self.tcp.available());
                self.tcp.consume(len);
            }
            Step::Pass(millis) => self.now += Duration::from_millis((*millis).into()),
            Step::Expire => {
                if let Some(at) = self.tcp.next_timeout() {
                    self.now = now.max(at);
                }
                self.tcp.on_timeout(self.now);
            }
            Step::Poll => self.poll(),
            Step::ShutdownWrite => self.tcp.shutdown_write(),
            Step::Close => self.tcp.close(now),
            Step::TooBig(mss, before) => {
                let seq = self.snd_nxt - u32::from(*before);
                self.tcp.on_packet_too_big(now, seq, *mss);
            }
            Step::KeepAlive(on) => {
                let settings = on.then(KeepAlive::default);
                self.tcp.set_keep_alive(now, settings);
            }
            Step::UserTimeout(millis) => {
                let limit = (*millis > 0).then(|| Duration::from_millis((*millis).into()));
                self.tcp.set_user_timeout(limit);
            }
            Step::Nagle(on) => self.tcp.set_nagle(*on),
        }
        self.check();
    }

    fn segment(&mut self, step: &Step) {
        let Step::Segment {
            seq,
            ack,
            flags,
            window,
            len,
            segments,
            urgent,
            ce,
            timestamps,
            sack,
        } = step
        else {
            return;
        };
        let mut blocks = SackBlocks::default();
        for (before, len) in sack.iter().take(4) {
            let left = self.snd_nxt - u32::from(*before);
            blocks.push(left, left + u32::from(*len));
        }
        let timestamps = timestamps.map(|(ahead, ago)| {
            self.timestamp = self.timestamp.wrapping_add_signed(ahead.into());
            let clock = (self.now.as_millis() as u32).wrapping_add(u32::MAX - 6000);
            Timestamps {
                value: self.timestamp,
                echo: clock.wrapping_sub(ago.into()),
            }
        });
        let segment = Segment {
            seq: SeqNumber(self.rcv_nxt.0.wrapping_add_signed((*seq).into())),
            ack: SeqNumber(self.snd_nxt.0.wrapping_add_signed((*ack).into())),
            ports: PORTS.reversed(),
            flags: Flags::from_bits_retain(flags ^ Flags::ACK.bits()),
            window: *window,
            urgent: *urgent,
            options: Options {
                timestamps,
                sack: blocks,
                ..Options::default()
            },
            payload_len: (*len).into(),
            segments: u16::from(*segments).max(1),
            ce: *ce,
        };
        let received = self.tcp.on_segment(self.now, &segment);
        if let Some(place) = received.placement {
            assert!(place.len > 0);
            assert!(place.skip + place.len <= u32::from(*len));
            assert!(place.offset >= self.tcp.consumed_offset());
            let end = place.offset + u64::from(place.len);
            assert!(end <= self.tcp.consumed_offset() + self.buffer);
        }
    }

    fn poll(&mut self) {
        for n in 0.. {
            assert!(n < 5000, "poll_transmit does not end");
            let state = self.tcp.state();
            let Some(transmit) = self.tcp.poll_transmit(self.now) else {
                break;
            };
            if transmit.flags.contains(Flags::RST) {
                continue;
            }
            assert_ne!(state, State::Closed, "{transmit:?} after the end");
            assert!(transmit.payload.start <= transmit.payload.end);
            if !transmit.payload.is_empty() {
                assert!(transmit.payload.start >= self.tcp.acked_offset());
                assert!(transmit.payload.end <= self.tcp.written_offset());
                assert_eq!(transmit.seq, ISS + 1 + transmit.payload.start as u32);
            }
            let end = transmit.seq + transmit.to_segment(PORTS).len();
            self.snd_nxt = if end > self.snd_nxt {
                end
            } else {
                self.snd_nxt
            };
            assert!(transmit.ack >= self.rcv_nxt, "the ACK went back");
            self.rcv_nxt = transmit.ack;
            let shift = self.tcp.info().window_shifts.1;
            let edge = transmit.ack + (u32::from(transmit.window) << shift);
            // RFC 7323 §2.4: rounding may take back less than one unit of the scale; a FIN takes a number.
            assert!(edge + (1 << shift) >= self.edge, "the window shrank");
            self.edge = if edge > self.edge { edge } else { self.edge };
        }
    }

    fn check(&self) {
        let tcp = &self.tcp;
        assert!(tcp.acked_offset() <= tcp.written_offset());
        assert!(tcp.consumed_offset() <= tcp.readable_offset());
        assert!(tcp.readable_offset() <= tcp.consumed_offset() + self.buffer);
        let info = tcp.info();
        assert!(info.cwnd >= u64::from(info.mss), "{info:?}");
        assert!(info.cwnd <= 1 << 30, "{info:?}");
        assert!(info.sacked + info.lost <= info.in_flight, "{info:?}");
        if tcp.state() == State::Closed {
            assert_eq!(tcp.next_timeout(), None);
        }
    }
}
