//! Configuration of the Ethernet port: what is received, and by which queue pair.
//!
//! Contract: the outputs follow the port's registers one cycle after their write. A multicast entry and the station address
//! are two registers each and pass through a mixed value between the two writes. `max_frame` never exceeds FRAME_LIMIT.

use super::access::AccessSink;
use super::register_map::{Identity, Target};
use nic_abi::block::port;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Settings {
    enable: Bit,
    promiscuous: Bit,
    broadcast: Bit,
    all_multicast: Bit,
    mac_low: Bits<32>,
    mac_high: Bits<16>,
    max_frame: Bits<14>,
    queue: Bits<4>,
}

/// The port's configuration; see the [module](self).
#[derive(LogicBlock)]
pub struct Port {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Register accesses.
    pub access: AccessSink,
    /// Receive frames.
    pub rx_enable: Signal<Out, Bit>,
    /// Take frames for any station.
    pub promiscuous: Signal<Out, Bit>,
    /// Take broadcasts.
    pub broadcast: Signal<Out, Bit>,
    /// Take all multicasts.
    pub all_multicast: Signal<Out, Bit>,
    /// Station address, first byte lowest.
    pub mac: Signal<Out, Bits<48>>,
    /// Longest frame received, without FCS: MAX_FRAME, or FRAME_LIMIT if that is less.
    pub max_frame: Signal<Out, Bits<14>>,
    /// Queue pair for frames that nothing else places.
    pub rx_queue: Signal<Out, Bits<4>>,
    /// Multicast addresses, first byte lowest.
    pub multicast: [Signal<Out, Bits<48>>; 8],
    /// Which of them are used.
    pub multicast_valid: Signal<Out, Bits<8>>,
    settings: DFF<Settings>,
    /// Each entry's two halves, in place.
    low: [DFF<Bits<48>>; 8],
    high: [DFF<Bits<48>>; 8],
    low_data: Signal<Local, Bits<48>>,
    high_data: Signal<Local, Bits<48>>,
    valid: [DFF<Bit>; 8],
    valid_mask: [Signal<Local, Bits<8>>; 9],
    at_reset: Constant<Settings>,
    wanted: Signal<Local, Bits<14>>,
    limit: Constant<Bits<14>>,
    enable_at: Constant<Bits<5>>,
    promiscuous_at: Constant<Bits<5>>,
    broadcast_at: Constant<Bits<5>>,
    all_multicast_at: Constant<Bits<5>>,
    bytes_at: Constant<Bits<5>>,
    max_frame_at: Constant<Bits<5>>,
    queue_at: Constant<Bits<5>>,
    multicast_bytes_at: Constant<Bits<5>>,
    multicast_valid_at: Constant<Bits<5>>,
}

const _: () = assert!(port::MULTICAST_ENTRIES == 8);

impl Port {
    /// The port of a NIC that tells `identity` of itself.
    #[must_use]
    pub fn new(identity: &Identity) -> Self {
        let limit = identity.frame_limit.min(port::MAX_FRAME_BYTES.mask());
        let at = |bits: nic_abi::register::Bits| Constant::new(u64::from(bits.lsb).into());
        Self {
            clock: Default::default(),
            reset: Default::default(),
            access: Default::default(),
            rx_enable: Default::default(),
            promiscuous: Default::default(),
            broadcast: Default::default(),
            all_multicast: Default::default(),
            mac: Default::default(),
            max_frame: Default::default(),
            rx_queue: Default::default(),
            multicast: Default::default(),
            multicast_valid: Default::default(),
            settings: Default::default(),
            low: Default::default(),
            high: Default::default(),
            low_data: Default::default(),
            high_data: Default::default(),
            valid: Default::default(),
            valid_mask: Default::default(),
            at_reset: Constant::new(Settings {
                max_frame: u64::from(port::MAX_FRAME.reset.min(limit)).into(),
                ..Settings::default()
            }),
            wanted: Default::default(),
            limit: Constant::new(u64::from(limit).into()),
            enable_at: at(port::RX_ENABLE),
            promiscuous_at: at(port::RX_PROMISCUOUS),
            broadcast_at: at(port::RX_BROADCAST),
            all_multicast_at: at(port::RX_ALL_MULTICAST),
            bytes_at: at(port::MAC_HIGH_BYTES),
            max_frame_at: at(port::MAX_FRAME_BYTES),
            queue_at: at(port::RX_QUEUE_INDEX),
            multicast_bytes_at: at(port::MULTICAST_BYTES),
            multicast_valid_at: at(port::MULTICAST_VALID),
        }
    }
}

impl Logic for Port {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, settings);
        self.rx_enable.next = self.settings.q.val().enable;
        self.promiscuous.next = self.settings.q.val().promiscuous;
        self.broadcast.next = self.settings.q.val().broadcast;
        self.all_multicast.next = self.settings.q.val().all_multicast;
        self.mac.next = bit_cast::<48, 32>(self.settings.q.val().mac_low)
            | (bit_cast::<48, 16>(self.settings.q.val().mac_high) << 32);
        self.max_frame.next = self.settings.q.val().max_frame;
        self.rx_queue.next = self.settings.q.val().queue;
        self.wanted.next = self
            .access
            .data
            .val()
            .get_bits::<14>(self.max_frame_at.val().index());
        if self.access.write.val() {
            match self.access.target.val() {
                Target::MacLow => {
                    self.settings.d.next.mac_low = self.access.data.val();
                }
                Target::MacHigh => {
                    self.settings.d.next.mac_high = self
                        .access
                        .data
                        .val()
                        .get_bits::<16>(self.bytes_at.val().index());
                }
                Target::RxControl => {
                    self.settings.d.next.enable =
                        self.access.data.val().get_bit(self.enable_at.val().index());
                    self.settings.d.next.promiscuous = self
                        .access
                        .data
                        .val()
                        .get_bit(self.promiscuous_at.val().index());
                    self.settings.d.next.broadcast = self
                        .access
                        .data
                        .val()
                        .get_bit(self.broadcast_at.val().index());
                    self.settings.d.next.all_multicast = self
                        .access
                        .data
                        .val()
                        .get_bit(self.all_multicast_at.val().index());
                }
                Target::MaxFrame => {
                    self.settings.d.next.max_frame = self.wanted.val();
                    if self.wanted.val() > self.limit.val() {
                        self.settings.d.next.max_frame = self.limit.val();
                    }
                }
                Target::RxQueue => {
                    self.settings.d.next.queue = self
                        .access
                        .data
                        .val()
                        .get_bits::<4>(self.queue_at.val().index());
                }
                _ => {}
            }
        }
        self.low_data.next = bit_cast::<48, 32>(self.access.data.val());
        self.high_data.next = bit_cast::<48, 16>(
            self.access
                .data
                .val()
                .get_bits::<16>(self.multicast_bytes_at.val().index()),
        ) << 32;
        self.valid_mask[0].next = 0.into();
        for i in 0..8 {
            self.low[i].clock.next = self.clock.val();
            self.high[i].clock.next = self.clock.val();
            self.valid[i].clock.next = self.clock.val();
            self.low[i].d.next = self.low[i].q.val();
            self.high[i].d.next = self.high[i].q.val();
            self.valid[i].d.next = self.valid[i].q.val();
            self.multicast[i].next = self.low[i].q.val() | self.high[i].q.val();
            self.valid_mask[i + 1].next = self.valid_mask[i]
                .val()
                .replace_bit(i, self.valid[i].q.val());
            if self.access.write.val() & (self.access.number.val().index() == i) {
                if self.access.target.val() == Target::MulticastLow {
                    self.low[i].d.next = self.low_data.val();
                }
                if self.access.target.val() == Target::MulticastHigh {
                    self.high[i].d.next = self.high_data.val();
                    self.valid[i].d.next = self
                        .access
                        .data
                        .val()
                        .get_bit(self.multicast_valid_at.val().index());
                }
            }
            if self.reset.val() {
                self.low[i].d.next = 0.into();
                self.high[i].d.next = 0.into();
                self.valid[i].d.next = false;
            }
        }
        self.multicast_valid.next = self.valid_mask[8].val();
        if self.reset.val() {
            self.settings.d.next = self.at_reset.val();
        }
    }
}
