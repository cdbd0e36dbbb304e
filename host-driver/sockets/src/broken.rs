//! Rules that a test may break on purpose, to show that the model checker notices. Only in builds for `shuttle`.

/// A rule of the reference model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Race 1: whoever closes a listener aborts the children that it took out of the queue.
    AbortChildren,
    /// Race 2: a half-open entry that was entered while its listener closed goes with it.
    WithdrawLateHalfOpen,
    /// Race 4: a handshake that was completed looks again whether its listener is open before it joins the queue.
    RecheckOpen,
    /// Race 12: a closed socket lives on for the data that are still to be sent.
    KeepLingering,
    /// Race 6: a connection that is over stops its timer.
    StopTimer,
    /// Race 11: whoever ends 2MSL takes the record out under the lock under which he found that it is over.
    EndUnderOneLock,
    /// Race 19: whoever completes a handshake looks whether its half-open entry is still there.
    PromoteOnce,
    /// Race 20: a connection that enters TIME-WAIT gives up its slot of the flow table.
    LeaveAtTimeWait,
    /// Race 30: a connection with a slot of the flow table can be found by its tuple, too.
    StayHashed,
    /// A UDP socket that a look-up found is asked under its lock whether the datagram is still for it.
    RecheckPeer,
}

#[cfg(shuttle)]
mod state {
    use std::cell::Cell;

    use super::Rule;

    thread_local! {
        // A checker's threads are all of one thread of the system, and tests are not.
        static BROKEN: Cell<Option<Rule>> = const { Cell::new(None) };
    }

    /// Breaks a rule, or none, from now on in this test.
    pub fn break_rule(rule: Option<Rule>) {
        BROKEN.set(rule);
    }

    pub(crate) fn keeps(rule: Rule) -> bool {
        BROKEN.get() != Some(rule)
    }
}

#[cfg(shuttle)]
pub use state::break_rule;
#[cfg(shuttle)]
pub(crate) use state::keeps;

/// Whether a rule is kept: it is.
#[cfg(not(shuttle))]
#[inline(always)]
pub(crate) fn keeps(_rule: Rule) -> bool {
    true
}
