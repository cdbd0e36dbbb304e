//! Stack, NIC, wire and peer.

use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ip_core::{Content, IpNumber, MacAddr, Verdicts};
use longshore_device::InProcess;
use longshore_driver::{Nic, QueueConfig};
use longshore_sockets::{Stack, StackConfig, TcpListener, TcpStream};
use nic_model::{Config, Model};
use parking_lot::Mutex;
use sim_wire::pair::{PairEnd, pair};
use sim_wire::{LineConfig, Picos, Station, Wire};
use tcp_core::{KeepAlive, Segment};

use super::arrival::{Arrival, Watch};
use super::datagrams::Datagrams;
use super::input::{Call, Datagram, DatagramIcmp, Icmp, Kind, Step};
use super::peer::Peer;
use super::program::Program;
use crate::frame::{Envelope, build};
use crate::neighbour::answer;

const OUR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const PEER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
/// What arrives takes so long to be dealt with.
const AT_ONCE: Duration = Duration::from_micros(100);
/// Frames that the stack may send within [`AT_ONCE`]: a window of the smallest segments.
const BURST: usize = 4000;
const LISTENER: u16 = 80;
/// The peer's port for connections of ours.
const SERVER: u16 = 81;

pub(super) struct World {
    stack: Stack,
    model: Arc<Mutex<Model<PairEnd>>>,
    far: PairEnd,
    now: Picos,
    ours: IpAddr,
    theirs: IpAddr,
    /// The peer answers who asks for its station address.
    answers: bool,
    listener: Option<TcpListener>,
    peers: Vec<Peer>,
    programs: Vec<Program>,
    datagrams: Datagrams,
}

fn picos(time: Duration) -> Picos {
    Picos(u64::try_from(time.as_nanos() * 1000).unwrap_or(u64::MAX))
}

impl World {
    pub(super) fn new(v6: bool, answers: bool) -> Self {
        let (near, far) = pair(LineConfig::default());
        let model = Arc::new(Mutex::new(Model::new(Config::default(), near)));
        let device = InProcess::new(Arc::clone(&model)).expect("the model is a device");
        let nic = Nic::open(Arc::new(device)).expect("the model is a NIC");
        let (ours, theirs) = if v6 {
            ("2001:db8::1", "2001:db8::2")
        } else {
            ("192.0.2.1", "192.0.2.2")
        };
        let address = |text: &str| text.parse().expect("an address");
        let prefix = if v6 { 64 } else { 24 };
        let cidr = format!("{ours}/{prefix}").parse().expect("an address");
        let mut config = StackConfig {
            send_buffer: 16 * 1024,
            connections: 16,
            datagram_sockets: 5,
            datagram_buffer: 4096,
            listeners: 4,
            backlog: 3,
            half_open: 2,
            secret: Some([7; 16]),
            ..StackConfig::new(ip_core::Config::new(OUR_MAC).with_address(cidr))
        };
        config.tcp.receive_buffer = 32 * 1024;
        let rings = QueueConfig {
            sq_log2: 6,
            rq_log2: 6,
            cq_log2: 7,
            ..QueueConfig::default()
        };
        let stack = Stack::stepped_with_rings(nic, config, rings).expect("a stack");
        let (ours, theirs): (IpAddr, IpAddr) = (address(ours), address(theirs));
        let listener =
            TcpListener::bind(&stack, SocketAddr::new(ours, LISTENER)).expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a listener can be non-blocking");
        Self {
            stack,
            model,
            far,
            now: Picos::ZERO,
            ours,
            theirs,
            answers,
            listener: Some(listener),
            peers: vec![Peer::new((4000, LISTENER)), Peer::new((4001, LISTENER))],
            programs: Vec::new(),
            datagrams: Datagrams::new(ours, theirs),
        }
    }

    pub(super) fn step(&mut self, step: &Step) {
        crate::show(step);
        match step {
            Step::Segment(segment) => {
                let at = usize::from(segment.connection) % self.peers.len();
                let message = self.peers[at].segment(segment);
                let envelope = Envelope {
                    traffic_class: segment.traffic_class,
                    ..self.envelope()
                };
                self.inject(&build(&envelope, IpNumber::TCP, message, Some(16)));
            }
            Step::Call(call) => self.call(call),
            Step::Pass(millis) => self.pass(Duration::from_millis((*millis).into())),
            Step::Icmp(icmp) => self.icmp(icmp),
            Step::Raw(kind, bytes) => self.raw(kind, bytes),
            Step::Expire => {
                let now: Duration = self.now.into();
                if let Some(at) = self.stack.next_deadline() {
                    self.pass(at.saturating_sub(now));
                }
            }
            Step::Leave => {
                self.programs.clear();
                self.listener = None;
                self.datagrams.leave();
            }
            Step::Datagram(datagram) => self.datagram(datagram),
            Step::DatagramCall(call) => self.datagrams.call(&self.stack, call),
            Step::DatagramIcmp(icmp) => self.datagram_icmp(icmp),
        }
        self.pass(AT_ONCE);
        self.accept();
        self.datagrams.check();
    }

    fn envelope(&self) -> Envelope {
        Envelope {
            source_mac: PEER_MAC,
            destination_mac: OUR_MAC,
            source: self.theirs,
            destination: self.ours,
            hop_limit: 64,
            traffic_class: 0,
        }
    }

    fn inject(&mut self, frame: &[u8]) {
        // Longer ones do not pass an Ethernet.
        let frame = &frame[..frame.len().min(1518)];
        let frame = self.far.pool().copy_of(frame);
        self.far.transmit(self.now, frame);
    }

    fn icmp(&mut self, icmp: &Icmp) {
        let at = usize::from(icmp.connection) % self.peers.len();
        let header = self.peers[at].quoted(icmp.seq);
        let about = (IpNumber::TCP, header, icmp.cut);
        self.error([icmp.kind, icmp.code], icmp.rest, about);
    }

    fn datagram_icmp(&mut self, icmp: &DatagramIcmp) {
        let header = self.datagrams.quoted(icmp.socket, icmp.port);
        let about = (IpNumber::UDP, header, icmp.cut);
        self.error([icmp.kind, icmp.code], icmp.rest, about);
    }

    /// An ICMP message about a packet of ours: its protocol, what it held, and bytes that the quote lacks.
    fn error(&mut self, kind: [u8; 2], rest: u32, about: (IpNumber, Vec<u8>, u8)) {
        let (protocol, transport, cut) = about;
        let ours = Envelope {
            source: self.ours,
            destination: self.theirs,
            ..self.envelope()
        };
        let quoted = build(&ours, protocol, transport, None);
        let cut = usize::from(cut).min(quoted.len() - 14);
        let mut message = vec![kind[0], kind[1], 0, 0];
        message.extend(rest.to_be_bytes());
        message.extend(&quoted[14..quoted.len() - cut]);
        let protocol = self.icmp_protocol();
        self.inject(&build(&self.envelope(), protocol, message, Some(2)));
    }

    fn icmp_protocol(&self) -> IpNumber {
        if self.ours.is_ipv4() {
            IpNumber::ICMP
        } else {
            IpNumber::IPV6_ICMP
        }
    }

    fn raw(&mut self, kind: &Kind, bytes: &[u8]) {
        let envelope = self.envelope();
        let icmp = self.icmp_protocol();
        let message = bytes.to_vec();
        let around =
            |ether_type: [u8; 2]| [&OUR_MAC.0[..], &PEER_MAC.0, &ether_type, bytes].concat();
        let frame = match kind {
            Kind::Arp => around([0x08, 0x06]),
            Kind::Icmp => build(&envelope, icmp, message, Some(2)),
            Kind::Neighbour => {
                let envelope = Envelope {
                    hop_limit: 255,
                    ..envelope
                };
                build(&envelope, icmp, message, Some(2))
            }
            Kind::Tcp => build(&envelope, IpNumber::TCP, message, Some(16)),
            Kind::Udp => build(&envelope, IpNumber::UDP, message, Some(6)),
            Kind::Ip if self.ours.is_ipv4() => around([0x08, 0x00]),
            Kind::Ip => around([0x86, 0xdd]),
            Kind::Ethernet => message,
        };
        self.watch(&frame, Watch::Unknown);
    }

    fn datagram(&mut self, datagram: &Datagram) {
        let (frame, watch) = self.datagrams.frame(&self.envelope(), datagram);
        self.watch(&frame, watch);
    }

    /// Injects a frame that may hold a datagram, and sees to whom it comes.
    fn watch(&mut self, frame: &[u8], watch: Watch) {
        let arrival = Arrival::of(frame, self.ours);
        let takers = arrival.as_ref().map(|a| self.datagrams.takers(a));
        let before = self.stack.counters();
        self.inject(frame);
        self.pass(AT_ONCE);
        let after = self.stack.counters();
        let counted = (
            after.datagrams_in - before.datagrams_in,
            after.datagrams_dropped - before.datagrams_dropped,
        );
        let expected = arrival.zip(takers);
        watch.check(expected.as_ref().map(|(arrival, _)| arrival));
        let counts = self.datagrams.settle(expected, counted, &watch);
        assert_eq!(counts, counted, "in and dropped: {watch:?}");
    }

    fn call(&mut self, call: &Call) {
        if let Call::Connect = call {
            return self.connect();
        }
        if let Call::CloseListener = call {
            self.listener = None;
            return;
        }
        let (&Call::Write(which, _)
        | &Call::Read(which, _)
        | &Call::ShutdownWrite(which)
        | &Call::ShutdownRead(which)
        | &Call::Close(which)
        | &Call::Abort(which)
        | &Call::NoDelay(which, _)
        | &Call::KeepAlive(which, _)
        | &Call::UserTimeout(which, _)) = call
        else {
            return;
        };
        if self.programs.is_empty() {
            return;
        }
        let at = usize::from(which) % self.programs.len();
        if let Call::Close(_) | Call::Abort(_) = call {
            let program = self.programs.swap_remove(at);
            if let Call::Abort(_) = call {
                program.stream.abort();
            }
            return;
        }
        let program = &mut self.programs[at];
        let stream = &program.stream;
        // A call may fail, as long as it says so.
        match *call {
            Call::Write(_, len) => program.write(len),
            Call::Read(_, len) => program.read(len, &self.peers[program.peer].syns),
            Call::ShutdownWrite(_) => drop(stream.shutdown(Shutdown::Write)),
            Call::ShutdownRead(_) => drop(stream.shutdown(Shutdown::Read)),
            Call::NoDelay(_, on) => drop(stream.set_nodelay(on)),
            Call::KeepAlive(_, on) => drop(stream.set_keep_alive(on.then(KeepAlive::default))),
            Call::UserTimeout(_, millis) => {
                let limit = (millis > 0).then(|| Duration::from_millis(millis.into()));
                drop(stream.set_user_timeout(limit));
            }
            _ => {}
        }
    }

    fn connect(&mut self) {
        let server = SocketAddr::new(self.theirs, SERVER);
        let Ok(stream) = TcpStream::start_connect(&self.stack, server) else {
            return;
        };
        let local = stream.local_addr().expect("it is bound");
        self.peers.push(Peer::new((SERVER, local.port())));
        self.add(stream, self.peers.len() - 1);
    }

    fn accept(&mut self) {
        while let Some((stream, from)) = self.listener.as_ref().and_then(|l| l.accept().ok()) {
            let ports = (from.port(), LISTENER);
            let known = self.peers.iter().position(|peer| peer.ports == ports);
            // From another port: made of raw bytes, so nothing is known of its data.
            if let Some(peer) = known {
                self.add(stream, peer);
            }
        }
    }

    fn add(&mut self, stream: TcpStream, peer: usize) {
        stream
            .set_nonblocking(true)
            .expect("a stream can be non-blocking");
        self.programs.push(Program::new(stream, peer));
    }

    /// Lets `time` pass.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + picos(time);
        loop {
            let deadline = self.stack.poll(self.now.into()).map(picos);
            self.receive();
            let event = self.model.lock().next_event();
            let arrival = self.far.next_event();
            let next = [deadline, event, arrival].into_iter().flatten().min();
            match next.map(|at| at.max(self.now)) {
                Some(at) if at <= end => {
                    self.now = at;
                    self.model.lock().run_until(at);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    /// Takes what the stack has sent.
    fn receive(&mut self) {
        let mut frames = 0;
        while let Some(frame) = self.far.receive(self.now) {
            frames += 1;
            assert!(frames <= BURST, "{frames} frames at once");
            self.on_frame(&frame);
        }
    }

    fn on_frame(&mut self, frame: &[u8]) {
        if self.answers
            && let Some(answer) = answer(frame, PEER_MAC, self.theirs)
        {
            self.inject(&answer);
        }
        let packet = match ip_core::parse(frame, Verdicts::default()) {
            Ok(packet) => packet,
            Err(why) => panic!("the stack sent a frame that is none ({why}): {frame:x?}"),
        };
        assert_eq!(packet.source_mac, OUR_MAC);
        let Content::Ip(ip) = packet.content else {
            return;
        };
        assert_eq!(ip.source, self.ours);
        if ip.protocol == IpNumber::UDP {
            self.datagrams.on_sent(&ip);
        }
        if ip.protocol != IpNumber::TCP {
            return;
        }
        let (segment, header) = match Segment::parse_whole(ip.payload) {
            Ok(parsed) => parsed,
            Err(why) => panic!("the stack sent a segment that is none ({why}): {frame:x?}"),
        };
        crate::show(&(Duration::from(self.now), &segment));
        let ports = (segment.ports.destination, segment.ports.source);
        if let Some(peer) = self.peers.iter_mut().rfind(|peer| peer.ports == ports) {
            peer.receive(&segment, &ip.payload[header..]);
        }
    }

    /// # Panics
    /// If something of the stack's lives, or its device failed.
    pub(super) fn assert_nothing_left(&mut self) {
        let living = self.stack.living();
        assert!(living.is_none(), "left: {living:#?}");
        assert_eq!(self.stack.counters().device_errors, 0);
        self.stack.shutdown();
        let living = self.stack.living();
        assert!(living.is_none(), "left after the end: {living:#?}");
    }
}
