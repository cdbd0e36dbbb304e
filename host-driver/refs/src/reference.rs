//! Counted references with the name of their holder.

use std::{fmt, marker::PhantomData, ops::Deref};

use crate::{
    holder::{Holder, Name},
    slab::{Handle, Inner, Recycle},
    sync::{Arc, tally},
};

/// One count on a slot; released by its drop.
struct Counted<T: Recycle> {
    slab: Arc<Inner<T>>,
    index: u32,
    name: Name,
}

impl<T: Recycle> Drop for Counted<T> {
    fn drop(&mut self) {
        self.slab.census.leave(self.name);
        self.slab.decrement(self.index);
    }
}

/// A counted reference of holder `N` to a slot. Its drop releases the reference; the last one's frees the slot.
pub struct Ref<N: Holder, T: Recycle> {
    counted: Counted<T>,
    holder: PhantomData<N>,
}

impl<N: Holder, T: Recycle> Ref<N, T> {
    /// Wraps a count (and a census entry) that was taken already.
    pub(crate) fn adopt(slab: &Arc<Inner<T>>, index: u32) -> Self {
        // The slab's own count goes up with each reference, and down again.
        tally::rmw(2);
        Self {
            counted: Counted {
                slab: slab.clone(),
                index,
                name: N::NAME,
            },
            holder: PhantomData,
        }
    }

    /// What names this generation of the slot.
    pub fn handle(&self) -> Handle {
        self.counted.slab.handle(self.counted.index)
    }

    /// Another reference to the same slot, for holder `M`.
    pub fn duplicate<M: Holder>(&self) -> Ref<M, T> {
        let Counted { slab, index, .. } = &self.counted;
        slab.increment(*index);
        slab.census.enter(M::NAME);
        Ref::adopt(slab, *index)
    }

    /// Hands this reference on to holder `M`; the count does not change.
    pub fn transfer<M: Holder>(mut self) -> Ref<M, T> {
        self.counted.slab.census.enter(M::NAME);
        self.counted.slab.census.leave(N::NAME);
        self.counted.name = M::NAME;
        Ref {
            counted: self.counted,
            holder: PhantomData,
        }
    }

    /// References to the slot, of all holders: out of date at once, unless it is 1 (then nobody but a look-up
    /// can raise it).
    pub fn count(&self) -> u32 {
        self.counted.slab.count(self.counted.index)
    }

    pub(crate) fn is_in(&self, slab: &Arc<Inner<T>>) -> bool {
        Arc::ptr_eq(&self.counted.slab, slab)
    }

    /// True if both refer to the same slot.
    pub fn same<M: Holder>(&self, other: &Ref<M, T>) -> bool {
        Arc::ptr_eq(&self.counted.slab, &other.counted.slab)
            && self.counted.index == other.counted.index
    }
}

impl<N: Holder, T: Recycle> Deref for Ref<N, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.counted.slab.slot(self.counted.index).value
    }
}

impl<N: Holder, T: Recycle> fmt::Debug for Ref<N, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Handle { index, generation } = self.handle();
        write!(f, "{}({index}.{generation})", N::NAME)
    }
}

/// The transient reference X: what a look-up returns, bound to the slab.
pub struct Transient<'s, T: Recycle> {
    slab: &'s Arc<Inner<T>>,
    index: u32,
}

impl<'s, T: Recycle> Transient<'s, T> {
    /// Wraps a count (and a census entry) that was taken already.
    pub(crate) fn adopt(slab: &'s Arc<Inner<T>>, index: u32) -> Self {
        Self { slab, index }
    }

    /// What names this generation of the slot.
    pub fn handle(&self) -> Handle {
        self.slab.handle(self.index)
    }

    /// A lasting reference of holder `M` besides this one.
    pub fn duplicate<M: Holder>(&self) -> Ref<M, T> {
        self.slab.increment(self.index);
        self.slab.census.enter(M::NAME);
        Ref::adopt(self.slab, self.index)
    }
}

impl<T: Recycle> Deref for Transient<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.slab.slot(self.index).value
    }
}

impl<T: Recycle> Drop for Transient<'_, T> {
    fn drop(&mut self) {
        self.slab.census.leave(Name::X);
        self.slab.decrement(self.index);
    }
}

impl<T: Recycle> fmt::Debug for Transient<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Handle { index, generation } = self.handle();
        write!(f, "X({index}.{generation})")
    }
}
