//! A Linux kernel on the other end of a TAP, in a namespace, answered by hand.
//!
//! These need privileges. Without them they say so and pass, unless `LONGSHORE_REQUIRE_PRIVILEGES` is set.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use etherparse::{
    ArpEthIpv4Packet, ArpOperation, ArpPacket, EtherType, Icmpv4Type, Icmpv6Type, NetSlice,
    PacketBuilder, SlicedPacket, TransportSlice,
};
use rustix::thread::{
    CapabilitySet, capabilities, remove_capability_from_bounding_set, set_capabilities,
};
use sim_wire::netns::{Cidr, InterfaceConfig, Netns};
use sim_wire::privileges::{Unavailable, probe, probe_or_skip};
use sim_wire::tap::{Tap, TapWire};
use sim_wire::{Frame, LineConfig, Picos, Wire};

const KERNEL_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const OUR_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const KERNEL_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);
const OUR_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2);
const KERNEL_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
const OUR_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 2];

/// No answer for this long is a failure; nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(20);

fn kernel(line: LineConfig) -> (Netns, TapWire) {
    let namespace = Netns::create().unwrap();
    let tap = Tap::create().unwrap();
    let config = InterfaceConfig {
        mac: Some(KERNEL_MAC),
        addresses: vec![Cidr::new(KERNEL_V4, 24), Cidr::new(KERNEL_V6, 64)],
        ..InterfaceConfig::default()
    };
    namespace.adopt(&tap, &config).unwrap();
    (namespace, TapWire::new(tap, line))
}

/// Frames from the kernel, until `until` gives something; the wall clock is simulated time.
fn serve<T>(
    wire: &mut TapWire,
    mut until: impl FnMut(&mut TapWire, Option<Frame>) -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        assert!(
            start.elapsed() < PATIENCE,
            "the kernel keeps silent: {:?}",
            wire.stats()
        );
        let now = Picos::from_nanos(start.elapsed().as_nanos() as u64);
        let frame = wire.receive(now);
        let idle = frame.is_none();
        if let Some(done) = until(wire, frame) {
            return done;
        }
        if idle {
            wire.wait_readable(Duration::from_millis(20)).unwrap();
        }
    }
}

/// The answer of a minimal host at `OUR_V4` and `OUR_V6`: ARP, neighbour discovery, echo.
fn answer(frame: &[u8]) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let mut out = Vec::new();
    match packet.net? {
        NetSlice::Arp(arp) => {
            let request: ArpEthIpv4Packet = arp.to_packet().try_eth_ipv4().ok()?;
            if request.target_ipv4 != OUR_V4.octets() {
                return None;
            }
            let reply = ArpPacket::new(
                etherparse::ArpHardwareId::ETHERNET,
                EtherType::IPV4,
                ArpOperation::REPLY,
                &OUR_MAC,
                &OUR_V4.octets(),
                &request.sender_mac,
                &request.sender_ipv4,
            )
            .unwrap();
            PacketBuilder::ethernet2(OUR_MAC, request.sender_mac)
                .arp(reply)
                .write(&mut out)
                .unwrap();
        }
        NetSlice::Ipv4(ip) => {
            let TransportSlice::Icmpv4(icmp) = packet.transport? else {
                return None;
            };
            let Icmpv4Type::EchoRequest(echo) = icmp.icmp_type() else {
                return None;
            };
            PacketBuilder::ethernet2(OUR_MAC, KERNEL_MAC)
                .ipv4(OUR_V4.octets(), ip.header().source(), 64)
                .icmpv4_echo_reply(echo.id, echo.seq)
                .write(&mut out, icmp.payload())
                .unwrap();
        }
        NetSlice::Ipv6(ip) => {
            let TransportSlice::Icmpv6(icmp) = packet.transport? else {
                return None;
            };
            let back = PacketBuilder::ethernet2(OUR_MAC, KERNEL_MAC).ipv6(
                OUR_V6.octets(),
                ip.header().source(),
                255,
            );
            match icmp.icmp_type() {
                Icmpv6Type::EchoRequest(echo) => {
                    back.icmpv6_echo_reply(echo.id, echo.seq)
                        .write(&mut out, icmp.payload())
                        .unwrap();
                }
                Icmpv6Type::NeighborSolicitation if icmp.payload()[..16] == OUR_V6.octets() => {
                    // RFC 4861, 4.4: solicited and override flags; the target; the target's link-layer address.
                    let payload = [&OUR_V6.octets()[..], &[2, 1], &OUR_MAC].concat();
                    back.icmpv6_raw(136, 0, [0x60, 0, 0, 0])
                        .write(&mut out, &payload)
                        .unwrap();
                }
                _ => return None,
            }
        }
    }
    Some(out)
}

fn ping(namespace: &Netns, target: &str) -> Child {
    let found = Command::new("ping")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        found.is_ok(),
        "`ping` is missing: install iputils-ping (Debian: `apt-get install iputils-ping`)"
    );
    let mut command = namespace.command("ping");
    command.args(["-c", "3", "-i", "0.01", "-W", "5", "-s", "1000", target]);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn pings(target: &str) {
    let (namespace, mut wire) = kernel(LineConfig::default());
    let mut child = ping(&namespace, target);
    let start = Instant::now();
    serve(&mut wire, |wire, frame| {
        if let Some(reply) = frame.and_then(|frame| answer(&frame)) {
            let now = Picos::from_nanos(start.elapsed().as_nanos() as u64);
            let reply = wire.pool().copy_of(&reply);
            wire.transmit(now, reply);
        }
        child.try_wait().unwrap()
    });
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains(" 0% packet loss"),
        "{output:?}"
    );
    let stats = wire.stats();
    assert!(
        stats.rx_frames >= 4 && stats.tx_frames >= 4,
        "a resolution and three echoes: {stats:?}"
    );
    assert_eq!((stats.tx_refused, stats.rx_errors), (0, 0));
}

#[test]
fn ping_over_ipv4_is_answered_by_hand() {
    if probe_or_skip("ping over IPv4") {
        pings("10.77.0.2");
    }
}

#[test]
fn ping_over_ipv6_is_answered_by_hand() {
    if probe_or_skip("ping over IPv6") {
        pings("fd77::2");
    }
}

/// Tells the kernel where our addresses are, so that it sends at once.
fn introduce(namespace: &Netns) {
    for address in [OUR_V4.to_string(), OUR_V6.to_string()] {
        namespace
            .ip(&[
                "neigh",
                "replace",
                &address,
                "lladdr",
                "02:00:00:00:00:02",
                "dev",
                "wire0",
            ])
            .unwrap();
    }
}

fn udp_from_inside(namespace: &Netns, to: SocketAddr, payloads: Vec<Vec<u8>>) {
    let send = || {
        namespace.enter_thread().unwrap();
        let local: SocketAddr = if to.is_ipv4() {
            (KERNEL_V4, 0).into()
        } else {
            (KERNEL_V6, 0).into()
        };
        let socket = UdpSocket::bind(local).unwrap();
        for payload in payloads {
            assert_eq!(socket.send_to(&payload, to).unwrap(), payload.len());
        }
    };
    std::thread::scope(|scope| scope.spawn(send).join().unwrap());
}

/// The UDP payload of a frame, if its checksum is right; panics if it is wrong.
fn checked_udp(frame: &[u8]) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(TransportSlice::Udp(udp)) = packet.transport else {
        return None;
    };
    let header = udp.to_header();
    let expected = match packet.net.unwrap() {
        NetSlice::Ipv4(ip) => header.calc_checksum_ipv4(&ip.header().to_header(), udp.payload()),
        NetSlice::Ipv6(ip) => header.calc_checksum_ipv6(&ip.header().to_header(), udp.payload()),
        NetSlice::Arp(_) => return None,
    };
    assert_eq!(
        header.checksum,
        expected.unwrap(),
        "a checksum that the kernel left to the device"
    );
    Some(udp.payload().to_vec())
}

#[test]
fn what_the_kernel_sends_has_complete_checksums() {
    if !probe_or_skip("complete checksums") {
        return;
    }
    let (namespace, mut wire) = kernel(LineConfig::default());
    introduce(&namespace);
    for to in [SocketAddr::from((OUR_V4, 9)), SocketAddr::from((OUR_V6, 9))] {
        let payload: Vec<u8> = (0..1001u32).map(|i| (i * 7) as u8).collect();
        udp_from_inside(&namespace, to, vec![payload.clone()]);
        let received = serve(&mut wire, |_, frame| {
            frame.and_then(|frame| checked_udp(&frame))
        });
        assert_eq!(received, payload);
    }
}

#[test]
fn the_kernel_checks_what_it_receives() {
    if !probe_or_skip("checked reception") {
        return;
    }
    let (namespace, mut wire) = kernel(LineConfig::default());
    introduce(&namespace);
    let socket = std::thread::scope(|scope| {
        let open = || {
            namespace.enter_thread().unwrap();
            UdpSocket::bind((KERNEL_V4, 0)).unwrap()
        };
        scope.spawn(open).join().unwrap()
    });
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = socket.local_addr().unwrap().port();
    for (payload, damage) in [(b"damaged", true), (b"healthy", false)] {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2(OUR_MAC, KERNEL_MAC)
            .ipv4(OUR_V4.octets(), KERNEL_V4.octets(), 64)
            .udp(4000, port)
            .write(&mut bytes, payload)
            .unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= u8::from(damage);
        wire.transmit(Picos::ZERO, bytes.into());
    }
    let mut buffer = [0; 64];
    let len = socket.recv(&mut buffer).unwrap();
    assert_eq!(
        &buffer[..len],
        b"healthy",
        "the damaged datagram came first"
    );
    assert_eq!(
        (wire.stats().tx_frames, wire.stats().tx_bytes),
        (2, 120),
        "padded to 60 bytes"
    );
}

#[test]
fn frames_from_the_kernel_arrive_at_the_rate_of_the_line() {
    if !probe_or_skip("line rate") {
        return;
    }
    let line = LineConfig::default();
    let (namespace, mut wire) = kernel(line);
    introduce(&namespace);
    udp_from_inside(&namespace, (OUR_V4, 9).into(), vec![vec![1; 1472]; 5]);
    // Simulated time that owes nothing to the clock: the frames are in the kernel's queue already.
    let mut arrivals = Vec::new();
    let mut now = Picos::ZERO;
    while arrivals.len() < 5 {
        if let Some(frame) = wire.receive(now) {
            assert!(frame.arrived_at() <= now);
            if frame.len() == 1514 {
                arrivals.push(frame.arrived_at());
            }
        }
        now = wire.next_event().unwrap_or(now + Picos::from_nanos(100));
        assert!(
            now < Picos::from_secs(1),
            "{} of 5 frames arrived",
            arrivals.len()
        );
    }
    for two in arrivals.windows(2) {
        assert!(two[1] - two[0] >= line.slot(1514), "{arrivals:?}");
    }
}

#[test]
fn frames_for_an_interface_that_is_down_are_counted_and_refused() {
    if !probe_or_skip("interface down") {
        return;
    }
    let mut wire = TapWire::new(Tap::create().unwrap(), LineConfig::default());
    wire.transmit(Picos::ZERO, Frame::from(vec![0; 60]));
    assert_eq!((wire.stats().tx_frames, wire.stats().tx_refused), (0, 1));
    assert_eq!(wire.receive(Picos::ZERO), None);
}

fn path(namespace: &Netns) -> PathBuf {
    Path::new("/run/netns").join(namespace.name())
}

#[test]
fn a_panic_leaves_neither_namespace_nor_device_behind() {
    if !probe_or_skip("clean-up") {
        return;
    }
    let mut left = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let (namespace, wire) = kernel(LineConfig::default());
        assert!(path(&namespace).exists());
        left = Some((path(&namespace), wire.tap().name().to_owned()));
        panic!("on purpose");
    }));
    assert!(outcome.is_err());
    let (namespace, tap) = left.unwrap();
    assert!(!namespace.exists());
    assert!(!Path::new("/sys/class/net").join(tap).exists());
}

#[test]
fn a_namespace_left_by_a_killed_process_is_swept_away() {
    if !probe_or_skip("sweeping") {
        return;
    }
    let mut process = Command::new("true").spawn().unwrap();
    let dead = format!("longshore-{}-0", process.id());
    process.wait().unwrap();
    assert!(
        Command::new("ip")
            .args(["netns", "add", &dead])
            .status()
            .unwrap()
            .success()
    );
    let ours = Netns::create().unwrap();
    assert!(!Path::new("/run/netns").join(dead).exists());
    assert!(path(&ours).exists());
}

#[test]
fn neighbours_are_forgotten_on_request() {
    if !probe_or_skip("neighbours") {
        return;
    }
    let (namespace, _wire) = kernel(LineConfig::default());
    namespace
        .ip(&[
            "neigh",
            "replace",
            "10.77.0.2",
            "lladdr",
            "02:00:00:00:00:02",
            "dev",
            "wire0",
            "nud",
            "reachable",
        ])
        .unwrap();
    let list = || {
        let output = namespace
            .command("ip")
            .args(["-4", "neigh"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(list().contains("10.77.0.2"));
    namespace.flush_neighbours().unwrap();
    assert!(!list().contains("lladdr"), "{}", list());
}

/// Runs `body` on a thread that lacks what a TAP and a namespace need, for itself and for what it starts.
fn unprivileged<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let run = || {
            let needed = CapabilitySet::NET_ADMIN | CapabilitySet::SYS_ADMIN;
            for capability in needed.iter() {
                remove_capability_from_bounding_set(capability).unwrap();
            }
            let mut sets = capabilities(None).unwrap();
            sets.effective -= needed;
            sets.permitted -= needed;
            sets.inheritable -= needed;
            set_capabilities(None, sets).unwrap();
            body()
        };
        scope.spawn(run).join().unwrap()
    })
}

/// Runs `ip` in the namespace of this thread.
fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    assert!(output.status.success(), "ip {arguments}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// As an administrator makes one, for a user to use.
#[test]
fn a_tap_that_is_there_already_is_opened_and_stays() {
    if !probe_or_skip("a TAP that is there") {
        return;
    }
    let namespace = Netns::create().unwrap();
    std::thread::scope(|s| {
        s.spawn(|| {
            namespace.enter_thread().unwrap();
            for kind in ["", "multi_queue"] {
                ip(&format!("tuntap add dev wire0 mode tap {kind}"));
                ip("link set dev wire0 up");
                let tap = Tap::named("wire0").unwrap();
                // The kernel's own greetings, for multicast groups of IPv6.
                let mut wire = TapWire::new(tap, LineConfig::default());
                serve(&mut wire, |_, frame| frame.map(drop));
                if kind.is_empty() {
                    let busy = Tap::named("wire0").err().unwrap();
                    assert!(matches!(busy, Unavailable::Tap { .. }), "{busy:?}");
                    assert!(busy.to_string().contains("another program"), "{busy}");
                }
                drop(wire);
                assert!(
                    ip("-brief link").contains("wire0"),
                    "it is not ours to remove"
                );
                ip("link delete dev wire0");
            }
            drop(Tap::named("wire1").unwrap());
            assert!(!ip("-brief link").contains("wire1"), "ours goes with us");
            for name in ["", "a/b", "tap%d", "sixteen-letters."] {
                assert!(Tap::named(name).is_err(), "{name}");
            }
        });
    });
}

#[test]
fn missing_privileges_are_told_with_cause_and_remedy() {
    if !probe_or_skip("dropping privileges") {
        return;
    }
    let (tap, namespace, probed) =
        unprivileged(|| (Tap::create().err(), Netns::create().err(), probe().err()));
    let tap = tap.unwrap();
    assert!(matches!(tap, Unavailable::TapDenied { .. }), "{tap:?}");
    assert!(tap.to_string().contains("CAP_NET_ADMIN"), "{tap}");
    for error in [namespace.unwrap(), probed.unwrap()] {
        assert!(matches!(error, Unavailable::Denied { .. }), "{error:?}");
        assert!(error.to_string().contains("sudo"), "{error}");
    }
}

/// Runs the test `name` of this file again in a process of its own, as `prepare` sets it up. `CHILD` tells it that it is the
/// one.
fn again(name: &str, prepare: impl FnOnce(&Path) -> Command) {
    let output = prepare(&std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
}

const CHILD: &str = "LONGSHORE_TEST_CHILD";

#[test]
fn a_missing_ip_is_told_when_the_path_has_none() {
    if std::env::var_os(CHILD).is_none() {
        return again("a_missing_ip_is_told_when_the_path_has_none", |test| {
            let mut command = Command::new(test);
            command.env("PATH", "/nonexistent");
            command
        });
    }
    let error = probe().unwrap_err();
    assert!(matches!(error, Unavailable::NoIproute), "{error:?}");
}

#[test]
fn a_missing_tap_driver_is_told_with_the_remedy() {
    if std::env::var_os(CHILD).is_none() {
        if probe_or_skip("missing driver") {
            again("a_missing_tap_driver_is_told_with_the_remedy", |test| {
                let mut command = Command::new("unshare");
                let hide = r#"mount -t tmpfs none /dev/net && exec "$@""#;
                command.args(["--mount", "sh", "-c", hide, "sh"]).arg(test);
                command
            });
        }
        return;
    }
    let error = Tap::create().err().unwrap();
    assert!(matches!(error, Unavailable::NoTun), "{error:?}");
    assert!(error.to_string().contains("modprobe tun"), "{error}");
}
