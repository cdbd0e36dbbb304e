//! Frames from somebody who does not keep the rules.

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{A4, B4, B6, Plan, World, at, transfer};
use ip_core::Discard;
use longshore_sockets::{TcpListener, TcpStream};
use parking_lot::Mutex;
use proptest::prelude::*;
use sim_wire::fault::{Action, Script};
use sim_wire::{LineConfig, Picos, Station, Wire};

const B_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const STRANGER: [u8; 6] = [2, 0, 0, 0, 0, 9];

/// Puts a frame on the wire to B.
fn inject(world: &mut World, frame: &[u8]) {
    let now = world.now;
    let mut model = world.a.model.lock();
    let frame = model.wire_mut().pool().copy_of(frame);
    model.wire_mut().transmit(now, frame);
}

fn syn(source: [u8; 4], port: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    etherparse::PacketBuilder::ethernet2(STRANGER, B_MAC)
        .ipv4(source, [192, 0, 2, 2], 64)
        .tcp(port, 80, 1_000, 65_535)
        .syn()
        .write(&mut frame, &[])
        .unwrap();
    frame
}

#[test]
fn a_flood_of_syns_is_bounded_and_the_listener_serves_on_afterwards() {
    let plan = Plan {
        tune: |config| config.half_open = 100,
        ..Plan::default()
    };
    let mut world = plan.build();
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    for port in 1..=2000 {
        let [high, low] = u16::to_be_bytes(port);
        inject(
            &mut world,
            &syn([192, 0, 2, 100 + high], 1000 + u16::from(low)),
        );
        if port % 100 == 0 {
            world.pass(Duration::from_millis(1));
        }
    }
    world.pass(Duration::from_millis(10));
    let living = world.b.stack.living();
    assert_eq!((living.half_open, living.pcbs), (100, 0));
    assert_eq!(listener.half_open(), 100);
    assert_eq!(world.b.stack.counters().syn_cookies_out, 1900);
    // An ACK of what is no cookie is nobody's, and so is a reset, which was not meant to be one.
    let answer = |port: u16| {
        etherparse::PacketBuilder::ethernet2(STRANGER, B_MAC)
            .ipv4([192, 0, 2, 99], [192, 0, 2, 2], 64)
            .tcp(port, 80, 1_001, 65_535)
            .ack(12_345)
    };
    let mut frame = Vec::new();
    answer(1).write(&mut frame, &[]).unwrap();
    inject(&mut world, &frame);
    let mut frame = Vec::new();
    answer(2).rst().write(&mut frame, &[]).unwrap();
    inject(&mut world, &frame);
    world.pass(Duration::from_millis(10));
    let names = world.b.stack.nstat();
    assert_eq!(names["TcpExtSyncookiesFailed"], 1);
    assert_eq!(names["TcpExtTCPReqQFullDoCookies"], 1900);
    // While the flood lasts, a client connects with a cookie, and data flows.
    let (a, b) = world.connect_to(&listener, B4);
    assert_eq!(world.b.stack.counters().syn_cookies_in, 1);
    assert_eq!(listener.half_open(), 100);
    let info = b.info();
    assert!(
        info.sack && info.timestamps && info.window_shifts.0 > 0,
        "{info:?}"
    );
    drop((a, b));
    // SYN-ACKs go unanswered and the entries away.
    world.pass(Duration::from_secs(130));
    assert_eq!(listener.half_open(), 0);
    let (a, b) = world.connect_to(&listener, B4);
    drop((a, b, listener));
    world.assert_nothing_left();
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
//= type=test
//# When received options are passed up to TCP from the IP layer, a TCP implementation MUST ignore options that it
//# does not understand (MUST-50).
#[test]
fn a_syn_behind_ip_options_is_a_syn() {
    let mut world = Plan::default().build();
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    let mut frame = syn([192, 0, 2, 100], 5000);
    // Two words of options: router alert (RFC 2113) and padding.
    frame.splice(34..34, [148, 4, 0, 0, 1, 1, 1, 0]);
    frame[14] = 0x47;
    let len = u16::from_be_bytes([frame[16], frame[17]]) + 8;
    frame[16..18].copy_from_slice(&len.to_be_bytes());
    frame[24..26].fill(0);
    let sum = ip_core::checksum::plain(&frame[14..42]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    inject(&mut world, &frame);
    world.pass(Duration::from_millis(1));
    assert_eq!(listener.half_open(), 1, "{:?}", world.b.stack.discards());
    drop(listener);
    world.assert_nothing_left();
}

#[test]
fn closing_a_flooded_listener_takes_its_half_open_connections_along() {
    let mut world = Plan::default().build();
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    for port in 1..=200 {
        inject(&mut world, &syn([192, 0, 2, 100], port));
    }
    world.pass(Duration::from_millis(10));
    assert_eq!(listener.half_open(), 200);
    drop(listener);
    let living = world.b.stack.living();
    assert_eq!(
        (living.half_open, living.listeners, living.timers),
        (0, 0, 0)
    );
    world.assert_nothing_left();
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
//= type=test
//# An incoming SYN with an invalid source address MUST be ignored either by TCP or by the IP layer [(MUST-63)]
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
//= type=test
//# A TCP implementation MUST silently discard an incoming SYN segment that is addressed to a broadcast or multicast
//# address [(MUST-57)].
#[test]
fn segments_to_nobody_and_packets_that_cannot_be_are_answered_or_counted() {
    let mut world = Plan::default().build();
    // Somebody must be known to be answered.
    transfer(&mut world, B4, 10, 10, Duration::from_secs(60));
    let before = world.b.stack.counters();
    let build = |source: [u8; 4], to: [u8; 4], mac: [u8; 6]| {
        let mut frame = Vec::new();
        etherparse::PacketBuilder::ethernet2(STRANGER, mac)
            .ipv4(source, to, 64)
            .tcp(5, 6, 7, 8)
            .ack(9)
            .write(&mut frame, b"data")
            .unwrap();
        frame
    };
    let a: [u8; 4] = [192, 0, 2, 1];
    let b: [u8; 4] = [192, 0, 2, 2];
    inject(&mut world, &build(a, b, B_MAC));
    inject(&mut world, &build(a, [192, 0, 2, 255], [0xff; 6]));
    inject(&mut world, &build(a, b, [0xff; 6]));
    inject(&mut world, &build(b, b, B_MAC));
    inject(&mut world, &build([127, 0, 0, 1], b, B_MAC));
    inject(&mut world, &build(a, [192, 0, 2, 77], B_MAC));
    let mut fragment = build(a, b, B_MAC);
    fragment[20] = 0x20;
    // The header's sum follows the flag.
    fragment[24..26].fill(0);
    let sum = ip_core::checksum::plain(&fragment[14..34]);
    fragment[24..26].copy_from_slice(&sum.to_be_bytes());
    inject(&mut world, &fragment);
    world.pass(Duration::from_secs(1));
    let after = world.b.stack.counters();
    assert_eq!(after.resets_out, before.resets_out + 1);
    let discards = world.b.stack.discards();
    let count = |reason| {
        let found = discards.iter().find(|(r, _)| *r == reason);
        found.map_or(0, |(_, n)| *n)
    };
    assert_eq!(count(Discard::Broadcast), 2);
    assert_eq!(count(Discard::Source), 2);
    assert_eq!(count(Discard::NotForUs), 1);
    assert_eq!(count(Discard::Fragment), 1);
    world.assert_nothing_left();
}

#[test]
fn a_blind_reset_does_not_end_a_connection() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    let (local, remote) = (a.local_addr().unwrap(), a.peer_addr().unwrap());
    for step in 0..200u32 {
        let mut frame = Vec::new();
        etherparse::PacketBuilder::ethernet2(STRANGER, B_MAC)
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .tcp(
                local.port(),
                remote.port(),
                step.wrapping_mul(0x0147_ae14),
                0,
            )
            .rst()
            .write(&mut frame, &[])
            .unwrap();
        inject(&mut world, &frame);
    }
    world.pass(Duration::from_secs(1));
    assert!(!a.readiness().closed && !b.readiness().closed);
    assert!(A4.parse::<std::net::IpAddr>().unwrap() == local.ip());
    drop((a, b));
    world.assert_nothing_left();
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
//= type=test
//# Since these Unreachable messages indicate soft error conditions, a TCP implementation MUST NOT abort the
//# connection (MUST-56)
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
//= type=test
//# TCP implementations MUST act on an ICMP error message passed up from the IP layer, directing it to the
//# connection that created the error (MUST-54).
#[test]
fn a_port_unreachable_ends_a_connect_only_if_it_quotes_the_syn() {
    for forged in [true, false] {
        // B never sees the SYN, but we do.
        let syn = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&syn);
        let plan = Plan {
            script_to_b: Script::new().when(move |_, frame| {
                let is_syn = frame.get(23) == Some(&6) && frame.get(47) == Some(&2);
                is_syn.then(|| {
                    *seen.lock() = frame.to_vec();
                    Action::Drop
                })
            }),
            ..Plan::default()
        };
        let mut world = plan.build();
        let stream = TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap();
        assert!(world.run(Duration::from_secs(5), || !syn.lock().is_empty()));
        let mut quoted = syn.lock()[14..42].to_vec();
        if forged {
            quoted[24] ^= 1;
        }
        let mut frame = Vec::new();
        etherparse::PacketBuilder::ethernet2(STRANGER, [2, 0, 0, 0, 0, 1])
            .ipv4([192, 0, 2, 254], [192, 0, 2, 1], 64)
            .icmpv4_raw(3, 3, [0; 4])
            .write(&mut frame, &quoted)
            .unwrap();
        let now = world.now;
        {
            let mut model = world.b.model.lock();
            let frame = model.wire_mut().pool().copy_of(&frame);
            model.wire_mut().transmit(now, frame);
        }
        world.pass(Duration::from_secs(1));
        assert_eq!(world.a.stack.counters().icmp_errors, 1);
        assert_eq!(stream.readiness().closed, !forged);
        let error = stream.take_error().unwrap().map(|e| e.kind());
        assert_eq!(error, (!forged).then_some(ErrorKind::ConnectionRefused));
        drop(stream);
        world.assert_nothing_left();
    }
}

#[test]
fn a_new_syn_takes_over_a_connection_in_time_wait_and_an_old_one_does_not() {
    // The sequence number of A's last segment.
    let last = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&last);
    let plan = Plan {
        tune: |config| config.tcp.timestamps = false,
        script_to_b: Script::new().when(move |_, frame| {
            if frame.get(23) == Some(&6) {
                let seq = frame[38..42].try_into().unwrap();
                seen.store(u32::from_be_bytes(seq), Ordering::Relaxed);
            }
            None
        }),
        ..Plan::default()
    };
    let mut world = plan.build();
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (a, b) = world.connect_to(&listener, B4);
    let port = a.local_addr().unwrap().port();
    // B closes first, so 2MSL is B's.
    drop(b);
    world.pass(Duration::from_secs(1));
    drop(a);
    world.pass(Duration::from_secs(1));
    let last = last.load(Ordering::Relaxed);
    let knock = |world: &mut World, seq: u32| {
        let mut frame = Vec::new();
        etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], B_MAC)
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .tcp(port, 80, seq, 65_535)
            .syn()
            .write(&mut frame, &[])
            .unwrap();
        inject(world, &frame);
        // Only B acts: A would answer the SYN-ACK with a reset.
        let now = world.now + Picos::from_micros(3);
        world.b.model.lock().run_until(now);
        world.b.stack.poll(now.into());
        world.now = now;
        let living = world.b.stack.living();
        (living.time_wait, living.half_open)
    };
    assert_eq!(knock(&mut world, last.wrapping_sub(1000)), (1, 0));
    assert_eq!(knock(&mut world, last.wrapping_add(1000)), (0, 1));
    drop(listener);
    world.assert_nothing_left();
}

fn frame_soup() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        (1u16..100).prop_map(|port| syn([192, 0, 2, 1], port)),
        proptest::collection::vec(any::<u8>(), 0..1600),
        (
            any::<bool>(),
            proptest::collection::vec(any::<u8>(), 0..100)
        )
            .prop_map(|(v6, data)| {
                let mut frame = Vec::new();
                let builder = etherparse::PacketBuilder::ethernet2(STRANGER, B_MAC);
                if v6 {
                    let (a, b) = (
                        "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap(),
                        "2001:db8::2".parse::<std::net::Ipv6Addr>().unwrap(),
                    );
                    let step = builder.ipv6(a.octets(), b.octets(), 255);
                    step.icmpv6_echo_request(1, 2)
                        .write(&mut frame, &data)
                        .unwrap();
                } else {
                    let step = builder.ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64);
                    step.tcp(1, 80, 2, 3)
                        .ack(4)
                        .psh()
                        .write(&mut frame, &data)
                        .unwrap();
                }
                frame
            }),
    ];
    (
        good,
        any::<usize>(),
        any::<u8>(),
        any::<bool>(),
        any::<usize>(),
    )
        .prop_map(|(mut frame, at, value, lie, cut)| {
            if lie && !frame.is_empty() {
                let at = at % frame.len();
                frame[at] = value;
                frame.truncate(cut % (frame.len() + 1));
            }
            frame
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_frame_hangs_or_leaks_anything(frames in proptest::collection::vec(frame_soup(), 1..60), v6: bool) {
        let plan = Plan {
            line: LineConfig { pad: false, ..LineConfig::default() },
            ..Plan::default()
        };
        let mut world = plan.build();
        let listener = TcpListener::bind(&world.b.stack, at("0.0.0.0", 80)).unwrap();
        for frame in &frames {
            inject(&mut world, frame);
        }
        world.pass(Duration::from_secs(2));
        drop(listener);
        transfer(&mut world, if v6 { B6 } else { B4 }, 5_000, 5_000, Duration::from_secs(600));
        world.assert_nothing_left();
    }
}
