//! Ctrl-C, and the signals that ask a process to end.

use anyhow::{Context as _, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

type Hook = Box<dyn Fn() + Send>;

/// Whether the user wants to stop. The first signal runs the hook; a second one ends the process at once.
#[derive(Clone)]
pub(crate) struct Interrupt {
    raised: Arc<AtomicBool>,
    hook: Arc<Mutex<Option<Hook>>>,
}

impl Interrupt {
    /// Begins to listen for signals. Once in a process.
    ///
    /// # Errors
    /// There is a handler already.
    pub(crate) fn listen() -> Result<Self> {
        let this = Self {
            raised: Arc::default(),
            hook: Arc::default(),
        };
        let heard = this.clone();
        ctrlc::set_handler(move || {
            if heard.raised.swap(true, Ordering::AcqRel) {
                std::process::exit(130);
            }
            let hook = heard.hook.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(hook) = &*hook {
                hook();
            }
        })
        .context("listening for Ctrl-C")?;
        Ok(this)
    }

    /// What to do at the first signal: make whatever blocks return. If that came already, it is done now; it may be
    /// done twice.
    pub(crate) fn on_raise(&self, hook: impl Fn() + Send + 'static) {
        let mut place = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
        let hook: &Hook = place.insert(Box::new(hook));
        if self.is_raised() {
            hook();
        }
    }

    /// True once a signal came.
    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    /// Sleeps until `until`; false if a signal came meanwhile.
    pub(crate) fn sleep_until(&self, until: Instant) -> bool {
        const NAP: Duration = Duration::from_millis(20);
        while !self.is_raised() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(NAP));
        }
        false
    }
}
