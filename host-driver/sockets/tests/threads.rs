//! The blocking calls, from many threads, in real time, over a pair of model NICs.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{B4, B6, Host, Plan, at, data};
use longshore_sockets::{TcpListener, TcpStream, UdpSocket};
use nic_abi::stats::Stat;
use sim_wire::{Picos, Station};

/// Two hosts whose simulated time follows the wall clock until dropped.
struct Real {
    hosts: Arc<[Host; 2]>,
    stop: Arc<AtomicBool>,
    runner: Option<thread::JoinHandle<()>>,
}

fn real() -> Real {
    let plan = Plan {
        real: true,
        ..Plan::default()
    };
    let world = plan.build();
    let hosts = Arc::new([world.a, world.b]);
    let stop = Arc::new(AtomicBool::new(false));
    let models = hosts.each_ref().map(|host| Arc::clone(&host.model));
    let stopped = Arc::clone(&stop);
    let runner = thread::spawn(move || {
        let start = Instant::now();
        while !stopped.load(Ordering::Relaxed) {
            let now = Picos::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap());
            for model in &models {
                let mut model = model.lock();
                model.run_until(now);
                parking_lot::MutexGuard::unlock_fair(model);
            }
            thread::yield_now();
        }
    });
    for host in &*hosts {
        host.stack.start().unwrap();
    }
    Real {
        hosts,
        stop,
        runner: Some(runner),
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        for host in &*self.hosts {
            host.stack.shutdown();
            if !thread::panicking() {
                let living = host.stack.living();
                assert!(living.is_none(), "{living:#?}");
            }
        }
        self.stop.store(true, Ordering::Relaxed);
        if let Some(runner) = self.runner.take() {
            let _ = runner.join();
        }
    }
}

fn echo(mut stream: &TcpStream) -> std::io::Result<usize> {
    let mut buf = [0; 8192];
    let mut total = 0;
    loop {
        match stream.read(&mut buf)? {
            0 => return Ok(total),
            n => {
                stream.write_all(&buf[..n])?;
                total += n;
            }
        }
    }
}

#[test]
fn many_threads_connect_talk_and_close() {
    let real = real();
    let [a, b] = &*real.hosts;
    let listener = TcpListener::bind(&b.stack, at("0.0.0.0", 80)).unwrap();
    let listener6 = TcpListener::bind(&b.stack, at("::", 80)).unwrap();
    thread::scope(|s| {
        for listener in [&listener, &listener6] {
            s.spawn(move || {
                for _ in 0..40 {
                    let (stream, _) = listener.accept().unwrap();
                    s.spawn(move || echo(&stream).unwrap());
                }
            });
        }
        for client in 0..8u32 {
            s.spawn(move || {
                for round in 0..10 {
                    let ip = if (client + round) % 2 == 0 { B4 } else { B6 };
                    let stream = TcpStream::connect(&a.stack, at(ip, 80)).unwrap();
                    let out = data(20_000, client * 100 + round + 1);
                    let writer = stream.try_clone().unwrap();
                    let sent = out.clone();
                    let writing = s.spawn(move || {
                        (&writer).write_all(&sent).unwrap();
                        writer.shutdown(Shutdown::Write).unwrap();
                    });
                    let mut back = Vec::new();
                    (&stream).read_to_end(&mut back).unwrap();
                    assert!(back == out, "client {client}, round {round}");
                    writing.join().unwrap();
                }
            });
        }
    });
    drop((listener, listener6));
}

#[test]
fn aborts_closes_and_listeners_race_without_leaving_anything() {
    let real = real();
    let [a, b] = &*real.hosts;
    let over = AtomicBool::new(false);
    thread::scope(|s| {
        let over = &over;
        // A server whose listener comes and goes, with children accepted or not.
        s.spawn(move || {
            let mut n = 0u32;
            while !over.load(Ordering::Relaxed) {
                let Ok(listener) = TcpListener::bind(&b.stack, at(B4, 80)) else {
                    continue;
                };
                listener.set_nonblocking(true).unwrap();
                for _ in 0..20 {
                    n += 1;
                    match listener.accept() {
                        Ok((stream, _)) if n.is_multiple_of(3) => stream.abort(),
                        Ok((stream, _)) => {
                            stream
                                .set_read_timeout(Some(Duration::from_millis(5)))
                                .unwrap();
                            let _ = (&stream).read(&mut [0; 100]);
                            let _ = (&stream).write_all(&[7; 3000]);
                        }
                        Err(_) => thread::sleep(Duration::from_micros(300)),
                    }
                }
            }
        });
        let clients: Vec<_> = (0..4u32)
            .map(|client| {
                s.spawn(move || {
                    let mut connected = 0;
                    for round in 0..60 {
                        let timeout = Duration::from_millis(200);
                        let Ok(stream) = TcpStream::connect_timeout(&a.stack, &at(B4, 80), timeout)
                        else {
                            continue;
                        };
                        connected += 1;
                        let _ = (&stream).write_all(&data(5000, round + 1));
                        match (client + round) % 4 {
                            0 => stream.abort(),
                            1 => {
                                let again = stream.try_clone().unwrap();
                                stream
                                    .set_read_timeout(Some(Duration::from_millis(20)))
                                    .unwrap();
                                let reading = s.spawn(move || {
                                    let _ = (&again).read(&mut [0; 100]);
                                });
                                stream.abort();
                                reading.join().unwrap();
                            }
                            2 => drop(stream),
                            _ => {
                                stream
                                    .set_read_timeout(Some(Duration::from_millis(5)))
                                    .unwrap();
                                let _ = (&stream).read_to_end(&mut Vec::new());
                            }
                        }
                    }
                    connected
                })
            })
            .collect();
        let connected: u32 = clients.into_iter().map(|c| c.join().unwrap()).sum();
        over.store(true, Ordering::Relaxed);
        assert!(connected > 0);
    });
}

/// The peer's program never closes, so nothing but the acknowledgement of the FIN can end the wait.
#[test]
fn a_close_that_waits_is_woken_when_all_is_acknowledged() {
    let real = real();
    let [a, b] = &*real.hosts;
    let listener = TcpListener::bind(&b.stack, at(B4, 80)).unwrap();
    let mut stream = TcpStream::connect(&a.stack, at(B4, 80)).unwrap();
    let (child, _) = listener.accept().unwrap();
    stream.write_all(&data(50_000, 1)).unwrap();
    let closing = stream.start_close().expect("the only handle");
    assert!(closing.wait(Duration::from_secs(3600)));
    drop((closing, child, listener));
}

#[test]
fn time_outs_end_waiting_and_shutdown_ends_everything() {
    let real = real();
    let [a, b] = &*real.hosts;
    let listener = TcpListener::bind(&b.stack, at(B4, 80)).unwrap();
    let stream = TcpStream::connect(&a.stack, at(B4, 80)).unwrap();
    let (child, _) = listener.accept().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    let late = (&stream).read(&mut [0; 1]).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::WouldBlock);
    assert!(stream.set_read_timeout(Some(Duration::ZERO)).is_err());
    let nobody = at("192.0.2.200", 80);
    let late = TcpStream::connect_timeout(&a.stack, &nobody, Duration::from_millis(50));
    assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    thread::scope(|s| {
        let reading = s.spawn(|| (&child).read(&mut [0; 1]).unwrap_err().raw_os_error());
        let accepting = s.spawn(|| listener.accept().unwrap_err().raw_os_error());
        thread::sleep(Duration::from_millis(20));
        b.stack.shutdown();
        assert_eq!(reading.join().unwrap(), Some(19));
        assert_eq!(accepting.join().unwrap(), Some(19));
    });
}

#[test]
fn datagrams_are_echoed_to_many_threads_that_wait_for_them() {
    let real = real();
    let [a, b] = &*real.hosts;
    let servers = ["0.0.0.0", "::"].map(|ip| UdpSocket::bind(&b.stack, at(ip, 7)).unwrap());
    for server in &servers {
        let patience = Some(Duration::from_millis(20));
        server.set_read_timeout(patience).unwrap();
    }
    let over = AtomicBool::new(false);
    thread::scope(|s| {
        for server in &servers {
            // Two threads take turns at a socket.
            for _ in 0..2 {
                let (clone, over) = (server.try_clone().unwrap(), &over);
                s.spawn(move || {
                    let mut buf = [0; 2000];
                    while !over.load(Ordering::Relaxed) {
                        match clone.recv_from(&mut buf) {
                            Ok((len, from)) => {
                                assert_eq!(clone.send_to(&buf[..len], from).unwrap(), len);
                            }
                            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                        }
                    }
                });
            }
        }
        let clients: Vec<_> = (0..6u32)
            .map(|client| {
                s.spawn(move || {
                    let ip = if client % 2 == 0 { B4 } else { B6 };
                    let any = if client % 2 == 0 { "0.0.0.0" } else { "::" };
                    let socket = UdpSocket::bind(&a.stack, at(any, 0)).unwrap();
                    socket.connect(at(ip, 7)).unwrap();
                    let patience = Some(Duration::from_secs(60));
                    socket.set_read_timeout(patience).unwrap();
                    let mut answered = 0;
                    for round in 0..50 {
                        let out = data(10 + 20 * round as usize, client * 100 + round);
                        socket.send(&out).unwrap();
                        let mut buf = [0; 2000];
                        // No more than a client's one datagram is under way, so none is lost.
                        let len = socket.recv(&mut buf).unwrap();
                        assert_eq!(&buf[..len], out);
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        for client in clients {
            assert_eq!(client.join().unwrap(), 50);
        }
        over.store(true, Ordering::Relaxed);
    });
    drop(servers);
}

#[test]
fn a_receiver_that_waits_is_woken_by_its_time_out_an_abort_and_the_end_of_the_stack() {
    let real = real();
    let [_, b] = &*real.hosts;
    let patient = UdpSocket::bind(&b.stack, at(B4, 1)).unwrap();
    patient
        .set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    let late = patient.recv(&mut [0; 1]).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::WouldBlock);
    patient.set_read_timeout(None).unwrap();
    let aborted = UdpSocket::bind(&b.stack, at(B4, 2)).unwrap();
    thread::scope(|s| {
        let clone = aborted.try_clone().unwrap();
        let waiting = s.spawn(move || clone.recv(&mut [0; 1]).unwrap_err().kind());
        thread::sleep(Duration::from_millis(20));
        aborted.abort();
        assert_eq!(waiting.join().unwrap(), ErrorKind::ConnectionAborted);
        let waiting = s.spawn(|| patient.recv(&mut [0; 1]).unwrap_err().raw_os_error());
        thread::sleep(Duration::from_millis(20));
        b.stack.shutdown();
        assert_eq!(waiting.join().unwrap(), Some(19));
    });
}

#[test]
fn senders_that_outrun_the_ring_wait_for_room_and_nothing_gets_lost_on_the_way_to_the_nic() {
    const EACH: u64 = 2_000;
    let real = real();
    let [a, b] = &*real.hosts;
    let server = UdpSocket::bind(&b.stack, at(B4, 7)).unwrap();
    let first = UdpSocket::bind(&a.stack, at("0.0.0.0", 0)).unwrap();
    first.send_to(b"neighbours", at(B4, 7)).unwrap();
    server.recv(&mut [0; 99]).unwrap();
    thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| {
                let socket = UdpSocket::bind(&a.stack, at("0.0.0.0", 0)).unwrap();
                for n in 0..EACH {
                    socket.send_to(&n.to_be_bytes(), at(B4, 7)).unwrap();
                }
            });
        }
    });
    let sent = a.stack.counters().datagrams_out;
    assert_eq!(sent, 3 * EACH + 1);
    // All have left, and have come or were dropped there for lack of room.
    let counted = || {
        let counters = b.stack.counters();
        let lost = b.stack.nic().statistic(Stat::RxNoBuffer).unwrap()
            + b.stack.nic().statistic(Stat::RxOverflow).unwrap();
        counters.datagrams_in + counters.datagrams_dropped + lost
    };
    while counted() < sent {
        thread::yield_now();
    }
}
