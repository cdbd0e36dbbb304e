//! `parking_lot`'s interface over a model checker's locks.

#[cfg(loom)]
use loom::sync as imp;
#[cfg(all(shuttle, not(loom)))]
use shuttle::sync as imp;
use std::{
    ops::{Deref, DerefMut},
    sync::PoisonError,
    time::Instant,
};

/// A mutual exclusion lock that does not poison.
#[derive(Debug, Default)]
pub struct Mutex<T>(imp::Mutex<T>);

/// The right to use what a [`Mutex`] guards.
#[derive(Debug)]
pub struct MutexGuard<'a, T>(Option<imp::MutexGuard<'a, T>>, &'a Mutex<T>);

/// Whether a wait ended because its time was over: never.
#[derive(Debug, Clone, Copy)]
pub struct WaitTimeoutResult(());

impl WaitTimeoutResult {
    /// Never.
    pub fn timed_out(self) -> bool {
        false
    }
}

impl<T> Mutex<T> {
    /// A lock around `value`.
    pub fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(
            Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)),
            self,
        )
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|g| MutexGuard(Some(g), self))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_ref().expect("only a wait takes the guard away")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("only a wait takes the guard away")
    }
}

/// A condition variable.
#[derive(Debug, Default)]
pub struct Condvar(imp::Condvar);

impl Condvar {
    /// A condition variable that nobody waits for.
    pub fn new() -> Self {
        Self(imp::Condvar::new())
    }

    /// Releases the lock, waits, takes it again.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let inner = guard.0.take().expect("only a wait takes the guard away");
        guard.0 = Some(self.0.wait(inner).unwrap_or_else(PoisonError::into_inner));
    }

    /// As [`Condvar::wait`], but it may end at any time before `_deadline`: a model checker has no clock, so this
    /// lets the others run once and reports no time-out. Callers look again, as they must.
    pub fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        _deadline: Instant,
    ) -> WaitTimeoutResult {
        let inner = guard.0.take().expect("only a wait takes the guard away");
        let mutex = guard.1;
        drop(inner);
        super::thread::yield_now();
        guard.0 = Some(mutex.0.lock().unwrap_or_else(PoisonError::into_inner));
        WaitTimeoutResult(())
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
