//! ICMP of both families: errors that quote packets of ours or of nobody, echo requests and answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use ip_core::{Config, Content, Interface, IpNumber, MacAddr, Notice, Verdicts};

use crate::frame::{Envelope, build};

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const THEIRS: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const IDENTIFIER: u16 = 7;
const STEPS: usize = 50;

#[derive(Debug, Arbitrary)]
struct Message {
    v6: bool,
    kind: u8,
    code: u8,
    rest: [u8; 4],
    /// Bytes of a packet of ours in front of the others: its headers, with this protocol number.
    quoted: Option<(u8, u8)>,
    bytes: Vec<u8>,
    /// To a broadcast address or a group.
    group: bool,
}

fn addresses(v6: bool) -> [IpAddr; 3] {
    let texts = if v6 {
        ["2001:db8::1", "2001:db8::2", "ff02::1"]
    } else {
        ["192.0.2.1", "192.0.2.2", "192.0.2.255"]
    };
    texts.map(|text| text.parse().expect("an address"))
}

impl Message {
    fn frame(&self) -> Vec<u8> {
        let [ours, theirs, group] = addresses(self.v6);
        let protocol = if self.v6 {
            IpNumber::IPV6_ICMP
        } else {
            IpNumber::ICMP
        };
        let mut message = vec![self.kind, self.code, 0, 0];
        message.extend(self.rest);
        let bytes = self.bytes.iter().copied().take(1400);
        match self.quoted {
            None => message.extend(bytes),
            Some((number, cut)) => {
                let envelope = Envelope {
                    source_mac: MAC,
                    destination_mac: THEIRS,
                    source: ours,
                    destination: theirs,
                    hop_limit: 1,
                    traffic_class: 0,
                };
                let packet = build(&envelope, IpNumber(number), bytes.collect(), None);
                let cut = usize::from(cut).min(packet.len() - 14);
                message.extend(&packet[14..packet.len() - cut]);
            }
        }
        message.truncate(1460);
        let envelope = Envelope {
            source_mac: THEIRS,
            destination_mac: MAC,
            source: theirs,
            destination: if self.group { group } else { ours },
            hop_limit: 64,
            traffic_class: 0,
        };
        build(&envelope, protocol, message, Some(2))
    }
}

/// Takes the bytes for messages, one after another.
///
/// # Panics
/// If an error is told that is of no packet of ours, or one message has more than one answer, or a malformed one.
pub fn run(bytes: &[u8]) {
    let Ok(messages) = Vec::<Message>::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    crate::show(&messages);
    let address = |text: &str| text.parse().expect("an address");
    let config = Config::new(MAC)
        .with_address(address("192.0.2.1/24"))
        .with_address(address("2001:db8::1/64"));
    let mut interface = Interface::new(Arc::new(config)).expect("a configuration");
    assert!(interface.open_echo(IDENTIFIER));
    let now = Duration::from_secs(1);
    for message in messages.iter().take(STEPS) {
        let frame = message.frame();
        let Ok(packet) = ip_core::parse(&frame, Verdicts::default()) else {
            continue;
        };
        let taken = interface.on_packet(now, &packet);
        let (mut frames, mut notices) = (0, 0);
        while let Some(answer) = interface.poll_transmit() {
            frames += 1;
            check_answer(&answer, &frame);
        }
        while let Some(notice) = interface.poll_notice() {
            notices += 1;
            check_notice(&notice, message);
        }
        assert!(frames + notices <= 1, "{frames} answers, {notices} notices");
        assert!(taken.is_ok() || frames + notices == 0, "{taken:?}");
    }
}

fn check_answer(answer: &[u8], question: &[u8]) {
    // No amplification, but for an advertisement's option.
    assert!(answer.len() <= question.len() + 8);
    let packet = match ip_core::parse(answer, Verdicts::default()) {
        Ok(packet) => packet,
        Err(why) => panic!("an answer that is none ({why}): {answer:x?}"),
    };
    let Content::Ip(ip) = packet.content else {
        panic!("ARP in answer to ICMP: {answer:x?}");
    };
    let [ours, theirs, _] = addresses(ip.source.is_ipv6());
    assert_eq!((ip.source, ip.destination), (ours, theirs));
    assert_eq!(packet.destination_mac, THEIRS);
    // Echo reply, neighbour advertisement: never an error in answer to ICMP (RFC 1122 §3.2.2).
    assert!([0, 129, 136].contains(&ip.payload[0]), "{answer:x?}");
}

fn check_notice(notice: &Notice, message: &Message) {
    let [ours, theirs, _] = addresses(message.v6);
    match notice {
        Notice::Icmp(error) => {
            assert_eq!(error.reporter, theirs);
            let local = error.quoted.local.ip();
            assert!(addresses(false)[0] == local || addresses(true)[0] == local);
            let tcp = error.quoted.protocol == IpNumber::TCP;
            assert_eq!(tcp, error.quoted.sequence.is_some());
        }
        Notice::Echo(reply) => {
            assert_eq!((reply.from, reply.identifier), (theirs, IDENTIFIER));
            assert!(!message.group, "to {ours} alone");
        }
        Notice::Resolved(_) | Notice::Lost(_) => {}
    }
}
