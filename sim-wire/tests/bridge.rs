//! Two Linux kernels, joined by two TAPs, a fault injector and a capture: their TCP says whether the wires are sound.
//!
//! Needs privileges; see tap.rs.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sim_wire::capture::{Capture, Epoch};
use sim_wire::fault::{FaultConfig, FaultInjector, Hold};
use sim_wire::netns::{Cidr, InterfaceConfig, Netns};
use sim_wire::privileges::probe_or_skip;
use sim_wire::tap::{Tap, TapWire};
use sim_wire::{LineConfig, Picos, Rate, Seed, Wire};

/// Nothing is measured with it: a transfer that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
const MTU: u16 = 1500;

fn kernel(host: u8) -> (Netns, TapWire) {
    let namespace = Netns::create().unwrap();
    let tap = Tap::create().unwrap();
    let addresses = vec![
        Cidr::new(Ipv4Addr::new(10, 78, 0, host), 24),
        Cidr::new(Ipv6Addr::new(0xfd78, 0, 0, 0, 0, 0, 0, host.into()), 64),
    ];
    let mac = Some([2, 0, 0, 78, 0, host]);
    namespace
        .adopt(
            &tap,
            &InterfaceConfig {
                mtu: MTU,
                mac,
                addresses,
                ..InterfaceConfig::default()
            },
        )
        .unwrap();
    (namespace, TapWire::new(tap, LineConfig::instant()))
}

fn inside<T: Send>(namespace: &Netns, body: impl FnOnce() -> T + Send) -> T {
    let enter = || {
        namespace.enter_thread().unwrap();
        body()
    };
    std::thread::scope(|scope| scope.spawn(enter).join().unwrap())
}

/// Carries frames both ways until both threads are done. Gives the longest frame.
fn bridge(a: &mut impl Wire, b: &mut impl Wire, ends: &[&JoinHandle<Vec<u8>>]) -> usize {
    let start = Instant::now();
    let mut longest = 0;
    while !ends.iter().all(|end| end.is_finished()) {
        assert!(start.elapsed() < PATIENCE, "the transfer hangs");
        let now = Picos::from_nanos(start.elapsed().as_nanos() as u64);
        let mut idle = true;
        while let Some(frame) = a.receive(now) {
            idle = false;
            longest = longest.max(frame.len());
            b.transmit(now, frame);
        }
        while let Some(frame) = b.receive(now) {
            idle = false;
            longest = longest.max(frame.len());
            a.transmit(now, frame);
        }
        if idle {
            let fds = [a.poll_fd().unwrap(), b.poll_fd().unwrap()];
            let mut fds = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            let timeout = Timespec {
                tv_sec: 0,
                tv_nsec: 500_000,
            };
            poll(&mut fds, Some(&timeout)).unwrap();
        }
    }
    longest
}

fn transfer(server: IpAddr, faults: &FaultConfig, bytes: usize) -> (String, usize) {
    let seed = Seed::from_env_or_random().unwrap();
    eprintln!("LONGSHORE_SEED={seed}");
    let (namespace_a, a) = kernel(1);
    let (namespace_b, mut b) = kernel(2);
    let a = FaultInjector::new(a, seed)
        .with_tx(faults.clone())
        .unwrap()
        .with_rx(faults.clone())
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let capture = Capture::create(file.path(), Epoch::Virtual).unwrap();
    let mut a = capture.attach("a", Rate::UNLIMITED, a);

    let listener = inside(&namespace_b, || TcpListener::bind((server, 0)).unwrap());
    let address: SocketAddr = listener.local_addr().unwrap();
    let sent: Vec<u8> = (0..bytes as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        stream.write_all(&received).unwrap();
        received
    });
    let data = sent.clone();
    let client = inside(&namespace_a, || {
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(&data).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).unwrap();
            back
        })
    });
    let longest = bridge(&mut a, &mut b, &[&echo, &client]);
    assert!(echo.join().unwrap() == sent, "the upload differs");
    assert!(client.join().unwrap() == sent, "the download differs");
    capture.finish().unwrap();
    assert!(capture.frames() > (2 * bytes / 1460) as u64);
    (a.inner().to_string(), longest)
}

#[test]
fn tcp_between_two_kernels_is_cut_to_the_mtu() {
    if !probe_or_skip("two kernels") {
        return;
    }
    let (_, longest) = transfer(
        Ipv4Addr::new(10, 78, 0, 2).into(),
        &FaultConfig::default(),
        500_000,
    );
    assert_eq!(
        longest,
        usize::from(MTU) + 14,
        "a frame longer than the MTU: an offload is on"
    );
}

#[test]
fn tcp_between_two_kernels_survives_every_fault() {
    if !probe_or_skip("two kernels with faults") {
        return;
    }
    let faults = FaultConfig {
        loss: 0.01,
        duplicate: 0.02,
        corrupt: 0.01,
        truncate: 0.005,
        reorder: 0.02,
        hold: Hold::Frames(3),
        jitter: Picos::from_micros(50),
        ..FaultConfig::default()
    };
    // IPv4, whose header has a checksum: no flipped bit can turn a SYN into something that ends the connection.
    let (report, _) = transfer(Ipv4Addr::new(10, 78, 0, 2).into(), &faults, 300_000);
    eprintln!("{report}");
}
