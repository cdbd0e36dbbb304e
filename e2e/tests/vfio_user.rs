//! Sockets over NICs behind vfio-user sockets: bytes compared by SHA-256, no stray DMA, no register read on the way.

use longshore_device::MmioCounts;
use longshore_e2e::job::{self, sample::Sample};
use longshore_e2e::options::{Form, Setup};
use longshore_e2e::serve::{self, Served, Sockets};
use longshore_e2e::world::any_nic::AnyNic;
use longshore_e2e::world::pair::addresses;
use longshore_e2e::world::remote::RemoteHost;
use longshore_sockets::{TcpListener, TcpStream};
use nic_abi::stats::Stat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use sim_vfio::Server;
use sim_wire::Seed;
use sim_wire::netns::{Cidr, InterfaceConfig, Netns};
use sim_wire::privileges::probe_or_skip;
use sim_wire::tap::{Tap, TapWire};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const PORT: u16 = 5001;
const MEGABYTE: usize = 1_000_000;

struct World {
    served: Served,
    paths: [PathBuf; 2],
    _scratch: TempDir,
}

fn world(form: Form) -> World {
    let scratch = tempfile::tempdir().unwrap();
    let paths = ["a.sock", "b.sock"].map(|name| scratch.path().join(name));
    let sockets = Sockets {
        sockets: paths.to_vec(),
        tap: vec![],
        pair: true,
        model: form == Form::Model,
    };
    let served = serve::start(&sockets, &Setup::reference().unwrap()).unwrap();
    World {
        served,
        paths,
        _scratch: scratch,
    }
}

fn host(world: &World, end: u8) -> RemoteHost {
    let [v4, v6] = addresses(end);
    let path = &world.paths[usize::from(end)];
    RemoteHost::connect(path, 1 + end, &[(v4, 24), (v6, 64)]).unwrap()
}

fn random(len: usize, seed: u64) -> Vec<u8> {
    let mut data = vec![0; len];
    ChaCha8Rng::seed_from_u64(seed).fill(&mut data[..]);
    data
}

fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    data
}

fn send_all(stream: &mut TcpStream, data: &[u8]) {
    stream
        .set_write_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    stream.write_all(data).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
}

/// `len` bytes from host 0 to host 1, and as many others back, over one connection.
fn both_ways(hosts: &[RemoteHost; 2], len: usize, ipv6: bool) {
    let [there, back] = [1, 2].map(|seed| random(len, seed));
    let digests = [&there, &back].map(Sha256::digest);
    let address = SocketAddr::new(addresses(1)[usize::from(ipv6)], PORT);
    let listener = TcpListener::bind(&hosts[1].stack, address).unwrap();
    std::thread::scope(|s| {
        s.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let found = Sha256::digest(read_all(&mut stream));
            assert_eq!(found, digests[0], "there");
            send_all(&mut stream, &back);
        });
        let mut stream = TcpStream::connect(&hosts[0].stack, address).unwrap();
        send_all(&mut stream, &there);
        let found = Sha256::digest(read_all(&mut stream));
        assert_eq!(found, digests[1], "back");
    });
}

fn transfer(form: Form, len: usize, ipv6: bool) {
    let world = world(form);
    let hosts = [0, 1].map(|end| host(&world, end));
    let before = hosts.each_ref().map(RemoteHost::mmio);
    both_ways(&hosts, len, ipv6);
    let costs: Vec<MmioCounts> = hosts
        .iter()
        .zip(&before)
        .map(|(host, before)| host.mmio().since(before))
        .collect();
    for (end, (host, cost)) in hosts.iter().zip(&costs).enumerate() {
        let statistics = host.statistics().unwrap();
        let frames = statistics.get(Stat::TxFrames) + statistics.get(Stat::RxFrames);
        println!(
            "host {end}: {frames} frames, {} register reads, {} doorbells, {:.3} per frame",
            cost.reads,
            cost.doorbells(),
            cost.doorbells() as f64 / frames as f64,
        );
        assert_eq!(cost.reads, 0, "a register read on the data path");
        assert_eq!(host.stray_bytes(), 0, "stray DMA");
        assert!(frames as usize > 2 * len / 1460);
        assert!(statistics.get(Stat::TxTsoRequests) > 0);
        assert!(statistics.get(Stat::RxL4Ok) > 0);
    }
    drop(hosts);
    for server in &world.served.servers {
        let counts = server.counts();
        assert_eq!((counts.dma_faults, counts.dma_messages), (0, 0));
    }
    world.served.finish().unwrap();
}

#[test]
fn four_mebibytes_go_both_ways_over_the_model() {
    transfer(Form::Model, 4 << 20, false);
}

#[test]
fn four_mebibytes_go_both_ways_over_the_model_and_ipv6() {
    transfer(Form::Model, 4 << 20, true);
}

#[test]
fn four_mebibytes_go_both_ways_over_the_rtl() {
    transfer(Form::Rtl, 4 << 20, false);
}

/// curl against Linux' TCP behind a TAP; the NIC is served, the stack reaches it over the socket.
fn linux(test: &str, form: Form) {
    if !probe_or_skip(test) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let socket = scratch.path().join("nic.sock");
    let namespace = Netns::create().unwrap();
    let tap = Tap::create().unwrap();
    let [v4, v6] = addresses(1);
    let interface = InterfaceConfig {
        addresses: vec![Cidr::new(v4, 24), Cidr::new(v6, 64)],
        ..InterfaceConfig::default()
    };
    namespace.adopt(&tap, &interface).unwrap();
    let setup = Setup {
        nic: form,
        ..Setup::reference().unwrap()
    };
    let wire = Box::new(TapWire::new(tap, setup.line()));
    let nic = AnyNic::new(&setup.kind(Seed(1)), wire).unwrap();
    let server = Server::start(nic, &socket, None).unwrap();
    let [v4, v6] = addresses(0);
    let host = RemoteHost::connect(&socket, 1, &[(v4, 24), (v6, 64)]).unwrap();
    let sample = Sample::generate(scratch.path(), MEGABYTE, 7).unwrap();
    let before = host.mmio();
    let transfers =
        job::linux::run(&host.stack, &namespace, &sample, scratch.path(), false, 1).unwrap();
    let cost = host.mmio().since(&before);
    for transfer in &transfers {
        assert!(transfer.equal, "{}", transfer.what);
    }
    println!("{cost:?}");
    assert_eq!(cost.reads, 0, "a register read on the data path");
    assert_eq!(host.stray_bytes(), 0, "stray DMA");
    drop(host);
    let counts = server.counts();
    println!("{counts:?}");
    assert_eq!(counts.dma_faults, 0);
    let nic = server.stop().unwrap();
    assert_eq!(nic.violations(), [] as [String; 0]);
}

#[test]
fn curl_moves_a_megabyte_each_way_over_a_served_model() {
    linux("curl over a served model", Form::Model);
}

#[test]
fn curl_moves_a_megabyte_each_way_over_the_served_rtl() {
    linux("curl over the served RTL", Form::Rtl);
}
