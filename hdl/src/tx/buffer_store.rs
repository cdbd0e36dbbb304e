//! The buffers of requests: those being checked, and those checked and waiting for their reads.
//!
//! Contract: `push` stores a buffer (only while `room`); `commit` hands all stored since the last one on, `rewind` forgets them.
//! None of the three together in one cycle. Out come the committed buffers in order, valid/ready.
//!
//! - Latency: 3 cycles from `commit` to `out_valid`.
//! - Throughput: a buffer every 3 cycles out, one per cycle in.
//! - Capacity: 512 buffers, so 16 requests of the largest kind. Block RAM: 3 of 36 × 512.

use super::records::Buffer;
use crate::memory::bram::{Bram, Output};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Store of buffers; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct BufferStore {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; empties the store.
    pub reset: Signal<In, Bit>,
    /// The buffer to store.
    pub buffer: Signal<In, Buffer>,
    /// Store it.
    pub push: Signal<In, Bit>,
    /// Hand on all that was stored.
    pub commit: Signal<In, Bit>,
    /// Forget what was not handed on.
    pub rewind: Signal<In, Bit>,
    /// There is room for one.
    pub room: Signal<Out, Bit>,
    /// The oldest committed buffer.
    pub out_data: Signal<Out, Buffer>,
    /// There is one.
    pub out_valid: Signal<Out, Bit>,
    /// It is taken.
    pub out_ready: Signal<In, Bit>,
    memory: Bram<Buffer, 9>,
    written: DFF<Bits<10>>,
    committed: DFF<Bits<10>>,
    read: DFF<Bits<10>>,
    fetching: DFF<Bit>,
    front: DFF<Buffer>,
    front_valid: DFF<Bit>,
    held: Signal<Local, Bits<10>>,
}

impl Default for BufferStore {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            buffer: Default::default(),
            push: Default::default(),
            commit: Default::default(),
            rewind: Default::default(),
            room: Default::default(),
            out_data: Default::default(),
            out_valid: Default::default(),
            out_ready: Default::default(),
            memory: Bram::new(Output::Direct),
            written: Default::default(),
            committed: Default::default(),
            read: Default::default(),
            fetching: Default::default(),
            front: Default::default(),
            front_valid: Default::default(),
            held: Default::default(),
        }
    }
}

impl Logic for BufferStore {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            written,
            committed,
            read,
            fetching,
            front,
            front_valid
        );
        clock!(self, clock, memory);
        self.held.next = self.written.q.val() - self.read.q.val();
        self.room.next = !self.held.val().get_bit(9);
        self.memory.waddr.next = self.written.q.val().get_bits::<9>(0);
        self.memory.wdata.next = self.buffer.val();
        self.memory.wen.next = self.push.val();
        if self.push.val() {
            self.written.d.next = self.written.q.val() + 1;
        }
        if self.commit.val() {
            self.committed.d.next = self.written.q.val();
        }
        if self.rewind.val() {
            self.written.d.next = self.committed.q.val();
        }
        self.memory.raddr.next = self.read.q.val().get_bits::<9>(0);
        self.out_data.next = self.front.q.val();
        self.out_valid.next = self.front_valid.q.val();
        if self.out_ready.val() {
            self.front_valid.d.next = false;
        }
        self.fetching.d.next = false;
        if self.fetching.q.val() {
            self.front.d.next = self.memory.rdata.val();
            self.front_valid.d.next = true;
        } else if (self.read.q.val() != self.committed.q.val()) & !self.front_valid.q.val() {
            self.fetching.d.next = true;
            self.read.d.next = self.read.q.val() + 1;
        }
        if self.reset.val() {
            self.written.d.next = 0.into();
            self.committed.d.next = 0.into();
            self.read.d.next = 0.into();
            self.fetching.d.next = false;
            self.front_valid.d.next = false;
        }
    }
}
