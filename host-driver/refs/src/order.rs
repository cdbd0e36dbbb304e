//! The order of locks, in types: listener → PCB → socket buffer → ring; shards, timers and other leaves last.
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
//!
//! A connection from under a shard of the table in which it was found:
//!
//! ```compile_fail,E0277
//! use longshore_refs::order::{Ordered, Pcb, Shard, Token};
//! let (shard, pcb) = (Ordered::<Shard, _>::new(1), Ordered::<Pcb, _>::new(2));
//! let mut root = Token::root();
//! let (a, mut token) = root.lock(&shard);
//! let (b, _) = token.lock(&pcb); // Shard does not precede Pcb
//! assert_eq!(*a + *b, 3);
//! ```
//!
//! A listener from under one of its connections:
//!
//! ```compile_fail,E0277
//! use longshore_refs::order::{Listener, Ordered, Pcb, Token};
//! let (pcb, listener) = (Ordered::<Pcb, _>::new(1), Ordered::<Listener, _>::new(2));
//! let mut root = Token::root();
//! let (a, mut token) = root.lock(&pcb);
//! let (b, _) = token.lock(&listener); // Pcb does not precede Listener
//! assert_eq!(*a + *b, 3);
//! ```
//!
//! Waiting for the device, or running a program's code, with a lock held:
//!
//! ```compile_fail,E0277
//! use longshore_refs::order::{Ordered, Outermost, Pcb, Token};
//! fn reset_the_device(_nothing_is_held: &mut Token<'_, impl Outermost>) {}
//! let pcb = Ordered::<Pcb, _>::new(1);
//! let mut root = Token::root();
//! let (a, mut token) = root.lock(&pcb);
//! reset_the_device(&mut token); // Pcb is not Outermost
//! drop(a);
//! ```
//!
//! Waiting for a change of one thing with another still locked, under it:
//!
//! ```compile_fail,E0499
//! use longshore_refs::{order::{Ordered, Pcb, Ring, Token}, sync::Condvar};
//! let (pcb, ring, changed) = (Ordered::<Pcb, _>::new(1), Ordered::<Ring, _>::new(2), Condvar::new());
//! let mut root = Token::root();
//! let (mut a, mut token) = root.lock(&pcb);
//! let (b, _) = token.lock(&ring);
//! a.wait(&mut token, &changed); // the token is borrowed while `b` is held
//! assert_eq!(*a + *b, 3);
//! ```
//!
//! or over it:
//!
//! ```compile_fail,E0599
//! use longshore_refs::{order::{Listener, Ordered, Pcb, Token}, sync::Condvar};
//! let (listener, pcb, changed) = (Ordered::<Listener, _>::new(1), Ordered::<Pcb, _>::new(2), Condvar::new());
//! let mut root = Token::root();
//! let (a, mut token) = root.lock(&listener);
//! let (mut b, mut token) = token.lock(&pcb);
//! b.wait(&mut token, &changed); // only what was locked first can be waited for
//! assert_eq!(*a + *b, 3);
//! ```

mod lock;
mod root;

use std::fmt;
use std::marker::PhantomData;

use crate::sync::tally;

pub use lock::{Guard, Ordered, Unshared};
use root::{Outside, RootGuard};

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
    Root "No lock is held." < Owner Listener Pcb SocketBuffer Shard Timers Ring Leaf;
    Owner "The right to drive a queue pair. Only whoever drives it takes this, and holds it throughout."
        < Listener Pcb SocketBuffer Shard Timers Ring Leaf;
    Listener "A listener's queues." < Pcb SocketBuffer Shard Timers Ring Leaf;
    Pcb "A connection's state." < SocketBuffer Shard Timers Ring Leaf;
    SocketBuffer "A socket's send or receive buffer." < Shard Timers Ring Leaf;
    Shard "A part of a table." < Timers Leaf;
    Timers "Timers of a queue pair. Nothing is locked under it." <;
    Ring "A ring that is posted to. Nothing is locked under it." <;
    Leaf "Anything else that is held for a moment. Nothing is locked under it." <;
}

/// Nothing is held that anybody but the owner of a queue pair could wait for: here it is allowed to wait for the
/// device, and to call what a program has registered.
pub trait Outermost:
    Precedes<Listener>
    + Precedes<Pcb>
    + Precedes<SocketBuffer>
    + Precedes<Shard>
    + Precedes<Timers>
    + Precedes<Ring>
    + Precedes<Leaf>
{
}

impl Outermost for Root {}
impl Outermost for Owner {}

/// What its thread holds: a lock of level `L`, or nothing ([`Root`]). Stays in its thread.
pub struct Token<'a, L> {
    level: PhantomData<(&'a mut (), L, *const ())>,
    /// Counts in debug builds how many roots the thread has.
    root: Option<RootGuard>,
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

impl<L: Outermost> Token<'_, L> {
    /// Runs code that is not ours, which may come back in from outside with a root of its own.
    pub fn outside<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let _back = Outside::new();
        call()
    }
}

impl<L> Token<'_, L> {
    /// Waits for `lock`, which must come after everything held.
    pub fn lock<'t, M, T>(&'t mut self, lock: &'t Ordered<M, T>) -> (Guard<'t, T, L>, Token<'t, M>)
    where
        L: Precedes<M>,
    {
        let token = Token {
            level: PhantomData,
            root: None,
        };
        (Guard::new(lock.acquire()), token)
    }

    /// Waits for `lock` and works with what it guards; nothing is locked meanwhile.
    pub fn with<M, T, R>(&mut self, lock: &Ordered<M, T>, work: impl FnOnce(&mut T) -> R) -> R
    where
        L: Precedes<M>,
    {
        work(&mut lock.acquire())
    }

    /// Takes `lock` if it is free.
    pub fn try_lock<'t, M, T>(
        &'t mut self,
        lock: &'t Ordered<M, T>,
    ) -> Option<(Guard<'t, T, L>, Token<'t, M>)>
    where
        L: Precedes<M>,
    {
        let guard = lock.mutex.try_lock()?;
        tally::lock::<M>(std::ptr::from_ref(lock).addr());
        let token = Token {
            level: PhantomData,
            root: None,
        };
        Some((Guard::new(guard), token))
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

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
