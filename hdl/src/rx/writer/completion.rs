//! Builds the receive completion of a buffer and holds it until the completion queue takes it.
//!
//! Contract: `put` (only with `free`) makes a completion of the inputs; it is on `out` from the next cycle until it is taken. `held` tells the
//! queue pairs of which one is held.
//!
//! - Latency: 1 cycle.
//! - Throughput: a completion every other cycle.

use crate::dma::completion_slot::CompletionSlot;
use crate::queue::ports::CompletionSource;
use crate::rx::verdict::FrameMeta;
use nic_abi::completion;
use rust_hdl_core::prelude::*;

crate::layout_encoder! {
    /// A receive completion; flow and phase are 0.
    pub struct ReceiveCompletion: 128 {
        /// See nic-abi.
        index: Bits<16> = completion::RX_INDEX,
        /// See nic-abi.
        len: Bits<16> = completion::RX_LEN,
        /// See nic-abi.
        hdr_len: Bits<8> = completion::RX_HEADER_LEN,
        /// See nic-abi.
        segments: Bits<8> = completion::RX_SEGMENTS,
        /// See nic-abi.
        vlan: Bits<16> = completion::RX_VLAN,
        /// See nic-abi.
        raw_sum: Bits<16> = completion::RX_RAW_SUM,
        /// See nic-abi.
        l3: Bits<2> = completion::RX_L3,
        /// See nic-abi.
        l4: Bits<2> = completion::RX_L4,
        /// See nic-abi.
        more: Bit = completion::RX_MORE,
        /// See nic-abi.
        vlan_present: Bit = completion::RX_VLAN_PRESENT,
        /// See nic-abi.
        ipv6: Bit = completion::RX_IPV6,
        /// See nic-abi.
        tcp: Bit = completion::RX_TCP,
        /// See nic-abi.
        udp: Bit = completion::RX_UDP,
        /// See nic-abi.
        kind: Bits<4> = completion::TYPE,
    }
}

/// Receive completions; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Completion {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Make a completion.
    pub put: Signal<In, Bit>,
    /// Queue pair.
    pub pair: Signal<In, Bits<3>>,
    /// Descriptor.
    pub index: Signal<In, Bits<16>>,
    /// Bytes in the buffer.
    pub len: Signal<In, Bits<16>>,
    /// The frame goes on in the next.
    pub more: Signal<In, Bit>,
    /// What is said of the frame.
    pub meta: Signal<In, FrameMeta>,
    /// There is room.
    pub free: Signal<Out, Bit>,
    /// Queue pairs with a completion here.
    pub held: Signal<Out, Bits<8>>,
    /// Completions.
    pub out: CompletionSource,
    entry: ReceiveCompletion,
    one: Constant<Bits<8>>,
    receive: Constant<Bits<4>>,
    slot: CompletionSlot,
}

impl Default for Completion {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            put: Default::default(),
            pair: Default::default(),
            index: Default::default(),
            len: Default::default(),
            more: Default::default(),
            meta: Default::default(),
            free: Default::default(),
            held: Default::default(),
            out: Default::default(),
            entry: Default::default(),
            one: Constant::new(1_u64.into()),
            receive: Constant::new(completion::TYPE_RX.into()),
            slot: Default::default(),
        }
    }
}

impl Logic for Completion {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, slot);
        self.slot.reset.next = self.reset.val();
        self.entry.index.next = self.index.val();
        self.entry.len.next = self.len.val();
        self.entry.hdr_len.next = self.meta.val().hdr_len;
        self.entry.segments.next = self.one.val();
        self.entry.vlan.next = self.meta.val().vlan;
        self.entry.raw_sum.next = self.meta.val().raw_sum;
        self.entry.l3.next = self.meta.val().l3;
        self.entry.l4.next = self.meta.val().l4;
        self.entry.more.next = self.more.val();
        self.entry.vlan_present.next = self.meta.val().vlan_present;
        self.entry.ipv6.next = self.meta.val().ipv6;
        self.entry.tcp.next = self.meta.val().tcp;
        self.entry.udp.next = self.meta.val().udp;
        self.entry.kind.next = self.receive.val();
        self.slot.s.data.next = self.entry.word.val();
        self.slot.s.queue.next = self.pair.val();
        self.slot.s.valid.next = self.put.val();
        self.free.next = self.slot.s.ready.val();
        self.held.next = self.slot.held.val();
        self.out.data.next = self.slot.m.data.val();
        self.out.queue.next = self.slot.m.queue.val();
        self.out.valid.next = self.slot.m.valid.val();
        self.slot.m.ready.next = self.out.ready.val();
    }
}
