//! One connection under test; the test is its peer.

use std::time::Duration;

use tcp_core::congestion::Algorithm;
use tcp_core::{
    Config, Connection, Events, Flags, Initial, Options, Ports, Received, Segment, SeqNumber,
    Timestamps, Transmit,
};

/// Our ISS: the first data byte is the last before the wrap.
pub(crate) const ISS: SeqNumber = SeqNumber(u32::MAX - 1);
/// The peer's ISS.
pub(crate) const IRS: SeqNumber = SeqNumber(0x7FFF_FFFF);

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Plain settings: no options but MSS, no Nagle, ACKs delayed from the first on.
pub(crate) fn plain() -> Config {
    Config {
        mss: 1000,
        receive_buffer: 50_000,
        window_scaling: false,
        timestamps: false,
        sack: false,
        nagle: false,
        quick_acks: 0,
        congestion: Algorithm::NewReno,
        ..Config::default()
    }
}

pub(crate) fn initial() -> Initial {
    Initial {
        iss: ISS,
        timestamp_offset: 0,
    }
}

fn number(text: &str) -> u32 {
    text.parse()
        .unwrap_or_else(|_| panic!("{text} is not a number"))
}

/// A segment from the peer, out of tcpdump's notation with relative numbers.
pub(crate) fn segment(line: &str) -> Segment {
    let (main, options) = line.split_once(" <").unwrap_or((line, ""));
    let mut words = main.split_whitespace();
    let mut flags = Flags::empty();
    for letter in words.next().expect("flags").chars() {
        flags |= match letter {
            'S' => Flags::SYN,
            'F' => Flags::FIN,
            'R' => Flags::RST,
            'P' => Flags::PSH,
            '.' => Flags::ACK,
            _ => panic!("{line}: flag {letter}"),
        };
    }
    let range = words.next().expect("start:end(len)");
    let (start, rest) = range.split_once(':').expect("start:end(len)");
    let (end, len) = rest.trim_end_matches(')').split_once('(').expect("(len)");
    let len = number(len);
    // A start below 0 is written as a number near 2³².
    assert_eq!(number(start).wrapping_add(len), number(end), "{line}");
    let mut segment = Segment {
        seq: IRS + number(start),
        ack: SeqNumber(0),
        ports: Ports::default(),
        flags,
        window: 60_000,
        urgent: 0,
        options: Options::default(),
        payload_len: len,
        segments: 1,
        ce: false,
    };
    while let Some(word) = words.next() {
        let value = number(words.next().expect("a value"));
        match word {
            "ack" => segment.ack = ISS + value,
            "win" => segment.window = value.try_into().expect("a window field"),
            _ => panic!("{line}: {word}"),
        }
    }
    for option in options
        .trim_end_matches('>')
        .split(',')
        .filter(|o| !o.is_empty())
    {
        let words: Vec<_> = option.split_whitespace().collect();
        match *words {
            ["mss", mss] => segment.options.mss = Some(number(mss).try_into().expect("an MSS")),
            ["wscale", n] => segment.options.window_scale = Some(number(n).try_into().expect("u8")),
            ["sack", block] => {
                let (left, right) = block.split_once(':').expect("left:right");
                segment
                    .options
                    .sack
                    .push(ISS + number(left), ISS + number(right));
            }
            ["sackOK"] => segment.options.sack_permitted = true,
            ["TS", "val", value, "ecr", echo] => {
                segment.options.timestamps = Some(Timestamps {
                    value: number(value),
                    echo: number(echo),
                });
            }
            _ => panic!("{line}: option {option}"),
        }
    }
    segment
}

/// A segment to the peer, in the same notation.
fn line(transmit: &Transmit, window: bool, options: bool) -> String {
    let mut text = String::new();
    for (flag, letter) in [
        (Flags::SYN, 'S'),
        (Flags::FIN, 'F'),
        (Flags::RST, 'R'),
        (Flags::PSH, 'P'),
        (Flags::ACK, '.'),
    ] {
        if transmit.flags.contains(flag) {
            text.push(letter);
        }
    }
    let start = transmit.seq.distance_from(ISS);
    let len = transmit.payload_len();
    text += &format!(" {start}:{}({len})", i64::from(start) + len as i64);
    if transmit.flags.contains(Flags::ACK) {
        text += &format!(" ack {}", transmit.ack.distance_from(IRS));
    }
    if window {
        text += &format!(" win {}", transmit.window);
    }
    if options {
        let mut list = Vec::new();
        if let Some(mss) = transmit.options.mss {
            list.push(format!("mss {mss}"));
        }
        if transmit.options.sack_permitted {
            list.push("sackOK".into());
        }
        if let Some(option) = transmit.options.timestamps {
            list.push(format!("TS val {} ecr {}", option.value, option.echo));
        }
        if let Some(shift) = transmit.options.window_scale {
            list.push(format!("wscale {shift}"));
        }
        for (left, right) in transmit.options.sack.as_slice() {
            let (left, right) = (left.distance_from(IRS), right.distance_from(IRS));
            list.push(format!("sack {left}:{right}"));
        }
        text += &format!(" <{}>", list.join(","));
    }
    text
}

/// Checks segments against lines. What a line does not mention (window, options) is not compared.
#[track_caller]
pub(crate) fn compare(sent: &[Transmit], lines: &[&str]) {
    let sent: Vec<_> = sent
        .iter()
        .enumerate()
        .map(|(i, transmit)| {
            let wanted = lines.get(i).copied().unwrap_or_default();
            line(transmit, wanted.contains(" win "), wanted.contains(" <"))
        })
        .collect();
    assert_eq!(sent, lines);
}

/// A connection under test and its clock, which starts at 10 s.
pub(crate) struct Script {
    pub(crate) tcp: Connection,
    pub(crate) now: Duration,
}

impl Script {
    /// An active open; nothing is sent yet.
    pub(crate) fn connecting(config: &Config) -> Self {
        Self {
            tcp: Connection::connect(config, initial()),
            now: ms(10_000),
        }
    }

    /// An established connection with a peer that offers what `syn_ack` has after `S. 0:0(0) ack 1 `.
    #[track_caller]
    pub(crate) fn established_with(config: &Config, syn_ack: &str) -> Self {
        let mut script = Self::connecting(config);
        script.sent().expect("a SYN");
        let events = script.recv(&format!("S. 0:0(0) ack 1 {syn_ack}")).events;
        assert!(events.contains(Events::ESTABLISHED));
        script.sent().expect("the ACK");
        script.expect(&[]);
        script
    }

    /// An established connection; MSS 1000, the peer's window is 60,000.
    #[track_caller]
    pub(crate) fn established(config: &Config) -> Self {
        Self::established_with(config, "win 60000 <mss 1000>")
    }

    /// A segment arrives.
    #[track_caller]
    pub(crate) fn recv(&mut self, line: &str) -> Received {
        self.tcp.on_segment(self.now, &segment(line))
    }

    /// The program writes.
    #[track_caller]
    pub(crate) fn write(&mut self, len: u64) {
        self.tcp.write(len).expect("it can write");
    }

    fn sent(&mut self) -> Option<Transmit> {
        self.tcp.poll_transmit(self.now)
    }

    /// All that is to be sent now.
    pub(crate) fn poll(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.sent()).collect()
    }

    /// Exactly these segments are to be sent now.
    #[track_caller]
    pub(crate) fn expect(&mut self, lines: &[&str]) {
        compare(&self.poll(), lines);
    }

    /// Time passes; no timer may expire meanwhile.
    #[track_caller]
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        if let Some(at) = self.tcp.next_timeout() {
            assert!(
                at > self.now,
                "a timer expires at {at:?}, now {:?}",
                self.now
            );
        }
    }

    /// The next timer expires; returns how long that took.
    #[track_caller]
    pub(crate) fn fire(&mut self) -> (Duration, Events) {
        let at = self.tcp.next_timeout().expect("a timer runs");
        assert!(at >= self.now);
        let waited = at - self.now;
        self.now = at;
        (waited, self.tcp.on_timeout(at))
    }
}
