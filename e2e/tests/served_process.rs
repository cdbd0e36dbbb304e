//! The simulator as a process of its own that is stopped, and killed, in the middle of a transfer.

use longshore_e2e::world::pair::addresses;
use longshore_e2e::world::remote::RemoteHost;
use longshore_sockets::{TcpListener, TcpStream};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

const PORT: u16 = 5001;
/// What takes longer hangs.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(120));

/// Two models, back to back, in another process.
struct Simulator {
    process: Child,
    paths: [PathBuf; 2],
    _scratch: TempDir,
}

impl Simulator {
    fn start() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let paths = ["a.sock", "b.sock"].map(|name| scratch.path().join(name));
        let mut process = Command::new(env!("CARGO_BIN_EXE_longshore-sim"))
            .args(["serve", "--pair", "--model"])
            .args(
                paths
                    .iter()
                    .flat_map(|p| ["--socket".as_ref(), p.as_os_str()]),
            )
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        let serving = said.map_while(Result::ok).take(2);
        assert_eq!(serving.filter(|l| l.starts_with("serving")).count(), 2);
        Self {
            process,
            paths,
            _scratch: scratch,
        }
    }

    fn host(&self, end: u8) -> RemoteHost {
        let [v4, v6] = addresses(end);
        let path = &self.paths[usize::from(end)];
        RemoteHost::connect(path, 1 + end, &[(v4, 24), (v6, 64)]).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection between two hosts, both ends.
fn connect(hosts: &[RemoteHost; 2]) -> [TcpStream; 2] {
    let address = SocketAddr::new(addresses(1)[0], PORT);
    let listener = TcpListener::bind(&hosts[1].stack, address).unwrap();
    let near = TcpStream::connect(&hosts[0].stack, address).unwrap();
    let far = listener.accept().unwrap().0;
    for end in [&near, &far] {
        end.set_read_timeout(PATIENCE).unwrap();
        end.set_write_timeout(PATIENCE).unwrap();
    }
    [near, far]
}

#[test]
fn a_simulator_that_stalls_for_ten_seconds_delays_a_transfer_and_spoils_nothing() {
    let simulator = Simulator::start();
    let hosts = [0, 1].map(|end| simulator.host(end));
    let mut data = vec![0; 8 << 20];
    ChaCha8Rng::seed_from_u64(3).fill(&mut data[..]);
    let [mut near, mut far] = connect(&hosts);
    let (tell, told) = mpsc::channel();
    let simulator = &simulator;
    std::thread::scope(|s| {
        s.spawn(|| {
            near.write_all(&data[..1 << 20]).unwrap();
            tell.send(()).unwrap();
            near.write_all(&data[1 << 20..]).unwrap();
            near.shutdown(Shutdown::Write).unwrap();
        });
        s.spawn(move || {
            told.recv().unwrap();
            simulator.signal(Signal::STOP);
            std::thread::sleep(Duration::from_secs(10));
            simulator.signal(Signal::CONT);
        });
        let mut got = Vec::new();
        far.read_to_end(&mut got).unwrap();
        assert_eq!(Sha256::digest(&got), Sha256::digest(&data));
    });
    for host in &hosts {
        println!("{:?}", host.stack.counters());
        assert_eq!(host.stray_bytes(), 0);
        host.statistics().unwrap();
    }
}

#[test]
fn when_the_simulator_is_killed_both_hosts_are_told_and_let_go() {
    let simulator = Simulator::start();
    let hosts = [0, 1].map(|end| simulator.host(end));
    let [mut near, mut far] = connect(&hosts);
    let data = vec![7; 1 << 20];
    std::thread::scope(|s| {
        s.spawn(|| {
            let sent = std::iter::repeat_with(|| near.write_all(&data)).take(1_000);
            assert!(sent.into_iter().any(|r| r.is_err()), "the sender goes on");
        });
        let mut buffer = vec![0; 1 << 20];
        far.read_exact(&mut buffer).unwrap();
        simulator.signal(Signal::KILL);
        let end = std::iter::repeat_with(|| far.read(&mut buffer))
            .find(|r| !matches!(r, Ok(1..)))
            .unwrap();
        println!("the receiver is told: {end:?}");
        assert!(end.is_err(), "an end of the stream that never was");
    });
    for host in &hosts {
        assert!(host.statistics().is_err());
        assert_eq!(host.stray_bytes(), 0);
    }
}
