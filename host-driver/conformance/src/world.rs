//! Stack, driver, NIC and wire in one virtual time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ip_core::{Cidr, MacAddr};
use longshore_device::InProcess;
use longshore_driver::{Nic, QueueConfig};
use longshore_sockets::{Stack, StackConfig};
use nic_model::{Config, Model};
use parking_lot::Mutex;
use sim_wire::{Picos, Station};

use crate::flags::Flags;
use crate::split::split;
use crate::wire::{Line, Sniffed};

const NIC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const ROUTER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

/// Rounds that may change something at one point in time: beyond, something turns in circles.
const ROUNDS: usize = 10_000;

/// Everything below the calls.
pub(crate) struct World {
    stack: Stack,
    ip: ip_core::Config,
    model: Arc<Mutex<Model<Line>>>,
    now: Duration,
    /// Payload of the segments that longer ones arrive in.
    mss: Option<usize>,
}

impl World {
    /// A world at time 0.
    ///
    /// # Errors
    /// The text says what is wrong with the settings.
    pub(crate) fn new(flags: &Flags, tcp: tcp_core::Config) -> Result<Self, String> {
        let (v4, v6) = (router_of(flags.local), router_of(flags.local6));
        let any = |text: &str| text.parse::<Cidr>().expect("a network");
        let mut ip = ip_core::Config::new(NIC)
            .with_address(flags.local)
            .with_address(flags.local6)
            .with_local_network(flags.local)
            .with_local_network(flags.local6)
            .with_route(any("0.0.0.0/0"), v4.address())
            .with_route(any("::/0"), v6.address());
        ip.mtu = flags.mtu;
        let router = ip_core::Config::new(ROUTER)
            .with_address(v4)
            .with_address(v6);
        let line = Line::new(NIC, router, flags.whole).map_err(|e| e.to_string())?;
        let limits = Config {
            frame_limit: u32::from(flags.mtu) + 18,
            rx_fifo: 256 * 1024,
            ..Config::default()
        };
        let model = Arc::new(Mutex::new(Model::new(limits, line)));
        let device = InProcess::new(Arc::clone(&model)).map_err(|e| e.to_string())?;
        let nic = Nic::open(Arc::new(device)).map_err(|e| e.to_string())?;
        let config = StackConfig {
            tcp,
            connections: 4096,
            // Runs are repeatable; nobody guesses sequence numbers here.
            secret: Some(*b"packetdrill runs"),
            ..StackConfig::new(ip.clone())
        };
        let stack = Stack::stepped_with_rings(nic, config, QueueConfig::default())
            .map_err(|e| e.to_string())?;
        let mut world = Self {
            stack,
            ip,
            model,
            now: Duration::ZERO,
            mss: flags.mss,
        };
        world.settle();
        Ok(world)
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Whether an address is one of the stack's.
    pub(crate) fn is_own(&self, ip: IpAddr) -> bool {
        self.ip.is_own(ip)
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// Does all that is to be done now. True if any frame moved.
    pub(crate) fn settle(&mut self) -> bool {
        let now = picos(self.now);
        let mut before = self.frames();
        let first = before;
        for _ in 0..ROUNDS {
            self.model.lock().run_until(now);
            self.stack.poll(self.now);
            self.model.lock().run_until(now);
            let frames = self.frames();
            if frames == before && !self.is_busy() {
                return frames != first;
            }
            before = frames;
        }
        tracing::error!("frames go round in circles at {:?}", self.now);
        true
    }

    fn frames(&self) -> u64 {
        self.model.lock().wire().frames()
    }

    fn is_busy(&self) -> bool {
        let now = picos(self.now);
        let deadline = self.stack.next_deadline();
        self.model.lock().next_event().is_some_and(|at| at <= now)
            || deadline.is_some_and(|at| at <= self.now)
    }

    /// When something happens next by itself.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        let model = self.model.lock().next_event();
        // Rounded up, or time would stand still before it.
        let model = model.map(|at| Duration::from_nanos(at.0.div_ceil(1000)));
        model.into_iter().chain(self.stack.next_deadline()).min()
    }

    /// Lets time come to `until`, with all that happens on the way.
    pub(crate) fn pass(&mut self, until: Duration) {
        while self.now < until {
            let next = self.next_event().map_or(until, |at| at.min(until));
            // Something due already that does not go away must not stop time.
            self.now = next.max(self.now + Duration::from_nanos(1)).min(until);
            self.settle();
        }
    }

    /// A packet from packetdrill. False if it is none.
    pub(crate) fn inject(&mut self, packet: &[u8]) -> bool {
        split(packet, self.ip.mtu.into(), self.mss)
            .iter()
            .all(|packet| self.model.lock().wire_mut().inject(packet))
    }

    /// The oldest packet that has left and was not seen yet.
    pub(crate) fn sniff(&mut self) -> Option<Sniffed> {
        self.model.lock().wire_mut().sniff()
    }
}

fn picos(at: Duration) -> Picos {
    Picos(u64::try_from(at.as_nanos() * 1000).unwrap_or(u64::MAX))
}

/// The router's address in a network: the last that a host can have.
fn router_of(network: Cidr) -> Cidr {
    let address = network.address();
    let (bits, text) = match address {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(network.prefix().into()).unwrap_or(0);
            let last = std::net::Ipv4Addr::from_bits((v4.to_bits() | host) & !1);
            (network.prefix(), last.to_string())
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(network.prefix().into()).unwrap_or(0);
            let last = std::net::Ipv6Addr::from_bits((v6.to_bits() | host) & !1);
            (network.prefix(), last.to_string())
        }
    };
    format!("{text}/{bits}").parse().unwrap_or(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_router_is_the_last_host_of_the_network() {
        let cidr = |text: &str| text.parse::<Cidr>().unwrap();
        assert_eq!(
            router_of(cidr("192.168.0.1/16")),
            cidr("192.168.255.254/16")
        );
        assert!(
            router_of(cidr("fd3d::1/16"))
                .to_string()
                .starts_with("fd3d:ffff:")
        );
    }

    #[test]
    fn time_passes_and_nothing_happens() {
        let mut world = World::new(&Flags::default(), tcp_core::Config::default()).unwrap();
        world.pass(Duration::from_secs(10));
        assert_eq!(world.now(), Duration::from_secs(10));
        assert!(world.sniff().is_none());
    }

    #[test]
    fn a_packet_longer_than_the_mtu_arrives() {
        let mut world = World::new(&Flags::default(), tcp_core::Config::default()).unwrap();
        let mut packet = vec![0; 2000];
        let builder =
            etherparse::PacketBuilder::ipv4([192, 0, 2, 1], [192, 168, 0, 1], 64).tcp(1, 2, 3, 4);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &packet).unwrap();
        packet = bytes;
        assert!(world.inject(&packet));
        world.settle();
        assert_eq!(world.stack.discards(), []);
        // Nobody listens: a reset answers.
        let answer = world.sniff();
        assert!(answer.is_some(), "{:?}", world.stack.counters());
    }
}
