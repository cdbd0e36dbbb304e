//! Two stacks over two model NICs and a wire, in virtual time, in one thread.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use longshore_device::{Device, InProcess, IrqSink, LocalNic};
use longshore_dma::HostMemory;
use longshore_driver::{Nic, QueueConfig};
use longshore_sockets::{Stack, StackConfig, TcpListener, TcpStream};
use nic_abi::block::{DEVICE, DIRECTORY, Feature, QUEUE, device, queue};
use nic_model::{Config, Model};
use parking_lot::Mutex;
use sim_wire::fault::{FaultConfig, FaultInjector, Script};
use sim_wire::pair::pair;
use sim_wire::{LineConfig, Picos, Seed, Station, Wire};

pub(crate) type SimulatedNic = Model<Box<dyn Wire>>;

pub(crate) const A4: &str = "192.0.2.1";
pub(crate) const B4: &str = "192.0.2.2";
pub(crate) const A6: &str = "2001:db8::1";
pub(crate) const B6: &str = "2001:db8::2";

/// One end.
pub(crate) struct Host {
    pub(crate) device: Arc<InProcess<Front>>,
    pub(crate) model: Arc<Mutex<SimulatedNic>>,
    pub(crate) stack: Stack,
}

/// Both ends and their time.
pub(crate) struct World {
    pub(crate) a: Host,
    pub(crate) b: Host,
    pub(crate) now: Picos,
}

/// What a world is made of.
pub(crate) struct Plan {
    pub(crate) line: LineConfig,
    /// Faults from A to B.
    pub(crate) to_b: FaultConfig,
    /// Faults from B to A.
    pub(crate) to_a: FaultConfig,
    pub(crate) script_to_b: Script,
    pub(crate) script_to_a: Script,
    pub(crate) rings: QueueConfig,
    /// Longest IP packet.
    pub(crate) mtu: u16,
    /// The driver finds neither checksums nor segmentation in the NICs' directories.
    pub(crate) plain: bool,
    /// The stacks' time is the wall clock's.
    pub(crate) real: bool,
    pub(crate) tune: fn(&mut StackConfig),
    pub(crate) tune_b: fn(&mut StackConfig),
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            line: LineConfig::default(),
            to_b: FaultConfig::default(),
            to_a: FaultConfig::default(),
            script_to_b: Script::new(),
            script_to_a: Script::new(),
            rings: QueueConfig::default(),
            mtu: 1500,
            plain: false,
            real: false,
            tune: |_| {},
            tune_b: |_| {},
        }
    }
}

impl Plan {
    /// The same faults both ways.
    pub(crate) fn faults(config: FaultConfig) -> Self {
        Self {
            to_a: config.clone(),
            to_b: config,
            ..Self::default()
        }
    }

    pub(crate) fn build(self) -> World {
        let seed = Seed::from_env_or_random().unwrap();
        println!("seed {seed}");
        let (a, b) = pair(self.line);
        let a = FaultInjector::new(a, seed)
            .with_tx(self.to_b)
            .unwrap()
            .with_rx(self.to_a)
            .unwrap()
            .with_tx_script(self.script_to_b)
            .with_rx_script(self.script_to_a);
        let mut config_a = config(1, A4, A6, seed);
        let mut config_b = config(2, B4, B6, seed);
        config_a.ip.mtu = self.mtu;
        config_b.ip.mtu = self.mtu;
        (self.tune)(&mut config_a);
        (self.tune)(&mut config_b);
        (self.tune_b)(&mut config_b);
        World {
            a: host(Box::new(a), config_a, self.rings, self.plain, self.real),
            b: host(Box::new(b), config_b, self.rings, self.plain, self.real),
            now: Picos::ZERO,
        }
    }
}

/// The model as the driver sees it, perhaps without its offloads.
pub(crate) struct Front {
    model: Arc<Mutex<SimulatedNic>>,
    plain: bool,
    /// Doorbells of the first queue pair's submission ring.
    pub(crate) doorbells: u64,
}

impl LocalNic for Front {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        self.model.lock().attach(memory, interrupts);
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        let word = self.model.lock().mmio_read(offset);
        let directory = DIRECTORY.base..DIRECTORY.base + DIRECTORY.count * DIRECTORY.stride;
        let hidden = [Feature::Checksum, Feature::Tso].map(|feature| feature.entry(1));
        if self.plain && directory.contains(&offset) && hidden.contains(&word) {
            // A type that no driver knows.
            return 0x7fff;
        }
        word
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        self.doorbells += u64::from(offset == QUEUE.at(0, queue::SQ_DOORBELL));
        // Within a doorbell, but the NIC's.
        allocation_counter::opt_out(|| self.model.lock().mmio_write(offset, value));
    }

    fn flr(&mut self) {
        self.model.lock().flr();
    }
}

fn config(number: u8, v4: &str, v6: &str, seed: Seed) -> StackConfig {
    let mac = ip_core::MacAddr([2, 0, 0, 0, 0, number]);
    let ip = ip_core::Config::new(mac)
        .with_address(format!("{v4}/24").parse().unwrap())
        .with_address(format!("{v6}/64").parse().unwrap());
    let mut secret = [number; 16];
    secret[..8].copy_from_slice(&seed.0.to_le_bytes());
    StackConfig {
        secret: Some(secret),
        ..StackConfig::new(ip)
    }
}

fn host(
    wire: Box<dyn Wire>,
    config: StackConfig,
    rings: QueueConfig,
    plain: bool,
    real: bool,
) -> Host {
    let limit = Config {
        frame_limit: u32::from(config.ip.mtu) + 18,
        rx_fifo: 64 * 1024,
        ..Config::default()
    };
    let model = Arc::new(Mutex::new(Model::new(limit, wire)));
    let front = Front {
        model: Arc::clone(&model),
        plain,
        doorbells: 0,
    };
    let device = Arc::new(InProcess::new(Arc::new(Mutex::new(front))).unwrap());
    let nic = Nic::open(device.clone()).unwrap();
    let stack = if real {
        Stack::new(nic, config).unwrap()
    } else {
        Stack::stepped_with_rings(nic, config, rings).unwrap()
    };
    Host {
        device,
        model,
        stack,
    }
}

/// Whatever a test did: once its stack is shut down, nothing of it lives. What does is told by its holders' names.
impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.stack.shutdown();
        let mut living = self.stack.living();
        let magic = self.device.read32(DEVICE.at(0, device::MAGIC));
        let pulled_out = magic.ok() != Some(nic_abi::MAGIC);
        if pulled_out {
            // A card that was pulled out gives nothing back: its memory goes with the driver, which cuts it off.
            (living.send_chunks, living.headers) = (0, 0);
            living.send_references = longshore_refs::Tally::default();
        }
        assert!(
            living.is_none() && (living.receive_buffers == 0 || pulled_out),
            "left behind: {living:#?}"
        );
    }
}

impl World {
    /// Runs until `done` says so, calling it after every event. False if it does not within `limit`.
    pub(crate) fn run(&mut self, limit: Duration, mut done: impl FnMut() -> bool) -> bool {
        let end = self.now + picos(limit);
        loop {
            let mut next = None;
            for host in [&self.a, &self.b] {
                let deadline = host.stack.poll(self.now.into());
                next = next.into_iter().chain(deadline.map(picos)).min();
            }
            if done() {
                return true;
            }
            // What `done` did may have begun something.
            for host in [&self.a, &self.b] {
                let event = host.model.lock().next_event();
                let deadline = host.stack.next_deadline().map(picos);
                next = next.into_iter().chain(event).chain(deadline).min();
            }
            match next.map(|at| at.max(self.now)) {
                Some(at) if at <= end => {
                    self.now = at;
                    self.a.model.lock().run_until(at);
                    self.b.model.lock().run_until(at);
                }
                _ => {
                    self.now = end;
                    return false;
                }
            }
        }
    }

    /// Runs for `time`.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.run(time, || false);
    }

    /// A listener at B and a connection from A to it, both non-blocking.
    pub(crate) fn connect(&mut self, ip: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(&self.b.stack, at(ip, 80)).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.connect_to(&listener, ip)
    }

    /// Tries again as often as a program would over a bad link: with one frame in five lost, a neighbour may
    /// well seem to be away, and the last ACK of a handshake be lost each time.
    pub(crate) fn connect_to(
        &mut self,
        listener: &TcpListener,
        ip: &str,
    ) -> (TcpStream, TcpStream) {
        let port = listener.local_addr().unwrap().port();
        for _ in 0..10 {
            let stream = TcpStream::start_connect(&self.a.stack, at(ip, port)).unwrap();
            stream.set_nonblocking(true).unwrap();
            let local = stream.local_addr().unwrap();
            let mut accepted = None;
            let connected = self.run(Duration::from_secs(100), || {
                while let Ok((child, peer)) = listener.accept() {
                    if peer == local {
                        accepted = Some(child);
                    }
                }
                accepted.is_some() && stream.readiness().writable
            });
            match accepted {
                Some(child) if connected => {
                    child.set_nonblocking(true).unwrap();
                    return (stream, child);
                }
                _ => println!("connecting again after {:?}", stream.take_error()),
            }
            stream.abort();
        }
        panic!("no connection in ten attempts");
    }

    /// Lets 2MSL and everything else end; then nothing may live.
    pub(crate) fn assert_nothing_left(&mut self) {
        self.assert_nothing_lives();
        for host in [&self.a, &self.b] {
            assert_eq!(host.stack.counters().device_errors, 0);
        }
    }

    /// As above, with NICs that may have failed.
    pub(crate) fn assert_nothing_lives(&mut self) {
        self.pass(Duration::from_secs(1000));
        for (name, host) in [("A", &self.a), ("B", &self.b)] {
            let living = host.stack.living();
            assert!(living.is_none(), "{name}: {living:#?}");
        }
    }
}

pub(crate) fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::from((ip.parse::<IpAddr>().unwrap(), port))
}

fn picos(d: Duration) -> Picos {
    Picos(u64::try_from(d.as_nanos() * 1000).unwrap())
}

/// Bytes that differ everywhere.
pub(crate) fn data(len: usize, salt: u32) -> Vec<u8> {
    let mut x = salt.wrapping_mul(2_654_435_761) | 1;
    std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x as u8
    })
    .take(len)
    .collect()
}

/// A program that writes `out`, then ends its side, and reads to the end of file.
pub(crate) struct Program {
    pub(crate) stream: TcpStream,
    out: Vec<u8>,
    written: usize,
    shut: bool,
    pub(crate) read: Vec<u8>,
    pub(crate) eof: bool,
}

impl Program {
    pub(crate) fn new(stream: TcpStream, out: Vec<u8>) -> Self {
        Self {
            stream,
            out,
            written: 0,
            shut: false,
            read: Vec::new(),
            eof: false,
        }
    }

    /// Does what can be done; true when it is through.
    pub(crate) fn step(&mut self) -> bool {
        loop {
            let mut idle = true;
            if self.written < self.out.len() {
                match (&self.stream).write(&self.out[self.written..]) {
                    Ok(n) => {
                        self.written += n;
                        idle = false;
                    }
                    Err(e) => assert_eq!(e.kind(), io::ErrorKind::WouldBlock, "{e}"),
                }
            } else if !self.shut {
                self.stream.shutdown(std::net::Shutdown::Write).unwrap();
                self.shut = true;
            }
            let mut buf = [0; 16_384];
            while !self.eof {
                match (&self.stream).read(&mut buf) {
                    Ok(0) => self.eof = true,
                    Ok(n) => {
                        self.read.extend_from_slice(&buf[..n]);
                        idle = false;
                    }
                    Err(e) => {
                        assert_eq!(e.kind(), io::ErrorKind::WouldBlock, "{e}");
                        break;
                    }
                }
            }
            if idle {
                return self.shut && self.eof;
            }
        }
    }
}

/// Sends `to_b` and `to_a` at the same time over a fresh connection, closes it, and checks every byte.
pub(crate) fn transfer(world: &mut World, ip: &str, to_b: usize, to_a: usize, limit: Duration) {
    let (a, b) = world.connect(ip);
    let (out_a, out_b) = (data(to_b, 1), data(to_a, 2));
    let mut a = Program::new(a, out_a.clone());
    let mut b = Program::new(b, out_b.clone());
    let done = world.run(limit, || {
        let a = a.step();
        b.step() && a
    });
    assert!(
        done,
        "after {}: A read {} of {to_a}, B read {} of {to_b}\nA {:?}\nB {:?}",
        world.now,
        a.read.len(),
        b.read.len(),
        a.stream.info(),
        b.stream.info(),
    );
    assert!(b.read == out_a, "A to B differs");
    assert!(a.read == out_b, "B to A differs");
}
