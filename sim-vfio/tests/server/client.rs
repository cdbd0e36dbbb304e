//! A client that says exactly what it is told to, over the messages alone.

use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use longshore_dma::DmaRegion;
use longshore_vfio_user::body::{DmaMap, DmaUnmap, IrqSet, RegionAccess};
use longshore_vfio_user::pci::{DmaFlags, IrqSetFlags};
use longshore_vfio_user::{Channel, ChannelError, Command, Header, Kind, Message, Version};
use nic_abi::block::{DEVICE, device};
use nic_model::{Config, Model};
use sim_vfio::Server;
use sim_wire::LineConfig;
use sim_wire::pair::{PairEnd, pair};
use tempfile::TempDir;

/// Time enough for anything; what takes longer hangs.
pub(crate) fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// A served model with nobody at the other end of its wire.
pub(crate) struct World {
    pub(crate) server: Server<Model<PairEnd>>,
    pub(crate) path: PathBuf,
    _far: PairEnd,
    _scratch: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("nic.sock");
        let (near, far) = pair(LineConfig::default());
        let model = Model::new(Config::default(), near);
        let server = Server::start(model, &path, None).unwrap();
        Self {
            server,
            path,
            _far: far,
            _scratch: scratch,
        }
    }

    /// A socket that has said nothing yet.
    pub(crate) fn raw(&self) -> UnixStream {
        UnixStream::connect(&self.path).unwrap()
    }

    /// A client after its handshake.
    pub(crate) fn client(&self) -> Client {
        let mut client = Client::new(self.raw());
        let answer = client.ask(Command::Version, &[&Version::OURS.encode()], &[]);
        assert_eq!(Version::parse(&answer.unwrap()), Ok(Version::OURS));
        client
    }

    /// A client that may use memory and bus.
    pub(crate) fn enabled(&self) -> Client {
        let mut client = self.client();
        client.config_write(4, &[6, 0]);
        client
    }
}

/// The client.
pub(crate) struct Client {
    pub(crate) channel: Channel,
    id: u16,
}

impl Client {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self {
            channel: Channel::new(stream).unwrap(),
            id: 100,
        }
    }

    pub(crate) fn send(&mut self, command: Command, body: &[&[u8]], fds: &[BorrowedFd<'_>]) -> u16 {
        self.id += 1;
        let header = Header::command(self.id, command);
        self.channel.send(header, body, fds, deadline()).unwrap();
        self.id
    }

    pub(crate) fn receive(&mut self) -> Result<Message, ChannelError> {
        self.channel.receive(deadline())
    }

    /// Asks and gives the answer: a body or an errno.
    pub(crate) fn ask(
        &mut self,
        command: Command,
        body: &[&[u8]],
        fds: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, u32> {
        let id = self.send(command, body, fds);
        let reply = self.receive().unwrap();
        assert_eq!(
            (reply.kind, reply.header.id, reply.header.command),
            (Kind::Reply, id, command as u16)
        );
        match reply.header.failure() {
            None => Ok(reply.body),
            Some(errno) => {
                assert!(reply.body.is_empty(), "an error has no body");
                Err(errno)
            }
        }
    }

    pub(crate) fn read(&mut self, region: u32, offset: u64, count: u32) -> Result<Vec<u8>, u32> {
        let access = RegionAccess {
            offset,
            region,
            count,
        };
        let body = self.ask(Command::RegionRead, &[&access.encode()], &[])?;
        let (repeated, data) = RegionAccess::parse(&body).unwrap();
        assert_eq!((repeated, data.len()), (access, count as usize));
        Ok(data.to_vec())
    }

    pub(crate) fn write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), u32> {
        let access = RegionAccess {
            offset,
            region,
            count: data.len() as u32,
        };
        let body = self.ask(Command::RegionWrite, &[&access.encode(), data], &[])?;
        assert_eq!(body, access.encode());
        Ok(())
    }

    pub(crate) fn register(&mut self, offset: u32) -> u32 {
        let bytes = self.read(0, offset.into(), 4).unwrap();
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    pub(crate) fn set_register(&mut self, offset: u32, value: u32) {
        self.write(0, offset.into(), &value.to_le_bytes()).unwrap();
    }

    pub(crate) fn epoch(&mut self) -> u32 {
        self.register(DEVICE.at(0, device::EPOCH))
    }

    pub(crate) fn config_read(&mut self, offset: u64, count: u32) -> Vec<u8> {
        self.read(7, offset, count).unwrap()
    }

    pub(crate) fn config_write(&mut self, offset: u64, data: &[u8]) {
        self.write(7, offset, data).unwrap();
    }

    /// Where the capability `id` lies.
    pub(crate) fn capability(&mut self, id: u8) -> u64 {
        let mut at = self.config_read(0x34, 1)[0];
        while at != 0 {
            let [found, next] = self.config_read(at.into(), 2).try_into().unwrap();
            if found == id {
                return at.into();
            }
            at = next;
        }
        panic!("no capability {id:#x}");
    }

    pub(crate) fn map(&mut self, region: &DmaRegion, iova: u64) -> Result<Vec<u8>, u32> {
        let map = map_request(iova, region.len() as u64);
        self.ask(Command::DmaMap, &[&map.encode()], &[region.file().unwrap()])
    }

    pub(crate) fn unmap(&mut self, iova: u64, size: u64) -> Result<Vec<u8>, u32> {
        let unmap = DmaUnmap {
            argsz: 24,
            flags: 0,
            address: iova,
            size,
        };
        self.ask(Command::DmaUnmap, &[&unmap.encode()], &[])
    }

    pub(crate) fn set_irqs(
        &mut self,
        index: u32,
        flags: IrqSetFlags,
        range: (u32, u32),
        data: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, u32> {
        let set = IrqSet {
            argsz: 20 + data.len() as u32,
            flags: flags.bits(),
            index,
            start: range.0,
            count: range.1,
        };
        self.ask(Command::SetIrqs, &[&set.encode(), data], fds)
    }
}

pub(crate) fn map_request(address: u64, size: u64) -> DmaMap {
    DmaMap {
        argsz: 32,
        flags: DmaFlags::all().bits(),
        offset: 0,
        address,
        size,
    }
}
