//! Device control and the state of the device and of the link.
//!
//! Contract: `active` is high while the device is enabled and not to be quiet. QUIESCED shows its magic word once
//! CONTROL_QUIESCE is set, no engine is at work and the host adapter is idle. All of it takes effect in the next cycle.

use super::access::AccessSink;
use super::register_map::Target;
use nic_abi::block::{device, port};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Device control; see the [module](self).
#[derive(LogicBlock)]
pub struct Device {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Register accesses.
    pub access: AccessSink,
    /// Word that the register accessed shows, 0 if it is not of these.
    pub live: Signal<Out, Bits<32>>,
    /// Function-level resets since power-on; kept outside of the reset.
    pub epoch: Signal<In, Bits<32>>,
    /// The link is up.
    pub link_up: Signal<In, Bit>,
    /// Its rate in Mb/s.
    pub rate: Signal<In, Bits<32>>,
    /// Engines are at work.
    pub busy: Signal<In, Bit>,
    /// Nothing is outstanding in the host adapter.
    pub idle: Signal<In, Bit>,
    /// Queue pairs may run.
    pub active: Signal<Out, Bit>,
    enable: DFF<Bit>,
    quiesce: DFF<Bit>,
    quiet: DFF<Bit>,
    magic: Constant<Bits<32>>,
    enable_at: Constant<Bits<5>>,
    quiesce_at: Constant<Bits<5>>,
    link_at: Constant<Bits<5>>,
}

impl Default for Device {
    fn default() -> Self {
        let at = |bits: nic_abi::register::Bits| Constant::new(u64::from(bits.lsb).into());
        Self {
            clock: Default::default(),
            reset: Default::default(),
            access: Default::default(),
            live: Default::default(),
            epoch: Default::default(),
            link_up: Default::default(),
            rate: Default::default(),
            busy: Default::default(),
            idle: Default::default(),
            active: Default::default(),
            enable: Default::default(),
            quiesce: Default::default(),
            quiet: Default::default(),
            magic: Constant::new(u64::from(device::QUIESCED_MAGIC).into()),
            enable_at: at(device::CONTROL_ENABLE),
            quiesce_at: at(device::CONTROL_QUIESCE),
            link_at: at(port::LINK_UP),
        }
    }
}

impl Logic for Device {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, enable, quiesce, quiet);
        self.active.next = self.enable.q.val() & !self.quiesce.q.val();
        self.quiet.d.next = self.quiesce.q.val() & self.idle.val() & !self.busy.val();
        self.live.next = 0.into();
        match self.access.target.val() {
            Target::Epoch => {
                self.live.next = self.epoch.val();
            }
            Target::Link => {
                self.live.next = bit_cast::<32, 1>(self.link_up.val().into()) << self.link_at.val();
            }
            Target::Rate => {
                self.live.next = self.rate.val();
            }
            _ => {}
        }
        if self.quiet.q.val() & (self.access.target.val() == Target::Quiesced) {
            self.live.next = self.magic.val();
        }
        if self.access.write.val() & (self.access.target.val() == Target::DeviceControl) {
            self.enable.d.next = self.access.data.val().get_bit(self.enable_at.val().index());
            self.quiesce.d.next = self
                .access
                .data
                .val()
                .get_bit(self.quiesce_at.val().index());
        }
        if self.reset.val() {
            self.enable.d.next = false;
            self.quiesce.d.next = false;
            self.quiet.d.next = false;
        }
    }
}
