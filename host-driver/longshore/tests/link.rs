//! A NIC without a cable in it.

mod support;

use longshore_device::{IrqSink, LocalNic};
use longshore_dma::HostMemory;
use nic_abi::block::{PORT, port};
use nic_model::{Config, Model};
use sim_vfio::{ServedNic, Server};
use sim_wire::pair::{PairEnd, pair};
use sim_wire::{LineConfig, Picos, Station};
use snapbox::str;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use support::{documents, longshore};

/// The model, whose link register says down.
struct Unplugged(Model<PairEnd>);

impl LocalNic for Unplugged {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        self.0.attach(memory, interrupts);
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        let value = self.0.mmio_read(offset);
        if offset == PORT.at(0, port::LINK) {
            return port::LINK_UP.set(value, 0);
        }
        value
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        self.0.mmio_write(offset, value);
    }

    fn flr(&mut self) {
        self.0.flr();
    }
}

impl Station for Unplugged {
    fn now(&self) -> Picos {
        self.0.now()
    }

    fn run_until(&mut self, until: Picos) {
        self.0.run_until(until);
    }

    fn next_event(&self) -> Option<Picos> {
        self.0.next_event()
    }
}

impl ServedNic for Unplugged {
    fn outside(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn wake(&mut self) {}
}

#[test]
fn a_link_that_is_down_is_said_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("nic");
    let (wire, _far) = pair(LineConfig::default());
    let nic = Unplugged(Model::new(Config::default(), wire));
    let _server = Server::start(nic, &socket, None).unwrap();
    let at = format!("--vfio-user {}", socket.display());

    let info = documents(longshore(&format!("info {at}")), 0).remove(0);
    assert_eq!(info["link"]["up"], false);
    let shown = longshore(&format!("info {at}")).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("DOWN: plug the cable in"), "{shown}");

    for words in ["ping 192.0.2.2 --count 1", "fetch http://192.0.2.2/x"] {
        longshore(&format!("{words} {at} --address 192.0.2.1/24"))
            .assert()
            .code(3)
            .stderr_eq(str![[r#"
longshore: the link is down: plug the cable in and bring the other end up (Linux: `ip link set dev INTERFACE up`); `longshore info` shows its state

"#]]);
    }
}
