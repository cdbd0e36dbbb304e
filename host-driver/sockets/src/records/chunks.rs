//! Values side by side in chunks: whatever is taken out, the last one takes its place, and no chunk is kept that nothing
//! is in.

use arrayvec::ArrayVec;

/// Values in chunks of `N`, all of which are full but the last.
#[derive(Debug)]
pub(super) struct Chunks<T, const N: usize>(Vec<Box<ArrayVec<T, N>>>);

impl<T, const N: usize> Default for Chunks<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const N: usize> Chunks<T, N> {
    pub(super) fn len(&self) -> usize {
        let last = self.0.last().map_or(N, |chunk| chunk.len());
        (self.0.len() * N + last) - N
    }

    pub(super) fn get(&self, index: usize) -> &T {
        &self.0[index / N][index % N]
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut T {
        &mut self.0[index / N][index % N]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|chunk| chunk.iter())
    }

    /// Adds a value behind the others.
    pub(super) fn push(&mut self, value: T) {
        if self.0.last().is_none_or(|chunk| chunk.is_full()) {
            if self.0.len() == self.0.capacity() {
                // Twice as many would be half empty.
                self.0.reserve_exact(1.max(self.0.len() / 4));
            }
            self.0.push(Box::new(ArrayVec::new()));
        }
        self.0.last_mut().expect("a chunk with room").push(value);
    }

    fn pop(&mut self) -> Option<T> {
        let last = self.0.last_mut()?;
        let value = last.pop();
        if last.is_empty() {
            self.0.pop();
            if self.0.capacity() > 2 * self.0.len() {
                self.0.shrink_to(self.0.len());
            }
        }
        value
    }

    /// Takes out the value at `index`; the last one takes its place.
    pub(super) fn swap_remove(&mut self, index: usize) -> T {
        let is_last = index + 1 == self.len();
        let last = self.pop().expect("there is one at `index`");
        if is_last {
            last
        } else {
            std::mem::replace(self.get_mut(index), last)
        }
    }
}
