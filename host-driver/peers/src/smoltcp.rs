//! Two sockets of smoltcp on a loopback interface.

use ::smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use ::smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Loopback, Medium};
use ::smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use ::smoltcp::time::{Duration, Instant};
use ::smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::{BUFFER, CHUNK, MTU};

const SERVER: u16 = 80;
const ADDRESS: IpAddress = IpAddress::v4(127, 0, 0, 1);

/// The loopback without checksums.
struct Quiet(Loopback);

impl Device for Quiet {
    type RxToken<'a> = <Loopback as Device>::RxToken<'a>;
    type TxToken<'a> = <Loopback as Device>::TxToken<'a>;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        self.0.receive(now)
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        self.0.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.checksum = ChecksumCapabilities::ignored();
        capabilities.max_transmission_unit = MTU.into();
        capabilities
    }
}

/// Client and server.
pub struct Pair {
    interface: Interface,
    device: Quiet,
    sockets: SocketSet<'static>,
    client: SocketHandle,
    server: SocketHandle,
    now: Instant,
    port: u16,
}

impl Pair {
    /// Two closed sockets.
    ///
    /// # Panics
    /// If the interface takes no address.
    #[expect(clippy::new_without_default)]
    pub fn new() -> Self {
        let mut device = Quiet(Loopback::new(Medium::Ip));
        let now = Instant::from_secs(1);
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, now);
        interface.update_ip_addrs(|list| {
            list.push(IpCidr::new(ADDRESS, 8))
                .expect("room for one address");
        });
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let client = sockets.add(Socket::new(buffer(), buffer()));
        let server = sockets.add(Socket::new(buffer(), buffer()));
        Self {
            interface,
            device,
            sockets,
            client,
            server,
            now,
            port: 40_000,
        }
    }

    /// A handshake.
    ///
    /// # Panics
    /// If it fails.
    pub fn connect(&mut self) {
        self.port = self.port.checked_add(1).unwrap_or(40_000);
        let server = self.sockets.get_mut::<Socket>(self.server);
        server.abort();
        server.listen(SERVER).expect("a closed socket listens");
        let client = self.sockets.get_mut::<Socket>(self.client);
        client.abort();
        client
            .connect(self.interface.context(), (ADDRESS, SERVER), self.port)
            .expect("a closed socket connects");
        self.exchange();
        assert_eq!(
            self.sockets.get::<Socket>(self.server).state(),
            State::Established
        );
    }

    /// A request of `len` bytes and an answer of as many.
    ///
    /// # Panics
    /// If they do not arrive.
    pub fn round_trip(&mut self, len: usize) {
        let mut data = [0x5a; 64];
        for (from, to) in [(self.client, self.server), (self.server, self.client)] {
            let sent = self
                .sockets
                .get_mut::<Socket>(from)
                .send_slice(&data[..len]);
            assert_eq!(sent, Ok(len));
            self.exchange();
            let got = self.sockets.get_mut::<Socket>(to).recv_slice(&mut data);
            assert_eq!(got, Ok(len));
        }
        self.now += Duration::from_micros(10);
    }

    /// Sends `len` bytes one way.
    ///
    /// # Panics
    /// If they do not arrive.
    pub fn bulk(&mut self, len: usize) {
        let mut chunk = [0x5a; CHUNK];
        let (mut sent, mut got) = (0, 0);
        while got < len {
            let client = self.sockets.get_mut::<Socket>(self.client);
            sent += client
                .send_slice(&chunk[..CHUNK.min(len - sent)])
                .expect("established");
            self.exchange();
            let server = self.sockets.get_mut::<Socket>(self.server);
            got += server.recv_slice(&mut chunk).expect("established");
            self.now += Duration::from_micros(10);
        }
    }

    /// Both sides close; the client ends in TIME-WAIT.
    ///
    /// # Panics
    /// If it does not.
    pub fn close(&mut self) {
        for socket in [self.client, self.server] {
            self.sockets.get_mut::<Socket>(socket).close();
            self.exchange();
        }
        assert_eq!(
            self.sockets.get::<Socket>(self.client).state(),
            State::TimeWait
        );
    }

    fn exchange(&mut self) {
        // Each poll handles what the last one has queued.
        while self
            .interface
            .poll(self.now, &mut self.device, &mut self.sockets)
            != PollResult::None
        {}
    }
}
