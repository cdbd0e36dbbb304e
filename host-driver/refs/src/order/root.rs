//! That a thread has one root of the lock order.

/// At most one root per thread, so that no token is made out of thin air under a lock.
pub(super) struct RootGuard;

#[cfg(all(debug_assertions, not(any(loom, shuttle))))]
thread_local! {
    static HAS_ROOT: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl RootGuard {
    pub(super) fn new() -> Self {
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

/// While it lives, the thread may make another root.
pub(super) struct Outside {
    #[cfg(all(debug_assertions, not(any(loom, shuttle))))]
    had_root: bool,
}

impl Outside {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(all(debug_assertions, not(any(loom, shuttle))))]
            had_root: HAS_ROOT.with(|has| has.replace(false)),
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        #[cfg(all(debug_assertions, not(any(loom, shuttle))))]
        HAS_ROOT.with(|has| has.set(self.had_root));
    }
}
