//! The frame FIFO between the wire and the writer: whole frames, as many as fit.

use std::collections::VecDeque;

/// Frames that passed the filter and wait to be written.
#[derive(Debug, Clone)]
pub struct Fifo {
    frames: VecDeque<Vec<u8>>,
    used: usize,
    size: usize,
}

impl Fifo {
    /// An empty FIFO of `size` bytes.
    pub fn new(size: usize) -> Self {
        Self {
            frames: VecDeque::new(),
            used: 0,
            size,
        }
    }

    /// Takes a frame; false if there is no room.
    pub fn push(&mut self, frame: &[u8]) -> bool {
        let room = frame.len() <= self.size - self.used;
        if room {
            self.used += frame.len();
            self.frames.push_back(frame.to_vec());
        }
        room
    }

    /// The oldest frame.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.pop_front()?;
        self.used -= frame.len();
        Some(frame)
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.used = 0;
    }
}
