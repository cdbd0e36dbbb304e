//! Which record of a shard is due next: a heap of links, whose places the records know.

use std::time::Duration;

use super::{Link, Records};

impl Records {
    /// When the first record is due.
    pub(crate) fn first_deadline(&self) -> Option<Duration> {
        (self.deadlines.len() > 0).then(|| self.deadline(*self.deadlines.get(0)))
    }

    /// Adds a record that has a deadline.
    pub(super) fn enter_deadline(&mut self, link: Link) {
        let place = self.deadlines.len();
        self.deadlines.push(link);
        self.set_place(link, place);
        self.rise(place);
    }

    /// Takes out the record at a place.
    pub(super) fn leave_deadline(&mut self, place: usize) {
        self.deadlines.swap_remove(place);
        if place < self.deadlines.len() {
            self.set_place(*self.deadlines.get(place), place);
            self.settle(place);
        }
    }

    /// Puts the record at a place where its deadline belongs, which has changed.
    pub(super) fn settle(&mut self, place: usize) {
        let place = self.rise(place);
        self.sink(place);
    }

    fn rise(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.swap_if_earlier(place, parent) {
                break;
            }
            place = parent;
        }
        place
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let mut child = 2 * place + 1;
            if child >= self.deadlines.len() {
                return;
            }
            let at = |child| self.deadline(*self.deadlines.get(child));
            if child + 1 < self.deadlines.len() && at(child + 1) < at(child) {
                child += 1;
            }
            if !self.swap_if_earlier(child, place) {
                return;
            }
            place = child;
        }
    }

    /// Exchanges the records at two places if the lower one is due before the upper one.
    fn swap_if_earlier(&mut self, lower: usize, upper: usize) -> bool {
        let [below, above] = [lower, upper].map(|place| *self.deadlines.get(place));
        let earlier = self.deadline(below) < self.deadline(above);
        if earlier {
            for (place, link) in [(upper, below), (lower, above)] {
                *self.deadlines.get_mut(place) = link;
                self.set_place(link, place);
            }
        }
        earlier
    }
}
