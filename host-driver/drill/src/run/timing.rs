//! When things happen. All times are microseconds.

use super::{Failure, Run};
use crate::script::{Event, Time};

/// How finely time is let pass while a call waits on the other thread, so that it is known when it returned.
const SLICE: i64 = 100;

/// When an event begins, once its time is one of the script's.
pub(super) fn start(time: Time) -> i64 {
    match time {
        Time::Any => 0,
        Time::At(at) | Time::After(at) | Time::AtBetween(at, _) | Time::AfterBetween(at, _) => at,
    }
}

fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

impl Run {
    /// Time since the script began; a little later with every call.
    pub(super) fn now(&self) -> i64 {
        self.table.gettimeofday() - self.start
    }

    /// The event with times since the script began. Relative ones are counted from now; those of a packet that arrives
    /// after another, from when that was to arrive.
    pub(super) fn in_script_time(&self, event: &Event, arrives: bool) -> Event {
        let mut event = event.clone();
        let since = || match self.before {
            Some((at, true)) if arrives => at,
            _ => self.now(),
        };
        event.time = match event.time {
            Time::Any | Time::At(_) | Time::AtBetween(..) => event.time,
            Time::After(by) => {
                let since = since();
                event.until = event.until.map(|until| until + since);
                Time::At(by + since)
            }
            Time::AfterBetween(first, last) => {
                let since = since();
                Time::AtBetween(first + since, last + since)
            }
        };
        event
    }

    /// Lets time come to the event.
    pub(super) fn wait_for(&mut self, event: &Event) -> Result<(), Failure> {
        if event.time == Time::Any {
            return Ok(());
        }
        let at = start(event.time);
        loop {
            let left = at - self.now();
            if left <= 0 {
                break;
            }
            self.pass(left);
        }
        let now = self.now();
        self.check_time(event, now, "it is done")
    }

    /// Lets time pass, at once or, while a call waits, in slices.
    pub(super) fn pass(&mut self, micros: i64) {
        let slice = if self.worker.is_some() {
            micros.min(SLICE)
        } else {
            micros
        };
        self.table
            .usleep(u32::try_from(slice.max(1)).unwrap_or(u32::MAX));
        self.catch_up();
    }

    /// Whether something happens when it is to.
    pub(super) fn check_time(&self, event: &Event, at: i64, what: &str) -> Result<(), Failure> {
        let (first, last) = match event.time {
            Time::Any => return Ok(()),
            Time::At(at) | Time::After(at) => (at, at),
            Time::AtBetween(first, last) | Time::AfterBetween(first, last) => (first, last),
        };
        let since = self.before.map_or(0, |(before, _)| first - before);
        self.check_between((first, last), since, at, what)
    }

    /// The same with the time since the event before.
    pub(super) fn check_between(
        &self,
        (first, last): (i64, i64),
        since: i64,
        at: i64,
        what: &str,
    ) -> Result<(), Failure> {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "microseconds"
        )]
        let share = (self.settings.tolerance_percent / 100.0 * since as f64) as i64;
        let tolerance = self.settings.tolerance.max(share);
        if at < first - tolerance || at > last + tolerance {
            return Err(Failure::failed(
                format!(
                    "{what} at {} to {} s (tolerance {} s)",
                    seconds(first),
                    seconds(last),
                    seconds(tolerance)
                ),
                format!("at {} s", seconds(at)),
            ));
        }
        Ok(())
    }
}
