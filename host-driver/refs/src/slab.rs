//! Type-stable slots with generation-checked handles.
//!
//! A slot's value is made once and lives as long as the slab: freeing a slot only ends its generation. So a
//! stale handle leads to a live value of the right type, whose count or generation says that it is somebody
//! else's; no reader needs a lock, an epoch or a hazard pointer. A value keeps its changing part behind its own
//! lock, and whoever found it locks and *rechecks*.

use std::{fmt, sync::OnceLock};

use crate::{
    Census, Ref, Tally, Transient,
    holder::{Holder, Name},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering, fence},
        tally,
    },
};

/// What happens to a slot's value when its last reference is dropped.
pub trait Recycle {
    /// Lets go of everything the value holds. Runs in the last reference's drop, before the slot can be taken
    /// again; look-ups fail already. It may drop references to other slabs' slots.
    fn recycle(&self);
}

/// Names one generation of a slot. The generation is never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle {
    /// Slot.
    pub index: u32,
    /// How often the slot has been taken.
    pub generation: u32,
}

/// `{generation: 32, count: 32}` in one word. While the slot is free, the count's place has [`FREE`] and the next free slot,
/// plus one; 0 is the end. So an empty slot costs a word besides its value.
const COUNT: u64 = u32::MAX as u64;

/// No count comes so far: see [`Inner::increment`].
const FREE: u64 = 1 << 31;

/// Most slots: their numbers, plus one, fit in below [`FREE`].
const MOST: u32 = (FREE - 1) as u32;

fn is_taken(state: u64) -> bool {
    state & COUNT != 0 && state & FREE == 0
}

pub(crate) struct Slot<T> {
    state: AtomicU64,
    pub(crate) value: T,
}

/// `{tag: 32, first free slot + 1: 32}`: the tag changes with every change, so that a slot which was taken and
/// freed again meanwhile is not taken for the same list (ABA).
const LINK: u64 = u32::MAX as u64;

fn tagged(head: u64, link: u32) -> u64 {
    ((head >> 32).wrapping_add(1) << 32) | u64::from(link)
}

/// Slots in each of the first [`STEPS`] segments; each further `STEPS` have twice as many. So a slab never has more than a
/// few percent of slots that nobody has wanted yet, and is no long list of small pieces either.
const FIRST: u32 = if cfg!(any(loom, shuttle)) { 2 } else { 64 };
const STEPS: u32 = 16;

/// Slots that are made together.
type Segment<T> = OnceLock<Box<[Slot<T>]>>;

pub(crate) struct Inner<T> {
    /// As many as the capacity needs, made as they are wanted.
    segments: Box<[Segment<T>]>,
    /// Free slots that were taken before, last freed first (Treiber's stack).
    free: AtomicU64,
    /// Slots that were ever taken: those from here on are free too.
    created: AtomicU32,
    make: Box<dyn Fn(u32) -> T + Send + Sync>,
    capacity: u32,
    pub(crate) census: Census,
}

/// Segment of a slot, its place there, and how many there are.
fn place(index: u32) -> (usize, usize, u32) {
    // As a number of `STEPS` digits and an exponent.
    let number = index / FIRST + STEPS;
    let exponent = number.ilog2() - STEPS.ilog2();
    let segment = exponent * STEPS + (number >> exponent) - STEPS;
    let len = FIRST << exponent;
    let at = (index + FIRST * STEPS) % len;
    (segment as usize, at as usize, len)
}

impl<T> Inner<T> {
    /// The slot, if it exists.
    fn get(&self, index: u32) -> Option<&Slot<T>> {
        if index >= self.capacity {
            return None;
        }
        let (segment, at, _) = place(index);
        self.segments.get(segment)?.get()?.get(at)
    }

    /// The slot of a reference: it exists.
    pub(crate) fn slot(&self, index: u32) -> &Slot<T> {
        self.get(index).expect("a reference's slot exists")
    }

    /// The handle of a slot that the caller holds a reference to.
    pub(crate) fn handle(&self, index: u32) -> Handle {
        let generation = (self.slot(index).state.load(Ordering::Relaxed) >> 32) as u32;
        Handle { index, generation }
    }

    pub(crate) fn count(&self, index: u32) -> u32 {
        self.slot(index).state.load(Ordering::Relaxed) as u32
    }

    /// One reference more to a slot that the caller holds a reference to.
    pub(crate) fn increment(&self, index: u32) {
        tally::rmw(1);
        let before = self.slot(index).state.fetch_add(1, Ordering::Relaxed);
        // A count that overflowed would run into the generation: better no process than a wrong one.
        if before & COUNT >= COUNT / 2 {
            std::process::abort();
        }
    }

    /// One reference more, unless the slot is free or of another generation.
    fn increment_if_alive(&self, handle: Handle) -> bool {
        let Some(slot) = self.get(handle.index) else {
            return false;
        };
        let mut state = slot.state.load(Ordering::Relaxed);
        loop {
            let alive = (state >> 32) as u32 == handle.generation && is_taken(state);
            if !alive || state & COUNT >= COUNT / 2 {
                return false;
            }
            tally::rmw(1);
            match slot.state.compare_exchange_weak(
                state,
                state + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
    }

    /// Takes up to `indexes.len()` free slots with one exchange; returns how many.
    fn pop(&self, indexes: &mut [u32]) -> usize {
        if indexes.is_empty() {
            return 0;
        }
        let mut head = self.free.load(Ordering::Acquire);
        while head & LINK != 0 {
            let mut link = (head & LINK) as u32;
            let mut n = 0;
            while link != 0 && n < indexes.len() {
                indexes[n] = link - 1;
                n += 1;
                // If somebody changes the list under us this may be anything, a count even, and the exchange fails.
                let state = self.slot(link - 1).state.load(Ordering::Relaxed);
                link = if state & FREE == 0 {
                    0
                } else {
                    (state & COUNT & !FREE) as u32
                };
            }
            tally::rmw(1);
            match self.free.compare_exchange_weak(
                head,
                tagged(head, link),
                Ordering::Acquire,
                Ordering::Acquire,
            ) {
                Ok(_) => return n,
                Err(now) => head = now,
            }
        }
        self.create(indexes)
    }

    /// Takes slots that were never taken before.
    fn create(&self, indexes: &mut [u32]) -> usize {
        let wanted = u32::try_from(indexes.len()).unwrap_or(u32::MAX);
        let mut start = self.created.load(Ordering::Relaxed);
        let end = loop {
            let end = start.saturating_add(wanted).min(self.capacity);
            if start == end {
                return 0;
            }
            tally::rmw(1);
            match self.created.compare_exchange_weak(
                start,
                end,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break end,
                Err(now) => start = now,
            }
        };
        for index in start..end {
            self.make_segment(index);
            indexes[(index - start) as usize] = index;
        }
        (end - start) as usize
    }

    /// Makes the segment of a slot if it does not exist: once in a segment's life, whoever comes first.
    fn make_segment(&self, index: u32) {
        let (segment, at, len) = place(index);
        let Some(cell) = self.segments.get(segment) else {
            return;
        };
        let first = index - at as u32;
        let end = first.saturating_add(len).min(self.capacity);
        cell.get_or_init(|| {
            (first..end)
                .map(|index| Slot {
                    state: AtomicU64::new(1 << 32),
                    value: (self.make)(index),
                })
                .collect()
        });
    }

    /// Gives a slot back, for its next generation.
    fn push(&self, index: u32, generation: u32) {
        let slot = self.slot(index);
        let mut head = self.free.load(Ordering::Relaxed);
        loop {
            let state = u64::from(generation) << 32 | FREE | head & LINK;
            slot.state.store(state, Ordering::Release);
            tally::rmw(1);
            match self.free.compare_exchange_weak(
                head,
                tagged(head, index + 1),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

impl<T: Recycle> Inner<T> {
    /// One reference less; the last one frees the slot.
    pub(crate) fn decrement(&self, index: u32) {
        let slot = self.slot(index);
        tally::rmw(1);
        let before = slot.state.fetch_sub(1, Ordering::Release);
        if before & COUNT != 1 {
            return;
        }
        fence(Ordering::Acquire);
        slot.value.recycle();
        let generation = ((before >> 32) as u32).wrapping_add(1).max(1);
        self.push(index, generation);
    }
}

/// A slab of `T`. Dropping it while references live is reported by the names of their holders (debug builds);
/// the slots live on until the last of them is gone.
pub struct Slab<T: Recycle> {
    inner: Arc<Inner<T>>,
    name: &'static str,
}

impl<T: Recycle> Slab<T> {
    /// An empty slab of at most `capacity` slots (and at most 2³¹ − 1), grown as needed. `make` makes the value of a slot,
    /// once, for its index.
    pub fn new(
        name: &'static str,
        capacity: u32,
        make: impl Fn(u32) -> T + Send + Sync + 'static,
    ) -> Self {
        let capacity = capacity.min(MOST);
        let segments = place(capacity.max(1) - 1).0 + 1;
        let inner = Inner {
            segments: (0..segments).map(|_| OnceLock::new()).collect(),
            free: AtomicU64::new(0),
            created: AtomicU32::new(0),
            make: Box::new(make),
            capacity,
            census: Census::default(),
        };
        if cfg!(any(loom, shuttle)) {
            // A model checker does not see that a `OnceLock` orders what is made inside it.
            inner.make_segment(0);
        }
        Self {
            inner: Arc::new(inner),
            name,
        }
    }

    /// Takes a free slot and gives its first reference to `N`; `None` if all are taken. `init` sees the value
    /// before any look-up can.
    pub fn insert<N: Holder>(&self, init: impl FnOnce(Handle, &T)) -> Option<Ref<N, T>> {
        let mut index = [0];
        (self.inner.pop(&mut index) == 1).then(|| self.take(index[0], init))
    }

    /// Takes up to `n` free slots, many with one exchange, and hands their first references to `each`. Returns how
    /// many.
    pub fn insert_many<N: Holder>(&self, n: usize, mut each: impl FnMut(Ref<N, T>)) -> usize {
        let mut taken = 0;
        let mut indexes = [0; 64];
        while taken < n {
            let wanted = (n - taken).min(indexes.len());
            let got = self.inner.pop(&mut indexes[..wanted]);
            if got == 0 {
                break;
            }
            for &index in &indexes[..got] {
                each(self.take(index, |_, _| ()));
            }
            taken += got;
        }
        taken
    }

    fn take<N: Holder>(&self, index: u32, init: impl FnOnce(Handle, &T)) -> Ref<N, T> {
        let slot = self.inner.slot(index);
        let generation = slot.state.load(Ordering::Relaxed) >> 32;
        let handle = Handle {
            index,
            generation: generation as u32,
        };
        init(handle, &slot.value);
        slot.state.store(generation << 32 | 1, Ordering::Release);
        self.inner.census.enter(N::NAME);
        Ref::adopt(&self.inner, index)
    }

    /// The transient reference X to what `handle` names, unless that is gone. Costs one atomic
    /// read-modify-write, and another to let go.
    ///
    /// Whoever gets one locks the value and rechecks whether it is still what was looked for.
    pub fn get(&self, handle: Handle) -> Option<Transient<'_, T>> {
        if !self.inner.increment_if_alive(handle) {
            return None;
        }
        self.inner.census.enter(Name::X);
        Some(Transient::adopt(&self.inner, handle.index))
    }

    /// The value of a slot, whatever it is by now: no reference, no count, and no read-modify-write. The slot may be freed
    /// and taken again at any time; the value stays where it is.
    ///
    /// Whoever peeks locks the value and rechecks under the lock whether it is what was looked for *and* is kept by
    /// somebody who would have to lock it before letting go. If not, he lets go of the lock at once and takes no other
    /// meanwhile: [`Recycle::recycle`] may wait for that.
    pub fn peek(&self, handle: Handle) -> Option<&T> {
        self.inner.get(handle.index).map(|slot| &slot.value)
    }

    /// A counted reference of holder `N` to what `handle` names, unless that is gone.
    pub fn acquire<N: Holder>(&self, handle: Handle) -> Option<Ref<N, T>> {
        if !self.inner.increment_if_alive(handle) {
            return None;
        }
        self.inner.census.enter(N::NAME);
        Some(Ref::adopt(&self.inner, handle.index))
    }

    /// True if `reference` refers to a slot of this slab.
    pub fn owns<N: Holder>(&self, reference: &Ref<N, T>) -> bool {
        reference.is_in(&self.inner)
    }

    /// Slots that are taken; looks at each one.
    pub fn live(&self) -> usize {
        let created = self.inner.created.load(Ordering::Relaxed);
        let taken = |&index: &u32| {
            let slot = self.inner.get(index);
            slot.is_some_and(|slot| is_taken(slot.state.load(Ordering::Acquire)))
        };
        (0..created).filter(taken).count()
    }

    /// Whether no slot is free, now.
    pub fn is_full(&self) -> bool {
        self.inner.free.load(Ordering::Relaxed) & LINK == 0
            && self.inner.created.load(Ordering::Relaxed) >= self.inner.capacity
    }

    /// Most slots.
    pub fn capacity(&self) -> u32 {
        self.inner.capacity
    }

    /// References by holder (debug builds).
    pub fn tally(&self) -> Tally {
        self.inner.census.tally()
    }
}

impl<T: Recycle> Drop for Slab<T> {
    fn drop(&mut self) {
        let tally = self.tally();
        if !tally.is_empty() {
            tracing::warn!(slab = self.name, holders = %tally, "dropped while references live");
        }
    }
}

impl<T: Recycle> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab")
            .field("name", &self.name)
            .field("holders", &self.tally())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
