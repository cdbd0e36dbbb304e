//! A flood of SYNs from a million strangers, and a hundred clients who want to connect meanwhile.
//!
//! 100,000 SYNs in every test run; LONGSHORE_FLOOD says how many, `cargo xtask campaign flood` sends a million.

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use allocation_counter::AllocationInfo;
use common::{A4, B4, Plan, World, at};
use longshore_sockets::{TcpListener, TcpStream};
use sim_wire::Wire;

const CLIENTS: u32 = 100;
const HALF_OPEN: usize = 512;
/// SYNs that arrive together: fewer than the NIC's receive ring and FIFO hold.
const BATCH: u32 = 100;
/// A million SYNs a second.
const BETWEEN: Duration = Duration::from_micros(100);
const STRANGER: [u8; 6] = [2, 0, 0, 0, 0, 9];
/// What tables, caches and queues may grow by besides the clients' connections, in bytes.
const SLACK: u64 = 256 * 1024;

/// The SYN of a stranger: no two are from the same address.
struct Strangers {
    frame: Vec<u8>,
    count: u32,
}

impl Strangers {
    fn new() -> Self {
        let mut frame = Vec::new();
        etherparse::PacketBuilder::ethernet2(STRANGER, [2, 0, 0, 0, 0, 2])
            .ipv4([10, 0, 0, 0], [192, 0, 2, 2], 64)
            .options_write_syn(&mut frame);
        Self { frame, count: 0 }
    }

    fn next(&mut self) -> &[u8] {
        let n = self.count;
        self.count += 1;
        let [_, a, b, c] = n.to_be_bytes();
        self.frame[26..30].copy_from_slice(&[10, a, b, c]);
        self.frame[38..42].copy_from_slice(&n.wrapping_mul(0x9E37_79B9).to_be_bytes());
        ip_core::checksum::fill(&mut self.frame, 14, 34);
        &self.frame
    }
}

/// A SYN with Linux's options.
trait SynWithOptions {
    fn options_write_syn(self, frame: &mut Vec<u8>);
}

impl SynWithOptions for etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    fn options_write_syn(self, frame: &mut Vec<u8>) {
        use etherparse::TcpOptionElement as Option;
        let options = [
            Option::MaximumSegmentSize(1460),
            Option::SelectiveAcknowledgementPermitted,
            Option::Timestamp(1, 0),
            Option::Noop,
            Option::WindowScale(7),
        ];
        self.tcp(1024, 80, 0, 64_240)
            .syn()
            .options(&options)
            .expect("twenty bytes of options")
            .write(frame, &[])
            .expect("room");
    }
}

/// A world in which all strangers are behind A, and their answers go there.
fn world() -> World {
    let plan = Plan {
        tune: |config| config.half_open = HALF_OPEN,
        tune_b: |config| {
            let everywhere = "0.0.0.0/0".parse().expect("a route");
            let gateway = A4.parse().expect("an address");
            config.ip = config.ip.clone().with_route(everywhere, gateway);
        },
        ..Plan::default()
    };
    plan.build()
}

struct Flood {
    listener: TcpListener,
    clients: Vec<TcpStream>,
    children: Vec<TcpStream>,
    strangers: Strangers,
    served: usize,
    /// Dropped last: whatever lives then was left behind.
    world: World,
}

impl Flood {
    fn new() -> Self {
        let world = world();
        let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self {
            world,
            listener,
            strangers: Strangers::new(),
            clients: Vec::with_capacity(CLIENTS as usize),
            children: Vec::with_capacity(CLIENTS as usize),
            served: 0,
        }
    }

    /// One batch of SYNs from strangers; everybody else does what can be done.
    fn batch(&mut self) {
        {
            let now = self.world.now;
            let mut model = self.world.a.model.lock();
            for _ in 0..BATCH {
                let frame = model.wire_mut().pool().copy_of(self.strangers.next());
                model.wire_mut().transmit(now, frame);
            }
        }
        self.world.pass(BETWEEN);
        self.serve();
        assert!(self.listener.half_open() <= HALF_OPEN);
        assert!(self.world.b.stack.living().half_open <= HALF_OPEN);
    }

    /// Whoever comes in is greeted, and answers.
    fn serve(&mut self) {
        while let Ok((mut child, _)) = self.listener.accept() {
            child.set_nonblocking(true).unwrap();
            child.write_all(b"hello").unwrap();
            self.children.push(child);
        }
        let mut greeting = [0; 5];
        for client in &mut self.clients {
            if client.readiness().readable && client.read(&mut greeting).is_ok_and(|n| n == 5) {
                assert_eq!(&greeting, b"hello");
                self.served += 1;
            }
        }
    }

    fn connect(&mut self) {
        let client = TcpStream::start_connect(&self.world.a.stack, at(B4, 80)).unwrap();
        client.set_nonblocking(true).unwrap();
        self.clients.push(client);
    }

    /// `batches` of the flood, over which `clients` connect.
    fn run(&mut self, batches: u32, clients: u32) {
        let every = (batches / clients).max(1);
        let mut due = clients;
        for batch in 0..batches {
            if batch % every == 0 && due > 0 {
                self.connect();
                due -= 1;
            }
            self.batch();
        }
        assert_eq!(due, 0);
    }

    /// Until all who want to connect are served. Whose SYN or ACK found no room tries again; the flood goes on for as long.
    fn until_served(&mut self) {
        let start = self.strangers.count;
        while self.served < self.clients.len() {
            self.batch();
            let more = self.strangers.count - start;
            assert!(more < 10_000_000, "{} clients were served", self.served);
        }
    }
}

/// What a client costs when there is no flood, both ends.
fn cost_of_clients(count: usize) -> AllocationInfo {
    let mut flood = Flood::new();
    flood.connect();
    flood.world.pass(Duration::from_secs(1));
    flood.serve();
    flood.world.pass(Duration::from_secs(1));
    allocation_counter::measure(|| {
        for _ in 0..count {
            flood.connect();
            flood.world.pass(Duration::from_millis(1));
            flood.serve();
            flood.world.pass(Duration::from_millis(1));
            flood.serve();
        }
        assert_eq!(flood.served, count + 1);
    })
}

#[test]
fn a_hundred_clients_connect_through_a_flood_and_memory_stays_bounded() {
    let syns: u32 = std::env::var("LONGSHORE_FLOOD")
        .map_or(100_000, |n| n.parse().expect("LONGSHORE_FLOOD is a number"));
    let batches = syns / BATCH;
    let alone = cost_of_clients(CLIENTS as usize / 2);
    let mut flood = Flood::new();
    // The first tenth fills what there is to fill.
    flood.run(batches / 10, CLIENTS / 2);
    flood.until_served();
    let during = allocation_counter::measure(|| {
        flood.run(batches - batches / 10, CLIENTS / 2);
    });
    println!("half the clients alone: {alone:?}");
    println!("under the flood: {during:?}");
    assert!(
        during.bytes_max <= alone.bytes_max + SLACK,
        "{} bytes at most, {} without a flood",
        during.bytes_max,
        alone.bytes_max
    );
    flood.until_served();
    let counters = flood.world.b.stack.counters();
    println!("{} SYNs, {counters:?}", flood.strangers.count);
    assert_eq!(flood.children.len(), CLIENTS as usize);
    // Nearly every SYN finds the table full: nothing is kept of it.
    assert!(counters.syn_cookies_out >= u64::from(syns) * 9 / 10);
    assert!(counters.syn_cookies_in >= u64::from(CLIENTS) / 2);
    assert_eq!(counters.device_errors, 0);
    drop((flood.clients, flood.children, flood.listener));
    flood.world.assert_nothing_left();
}
