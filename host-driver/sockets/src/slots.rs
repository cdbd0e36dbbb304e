//! Connections in the NIC's flow table: reference H, and frames that come with a flow's handle.
//!
//! A slot is a short cut, never a right: a connection without one (the table is full, the NIC has none) is found by its
//! tuple, and so is one with a slot whose frames are still queued elsewhere. The owner of a queue pair alone changes its
//! slots; others leave it mail.
//!
//! No NIC has such a table yet, and the driver has no commands for it. Until then whoever calls [`Slots`] posts the
//! commands and brings the completions: the tests of the races, with a model of such a NIC.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use ip_core::{Verdict, Verdicts};
use longshore_refs::flow::{Added, Flows};
use longshore_refs::sync::atomic::Ordering;
use longshore_refs::{Handle, Ref, holder};
use nic_abi::FlowHandle;
use nic_abi::command::{Command, DelMode, FlowKey};
use nic_abi::fault::Status;

use crate::batch::{Batch, Hints};
use crate::broken::{Rule, keeps};
use crate::counters::count;
use crate::file::File;
use crate::lock::{Outermost, Owner, Root, Token, UnderPcb};
use crate::pcb::{Live, Pcb};
use crate::shared::Shared;
use crate::stack::Stack;
use crate::stream::TcpStream;
use crate::tuple::Tuple;

/// The slots of one queue pair's connections.
pub(crate) type FlowSlots = Flows<Ref<holder::H, Pcb>>;

/// For the owner of a queue pair, from whoever changes a connection.
#[derive(Debug)]
pub(crate) enum Mail {
    /// A connection wants a slot.
    Enter(Handle),
    /// A connection is over.
    Leave {
        pcb: Handle,
        flow: FlowHandle,
        mode: DelMode,
    },
}

/// A slot's handle as the contract has it, and as the slots' machine has it.
fn name(flow: Handle) -> FlowHandle {
    // [`Slots::open`] makes no wider ones.
    #[expect(clippy::cast_possible_truncation)]
    let (index, generation) = (flow.index as u16, flow.generation as u16);
    FlowHandle::new(index, generation).unwrap_or(FlowHandle::NONE)
}

fn slot(flow: FlowHandle) -> Handle {
    Handle {
        index: flow.index().into(),
        generation: flow.generation().into(),
    }
}

/// From a queue pair's completion queue, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// FLOW_ADD is done: `Ok`, `Full` or `Duplicate`.
    Added(FlowHandle, Status),
    /// FLOW_DEL is done. It is the fence, too: no completion behind it bears the handle, on this queue or any other.
    Deleted(FlowHandle),
    /// A frame, with the handle of its flow if the table has it.
    Frame(Option<FlowHandle>, Vec<u8>),
}

/// The slots of a queue pair, as its owner drives them.
#[derive(Debug)]
pub struct Slots {
    shared: Arc<Shared>,
    queue: usize,
}

impl Slots {
    /// `capacity` slots for the connections of a queue pair, of a device in `epoch`; handles come round after
    /// `generations`.
    pub fn open(
        stack: &Stack,
        queue: usize,
        capacity: u16,
        generations: NonZeroU16,
        epoch: u32,
    ) -> Self {
        let this = Self {
            shared: Arc::clone(stack.shared()),
            queue,
        };
        this.with(|_, slots| *slots = Some(Flows::new(capacity.into(), generations.into(), epoch)));
        this
    }

    /// The queue pair of a connection: where its commands go.
    pub fn queue_of(stream: &TcpStream) -> usize {
        stream.file().with(|live| live.queue())
    }

    /// Asks for a slot for a connection of this queue pair.
    pub fn enter(&self, stream: &TcpStream) {
        let file: &File = stream.file();
        let pcb = file.with(|live| live.handle);
        let mail = &self.shared.queues[self.queue].slot_mail;
        Token::root().with(mail, |mail| mail.push(Mail::Enter(pcb)));
    }

    /// A round of the owner at `now`: takes completions, with the epoch of the device's life in which each was written,
    /// and runs the queue pair's timers. Returns what is to be posted.
    pub fn serve(
        &self,
        now: Duration,
        completions: impl IntoIterator<Item = (u32, Completion)>,
    ) -> Vec<Command> {
        let shared = &*self.shared;
        shared.clock.advance(now);
        self.with(|held, slots| {
            let Some(slots) = slots else {
                return Vec::new();
            };
            let now = shared.now();
            let (mut batch, mut hints) = (Batch::default(), Hints::default());
            for (epoch, completion) in completions {
                if !matches!(completion, Completion::Frame(..)) {
                    // What came before it is taken in before.
                    shared.on_batch(held, now, self.queue, &mut batch, &mut hints);
                    batch.clear();
                }
                shared.on_flow_completion(held, slots, epoch, completion, &mut batch);
            }
            shared.on_batch(held, now, self.queue, &mut batch, &mut hints);
            shared.run_timers(held, self.queue, now);
            shared.open_slot_mail(held, self.queue, slots)
        })
    }

    /// The device was reset: what it wrote before counts no more, references H stay.
    pub fn on_reset(&self, epoch: u32) {
        self.with(|_, slots| slots.iter_mut().for_each(|slots| slots.on_reset(epoch)));
    }

    /// A quiesce of the device is confirmed.
    pub fn on_quiesced(&self) {
        self.with(|held, slots| {
            if let Some(slots) = slots {
                give_up(held, slots);
            }
        });
    }

    /// Whose frame a completion with this handle would be taken for: own address and the peer's.
    pub fn whose(&self, flow: FlowHandle, epoch: u32) -> Option<(SocketAddr, SocketAddr)> {
        self.with(|held, slots| {
            let holder = slots.as_mut()?.resolve(slot(flow), epoch)?;
            let Tuple { local, remote } = holder.lock(held).0.tuple();
            Some((local, remote))
        })
    }

    /// Completions that named nobody.
    pub fn ignored(&self) -> u64 {
        self.with(|_, slots| slots.as_ref().map_or(0, Flows::ignored))
    }

    fn with<R>(&self, work: impl FnOnce(&mut Token<'_, Owner>, &mut Option<FlowSlots>) -> R) -> R {
        let mut root = Token::root();
        let queue = &self.shared.queues[self.queue];
        let (mut workspace, mut held) = root.lock(&queue.workspace);
        let result = work(&mut held, &mut workspace.slots);
        let in_use = workspace.slots.as_ref().map_or(0, Flows::in_use);
        queue.slots_in_use.store(in_use, Ordering::Relaxed);
        result
    }
}

/// Releases the references H of a device that is quiet.
fn give_up(held: &mut Token<'_, impl Outermost>, slots: &mut FlowSlots) {
    for reference in slots.on_quiesced() {
        reference.lock(held).0.flow = FlowHandle::NONE;
    }
}

impl Shared {
    fn on_flow_completion(
        &self,
        held: &mut Token<'_, impl Outermost>,
        slots: &mut FlowSlots,
        epoch: u32,
        completion: Completion,
        batch: &mut Batch,
    ) {
        match completion {
            Completion::Added(flow, status) => {
                let flow = slot(flow);
                // No room, or the key is another slot's still: the connection goes on without.
                let added = match status {
                    Status::Ok => Added::Entered,
                    _ => Added::Full,
                };
                if let Some(reference) = slots.on_added(flow, epoch, added) {
                    reference.lock(held).0.flow = FlowHandle::NONE;
                }
                if !keeps(Rule::StayHashed) {
                    self.unhash_for_its_slot(held, slots, flow, epoch);
                }
            }
            Completion::Deleted(flow) => {
                let flow = slot(flow);
                let reference = slots.on_deleted(flow, epoch);
                slots.on_fence(flow, epoch);
                drop(reference);
            }
            Completion::Frame(flow, bytes) => {
                count(&self.counters.frames_in);
                let known = flow.and_then(|flow| slots.resolve(slot(flow), epoch));
                let pcb = known.map(Ref::handle);
                if flow.is_some() && pcb.is_none() {
                    // Of an earlier user of the slot, or of an earlier life of the device.
                    return;
                }
                let verdicts = Verdicts {
                    l3: Verdict::Ok,
                    l4: Verdict::Ok,
                };
                let place = batch.append_bytes(&bytes);
                self.on_frame(held, self.now(), pcb, batch, place, verdicts);
            }
        }
    }

    /// Does what a connection with a slot must not do (see [`Rule::StayHashed`]).
    fn unhash_for_its_slot(
        &self,
        held: &mut Token<'_, impl Outermost>,
        slots: &mut FlowSlots,
        flow: Handle,
        epoch: u32,
    ) {
        if let Some(reference) = slots.resolve(flow, epoch) {
            let (tuple, handle) = (reference.lock(held).0.tuple(), reference.handle());
            self.unhash(held, &tuple, handle, None);
        }
    }

    /// Serves those who want a slot, or want it no more. Returns what is to be posted.
    fn open_slot_mail(
        &self,
        held: &mut Token<'_, impl Outermost>,
        queue: usize,
        slots: &mut FlowSlots,
    ) -> Vec<Command> {
        let mail = held.with(&self.queues[queue].slot_mail, std::mem::take);
        mail.into_iter()
            .filter_map(|mail| match mail {
                Mail::Enter(pcb) => self.enter_slot(held, slots, pcb),
                Mail::Leave { pcb, flow, mode } => slots
                    .delete(slot(flow), |holder| holder.handle() == pcb)
                    .then_some(Command::FlowDel { handle: flow, mode }),
            })
            .collect()
    }

    /// H is taken before FLOW_ADD is posted, unless the connection is over by now or the table is known to be full.
    fn enter_slot(
        &self,
        held: &mut Token<'_, impl Outermost>,
        slots: &mut FlowSlots,
        pcb: Handle,
    ) -> Option<Command> {
        let reference = self.pcbs.acquire::<holder::H>(pcb)?;
        // A second reference, so that none is dropped under the lock.
        let x = self.pcbs.get(pcb)?;
        let (mut live, _) = x.lock(held);
        if live.dropped || live.flow.is_some() {
            return None;
        }
        let flow = slots.add(reference).ok()?;
        live.flow = name(flow);
        Some(Command::FlowAdd {
            handle: live.flow,
            key: self.flow_key(&live.tuple()),
        })
    }

    /// What the NIC finds a connection by.
    fn flow_key(&self, tuple: &Tuple) -> FlowKey {
        let own = &self.neighbours.config().addresses;
        let local = own
            .iter()
            .position(|cidr| cidr.address() == tuple.local.ip());
        let mut remote_addr = [0; 16];
        match tuple.remote.ip() {
            IpAddr::V4(ip) => remote_addr[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => remote_addr = ip.octets(),
        }
        FlowKey {
            remote_addr,
            ipv6: tuple.remote.is_ipv6(),
            vlan: None,
            // A connection's own address is one of the few that the stack has.
            local_addr: local
                .and_then(|at| u8::try_from(at).ok())
                .unwrap_or(u8::MAX),
            local_port: tuple.local.port(),
            remote_port: tuple.remote.port(),
        }
    }

    /// A connection is over: its slot's owner hears of it.
    pub(crate) fn leave_slot(&self, under: &mut UnderPcb<'_>, live: &Live, flow: FlowHandle) {
        let mode = if live.failure.is_some() {
            DelMode::Cancel
        } else {
            DelMode::Drain
        };
        let mail = Mail::Leave {
            pcb: live.handle,
            flow,
            mode,
        };
        under.with(&self.queues[live.queue()].slot_mail, |list| list.push(mail));
        self.nic.wake(live.queue());
    }

    /// The queue pairs are closed: nothing that the NIC wrote for a flow is looked at any more.
    pub(crate) fn end_slots(&self, root: &mut Token<'_, Root>) {
        for queue in &self.queues {
            let (mut workspace, mut held) = root.lock(&queue.workspace);
            if let Some(mut slots) = workspace.slots.take() {
                slots.on_reset(0);
                give_up(&mut held, &mut slots);
            }
            queue.slots_in_use.store(0, Ordering::Relaxed);
        }
    }
}
