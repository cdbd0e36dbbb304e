//! The slots of the NIC's flow table, as the owner of a queue pair keeps them.
//!
//! ```text
//! Free → AddPending → Live → DelPending → Quarantine → Free (generation + 1)
//!        AddPending → Free (the table is full)
//!        AddPending → DelPending (closed while adding: the DEL is queued behind the ADD)
//!        any → Dead (the device was reset) → Free (confirmed quiesce)
//! ```
//!
//! A slot holds reference H from before FLOW_ADD is posted until FLOW_DEL is *completed*, and is taken again only when
//! every completion that was queued before is consumed too: that is what the fence on the flow's own completion queue
//! says. A handle's generation is as narrow as the NIC carries it; the fence, not the generation, is what keeps two users
//! of a slot apart on the receive side. A FLOW_DEL that drains has no fence on the transmit side: requests of the earlier
//! user may be sent long after it, and only their generation keeps them from a later CANCEL of the same slot. So handles
//! must not come round while a request of an earlier user is posted; with 16 bits and a ring's length they do not.
//!
//! No NIC with a flow table exists yet: a connection without a slot is the rule, and one with a slot differs only in how
//! its frames are looked up.

use std::num::NonZeroU32;

use crate::Handle;

/// What became of FLOW_ADD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Added {
    /// The NIC finds the flow from now on.
    Entered,
    /// It has no room: the connection goes on without a slot.
    Full,
}

/// What a slot is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State<H> {
    Free,
    AddPending(H),
    Live(H),
    /// `fenced`: the fence overtook the completion of the DEL.
    DelPending {
        reference: H,
        fenced: bool,
    },
    /// The NIC has let go of the flow; completions from before may still be queued.
    Quarantine,
    /// The device was reset under it. The reference stays until a quiesce is confirmed.
    Dead(Option<H>),
}

/// What a slot is doing, without what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nobody's.
    Free,
    /// FLOW_ADD is posted.
    AddPending,
    /// The NIC finds the flow.
    Live,
    /// FLOW_DEL is posted.
    DelPending,
    /// FLOW_DEL is completed, the fence is not there yet.
    Quarantine,
    /// The device was reset.
    Dead,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot<H> {
    generation: u32,
    state: State<H>,
}

/// The slots of one queue pair's flows; `H` is reference H, for instance `Ref<holder::H, Pcb>`.
///
/// Its owner alone has it. What comes from the NIC is checked, counted and never trusted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flows<H> {
    slots: Vec<Slot<H>>,
    generations: NonZeroU32,
    epoch: u32,
    ignored: u64,
}

impl<H> Flows<H> {
    /// `capacity` slots, none in use, of a device in `epoch`. Generations count from 1 up to
    /// `generations` and begin again.
    pub fn new(capacity: u32, generations: NonZeroU32, epoch: u32) -> Self {
        let free = || Slot {
            generation: 1,
            state: State::Free,
        };
        Self {
            slots: (0..capacity).map(|_| free()).collect(),
            generations,
            epoch,
            ignored: 0,
        }
    }

    /// Takes a slot for a flow whose FLOW_ADD the caller posts now. Gives the reference back if there is none: the
    /// connection goes on without.
    pub fn add(&mut self, reference: H) -> Result<Handle, H> {
        let free = self
            .slots
            .iter_mut()
            .zip(0..)
            .find(|(slot, _)| matches!(slot.state, State::Free));
        let Some((slot, index)) = free else {
            return Err(reference);
        };
        slot.state = State::AddPending(reference);
        Ok(Handle {
            index,
            generation: slot.generation,
        })
    }

    /// FLOW_ADD is completed. If the table is full, H is given back, unless the flow was closed meanwhile: then its DEL,
    /// which is queued behind, does that.
    pub fn on_added(&mut self, handle: Handle, epoch: u32, added: Added) -> Option<H> {
        let next = self.next_generation(handle.generation);
        let slot = self.find(handle, epoch)?;
        match (std::mem::replace(&mut slot.state, State::Free), added) {
            (State::AddPending(reference), Added::Entered) => {
                slot.state = State::Live(reference);
                None
            }
            (State::AddPending(reference), Added::Full) => {
                // The NIC never had it: no completion can name it.
                slot.generation = next;
                Some(reference)
            }
            (other, _) => {
                let late = !matches!(other, State::DelPending { .. });
                slot.state = other;
                self.ignored += u64::from(late);
                None
            }
        }
    }

    /// The flow is over: true if the caller has to post FLOW_DEL now, on the ring of the ADD.
    ///
    /// `is_its` tells whether the slot's reference is the flow's: whoever asks may come late, when another flow has taken
    /// the slot under the same handle.
    pub fn delete(&mut self, handle: Handle, is_its: impl FnOnce(&H) -> bool) -> bool {
        let epoch = self.epoch;
        let Some(slot) = self.find(handle, epoch) else {
            return false;
        };
        let its = match &slot.state {
            State::AddPending(reference) | State::Live(reference) => is_its(reference),
            _ => false,
        };
        if its
            && let State::AddPending(reference) | State::Live(reference) =
                std::mem::replace(&mut slot.state, State::Free)
        {
            slot.state = State::DelPending {
                reference,
                fenced: false,
            };
        }
        its
    }

    /// FLOW_DEL is completed: gives back H. The slot stays in quarantine until the fence.
    pub fn on_deleted(&mut self, handle: Handle, epoch: u32) -> Option<H> {
        let next = self.next_generation(handle.generation);
        let slot = self.find(handle, epoch)?;
        match std::mem::replace(&mut slot.state, State::Quarantine) {
            State::DelPending { reference, fenced } => {
                if fenced {
                    slot.state = State::Free;
                    slot.generation = next;
                }
                Some(reference)
            }
            other => {
                slot.state = other;
                self.ignored += 1;
                None
            }
        }
    }

    /// The fence has come out of the flow's completion queue: whatever the NIC wrote for the flow was before it.
    pub fn on_fence(&mut self, handle: Handle, epoch: u32) {
        let next = self.next_generation(handle.generation);
        let Some(slot) = self.find(handle, epoch) else {
            return;
        };
        match &mut slot.state {
            State::Quarantine => {
                slot.state = State::Free;
                slot.generation = next;
            }
            State::DelPending { fenced, .. } => *fenced = true,
            _ => self.ignored += 1,
        }
    }

    /// Whose frame a completion names, if it is of this device's life and of the slot's present user. Otherwise it is
    /// counted and ignored; its buffer is the caller's to recycle.
    pub fn resolve(&mut self, handle: Handle, epoch: u32) -> Option<&H> {
        let known = self
            .find(handle, epoch)
            .is_some_and(|slot| matches!(slot.state, State::Live(_) | State::DelPending { .. }));
        if !known {
            self.ignored += 1;
            return None;
        }
        match &self.slots[handle.index as usize].state {
            State::Live(reference) | State::DelPending { reference, .. } => Some(reference),
            _ => None,
        }
    }

    /// The device was reset: nothing that comes with an earlier epoch counts any more. H stays.
    pub fn on_reset(&mut self, epoch: u32) {
        self.epoch = epoch;
        for slot in &mut self.slots {
            slot.state = match std::mem::replace(&mut slot.state, State::Free) {
                State::Free => State::Free,
                State::AddPending(reference)
                | State::Live(reference)
                | State::DelPending { reference, .. } => State::Dead(Some(reference)),
                State::Quarantine => State::Dead(None),
                dead @ State::Dead(_) => dead,
            };
        }
    }

    /// A quiesce is confirmed: gives back every H of the device's earlier life.
    pub fn on_quiesced(&mut self) -> Vec<H> {
        let mut released = Vec::new();
        for slot in &mut self.slots {
            if let State::Dead(reference) = &mut slot.state {
                released.extend(reference.take());
                slot.state = State::Free;
                slot.generation = slot.generation % self.generations + 1;
            }
        }
        released
    }

    /// What a slot is doing.
    pub fn phase(&self, index: u32) -> Option<Phase> {
        let slot = self.slots.get(index as usize)?;
        Some(match slot.state {
            State::Free => Phase::Free,
            State::AddPending(_) => Phase::AddPending,
            State::Live(_) => Phase::Live,
            State::DelPending { .. } => Phase::DelPending,
            State::Quarantine => Phase::Quarantine,
            State::Dead(_) => Phase::Dead,
        })
    }

    /// References H that are held.
    pub fn references(&self) -> impl Iterator<Item = &H> {
        self.slots.iter().filter_map(|slot| match &slot.state {
            State::AddPending(reference)
            | State::Live(reference)
            | State::DelPending { reference, .. }
            | State::Dead(Some(reference)) => Some(reference),
            State::Free | State::Quarantine | State::Dead(None) => None,
        })
    }

    /// Slots that cannot be taken.
    pub fn in_use(&self) -> usize {
        let free = |slot: &&Slot<H>| !matches!(slot.state, State::Free);
        self.slots.iter().filter(free).count()
    }

    /// Completions that named nobody.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    fn next_generation(&self, generation: u32) -> u32 {
        generation % self.generations + 1
    }

    fn find(&mut self, handle: Handle, epoch: u32) -> Option<&mut Slot<H>> {
        if epoch != self.epoch {
            return None;
        }
        self.slots
            .get_mut(handle.index as usize)
            .filter(|slot| slot.generation == handle.generation)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
