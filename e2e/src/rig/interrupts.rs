//! Interrupts, recorded.

use longshore_device::IrqSink;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the NIC's interrupts go: a list of vectors in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<u16>>>);

impl Recorder {
    /// The vectors since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<u16> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl IrqSink for Recorder {
    fn raise(&self, vector: u16) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(vector);
    }
}
