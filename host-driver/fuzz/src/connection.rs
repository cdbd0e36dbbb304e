//! Headers near the numbers of a connection, and its program's calls.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use tcp_core::congestion::Algorithm;
use tcp_core::testing::Watched;
use tcp_core::{
    Config, Connection, Ecn, Flags, HalfOpen, Initial, KeepAlive, Options, Ports, Segment,
    SeqNumber, State, Timestamps,
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
    subject.watched.tcp.close(subject.watched.now);
    // Every segment of what was written may have a departure time of its own.
    for _ in 0..REST {
        subject.step(&Step::Poll);
        subject.step(&Step::Expire);
        if subject.watched.tcp.state() == State::Closed {
            return;
        }
    }
    panic!("it does not end: {:?}", subject.watched.tcp.info());
}

struct Subject {
    watched: Watched,
    timestamp: u32,
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
        Self {
            watched: Watched::new(tcp, now, (ISS, IRS), config.receive_buffer),
            timestamp: syn_ack.options.timestamps.map_or(0, |t| t.value),
        }
    }

    fn step(&mut self, step: &Step) {
        let watched = &mut self.watched;
        let now = watched.now;
        match step {
            Step::Segment { .. } => self.segment(step),
            Step::Write(len) => drop(watched.tcp.write((*len).into())),
            Step::WriteUrgent(len) => drop(watched.tcp.write_urgent(u64::from(*len) + 1)),
            Step::Consume(len) => {
                let len = u64::from(*len).min(watched.tcp.available());
                watched.tcp.consume(len);
            }
            Step::Pass(millis) => watched.now += Duration::from_millis((*millis).into()),
            Step::Expire => watched.expire(),
            Step::Poll => watched.poll(),
            Step::ShutdownWrite => watched.tcp.shutdown_write(),
            Step::Close => watched.tcp.close(now),
            Step::TooBig(mss, before) => {
                let seq = watched.sent((*before).into());
                watched.tcp.on_packet_too_big(now, seq, *mss);
            }
            Step::KeepAlive(on) => {
                let settings = on.then(KeepAlive::default);
                watched.tcp.set_keep_alive(now, settings);
            }
            Step::UserTimeout(millis) => {
                let limit = (*millis > 0).then(|| Duration::from_millis((*millis).into()));
                watched.tcp.set_user_timeout(limit);
            }
            Step::Nagle(on) => watched.tcp.set_nagle(*on),
        }
        self.watched.check();
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
        let watched = &mut self.watched;
        let (seq, ack) = watched.numbers((*seq).into(), (*ack).into());
        let blocks = sack.iter().take(4);
        let sack = watched.sack(blocks.map(|(before, len)| ((*before).into(), (*len).into())));
        let timestamps = timestamps.map(|(ahead, ago)| {
            self.timestamp = self.timestamp.wrapping_add_signed(ahead.into());
            let clock = (watched.now.as_millis() as u32).wrapping_add(u32::MAX - 6000);
            Timestamps {
                value: self.timestamp,
                echo: clock.wrapping_sub(ago.into()),
            }
        });
        let segment = Segment {
            seq,
            ack,
            ports: PORTS.reversed(),
            flags: Flags::from_bits_retain(flags ^ Flags::ACK.bits()),
            window: *window,
            urgent: *urgent,
            options: Options {
                timestamps,
                sack,
                ..Options::default()
            },
            payload_len: (*len).into(),
            segments: u16::from(*segments).max(1),
            ce: *ce,
        };
        watched.on_segment(&segment);
    }
}
