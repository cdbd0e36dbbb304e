//! UDP sockets over a bad wire, and with a NIC that fails.

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use common::{A4, A6, B4, B6, Host, Plan, World, at, data};
use longshore_device::Device;
use longshore_sockets::UdpSocket;
use nic_abi::block::{QUEUE, queue};
use sim_wire::fault::FaultConfig;

const SECOND: Duration = Duration::from_secs(1);

fn bind(host: &Host, ip: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(&host.stack, at(ip, port)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Datagram number `n`: its number, then bytes that follow from it.
fn numbered(n: u32) -> Vec<u8> {
    let mut bytes = n.to_be_bytes().to_vec();
    bytes.extend(data((n * 37 % 1400) as usize, n));
    bytes
}

#[test]
fn whatever_the_wire_does_what_arrives_is_what_was_sent() {
    let faults = "loss=5%,reorder=10%,duplicate=5%,truncate=5%,jitter=5us";
    for (near, far) in [(A4, B4), (A6, B6)] {
        let mut world = Plan::faults(faults.parse::<FaultConfig>().unwrap()).build();
        let (a, b) = (bind(&world.a, near, 5), bind(&world.b, far, 9));
        b.set_receive_buffer(4 << 20);
        // Neighbours are known from here on.
        talk(&mut world, &a, &b, far);
        world.pass(SECOND);
        while b.recv(&mut [0; 9]).is_ok() {}
        let mut arrived = vec![0u32; 1000];
        let mut buf = [0; 2000];
        for n in 0..1000 {
            a.send_to(&numbered(n), at(far, 9)).unwrap();
            world.pass(Duration::from_micros(5));
            while let Ok((len, from)) = b.recv_from(&mut buf) {
                assert_eq!(from, at(near, 5));
                let (number, _) = buf.split_first_chunk::<4>().unwrap();
                let number = u32::from_be_bytes(*number);
                assert!(buf[..len] == numbered(number), "{len} bytes of {number}");
                arrived[number as usize] += 1;
            }
        }
        world.pass(SECOND);
        let once = arrived.iter().filter(|times| **times > 0).count();
        // Nothing is sent again: what the wire loses is lost.
        assert!((600..1000).contains(&once), "{once} of 1000");
        assert!(arrived.iter().all(|times| *times <= 4));
        drop((a, b));
        // Answers of neighbours may be lost as well.
        world.pass(Duration::from_secs(100));
    }
}

fn talk(world: &mut World, a: &UdpSocket, b: &UdpSocket, ip: &str) {
    // A datagram that was posted when the NIC failed is lost; the next one is not.
    let mut buf = [0; 9];
    for _ in 0..20 {
        match a.send_to(b"again", at(ip, 9)) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        if world.run(SECOND, || b.recv(&mut buf).is_ok()) {
            return;
        }
    }
    panic!("nothing gets through any more");
}

#[test]
fn sockets_live_through_a_quarantine_and_a_reset_of_the_device() {
    let mut world = Plan::default().build();
    let (a, b) = (bind(&world.a, A4, 5), bind(&world.b, B4, 9));
    talk(&mut world, &a, &b, B4);
    // An index that no ring can have.
    let doorbell = QUEUE.at(0, queue::SQ_DOORBELL);
    let state = world.a.device.read32(QUEUE.at(0, queue::SQ_STATE)).unwrap();
    let bad = queue::SQ_STATE_HEAD.get(state).wrapping_sub(1) & 0xffff;
    world.a.device.write32(doorbell, bad).unwrap();
    world.pass(SECOND);
    talk(&mut world, &a, &b, B4);
    assert!(world.a.stack.counters().device_errors > 0);
    world.a.stack.nic().reset().unwrap();
    // It is noticed when somebody wants to send.
    talk(&mut world, &a, &b, B4);
    drop((a, b));
}

#[test]
fn when_the_card_is_pulled_out_every_socket_is_told_enodev_once() {
    let mut world = Plan::default().build();
    let sockets = [bind(&world.a, A4, 5), bind(&world.a, "::", 6)];
    let b = bind(&world.b, B4, 9);
    talk(&mut world, &sockets[0], &b, B4);
    world.a.device.pull_out();
    let _ = sockets[0].send_to(b"into the void", at(B4, 9));
    let told = world.run(Duration::from_secs(600), || {
        sockets.iter().all(|socket| socket.readiness().closed)
    });
    assert!(told);
    for socket in &sockets {
        let error = socket.recv(&mut [0; 1]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(19), "{error}");
        assert_eq!(socket.recv(&mut [0; 1]).unwrap(), 0);
        let error = socket.send_to(b"x", at(B4, 9)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
    assert!(UdpSocket::bind(&world.a.stack, at(A4, 7)).is_err());
    drop((sockets, b));
    let living = world.a.stack.living();
    assert_eq!((living.datagram_sockets, living.datagram_pcbs), (0, 0));
}
