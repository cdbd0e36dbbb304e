//! An independent server: that of the crate `vfio_user` (rust-vmm), with a model behind it.
//!
//! It serves one connection, answers errors by ending it, and runs the NIC only while it answers.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use longshore_device::{Device, InProcess};
use longshore_device_vfio_user::VfioUser;
use longshore_dma::{DmaRegion, IovaTable};
use longshore_driver::{Completed, Nic, QueueConfig};
use longshore_vfio_user::pci::{
    BAR0_REGION, CONFIG_REGION, IRQS, IrqFlags, MSIX_IRQ, REGIONS, RegionFlags,
};
use nic_abi::block::{DEVICE, QUEUE, device, queue};
use nic_model::{Config, Model};
use parking_lot::Mutex;
use sim_wire::LineConfig;
use sim_wire::pair::{PairEnd, pair};
use tempfile::TempDir;
use vfio_bindings::bindings::vfio::vfio_region_info;
use vfio_user::{DmaMapFlags, DmaUnmapFlags, IrqInfo, Server, ServerBackend, ServerRegion};

struct Backend {
    nic: InProcess<Model<PairEnd>>,
    config: Vec<u8>,
    eventfds: Vec<Option<File>>,
}

impl Backend {
    /// Passes on the interrupts that the last command led to.
    fn interrupts(&mut self) {
        for (vector, eventfd) in self.eventfds.iter_mut().enumerate() {
            let raised = self.nic.interrupt(vector as u16).unwrap().try_take();
            if let (true, Some(eventfd)) = (raised, eventfd) {
                eventfd.write_all(&1u64.to_ne_bytes()).unwrap();
            }
        }
    }

    fn memory(&self) -> &Arc<IovaTable> {
        self.nic.memory()
    }
}

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        if region == CONFIG_REGION {
            data.copy_from_slice(&self.config[offset as usize..][..data.len()]);
        } else {
            let word = self.nic.read32(offset as u32).map_err(io::Error::other)?;
            data.copy_from_slice(&word.to_le_bytes());
        }
        self.interrupts();
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        if region == BAR0_REGION {
            let word = u32::from_le_bytes(data.try_into().unwrap());
            self.nic
                .write32(offset as u32, word)
                .map_err(io::Error::other)?;
        }
        self.interrupts();
        Ok(())
    }

    fn dma_map(
        &mut self,
        flags: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        fd: Option<File>,
    ) -> io::Result<()> {
        assert_eq!((flags, offset), (DmaMapFlags::READ_WRITE, 0));
        let region = DmaRegion::of_file(fd.expect("memory comes with a file"))?;
        assert_eq!(region.len() as u64, size);
        self.memory()
            .map(Arc::new(region), address)
            .map_err(io::Error::other)
    }

    fn dma_unmap(&mut self, _: DmaUnmapFlags, address: u64, _: u64) -> io::Result<()> {
        self.memory()
            .unmap(address)
            .map(drop)
            .map_err(io::Error::other)
    }

    fn reset(&mut self) -> io::Result<()> {
        self.nic.reset().map(drop).map_err(io::Error::other)
    }

    fn set_irqs(
        &mut self,
        index: u32,
        _: u32,
        start: u32,
        count: u32,
        fds: Vec<File>,
    ) -> io::Result<()> {
        assert_eq!((index, fds.len()), (MSIX_IRQ, count as usize));
        for (place, fd) in self.eventfds[start as usize..].iter_mut().zip(fds) {
            *place = Some(fd);
        }
        Ok(())
    }
}

struct World {
    path: PathBuf,
    thread: JoinHandle<Left>,
    _far: PairEnd,
    _scratch: TempDir,
}

/// Mappings that were left when the client had gone.
type Left = usize;

fn world() -> World {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("nic.sock");
    let (near, far) = pair(LineConfig::default());
    let nic = InProcess::new(Arc::new(Mutex::new(Model::new(Config::default(), near)))).unwrap();
    let config = nic.config_space().unwrap();
    let regions = (0..REGIONS).map(|index| {
        let size = match index {
            BAR0_REGION => nic_abi::pci::BAR0_SIZE.into(),
            CONFIG_REGION => config.len() as u64,
            _ => 0,
        };
        ServerRegion {
            region_info: vfio_region_info {
                argsz: size_of::<vfio_region_info>() as u32,
                index,
                size,
                flags: (RegionFlags::READ | RegionFlags::WRITE).bits(),
                ..Default::default()
            },
            sparse_areas: vec![],
            mmap_fd: None,
        }
    });
    let irqs = (0..IRQS).map(|index| IrqInfo {
        index,
        flags: IrqFlags::EVENTFD.bits(),
        count: if index == MSIX_IRQ { 4 } else { 0 },
    });
    let server = Server::new(&path, true, irqs.collect(), regions.collect()).unwrap();
    let mut backend = Backend {
        nic,
        config,
        eventfds: (0..4).map(|_| None).collect(),
    };
    let thread = std::thread::spawn(move || {
        server.run(&mut backend).unwrap();
        backend.memory().mapped()
    });
    World {
        path,
        thread,
        _far: far,
        _scratch: scratch,
    }
}

#[test]
fn the_driver_works_over_an_independent_server() {
    let world = world();
    let device = Arc::new(VfioUser::connect(&world.path).unwrap());
    assert_eq!(device.info().vectors, 4);
    let nic = Nic::open(device.clone() as Arc<dyn Device>).unwrap();
    let rx = Arc::new(nic.pool("rx", 512, 2048).unwrap());
    let mut queue = nic
        .queue_pair::<u32>(0, QueueConfig::default(), rx)
        .unwrap();
    let epoch = device.read32(DEVICE.at(0, device::EPOCH)).unwrap();
    // A tail that cannot be: the queue is put in quarantine, says so in memory, and interrupts.
    queue.arm().unwrap();
    let doorbell = QUEUE.at(0, queue::SQ_DOORBELL);
    device.write32(doorbell, 0x8000).unwrap();
    assert!(queue.wait(Some(Duration::from_secs(20))).unwrap());
    let mut done = Vec::new();
    queue.poll(8, &mut done).unwrap();
    assert!(matches!(done[..], [Completed::Quarantined { .. }]));
    done.clear();
    queue.close(&mut done);
    nic.reset().unwrap();
    let now = device.read32(DEVICE.at(0, device::EPOCH)).unwrap();
    assert_eq!(now, epoch + 1);
    drop((done, nic));
    drop(device);
    assert_eq!(world.thread.join().unwrap(), 0, "everything was unmapped");
}
