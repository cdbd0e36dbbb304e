//! Locks with a level, and their guards.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use crate::sync::{Condvar, Mutex, MutexGuard, tally};

use super::{Root, Token};

/// A lock of level `L` around a `T`. Does not poison.
pub struct Ordered<L, T> {
    pub(super) mutex: Mutex<T>,
    level: PhantomData<fn(L)>,
}

impl<L, T> Ordered<L, T> {
    /// A free lock around `value`.
    pub fn new(value: T) -> Self {
        Self {
            mutex: Mutex::new(value),
            level: PhantomData,
        }
    }

    pub(super) fn acquire(&self) -> MutexGuard<'_, T> {
        tally::lock::<L>(std::ptr::from_ref(self).addr());
        self.mutex.lock()
    }

    /// What the lock guards, where nobody else can know of it: before it is published, or after its last
    /// reference is gone. Waits for nobody, so it has no place in the order.
    ///
    /// # Panics
    /// If somebody holds the lock all the same.
    pub fn unshared(&self) -> Guard<'_, T, Unshared> {
        tally::rmw(tally::RMWS_OF_A_LOCK);
        let guard = self.mutex.try_lock();
        Guard::new(guard.expect("a value without references is locked by nobody"))
    }

    /// What the lock guards, where nobody else has a reference to it any more, or yet. Somebody who found it without one
    /// ([`Slab::peek`](crate::Slab::peek)) may hold the lock for as long as it takes to see that he came too late, without
    /// taking any other: this waits for that and for nothing else, so it has no place in the order either.
    pub fn unreferenced(&self) -> Guard<'_, T, Unshared> {
        tally::rmw(tally::RMWS_OF_A_LOCK);
        Guard::new(self.mutex.lock())
    }
}

/// In place of a level: the lock is of a value that nobody else can reach.
#[derive(Debug)]
pub enum Unshared {}

impl<L, T: Default> Default for Ordered<L, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<L, T> fmt::Debug for Ordered<L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ordered").finish_non_exhaustive()
    }
}

/// The right to use what an [`Ordered`] lock guards, taken by a thread that held `Before`.
pub struct Guard<'t, T, Before> {
    guard: MutexGuard<'t, T>,
    before: PhantomData<Before>,
}

impl<'t, T, Before> Guard<'t, T, Before> {
    pub(super) fn new(guard: MutexGuard<'t, T>) -> Self {
        Self {
            guard,
            before: PhantomData,
        }
    }
}

impl<T> Guard<'_, T, Root> {
    /// Lets go of the lock, waits for `changed`, takes the lock again. `token` is the lock's own: nothing is held
    /// under it, and the guard's type says that nothing is held over it.
    pub fn wait<M>(&mut self, token: &mut Token<'_, M>, changed: &Condvar) {
        let _ = token;
        changed.wait(&mut self.guard);
    }

    /// As [`Guard::wait`], at most until `deadline`. False: the deadline has passed.
    pub fn wait_until<M>(
        &mut self,
        token: &mut Token<'_, M>,
        changed: &Condvar,
        deadline: Instant,
    ) -> bool {
        let _ = token;
        !changed.wait_until(&mut self.guard, deadline).timed_out()
    }
}

impl<T, Before> Deref for Guard<'_, T, Before> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T, Before> DerefMut for Guard<'_, T, Before> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: fmt::Debug, Before> fmt::Debug for Guard<'_, T, Before> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
