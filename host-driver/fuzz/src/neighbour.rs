//! ARP and neighbour discovery, with right checksums and addresses that matter often enough.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use ip_core::{
    Config, Content, Interface, IpNumber, MacAddr, NeighbourConfig, Notice, Resolution, Verdicts,
};

use crate::frame::{Envelope, build};

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const V4: &str = "192.0.2.1";
const V6: &str = "2001:db8::1";
const STEPS: usize = 200;
/// As in [`Interface`].
const OUTBOUND: usize = 256;
const CAPACITY: usize = 4;
const WAITING: usize = 2;

/// Who is meant.
#[derive(Clone, Copy, Debug, Arbitrary)]
enum Who {
    Us,
    Other(u8),
    Outside(u8),
    Group(u8),
    Nobody,
    Any4([u8; 4]),
    Any6([u8; 16]),
}

impl Who {
    fn v4(self) -> [u8; 4] {
        match self {
            Self::Us => [192, 0, 2, 1],
            Self::Other(n) => [192, 0, 2, n],
            Self::Outside(n) => [198, 51, 100, n],
            Self::Group(n) => [224, 0, 0, n],
            Self::Nobody => [0; 4],
            Self::Any4(bytes) => bytes,
            Self::Any6([a, b, c, d, ..]) => [a, b, c, d],
        }
    }

    fn v6(self) -> Ipv6Addr {
        let last = |prefix: &str, n: u8| {
            let mut octets = prefix.parse::<Ipv6Addr>().map_or([0; 16], |a| a.octets());
            octets[15] = n;
            octets.into()
        };
        match self {
            Self::Us => last("2001:db8::", 1),
            Self::Other(n) => last("2001:db8::", n),
            Self::Outside(n) => last("2001:db8:1::", n),
            // The solicited-node group of a neighbour.
            Self::Group(n) => last("ff02::1:ff00:0", n),
            Self::Nobody => Ipv6Addr::UNSPECIFIED,
            Self::Any4([a, b, c, d]) => {
                Ipv6Addr::from([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            }
            Self::Any6(bytes) => bytes.into(),
        }
    }
}

/// A station address.
#[derive(Clone, Copy, Debug, Arbitrary)]
enum Mac {
    Of(u8),
    Ours,
    Any([u8; 6]),
}

impl Mac {
    fn address(self) -> MacAddr {
        match self {
            Self::Of(n) => MacAddr([2, 0, 0, 0, 1, n]),
            Self::Ours => MAC,
            Self::Any(bytes) => MacAddr(bytes),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Step {
    Arp {
        operation: u8,
        sender: (Mac, Who),
        target: (Mac, Who),
        from: Mac,
    },
    /// A solicitation or advertisement.
    Neighbour {
        advertisement: bool,
        flags: u8,
        from: (Mac, Who),
        to: Who,
        target: Who,
        /// Kind, and whose address.
        option: Option<(bool, Mac)>,
        more: Vec<u8>,
        hop_limit: Option<u8>,
    },
    /// Any ICMPv6 message.
    Raw(Vec<u8>),
    /// Any ARP message.
    RawArp(Vec<u8>),
    Resolve(Who, bool, bool),
    Send(Who, bool),
    Pass(u16),
    Expire,
    Poll,
}

/// Takes the bytes for steps, and goes through them.
///
/// # Panics
/// If more is kept than configured, our own address is learned, or an answer is malformed.
pub fn run(bytes: &[u8]) {
    let Ok(steps) = Vec::<Step>::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    crate::show(&steps);
    let mut subject = Subject::new();
    for step in steps.iter().take(STEPS) {
        subject.step(step);
    }
    subject.rest();
}

struct Subject {
    interface: Interface,
    now: Duration,
}

impl Subject {
    fn new() -> Self {
        let address = |text: &str| text.parse().expect("an address");
        let gateway = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut config = Config::new(MAC)
            .with_address(address("192.0.2.1/24"))
            .with_address(address("2001:db8::1/64"))
            .with_route(address("0.0.0.0/0"), gateway("192.0.2.254"))
            .with_route(address("::/0"), gateway("2001:db8::fe"));
        config.neighbours = NeighbourConfig {
            capacity: CAPACITY,
            waiting: WAITING,
            ..NeighbourConfig::default()
        };
        Self {
            interface: Interface::new(Arc::new(config)).expect("a configuration"),
            now: Duration::from_secs(1),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Arp {
                operation,
                sender,
                target,
                from,
            } => {
                let mut message = vec![0, 1, 8, 0, 6, 4, 0, *operation];
                message.extend(sender.0.address().0);
                message.extend(sender.1.v4());
                message.extend(target.0.address().0);
                message.extend(target.1.v4());
                self.arp(from.address(), &message);
            }
            Step::RawArp(message) => self.arp(MacAddr([2, 0, 0, 0, 1, 2]), message),
            Step::Neighbour {
                advertisement,
                flags,
                from,
                to,
                target,
                option,
                more,
                hop_limit,
            } => {
                let mut message = vec![135 + u8::from(*advertisement), 0, 0, 0, *flags, 0, 0, 0];
                message.extend(target.v6().octets());
                if let Some((target, mac)) = option {
                    message.extend([1 + u8::from(*target), 1]);
                    message.extend(mac.address().0);
                }
                message.extend(more.iter().take(64));
                let envelope = Envelope {
                    source_mac: from.0.address(),
                    destination_mac: MAC,
                    source: from.1.v6().into(),
                    destination: to.v6().into(),
                    hop_limit: hop_limit.unwrap_or(255),
                    traffic_class: 0,
                };
                self.frame(&build(&envelope, IpNumber::IPV6_ICMP, message, Some(2)));
            }
            Step::Raw(message) => {
                let envelope = Envelope {
                    source_mac: MacAddr([2, 0, 0, 0, 1, 2]),
                    destination_mac: MAC,
                    source: Who::Other(2).v6().into(),
                    destination: Who::Us.v6().into(),
                    hop_limit: 255,
                    traffic_class: 0,
                };
                let message = message.iter().copied().take(1400).collect();
                self.frame(&build(&envelope, IpNumber::IPV6_ICMP, message, Some(2)));
            }
            Step::Resolve(who, v6, progress) => {
                let found = self
                    .interface
                    .resolve(self.now, address(*who, *v6), *progress);
                if let Resolution::Ready { mac, until } = found {
                    assert!(until >= self.now);
                    let group = address(*who, *v6);
                    let group = match group {
                        IpAddr::V4(v4) => {
                            v4.is_multicast() || self.interface.config().is_broadcast(v4)
                        }
                        IpAddr::V6(v6) => v6.is_multicast(),
                    };
                    assert_eq!(mac.is_multicast(), group, "{who:?} is at {mac:?}");
                }
            }
            Step::Send(who, v6) => {
                let frame = vec![0; 60];
                self.interface.send(self.now, address(*who, *v6), frame);
            }
            Step::Pass(millis) => {
                self.now += Duration::from_millis((*millis).into());
                self.interface.on_timeout(self.now);
            }
            Step::Expire => self.expire(),
            Step::Poll => {
                self.drain();
            }
        }
        for own in [V4, V6] {
            let own: IpAddr = own.parse().expect("an address");
            // Whoever says so: nobody else is where we are.
            let ours = self.interface.resolve(self.now, own, false);
            assert!(!matches!(ours, Resolution::Ready { .. }), "{own}: {ours:?}");
        }
    }

    fn arp(&mut self, from: MacAddr, message: &[u8]) {
        let frame = [&MAC.0[..], &from.0, &[0x08, 0x06], message].concat();
        self.frame(&frame);
    }

    fn frame(&mut self, frame: &[u8]) {
        if let Ok(packet) = ip_core::parse(frame, Verdicts::default()) {
            let _ = self.interface.on_packet(self.now, &packet);
        }
    }

    fn expire(&mut self) {
        if let Some(at) = self.interface.next_timeout() {
            self.now = self.now.max(at);
        }
        self.interface.on_timeout(self.now);
        let next = self.interface.next_timeout();
        assert!(next.is_none_or(|at| at > self.now), "{next:?} has come");
    }

    /// What is to be sent, and what is to be told.
    fn drain(&mut self) -> usize {
        let mut frames = 0;
        while let Some(frame) = self.interface.poll_transmit() {
            frames += 1;
            // Frames of `Step::Send` hold nothing.
            if frame[6..].iter().any(|byte| *byte != 0) {
                let parsed = ip_core::parse(&frame, Verdicts::default());
                assert!(parsed.is_ok(), "{parsed:?}: {frame:x?}");
            }
        }
        assert!(frames <= OUTBOUND);
        while let Some(notice) = self.interface.poll_notice() {
            assert!(!matches!(notice, Notice::Echo(_)), "nobody asked");
        }
        frames
    }

    /// Left alone, it comes to rest: nobody is asked for ever.
    fn rest(&mut self) {
        self.drain();
        let mut asked = 0;
        for _ in 0..100 {
            self.expire();
            asked += self.drain();
        }
        let next = self.interface.next_timeout();
        assert_eq!(next, None, "it asks on and on: {asked} frames");
    }
}

fn address(who: Who, v6: bool) -> IpAddr {
    if v6 { who.v6().into() } else { who.v4().into() }
}

/// The answer of a well-behaved neighbour, `own` at `mac`, to a frame that asks for it.
#[must_use]
pub fn answer(frame: &[u8], mac: MacAddr, own: IpAddr) -> Option<Vec<u8>> {
    let packet = ip_core::parse(frame, Verdicts::default()).ok()?;
    match (&packet.content, own) {
        (Content::Arp(message), IpAddr::V4(own)) if message.request && message.target == own => {
            let to = message.sender_mac;
            let mut frame = [&to.0[..], &mac.0, &[0x08, 0x06]].concat();
            frame.extend([0, 1, 8, 0, 6, 4, 0, 2]);
            frame.extend(mac.0);
            frame.extend(own.octets());
            frame.extend(to.0);
            frame.extend(message.sender.octets());
            Some(frame)
        }
        (Content::Ip(ip), IpAddr::V6(own)) => {
            let asked = ip.payload.get(8..24)?;
            if ip.payload.first() != Some(&135) || asked != own.octets() {
                return None;
            }
            // Solicited, overriding.
            let mut message = vec![136, 0, 0, 0, 0x60, 0, 0, 0];
            message.extend(own.octets());
            message.extend([2, 1]);
            message.extend(mac.0);
            let envelope = Envelope {
                source_mac: mac,
                destination_mac: packet.source_mac,
                source: own.into(),
                destination: ip.source,
                hop_limit: 255,
                traffic_class: 0,
            };
            Some(build(&envelope, IpNumber::IPV6_ICMP, message, Some(2)))
        }
        _ => None,
    }
}
