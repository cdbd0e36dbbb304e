//! The checks of a request: `nic_abi::tx::check` in gates.
//!
//! Contract: `status` is the status that `nic_abi::tx::check` gives for the context, `buffered` bytes and the frame limit (0: good),
//! one cycle after the context; `buffered` is looked at without delay.
//!
//! - Latency: 1 cycle from the context, none from `buffered`. Throughput: one per cycle.

use nic_abi::{fault::Status, tx};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

crate::layout_decoder! {
    /// A transmit context cut into its fields.
    pub struct ContextFields: 128 {
        /// See nic-abi.
        handle: Bits<32> = tx::HANDLE,
        /// See nic-abi.
        payload_len: Bits<17> = tx::PAYLOAD_LEN,
        /// See nic-abi.
        buffers: Bits<5> = tx::BUFFERS,
        /// See nic-abi.
        l3_offset: Bits<8> = tx::L3_OFFSET,
        /// See nic-abi.
        mss: Bits<16> = tx::MSS,
        /// See nic-abi.
        csum_start: Bits<8> = tx::CSUM_START,
        /// See nic-abi.
        csum_offset: Bits<8> = tx::CSUM_OFFSET,
        /// See nic-abi.
        l4_offset: Bits<8> = tx::L4_OFFSET,
        /// See nic-abi.
        header_len: Bits<8> = tx::HEADER_LEN,
        /// See nic-abi.
        tso: Bit = tx::TSO,
        /// See nic-abi.
        ipv6: Bit = tx::IPV6,
        /// See nic-abi.
        l3_csum: Bit = tx::L3_CSUM,
        /// See nic-abi.
        l4_csum: Bit = tx::L4_CSUM,
        /// See nic-abi.
        udp: Bit = tx::UDP,
        /// See nic-abi.
        partial_csum: Bit = tx::PARTIAL_CSUM,
        /// See nic-abi.
        ip_id_fixed: Bit = tx::IP_ID_FIXED,
        /// See nic-abi.
        cwr_all: Bit = tx::CWR_ALL,
        /// See nic-abi.
        vlan_insert: Bit = tx::VLAN_INSERT,
        /// See nic-abi.
        complete: Bit = tx::COMPLETE,
        /// See nic-abi.
        kind: Bits<4> = tx::TYPE,
    }
}

/// Checks of a request; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Checks {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Context descriptor.
    pub descriptor: Signal<In, Bits<128>>,
    /// Sum of the buffers' lengths.
    pub buffered: Signal<In, Bits<22>>,
    /// Status, 0 if the request is good.
    pub status: Signal<Out, Bits<4>>,
    fields: ContextFields,
    bad_flags: DFF<Bit>,
    bad_header: DFF<Bit>,
    bad_mss: DFF<Bit>,
    bad_payload: DFF<Bit>,
    total: DFF<Bits<18>>,
    frame: DFF<Bits<18>>,
    header: Signal<Local, Bits<18>>,
    payload: Signal<Local, Bits<18>>,
    first: Signal<Local, Bits<18>>,
    l4: Signal<Local, Bit>,
    start: Signal<Local, Bits<8>>,
    offset: Signal<Local, Bits<8>>,
    l3_offset: Signal<Local, Bits<8>>,
    l4_offset: Signal<Local, Bits<8>>,
    partial_end: Signal<Local, Bits<10>>,
    l3_end: Signal<Local, Bits<10>>,
    l4_end: Signal<Local, Bits<10>>,
    header_ten: Signal<Local, Bits<10>>,
    l4_ten: Signal<Local, Bits<10>>,
    bad_partial: Signal<Local, Bit>,
    bad_offsets: Signal<Local, Bit>,
    bad_length: Signal<Local, Bit>,
    frame_limit: Constant<Bits<18>>,
    payload_max: Constant<Bits<18>>,
    frame_min: Constant<Bits<18>>,
    ethernet: Constant<Bits<8>>,
    header_min: Constant<Bits<10>>,
    says_flags: Constant<Bits<4>>,
    says_header: Constant<Bits<4>>,
    says_mss: Constant<Bits<4>>,
    says_length: Constant<Bits<4>>,
}

impl Checks {
    /// Checks against a longest frame of `frame_limit` bytes.
    ///
    /// # Panics
    /// If that is below 60 or above 65,535.
    #[must_use]
    pub fn new(frame_limit: u64) -> Self {
        assert!(
            (u64::from(tx::FRAME_MIN)..=65_535).contains(&frame_limit),
            "Checks: frame limit {frame_limit}; 60 to 65,535 are possible"
        );
        Self {
            clock: Default::default(),
            descriptor: Default::default(),
            buffered: Default::default(),
            status: Default::default(),
            fields: Default::default(),
            bad_flags: Default::default(),
            bad_header: Default::default(),
            bad_mss: Default::default(),
            bad_payload: Default::default(),
            total: Default::default(),
            frame: Default::default(),
            header: Default::default(),
            payload: Default::default(),
            first: Default::default(),
            l4: Default::default(),
            start: Default::default(),
            offset: Default::default(),
            l3_offset: Default::default(),
            l4_offset: Default::default(),
            partial_end: Default::default(),
            l3_end: Default::default(),
            l4_end: Default::default(),
            header_ten: Default::default(),
            l4_ten: Default::default(),
            bad_partial: Default::default(),
            bad_offsets: Default::default(),
            bad_length: Default::default(),
            frame_limit: Constant::new((frame_limit).into()),
            payload_max: Constant::new((u64::from(tx::PAYLOAD_MAX)).into()),
            frame_min: Constant::new((u64::from(tx::ETHERNET_HEADER)).into()),
            ethernet: Constant::new((u64::from(tx::ETHERNET_HEADER)).into()),
            header_min: Constant::new((u64::from(tx::HEADER_MIN)).into()),
            says_flags: Constant::new((Status::BadFlags as u64).into()),
            says_header: Constant::new((Status::BadHeader as u64).into()),
            says_mss: Constant::new((Status::BadMss as u64).into()),
            says_length: Constant::new((Status::BadLength as u64).into()),
        }
    }
}

impl Logic for Checks {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            bad_flags,
            bad_header,
            bad_mss,
            bad_payload,
            total,
            frame
        );
        self.fields.word.next = self.descriptor.val();
        self.l4.next = self.fields.tso.val() | self.fields.l4_csum.val();
        // Flags.
        self.bad_flags.d.next = (self.fields.tso.val()
            & (self.fields.udp.val() | self.fields.partial_csum.val()))
            | (self.fields.l4_csum.val() & self.fields.partial_csum.val())
            | (self.fields.l3_csum.val() & self.fields.ipv6.val())
            | self.fields.vlan_insert.val();
        // Header.
        self.start.next = self.fields.csum_start.val();
        self.offset.next = self.fields.csum_offset.val();
        self.l3_offset.next = self.fields.l3_offset.val();
        self.l4_offset.next = self.fields.l4_offset.val();
        self.header_ten.next = bit_cast::<10, 8>(self.fields.header_len.val());
        self.l4_ten.next = bit_cast::<10, 8>(self.l4_offset.val());
        self.partial_end.next = bit_cast::<10, 8>(self.offset.val()) + 2;
        self.bad_partial.next = self.start.val().get_bit(0)
            | self.offset.val().get_bit(0)
            | (self.start.val() < self.ethernet.val())
            | (self.start.val() > self.offset.val())
            | (self.partial_end.val() > self.header_ten.val());
        self.l3_end.next = bit_cast::<10, 8>(self.l3_offset.val()) + 20;
        if self.fields.ipv6.val() {
            self.l3_end.next = bit_cast::<10, 8>(self.l3_offset.val()) + 40;
        }
        self.l4_end.next = self.l4_ten.val();
        if self.l4.val() {
            self.l4_end.next = self.l4_ten.val() + 20;
            if self.fields.udp.val() {
                self.l4_end.next = self.l4_ten.val() + 8;
            }
        }
        self.bad_offsets.next = (self.header_ten.val() < self.header_min.val())
            | (self.l3_offset.val() < self.ethernet.val())
            | self.l3_offset.val().get_bit(0)
            | self.l4_offset.val().get_bit(0)
            | (self.l4_ten.val() < self.l3_end.val())
            | (self.header_ten.val() < self.l4_end.val());
        self.bad_header.d.next = (self.fields.partial_csum.val() & self.bad_partial.val())
            | ((self.l4.val() | self.fields.l3_csum.val()) & self.bad_offsets.val());
        // Lengths.
        self.bad_mss.d.next = self.fields.tso.val() & !self.fields.mss.val().any();
        self.header.next = bit_cast::<18, 8>(self.fields.header_len.val());
        self.payload.next = bit_cast::<18, 17>(self.fields.payload_len.val());
        self.bad_payload.d.next = (self.payload.val() > self.payload_max.val())
            | (self.fields.tso.val() & !self.payload.val().any());
        self.first.next = self.payload.val();
        if self.fields.tso.val() & (self.payload.val() > bit_cast::<18, 16>(self.fields.mss.val()))
        {
            self.first.next = bit_cast::<18, 16>(self.fields.mss.val());
        }
        self.total.d.next = self.header.val() + self.payload.val();
        self.frame.d.next = self.header.val() + self.first.val();
        self.bad_length.next = self.bad_payload.q.val()
            | (self.buffered.val() != bit_cast::<22, 18>(self.total.q.val()))
            | (self.frame.q.val() < self.frame_min.val())
            | (self.frame.q.val() > self.frame_limit.val());
        // The first that fails.
        self.status.next = 0.into();
        if self.bad_flags.q.val() {
            self.status.next = self.says_flags.val();
        } else if self.bad_header.q.val() {
            self.status.next = self.says_header.val();
        } else if self.bad_mss.q.val() {
            self.status.next = self.says_mss.val();
        } else if self.bad_length.val() {
            self.status.next = self.says_length.val();
        }
    }
}
