//! One port: the world, the open files, and who waits for what.

use std::collections::BTreeMap;
use std::thread::ThreadId;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::errno::{Errno, Result};
use crate::files::Files;
use crate::flags::Flags;
use crate::sysctl::Sysctls;
use crate::wire::Sniffed;
use crate::world::World;

/// Virtual time 0 as `gettimeofday` tells it, in seconds: any day will do.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// How long, in real time, a thread waits for another that may have something to do before it says that there is nothing.
const PATIENCE: Duration = Duration::from_millis(20);
/// The same for the thread that drives the clock, when nothing at all will happen in virtual time.
const DEADLOCK: Duration = Duration::from_secs(2);

/// What `packetdrill_interface_init` makes.
pub(crate) struct Port {
    core: Mutex<Core>,
    /// Something has changed: whoever waits looks again.
    changed: Condvar,
    /// Somebody who waits has looked again.
    looked: Condvar,
    /// The thread whose calls move time on.
    driver: ThreadId,
}

/// What the lock guards.
pub(crate) struct Core {
    pub(crate) world: World,
    pub(crate) files: Files,
    pub(crate) sysctls: Sysctls,
    waiting: BTreeMap<u64, Waiter>,
    next_waiter: u64,
    /// Rises with every change.
    changes: u64,
}

/// A call that waits, on a thread that does not drive the clock.
#[derive(Debug)]
struct Waiter {
    deadline: Option<Duration>,
    /// `changes` when it last looked.
    seen: u64,
}

/// Outcome of one try.
pub(crate) enum Attempt<T> {
    Done(T),
    Wait,
}

/// How long a call may wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    /// In virtual time; `None`: without end.
    pub(crate) limit: Option<Duration>,
}

impl Patience {
    /// Not at all.
    pub(crate) const NONE: Self = Self {
        limit: Some(Duration::ZERO),
    };
    /// Without end.
    pub(crate) const ENDLESS: Self = Self { limit: None };

    /// At most so long.
    pub(crate) fn of(limit: Option<Duration>) -> Self {
        Self { limit }
    }
}

impl Core {
    /// Does all that is to be done now.
    pub(crate) fn settle(&mut self) {
        self.world.settle();
        self.files.watch(self.world.now());
        self.changes += 1;
    }

    /// Everybody who waits has looked at what is now.
    fn is_quiet(&self) -> bool {
        self.waiting.values().all(|w| w.seen == self.changes)
    }

    /// When something happens next by itself, or somebody's patience ends.
    fn next_event(&self) -> Option<Duration> {
        let deadlines = self.waiting.values().filter_map(|w| w.deadline);
        self.world.next_event().into_iter().chain(deadlines).min()
    }
}

impl Port {
    /// A port whose clock the calling thread drives.
    ///
    /// # Errors
    /// What is wrong with the flags.
    pub(crate) fn new(flags: &str) -> std::result::Result<Self, String> {
        let flags: Flags = flags
            .parse()
            .map_err(|e: crate::flags::BadFlags| e.to_string())?;
        let sysctls = Sysctls::new(flags.sysctl.as_deref());
        let world = World::new(&flags, sysctls.defaults().tcp)?;
        let core = Core {
            world,
            files: Files::default(),
            sysctls,
            waiting: BTreeMap::new(),
            next_waiter: 0,
            changes: 0,
        };
        Ok(Self {
            core: Mutex::new(core),
            changed: Condvar::new(),
            looked: Condvar::new(),
            driver: std::thread::current().id(),
        })
    }

    /// A call that never waits.
    pub(crate) fn call<R>(&self, work: impl FnOnce(&mut Core) -> Result<R>) -> Result<R> {
        let mut core = self.core.lock();
        core.settle();
        let result = work(&mut core);
        core.settle();
        self.changed.notify_all();
        result
    }

    /// A call that is tried until it is done, or until patience ends: then EAGAIN.
    pub(crate) fn wait<R>(
        &self,
        patience: Patience,
        mut attempt: impl FnMut(&mut Core) -> Result<Attempt<R>>,
    ) -> Result<R> {
        let mut core = self.core.lock();
        core.settle();
        let deadline = patience
            .limit
            .and_then(|limit| core.world.now().checked_add(limit));
        let drives = std::thread::current().id() == self.driver;
        core.next_waiter += 1;
        let id = core.next_waiter;
        let mut idle = false;
        let result = loop {
            match attempt(&mut core) {
                Ok(Attempt::Done(result)) => break Ok(result),
                Ok(Attempt::Wait) => {}
                Err(error) => break Err(error),
            }
            if deadline.is_some_and(|at| at <= core.world.now()) {
                break Err(Errno::EAGAIN);
            }
            // What the attempt has begun may be all that is needed.
            if core.world.settle() {
                core.settle();
                self.changed.notify_all();
                continue;
            }
            if !drives {
                let seen = core.changes;
                core.waiting.insert(id, Waiter { deadline, seen });
                self.looked.notify_all();
                self.changed.wait(&mut core);
                continue;
            }
            let before = core.changes;
            self.let_others_look(&mut core);
            if core.changes != before {
                continue;
            }
            match core.next_event().into_iter().chain(deadline).min() {
                Some(at) => self.pass(&mut core, at),
                // Nothing will happen in virtual time; another thread may do something yet.
                None if idle => break Err(Errno::EDEADLK),
                None => idle = self.changed.wait_for(&mut core, DEADLOCK).timed_out(),
            }
        };
        core.waiting.remove(&id);
        core.settle();
        self.changed.notify_all();
        self.looked.notify_all();
        result
    }

    /// Waits until those who wait on other threads have seen what has changed.
    fn let_others_look(&self, core: &mut MutexGuard<'_, Core>) {
        while !core.is_quiet() {
            self.changed.notify_all();
            if self.looked.wait_for(core, DEADLOCK).timed_out() {
                tracing::error!("a thread that waits does not look");
                return;
            }
        }
    }

    /// Lets time come to `until`; those whose patience ends on the way are given the chance to go on first.
    fn pass(&self, core: &mut MutexGuard<'_, Core>, until: Duration) {
        loop {
            self.let_others_look(core);
            let now = core.world.now();
            if now >= until {
                return;
            }
            let next = core.next_event().map_or(until, |at| at.min(until));
            let next = next.max(now + Duration::from_nanos(1)).min(until);
            core.world.pass(next);
            core.settle();
            self.changed.notify_all();
        }
    }

    /// Lets time pass.
    pub(crate) fn sleep(&self, time: Duration) {
        let mut core = self.core.lock();
        core.settle();
        let until = core.world.now() + time;
        self.pass(&mut core, until);
    }

    /// The time, which is later with every call.
    pub(crate) fn time(&self) -> Duration {
        self.sleep(Duration::from_micros(1));
        EPOCH + self.core.lock().world.now()
    }

    /// A packet arrives.
    pub(crate) fn inject(&self, packet: &[u8]) -> Result<()> {
        self.call(|core| {
            if core.world.inject(packet) {
                Ok(())
            } else {
                Err(Errno::EINVAL)
            }
        })
    }

    /// The next packet that leaves, and when: now or as late as it takes.
    ///
    /// # Errors
    /// EAGAIN if none will ever leave by itself.
    pub(crate) fn sniff(&self) -> Result<Sniffed> {
        let mut core = self.core.lock();
        core.settle();
        self.changed.notify_all();
        let mut idle = false;
        loop {
            self.let_others_look(&mut core);
            if let Some(mut sniffed) = core.world.sniff() {
                sniffed.at += EPOCH;
                return Ok(sniffed);
            }
            match core.next_event() {
                Some(at) => self.pass(&mut core, at),
                None if idle => return Err(Errno::EAGAIN),
                None => idle = self.changed.wait_for(&mut core, PATIENCE).timed_out(),
            }
        }
    }
}
