//! Control of one queue pair: enabling, doorbells, quarantine.
//!
//! Contract: listens to the register accesses whose instance is its number.
//! - Setting ENABLE pulses `restart` (every index of the pair returns to 0) and checks the configuration in the next cycle;
//!   `run` rises only if it is good. A ring size out of range, a completion ring no larger than another ring, or a ring base
//!   that is not 64 B aligned ends in quarantine with BadConfiguration, without an event: there is no completion ring to
//!   be trusted.
//! - A doorbell is checked two cycles after its write: a tail further from the head than the ring is long, or a consumer
//!   index beyond the producer, ends in quarantine with BadIndex, and the index given as that of the descriptor at fault.
//!   In quarantine good doorbells still count, so that the event can be taken, and bad ones are ignored.
//! - The first fault wins; `event` stands until the completion queue takes it.
//! - Disabling drops `run` at once; cause and index stay readable until the next ENABLE.

use super::access::AccessSink;
use super::register_map::Target;
use nic_abi::block::queue;
use nic_abi::fault::QueueFault;
use nic_abi::register::Bits as Place;
use nic_abi::ring;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// What the queue pair is set to and where it stands.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct PairState {
    enable: Bit,
    quarantine: Bit,
    check: Bit,
    event_due: Bit,
    arm: Bit,
    disarm: Bit,
    cause: Bits<8>,
    index: Bits<16>,
    sq_log2: Bits<4>,
    rq_log2: Bits<4>,
    cq_log2: Bits<4>,
    sq_crooked: Bit,
    rq_crooked: Bit,
    cq_crooked: Bit,
    vector: Bits<4>,
    delay: Bits<8>,
    count: Bits<8>,
    sq_tail: Bits<16>,
    rq_tail: Bits<16>,
    cq_head: Bits<16>,
    knock: Bits<16>,
    knock_arm: Bit,
    distance: Bits<16>,
    limit: Bits<16>,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug, LogicState)]
enum Knock {
    None,
    Sq,
    Rq,
    Cq,
}

/// Control of one queue pair; see the [module](self).
#[derive(LogicBlock)]
pub struct Pair {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Register accesses.
    pub access: AccessSink,
    /// Word that the register accessed shows, 0 if it is not this pair's.
    pub live: Signal<Out, Bits<32>>,
    /// Something of this pair may still move.
    pub busy: Signal<In, Bit>,
    /// Next submission descriptor to be delivered.
    pub sq_head: Signal<In, Bits<16>>,
    /// Next receive descriptor to be delivered.
    pub rq_head: Signal<In, Bits<16>>,
    /// Index behind the last completion written.
    pub cq_tail: Signal<In, Bits<16>>,
    /// An engine reports a fault of this pair.
    pub fault: Signal<In, Bit>,
    /// Its cause.
    pub fault_cause: Signal<In, Bits<8>>,
    /// Descriptor at fault.
    pub fault_index: Signal<In, Bits<16>>,
    /// Enabled, checked, not in quarantine.
    pub run: Signal<Out, Bit>,
    /// All indexes return to 0.
    pub restart: Signal<Out, Bit>,
    /// log2 of the submission ring's entries.
    pub sq_log2: Signal<Out, Bits<4>>,
    /// log2 of the receive ring's entries.
    pub rq_log2: Signal<Out, Bits<4>>,
    /// Entries of the completion ring: one bit is set.
    pub cq_size: Signal<Out, Bits<16>>,
    /// Submission tail.
    pub sq_tail: Signal<Out, Bits<16>>,
    /// Receive tail.
    pub rq_tail: Signal<Out, Bits<16>>,
    /// Consumer index.
    pub cq_head: Signal<Out, Bits<16>>,
    /// The completion queue is armed, with the consumer index that stands.
    pub arm: Signal<Out, Bit>,
    /// The consumer index was written without arming.
    pub disarm: Signal<Out, Bit>,
    /// Vector of its interrupt.
    pub irq_vector: Signal<Out, Bits<4>>,
    /// Moderation delay in units of 256 cycles.
    pub delay: Signal<Out, Bits<8>>,
    /// Moderation count.
    pub count: Signal<Out, Bits<8>>,
    /// An event completion is to be written.
    pub event_due: Signal<Out, Bit>,
    /// It is taken.
    pub event_taken: Signal<In, Bit>,
    /// Its cause.
    pub event_cause: Signal<Out, Bits<8>>,
    /// Its index.
    pub event_index: Signal<Out, Bits<16>>,
    state: DFF<PairState>,
    knock: DFF<Knock>,
    fresh: Constant<PairState>,
    number: Constant<Bits<3>>,
    one: Constant<Bits<16>>,
    mine: Signal<Local, Bit>,
    write: Signal<Local, Bit>,
    running: Signal<Local, Bit>,
    told: Signal<Local, Bits<16>>,
    from: Signal<Local, Bits<16>>,
    log2: Signal<Local, Bits<4>>,
    ring: Signal<Local, Bits<16>>,
    unread: Signal<Local, Bits<16>>,
    bad_configuration: Constant<Bits<8>>,
    bad_index: Constant<Bits<8>>,
    least: Constant<Bits<4>>,
    unaligned: Constant<Bits<32>>,
    enable_at: Constant<Bits<5>>,
    sq_at: Constant<Bits<5>>,
    rq_at: Constant<Bits<5>>,
    cq_at: Constant<Bits<5>>,
    vector_at: Constant<Bits<5>>,
    delay_at: Constant<Bits<5>>,
    count_at: Constant<Bits<5>>,
    knock_at: Constant<Bits<5>>,
    arm_at: Constant<Bits<5>>,
    active_at: Constant<Bits<5>>,
    quarantine_at: Constant<Bits<5>>,
    cause_at: Constant<Bits<5>>,
    index_at: Constant<Bits<5>>,
    state_head_at: Constant<Bits<5>>,
    state_tail_at: Constant<Bits<5>>,
}

fn at(place: Place) -> Constant<Bits<5>> {
    Constant::new(u64::from(place.lsb).into())
}

// The three STATE registers have their indexes at the same places, and the three doorbells theirs.
const _: () =
    assert!(queue::SQ_TAIL.lsb == queue::RQ_TAIL.lsb && queue::SQ_TAIL.lsb == queue::CQ_HEAD.lsb);
const _: () = assert!(
    queue::SQ_STATE_HEAD.lsb == queue::RQ_STATE_HEAD.lsb
        && queue::SQ_STATE_HEAD.lsb == queue::CQ_STATE_HEAD.lsb
        && queue::SQ_STATE_TAIL.lsb == queue::RQ_STATE_TAIL.lsb
        && queue::SQ_STATE_TAIL.lsb == queue::CQ_STATE_TAIL.lsb
        && ring::LOG2_MAX == 15
);

impl Pair {
    /// Control of queue pair `number`.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let cause = |fault: QueueFault| Constant::new(u64::from(fault as u8).into());
        Self {
            clock: Default::default(),
            reset: Default::default(),
            access: Default::default(),
            live: Default::default(),
            busy: Default::default(),
            sq_head: Default::default(),
            rq_head: Default::default(),
            cq_tail: Default::default(),
            fault: Default::default(),
            fault_cause: Default::default(),
            fault_index: Default::default(),
            run: Default::default(),
            restart: Default::default(),
            sq_log2: Default::default(),
            rq_log2: Default::default(),
            cq_size: Default::default(),
            sq_tail: Default::default(),
            rq_tail: Default::default(),
            cq_head: Default::default(),
            arm: Default::default(),
            disarm: Default::default(),
            irq_vector: Default::default(),
            delay: Default::default(),
            count: Default::default(),
            event_due: Default::default(),
            event_taken: Default::default(),
            event_cause: Default::default(),
            event_index: Default::default(),
            state: Default::default(),
            knock: Default::default(),
            fresh: Constant::new(PairState::default()),
            number: Constant::new(number.into()),
            one: Constant::new(1_u64.into()),
            mine: Default::default(),
            write: Default::default(),
            running: Default::default(),
            told: Default::default(),
            from: Default::default(),
            log2: Default::default(),
            ring: Default::default(),
            unread: Default::default(),
            bad_configuration: cause(QueueFault::BadConfiguration),
            bad_index: cause(QueueFault::BadIndex),
            least: Constant::new(u64::from(ring::LOG2_MIN).into()),
            unaligned: Constant::new((ring::BASE_ALIGN - 1).into()),
            enable_at: at(queue::CONTROL_ENABLE),
            sq_at: at(queue::SIZES_SQ),
            rq_at: at(queue::SIZES_RQ),
            cq_at: at(queue::SIZES_CQ),
            vector_at: at(queue::INTERRUPT_VECTOR),
            delay_at: at(queue::INTERRUPT_DELAY),
            count_at: at(queue::INTERRUPT_COUNT),
            knock_at: at(queue::SQ_TAIL),
            arm_at: at(queue::CQ_ARM),
            active_at: at(queue::STATUS_ACTIVE),
            quarantine_at: at(queue::STATUS_QUARANTINE),
            cause_at: at(queue::STATUS_CAUSE),
            index_at: at(queue::STATUS_INDEX),
            state_head_at: at(queue::SQ_STATE_HEAD),
            state_tail_at: at(queue::SQ_STATE_TAIL),
        }
    }
}

impl Logic for Pair {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, knock);
        self.running.next =
            self.state.q.val().enable & !self.state.q.val().quarantine & !self.state.q.val().check;
        self.run.next =
            self.state.q.val().enable & !self.state.q.val().quarantine & !self.state.q.val().check;
        self.restart.next = self.state.q.val().check;
        self.sq_log2.next = self.state.q.val().sq_log2;
        self.rq_log2.next = self.state.q.val().rq_log2;
        self.cq_size.next = self.one.val() << self.state.q.val().cq_log2;
        self.sq_tail.next = self.state.q.val().sq_tail;
        self.rq_tail.next = self.state.q.val().rq_tail;
        self.cq_head.next = self.state.q.val().cq_head;
        self.arm.next = self.state.q.val().arm;
        self.disarm.next = self.state.q.val().disarm;
        self.irq_vector.next = self.state.q.val().vector;
        self.delay.next = self.state.q.val().delay;
        self.count.next = self.state.q.val().count;
        self.event_due.next = self.state.q.val().event_due;
        self.event_cause.next = self.state.q.val().cause;
        self.event_index.next = self.state.q.val().index;
        self.mine.next = self.access.number.val() == self.number.val();
        self.write.next = self.mine.val() & self.access.write.val();
        // What the registers show.
        self.live.next = 0.into();
        if self.access.number.val() == self.number.val() {
            match self.access.target.val() {
                Target::Status => {
                    self.live.next = (bit_cast::<32, 16>(self.state.q.val().index)
                        << self.index_at.val())
                        | (bit_cast::<32, 8>(self.state.q.val().cause) << self.cause_at.val())
                        | (bit_cast::<32, 1>(self.state.q.val().quarantine.into())
                            << self.quarantine_at.val())
                        | (bit_cast::<32, 1>(self.busy.val().into()) << self.active_at.val());
                }
                Target::SqState => {
                    self.live.next = (bit_cast::<32, 16>(self.sq_head.val())
                        << self.state_head_at.val())
                        | (bit_cast::<32, 16>(self.state.q.val().sq_tail)
                            << self.state_tail_at.val());
                }
                Target::RqState => {
                    self.live.next = (bit_cast::<32, 16>(self.rq_head.val())
                        << self.state_head_at.val())
                        | (bit_cast::<32, 16>(self.state.q.val().rq_tail)
                            << self.state_tail_at.val());
                }
                Target::CqState => {
                    self.live.next = (bit_cast::<32, 16>(self.state.q.val().cq_head)
                        << self.state_head_at.val())
                        | (bit_cast::<32, 16>(self.cq_tail.val()) << self.state_tail_at.val());
                }
                _ => {}
            }
        }
        // What a doorbell says, and what it is measured by: one subtraction for all three.
        self.told.next = self
            .access
            .data
            .val()
            .get_bits::<16>(self.knock_at.val().index());
        self.from.next = self.state.q.val().cq_head;
        self.log2.next = self.state.q.val().rq_log2;
        if self.access.target.val() == Target::SqDoorbell {
            self.from.next = self.sq_head.val();
            self.log2.next = self.state.q.val().sq_log2;
        }
        if self.access.target.val() == Target::RqDoorbell {
            self.from.next = self.rq_head.val();
        }
        self.ring.next = self.one.val() << self.log2.val();
        self.unread.next = self.cq_tail.val() - self.state.q.val().cq_head;
        if self.write.val() {
            self.state.d.next.knock = self.told.val();
            self.state.d.next.knock_arm = self.access.data.val().get_bit(self.arm_at.val().index());
            self.state.d.next.distance = self.told.val() - self.from.val();
            self.state.d.next.limit = self.ring.val();
            if self.access.target.val() == Target::CqDoorbell {
                self.state.d.next.limit = self.unread.val();
            }
        }
        // The settings; doorbells are judged in the next cycle.
        self.knock.d.next = Knock::None;
        self.state.d.next.arm = false;
        self.state.d.next.disarm = false;
        self.state.d.next.check = false;
        if self.write.val() {
            match self.access.target.val() {
                Target::SqBaseLow => {
                    self.state.d.next.sq_crooked =
                        (self.access.data.val() & self.unaligned.val()).any();
                }
                Target::RqBaseLow => {
                    self.state.d.next.rq_crooked =
                        (self.access.data.val() & self.unaligned.val()).any();
                }
                Target::CqBaseLow => {
                    self.state.d.next.cq_crooked =
                        (self.access.data.val() & self.unaligned.val()).any();
                }
                Target::Sizes => {
                    self.state.d.next.sq_log2 = self
                        .access
                        .data
                        .val()
                        .get_bits::<4>(self.sq_at.val().index());
                    self.state.d.next.rq_log2 = self
                        .access
                        .data
                        .val()
                        .get_bits::<4>(self.rq_at.val().index());
                    self.state.d.next.cq_log2 = self
                        .access
                        .data
                        .val()
                        .get_bits::<4>(self.cq_at.val().index());
                }
                Target::Interrupt => {
                    self.state.d.next.vector = self
                        .access
                        .data
                        .val()
                        .get_bits::<4>(self.vector_at.val().index());
                    self.state.d.next.delay = self
                        .access
                        .data
                        .val()
                        .get_bits::<8>(self.delay_at.val().index());
                    self.state.d.next.count = self
                        .access
                        .data
                        .val()
                        .get_bits::<8>(self.count_at.val().index());
                }
                Target::SqDoorbell => {
                    self.knock.d.next = Knock::Sq;
                }
                Target::RqDoorbell => {
                    self.knock.d.next = Knock::Rq;
                }
                Target::CqDoorbell => {
                    self.knock.d.next = Knock::Cq;
                }
                _ => {}
            }
        }
        if self.event_taken.val() {
            self.state.d.next.event_due = false;
        }
        // Faults, least weighty first.
        if self.running.val() & self.fault.val() {
            self.state.d.next.quarantine = true;
            self.state.d.next.event_due = true;
            self.state.d.next.cause = self.fault_cause.val();
            self.state.d.next.index = self.fault_index.val();
        }
        if self.state.q.val().distance > self.state.q.val().limit {
            if self.running.val() & (self.knock.q.val() != Knock::None) {
                self.state.d.next.quarantine = true;
                self.state.d.next.event_due = true;
                self.state.d.next.cause = self.bad_index.val();
                self.state.d.next.index = self.state.q.val().knock;
            }
        } else {
            match self.knock.q.val() {
                Knock::None => {}
                Knock::Sq => {
                    if self.state.q.val().enable {
                        self.state.d.next.sq_tail = self.state.q.val().knock;
                    }
                }
                Knock::Rq => {
                    if self.state.q.val().enable {
                        self.state.d.next.rq_tail = self.state.q.val().knock;
                    }
                }
                Knock::Cq => {
                    if self.state.q.val().enable {
                        self.state.d.next.cq_head = self.state.q.val().knock;
                        self.state.d.next.arm = self.state.q.val().knock_arm;
                        self.state.d.next.disarm = !self.state.q.val().knock_arm;
                    }
                }
            }
        }
        if self.state.q.val().check
            & (self.state.q.val().sq_crooked
                | self.state.q.val().rq_crooked
                | self.state.q.val().cq_crooked
                | (self.state.q.val().sq_log2 < self.least.val())
                | (self.state.q.val().rq_log2 < self.least.val())
                | (self.state.q.val().cq_log2 <= self.state.q.val().sq_log2)
                | (self.state.q.val().cq_log2 <= self.state.q.val().rq_log2))
        {
            self.state.d.next.quarantine = true;
            self.state.d.next.cause = self.bad_configuration.val();
        }
        if self.write.val() & (self.access.target.val() == Target::Control) {
            self.state.d.next.enable = self.access.data.val().get_bit(self.enable_at.val().index());
            if self.access.data.val().get_bit(self.enable_at.val().index())
                & !self.state.q.val().enable
            {
                self.state.d.next.check = true;
                self.state.d.next.quarantine = false;
                self.state.d.next.event_due = false;
                self.state.d.next.cause = 0.into();
                self.state.d.next.index = 0.into();
                self.state.d.next.sq_tail = 0.into();
                self.state.d.next.rq_tail = 0.into();
                self.state.d.next.cq_head = 0.into();
            }
        }
        if self.reset.val() {
            self.state.d.next = self.fresh.val();
            self.knock.d.next = Knock::None;
        }
    }
}
