//! An unmodified curl, in a namespace of its own, against the server over Longshore's sockets, driver and model
//! NIC, with a TAP between them.
//!
//! These need privileges. Without them they say so and pass, unless `LONGSHORE_REQUIRE_PRIVILEGES` is set.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use longshore_device::InProcess;
use longshore_driver::Nic;
use longshore_http::{Server, hex};
use longshore_sockets::{Stack, StackConfig, TcpListener};
use nic_model::{Config, Model};
use parking_lot::{Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sim_wire::fault::{FaultConfig, FaultInjector};
use sim_wire::netns::{Cidr, InterfaceConfig, Netns};
use sim_wire::privileges::probe_or_skip;
use sim_wire::tap::{Tap, TapWire};
use sim_wire::{LineConfig, Picos, Seed, Station, Wire};

const KERNEL: [&str; 2] = ["10.78.0.1", "fd78::1"];
const OURS: [&str; 2] = ["10.78.0.2", "fd78::2"];

type SimulatedNic = Model<Box<dyn Wire>>;

/// Keeps simulated time at the wall clock's until told to stop.
struct Runner {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    fn start(nic: Arc<Mutex<SimulatedNic>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let fd = nic
            .lock()
            .wire()
            .poll_fd()
            .expect("a TAP has a descriptor")
            .try_clone_to_owned()
            .unwrap();
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                let now = Picos::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap());
                let mut locked = nic.lock();
                locked.run_until(now);
                let busy = locked.next_event().is_some_and(|at| at <= now);
                MutexGuard::unlock_fair(locked);
                if !busy {
                    // Doorbells may begin something meanwhile: sleep but shortly.
                    let nap = Timespec {
                        tv_sec: 0,
                        tv_nsec: 200_000,
                    };
                    let _ = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&nap));
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Site {
    server: Arc<Server>,
    root: tempfile::TempDir,
    namespace: Netns,
    stack: Arc<Stack>,
    _runner: Runner,
}

fn site(test: &str, faults: FaultConfig) -> Option<Site> {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_test_writer()
        .try_init();
    if !probe_or_skip(test) {
        return None;
    }
    let namespace = Netns::create().unwrap();
    let tap = Tap::create().unwrap();
    let config = InterfaceConfig {
        addresses: vec![
            Cidr::new(KERNEL[0].parse::<std::net::IpAddr>().unwrap(), 24),
            Cidr::new(KERNEL[1].parse::<std::net::IpAddr>().unwrap(), 64),
        ],
        ..InterfaceConfig::default()
    };
    namespace.adopt(&tap, &config).unwrap();
    let seed = Seed::from_env_or_random().unwrap();
    println!("seed {seed}");
    let wire = FaultInjector::new(TapWire::new(tap, LineConfig::default()), seed)
        .with_rx(faults.clone())
        .unwrap()
        .with_tx(faults)
        .unwrap();
    let wire: Box<dyn Wire> = Box::new(wire);
    let model = Arc::new(Mutex::new(Model::new(Config::default(), wire)));
    let device = Arc::new(InProcess::new(Arc::clone(&model)).unwrap());
    let nic = Nic::open(device).unwrap();
    let ip = ip_core::Config::new(ip_core::MacAddr([2, 0, 0, 0, 0, 2]))
        .with_address(format!("{}/24", OURS[0]).parse().unwrap())
        .with_address(format!("{}/64", OURS[1]).parse().unwrap());
    let stack = Arc::new(Stack::new(nic, StackConfig::new(ip)).unwrap());
    let runner = Runner::start(model);
    stack.start().unwrap();
    let root = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::new(root.path()));
    for any in ["0.0.0.0:80", "[::]:80"] {
        let listener = TcpListener::bind(&stack, any.parse().unwrap()).unwrap();
        let server = Arc::clone(&server);
        std::thread::spawn(move || server.run(&listener));
    }
    Some(Site {
        server,
        root,
        namespace,
        stack,
        _runner: runner,
    })
}

fn bytes(len: usize) -> Vec<u8> {
    let mut x = 1u32;
    let next = || {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

impl Site {
    fn curl(&self, arguments: &[&str]) -> Output {
        self.namespace
            .command("curl")
            .args(["-sS", "--max-time", "60", "--noproxy", "*"])
            .args(arguments)
            .output()
            .expect("ip netns exec curl")
    }

    fn down_and_up(&self, len: usize) {
        let data = bytes(len);
        let path = self.root.path().join("file");
        std::fs::write(&path, &data).unwrap();
        for host in [OURS[0].to_owned(), format!("[{}]", OURS[1])] {
            let url = format!("http://{host}/file");
            let down = self.curl(&[&url]);
            let said = String::from_utf8_lossy(&down.stderr).into_owned();
            assert!(
                down.stdout == data,
                "{url}: {} of {len} bytes; {said}\n{:?}\n{:?}",
                down.stdout.len(),
                self.stack,
                self.stack.counters(),
            );
            let before = self.server.uploads().len();
            let up = self.curl(&["-T", path.to_str().unwrap(), &url]);
            let uploads = self.server.uploads();
            assert_eq!(
                uploads.len(),
                before + 1,
                "{url}: {}",
                String::from_utf8_lossy(&up.stderr)
            );
            let sum = hex(&uploads[before].sha256);
            assert_eq!(
                String::from_utf8_lossy(&up.stdout),
                format!("{sum} {len} /file\n")
            );
            assert_eq!(uploads[before].len, len as u64);
            let again = self.namespace.command("sha256sum").arg(&path).output();
            let again = again.expect("ip netns exec sha256sum").stdout;
            assert!(String::from_utf8_lossy(&again).starts_with(&sum));
        }
    }
}

#[test]
fn curl_downloads_and_uploads_over_both_families() {
    let Some(site) = site("curl over a TAP", FaultConfig::default()) else {
        return;
    };
    site.down_and_up(2_000_000);
    assert_eq!(site.stack.counters().device_errors, 0);
    assert!(site.stack.counters().super_segments > 0);
}

#[test]
fn curl_downloads_and_uploads_over_lossy_links_with_reordering() {
    for loss in [0.01, 0.05] {
        let faults = FaultConfig {
            loss,
            reorder: 0.02,
            ..FaultConfig::default()
        };
        let Some(site) = site("curl over a lossy TAP", faults) else {
            return;
        };
        site.down_and_up(256 * 1024);
    }
}

#[test]
fn the_kernel_pings_us_and_a_closed_port_refuses() {
    let Some(site) = site("curl over a TAP", FaultConfig::default()) else {
        return;
    };
    for ip in OURS {
        let ping = site
            .namespace
            .command("ping")
            .args(["-c", "3", "-i", "0.2", "-W", "5", "-s", "1400", ip])
            .output();
        if let Ok(ping) = ping {
            let said = String::from_utf8_lossy(&ping.stdout).into_owned();
            assert!(said.contains(" 0% packet loss"), "{said}");
        }
    }
    let refused = site.curl(&["http://10.78.0.2:81/"]);
    assert_eq!(refused.status.code(), Some(7), "curl: could not connect");
}
