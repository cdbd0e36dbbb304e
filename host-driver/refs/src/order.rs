//! The order of locks, in types: listener → PCB → socket buffer → ring.
//!
//! A [`Token`] stands for the locks that its thread holds. Taking an [`Ordered`] lock needs a token of an
//! earlier level, borrows it for as long as the guard lives, and yields a token of the lock's own level. So
//! taking locks in the wrong order, or two of one level, does not compile:
//!
//! ```
//! use longshore_refs::order::{Ordered, Pcb, Ring, Token};
//! let (pcb, ring) = (Ordered::<Pcb, _>::new(1), Ordered::<Ring, _>::new(2));
//! let mut root = Token::root();
//! let (a, mut token) = root.lock(&pcb);
//! let (b, _) = token.lock(&ring);
//! assert_eq!(*a + *b, 3);
//! ```
//!
//! The wrong way round:
//!
//! ```compile_fail,E0277
//! use longshore_refs::order::{Ordered, Pcb, Ring, Token};
//! let (pcb, ring) = (Ordered::<Pcb, _>::new(1), Ordered::<Ring, _>::new(2));
//! let mut root = Token::root();
//! let (b, mut token) = root.lock(&ring);
//! let (a, _) = token.lock(&pcb); // Ring does not precede Pcb
//! assert_eq!(*a + *b, 3);
//! ```
//!
//! Two PCBs, one inside the other:
//!
//! ```compile_fail,E0277
//! use longshore_refs::order::{Ordered, Pcb, Token};
//! let (a, b) = (Ordered::<Pcb, _>::new(1), Ordered::<Pcb, _>::new(2));
//! let mut root = Token::root();
//! let (a, mut token) = root.lock(&a);
//! let (b, _) = token.lock(&b); // Pcb does not precede Pcb
//! assert_eq!(*a + *b, 3);
//! ```
//!
//! Two PCBs side by side, past the first one's token:
//!
//! ```compile_fail,E0499
//! use longshore_refs::order::{Ordered, Pcb, Token};
//! let (a, b) = (Ordered::<Pcb, _>::new(1), Ordered::<Pcb, _>::new(2));
//! let mut root = Token::root();
//! let (a, _) = root.lock(&a);
//! let (b, _) = root.lock(&b); // the root is borrowed while `a` is held
//! assert_eq!(*a + *b, 3);
//! ```

use std::{
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use crate::sync::{Mutex, MutexGuard};

/// Locks of this level may be taken while holding the level that implements it.
pub trait Precedes<Later> {}

macro_rules! levels {
    ($($level:ident $doc:literal < $($later:ident)*;)*) => {
        $(
            #[doc = $doc]
            #[derive(Debug)]
            pub enum $level {}
            $(impl Precedes<$later> for $level {})*
        )*
    };
}

levels! {
    Root "No lock is held." < Listener Pcb SocketBuffer Ring;
    Listener "A listener's queues." < Pcb SocketBuffer Ring;
    Pcb "A connection's state." < SocketBuffer Ring;
    SocketBuffer "A socket's send or receive buffer." < Ring;
    Ring "A ring that is posted to. Nothing is locked under it." <;
}

/// What its thread holds: a lock of level `L`, or nothing ([`Root`]). Stays in its thread.
pub struct Token<'a, L> {
    level: PhantomData<(&'a mut (), L, *const ())>,
    /// Counts in debug builds how many roots the thread has.
    root: Option<RootGuard>,
}

/// At most one root per thread, so that no token is made out of thin air under a lock.
struct RootGuard;

#[cfg(all(debug_assertions, not(any(loom, shuttle))))]
thread_local! {
    static HAS_ROOT: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl RootGuard {
    fn new() -> Self {
        #[cfg(all(debug_assertions, not(any(loom, shuttle))))]
        HAS_ROOT.with(|has| {
            assert!(
                !has.replace(true),
                "a second root of the lock order in one thread: hand the first one down instead"
            );
        });
        Self
    }
}

impl Drop for RootGuard {
    fn drop(&mut self) {
        #[cfg(all(debug_assertions, not(any(loom, shuttle))))]
        HAS_ROOT.with(|has| has.set(false));
    }
}

impl Token<'static, Root> {
    /// The token of a thread that holds nothing: made where a call comes in from outside.
    ///
    /// # Panics
    /// In debug builds, if the thread has one already: somebody may hold a lock that this token knows nothing of.
    pub fn root() -> Self {
        Self {
            level: PhantomData,
            root: Some(RootGuard::new()),
        }
    }
}

impl<L> Token<'_, L> {
    /// Waits for `lock`, which must come after everything held.
    pub fn lock<'t, M, T>(&'t mut self, lock: &'t Ordered<M, T>) -> (Guard<'t, T>, Token<'t, M>)
    where
        L: Precedes<M>,
    {
        let token = Token {
            level: PhantomData,
            root: None,
        };
        (Guard(lock.mutex.lock()), token)
    }

    /// Takes `lock` if it is free.
    pub fn try_lock<'t, M, T>(
        &'t mut self,
        lock: &'t Ordered<M, T>,
    ) -> Option<(Guard<'t, T>, Token<'t, M>)>
    where
        L: Precedes<M>,
    {
        let guard = lock.mutex.try_lock()?;
        let token = Token {
            level: PhantomData,
            root: None,
        };
        Some((Guard(guard), token))
    }
}

impl<L> fmt::Debug for Token<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = std::any::type_name::<L>();
        let level = level.rsplit("::").next().unwrap_or(level);
        write!(
            f,
            "Token<{level}>{}",
            if self.root.is_some() { " (root)" } else { "" }
        )
    }
}

/// A lock of level `L` around a `T`. Does not poison.
pub struct Ordered<L, T> {
    mutex: Mutex<T>,
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
}

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

/// The right to use what an [`Ordered`] lock guards.
pub struct Guard<'t, T>(MutexGuard<'t, T>);

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_level_may_be_left_out_and_a_lock_taken_again_after_its_release() {
        let (listener, ring) = (Ordered::<Listener, _>::new(0), Ordered::<Ring, _>::new(0));
        let mut root = Token::root();
        for _ in 0..2 {
            let (mut a, mut token) = root.lock(&listener);
            *a += 1;
            let (mut b, _) = token.lock(&ring);
            *b += *a;
        }
        let (b, _) = root.lock(&ring);
        assert_eq!(*b, 3);
    }

    #[test]
    fn a_taken_lock_is_not_waited_for_by_try_lock() {
        let pcb = Ordered::<Pcb, _>::new(());
        let mut root = Token::root();
        let _held = root.lock(&pcb);
        std::thread::scope(|s| {
            s.spawn(|| assert!(Token::root().try_lock(&pcb).is_none()));
        });
    }

    #[cfg(debug_assertions)]
    #[test]
    fn a_second_root_in_a_thread_is_found_out() {
        let first = Token::root();
        assert!(std::panic::catch_unwind(|| drop(Token::root())).is_err());
        drop(first);
        drop(Token::root());
    }
}
