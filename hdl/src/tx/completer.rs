//! Ends requests: writes their completions and counts their outcomes.
//!
//! Contract: every outcome is taken in order. One that asks for a completion, or has failed, gives one (unless it is mute) before the next is
//! looked at. `retired` pulses for its queue when it is done with, completion taken included. `waive` has the queue's bit when that was
//! without a completion: its entry in the completion ring is free again.
//!
//! - Latency: none. Throughput: an outcome per cycle, as far as completions are taken.

use super::records::Outcome;
use crate::queue::ports::CompletionSource;
use nic_abi::{completion, fault::Status};
use rust_hdl_core::prelude::*;

crate::layout_encoder! {
    /// A transmit completion built from its fields.
    pub struct TxCompletionWord: 128 {
        /// See nic-abi.
        head: Bits<16> = completion::TX_HEAD,
        /// See nic-abi.
        handle: Bits<32> = completion::HANDLE,
        /// See nic-abi.
        segments: Bits<17> = completion::TX_SEGMENTS,
        /// See nic-abi.
        status: Bits<8> = completion::STATUS,
        /// See nic-abi.
        kind: Bits<4> = completion::TYPE,
    }
}

/// Completer; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Completer {
    /// The next outcome.
    pub outcome: Signal<In, Outcome>,
    /// There is one.
    pub outcome_valid: Signal<In, Bit>,
    /// It is taken.
    pub outcome_ready: Signal<Out, Bit>,
    /// Completions.
    pub completion: CompletionSource,
    /// Pulse: a request of `retired_queue` is done with.
    pub retired: Signal<Out, Bit>,
    /// See `retired`.
    pub retired_queue: Signal<Out, Bits<3>>,
    /// Queues whose request ends without a completion in this cycle.
    pub waive: Signal<Out, Bits<8>>,
    /// Pulse: outcome "sent".
    pub counts_sent: Signal<Out, Bit>,
    /// Pulse: outcome "refused by its checks".
    pub counts_rejected: Signal<Out, Bit>,
    /// Pulse: outcome "cancelled".
    pub counts_cancelled: Signal<Out, Bit>,
    /// Pulse: outcome "a read failed".
    pub counts_read_failed: Signal<Out, Bit>,
    word: TxCompletionWord,
    status: Signal<Local, Bits<4>>,
    wanted: Signal<Local, Bit>,
    taken: Signal<Local, Bit>,
    queue: Signal<Local, Bits<3>>,
    ok: Signal<Local, Bit>,
    is_cancelled: Signal<Local, Bit>,
    is_read_failed: Signal<Local, Bit>,
    one: Constant<Bits<8>>,
    kind: Constant<Bits<4>>,
    status_ok: Constant<Bits<4>>,
    status_cancelled: Constant<Bits<4>>,
    status_read_failed: Constant<Bits<4>>,
}

impl Default for Completer {
    fn default() -> Self {
        Self {
            outcome: Default::default(),
            outcome_valid: Default::default(),
            outcome_ready: Default::default(),
            completion: Default::default(),
            retired: Default::default(),
            retired_queue: Default::default(),
            waive: Default::default(),
            counts_sent: Default::default(),
            counts_rejected: Default::default(),
            counts_cancelled: Default::default(),
            counts_read_failed: Default::default(),
            word: Default::default(),
            status: Default::default(),
            wanted: Default::default(),
            taken: Default::default(),
            queue: Default::default(),
            ok: Default::default(),
            is_cancelled: Default::default(),
            is_read_failed: Default::default(),
            one: Constant::new(1_u64.into()),
            kind: Constant::new((completion::TYPE_TX).into()),
            status_ok: Constant::new((Status::Ok as u64).into()),
            status_cancelled: Constant::new((Status::Cancelled as u64).into()),
            status_read_failed: Constant::new((Status::ReadFailed as u64).into()),
        }
    }
}

impl Logic for Completer {
    #[hdl_gen]
    fn update(&mut self) {
        self.queue.next = self.outcome.val().queue;
        self.status.next = self.outcome.val().status;
        self.ok.next = self.status.val() == self.status_ok.val();
        self.is_cancelled.next = self.status.val() == self.status_cancelled.val();
        self.is_read_failed.next = self.status.val() == self.status_read_failed.val();
        self.word.head.next =
            self.outcome.val().index + bit_cast::<16, 5>(self.outcome.val().buffers) + 1;
        self.word.handle.next = self.outcome.val().handle;
        self.word.segments.next = self.outcome.val().segments;
        self.word.status.next = bit_cast::<8, 4>(self.status.val());
        self.word.kind.next = self.kind.val();
        self.wanted.next =
            !self.outcome.val().mute & (self.outcome.val().complete | !self.ok.val());
        self.completion.data.next = self.word.word.val();
        self.completion.queue.next = self.outcome.val().queue;
        self.completion.valid.next = self.outcome_valid.val() & self.wanted.val();
        self.outcome_ready.next = self.completion.ready.val() | !self.wanted.val();
        self.taken.next = self.outcome_valid.val() & self.outcome_ready.val();
        self.retired.next = self.taken.val();
        self.waive.next = 0.into();
        if self.outcome_valid.val() & !self.wanted.val() {
            self.waive.next = self.one.val() << self.queue.val();
        }
        self.retired_queue.next = self.outcome.val().queue;
        self.counts_sent.next = self.taken.val() & self.ok.val();
        self.counts_cancelled.next = self.taken.val() & self.is_cancelled.val();
        self.counts_read_failed.next = self.taken.val() & self.is_read_failed.val();
        self.counts_rejected.next = self.taken.val()
            & !self.ok.val()
            & !self.is_cancelled.val()
            & !self.is_read_failed.val();
    }
}
