//! Takes a descriptor of the queue at hand and checks it.
//!
//! Contract: `there` tells at once whether the queue offers a descriptor; `take` (only with `there`) takes it. In the next cycle, and until
//! another is taken, `part` is its buffer and `cause` the fault that it is, 0 if none: the first of the checks of `nic_abi::rx::check` that it fails.
//!
//! - Latency: 1 cycle.
//! - Throughput: one descriptor per cycle, no bubbles.

use super::part::Part;
use crate::queue::ports::DescriptorSink;
use nic_abi::{fault::QueueFault, rx};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

crate::layout_decoder! {
    /// A receive descriptor.
    pub struct ReceiveFields: 128 {
        /// See nic-abi.
        addr: Bits<64> = rx::ADDR,
        /// See nic-abi.
        len: Bits<17> = rx::LEN,
        /// See nic-abi.
        kind: Bits<4> = rx::TYPE,
    }
}

// The kernel tells alignment by the low six bits of address and length, and the largest length by the top bit.
const _: () = assert!(rx::BUFFER_ALIGN == 1 << 6 && rx::BUFFER_MAX == (1 << 16) - (1 << 6));

/// Descriptor of one of `Q` queues; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Descriptor<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Receive descriptors.
    pub desc: [DescriptorSink; Q],
    /// Queue at hand.
    pub pair: Signal<In, Bits<4>>,
    /// Take its descriptor.
    pub take: Signal<In, Bit>,
    /// It offers one.
    pub there: Signal<Out, Bit>,
    /// The descriptor taken last.
    pub part: Signal<Out, Part>,
    /// What is wrong with it: `nic_abi::fault::QueueFault`.
    pub cause: Signal<Out, Bits<8>>,
    word: DFF<Bits<128>>,
    number: DFF<Bits<16>>,
    fields: ReceiveFields,
    receive: Constant<Bits<4>>,
    bad_type: Constant<Bits<8>>,
    bad_alignment: Constant<Bits<8>>,
    bad_length: Constant<Bits<8>>,
    offered: Signal<Local, Bits<128>>,
    index: Signal<Local, Bits<16>>,
    addr: Signal<Local, Bits<64>>,
    len: Signal<Local, Bits<17>>,
}

impl<const Q: usize> Default for Descriptor<Q> {
    fn default() -> Self {
        let fault = |fault: QueueFault| Constant::new((fault as u64).into());
        Self {
            clock: Default::default(),
            desc: std::array::from_fn(|_| Default::default()),
            pair: Default::default(),
            take: Default::default(),
            there: Default::default(),
            part: Default::default(),
            cause: Default::default(),
            word: Default::default(),
            number: Default::default(),
            fields: Default::default(),
            receive: Constant::new(rx::TYPE_RECEIVE.into()),
            bad_type: fault(QueueFault::BadDescriptorType),
            bad_alignment: fault(QueueFault::BadAlignment),
            bad_length: fault(QueueFault::BadLength),
            offered: Default::default(),
            index: Default::default(),
            addr: Default::default(),
            len: Default::default(),
        }
    }
}

impl<const Q: usize> Logic for Descriptor<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, word, number);
        // `there` apart from what depends on `take`, or simulators see a loop through the user.
        self.there.next = false;
        for i in 0..Q {
            if self.pair.val().index() == i {
                self.there.next = self.desc[i].valid.val();
            }
        }
        self.offered.next = 0.into();
        self.index.next = 0.into();
        for i in 0..Q {
            if self.pair.val().index() == i {
                self.offered.next = self.desc[i].data.val();
                self.index.next = self.desc[i].index.val();
            }
        }
        for i in 0..Q {
            self.desc[i].ready.next = self.take.val() & (self.pair.val().index() == i);
        }
        if self.take.val() {
            self.word.d.next = self.offered.val();
            self.number.d.next = self.index.val();
        }
        self.fields.word.next = self.word.q.val();
        self.addr.next = self.fields.addr.val();
        self.len.next = self.fields.len.val();
        self.part.next.addr = self.addr.val();
        self.part.next.len = self.len.val();
        self.part.next.index = self.number.q.val();
        self.cause.next = 0.into();
        if (self.len.val() == 0)
            | (self.len.val().get_bits::<6>(0) != 0)
            | self.len.val().get_bit(16)
        {
            self.cause.next = self.bad_length.val();
        }
        if self.addr.val().get_bits::<6>(0) != 0 {
            self.cause.next = self.bad_alignment.val();
        }
        if self.fields.kind.val() != self.receive.val() {
            self.cause.next = self.bad_type.val();
        }
    }
}
