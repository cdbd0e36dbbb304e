//! epoll: interests, and which of them something has happened to.

use std::collections::BTreeMap;

use crate::errno::{Errno, Result};

/// Bits of an interest that say how, not what.
const PRIVATE: u32 =
    (libc::EPOLLONESHOT | libc::EPOLLET | libc::EPOLLWAKEUP | libc::EPOLLEXCLUSIVE) as u32;
/// What is told whether one asks for it or not.
const ALWAYS: u32 = (libc::EPOLLERR | libc::EPOLLHUP) as u32;

/// An epoll's interests by descriptor.
#[derive(Debug, Default)]
pub(crate) struct Epoll {
    interests: BTreeMap<i32, Interest>,
    /// Orders what becomes ready.
    clock: u64,
}

#[derive(Debug)]
struct Interest {
    events: u32,
    data: u64,
    /// Since when it is on the list of those that may have something to tell.
    ready: Option<u64>,
}

impl Interest {
    fn wanted(&self) -> u32 {
        self.events & !PRIVATE
    }
}

impl Epoll {
    /// EPOLL_CTL_ADD. It is looked at once in any case.
    pub(crate) fn add(&mut self, fd: i32, events: u32, data: u64) -> Result<()> {
        if self.interests.contains_key(&fd) {
            return Err(Errno::EEXIST);
        }
        self.set(fd, events, data);
        Ok(())
    }

    /// EPOLL_CTL_MOD.
    pub(crate) fn change(&mut self, fd: i32, events: u32, data: u64) -> Result<()> {
        if !self.interests.contains_key(&fd) {
            return Err(Errno::ENOENT);
        }
        self.set(fd, events, data);
        Ok(())
    }

    fn set(&mut self, fd: i32, events: u32, data: u64) {
        self.clock += 1;
        let interest = Interest {
            events: events | ALWAYS,
            data,
            ready: Some(self.clock),
        };
        self.interests.insert(fd, interest);
    }

    /// EPOLL_CTL_DEL.
    pub(crate) fn remove(&mut self, fd: i32) -> Result<()> {
        self.interests.remove(&fd).map(drop).ok_or(Errno::ENOENT)
    }

    /// The descriptor was closed.
    pub(crate) fn forget(&mut self, fd: i32) {
        self.interests.remove(&fd);
    }

    /// Something has happened to a file: `keys` says what kind of thing.
    pub(crate) fn wake(&mut self, fd: i32, keys: u32) {
        let clock = self.clock + 1;
        if let Some(interest) = self.interests.get_mut(&fd)
            && interest.wanted() & keys != 0
            && interest.ready.is_none()
        {
            interest.ready = Some(clock);
            self.clock = clock;
        }
    }

    /// Those that may have something to tell, the longest waiting first, with the events they are asked for.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = (i32, u32)> + use<> {
        let mut list: Vec<_> = self
            .interests
            .iter()
            .filter_map(|(fd, interest)| {
                let wanted = interest.wanted();
                let since = match interest.ready {
                    Some(since) => since,
                    // Level-triggered: as long as it lasts.
                    None if interest.events & libc::EPOLLET as u32 == 0 => u64::MAX,
                    None => return None,
                };
                // Spent by EPOLLONESHOT.
                (wanted != 0).then_some((since, *fd, wanted))
            })
            .collect();
        list.sort_unstable();
        list.into_iter().map(|(_, fd, wanted)| (fd, wanted))
    }

    /// `fd` is told of (or had nothing to tell): what becomes of its interest. Its data.
    pub(crate) fn told(&mut self, fd: i32, events: u32) -> u64 {
        let Some(interest) = self.interests.get_mut(&fd) else {
            return 0;
        };
        interest.ready = None;
        if events != 0 && interest.events & libc::EPOLLONESHOT as u32 != 0 {
            interest.events &= PRIVATE;
        }
        interest.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN: u32 = libc::EPOLLIN as u32;
    const ET: u32 = libc::EPOLLET as u32;
    const ONESHOT: u32 = libc::EPOLLONESHOT as u32;

    fn candidates(epoll: &Epoll) -> Vec<i32> {
        epoll.candidates().map(|(fd, _)| fd).collect()
    }

    #[test]
    fn an_edge_is_told_once_and_a_level_always() {
        let mut epoll = Epoll::default();
        epoll.add(3, IN | ET, 30).unwrap();
        epoll.add(4, IN, 40).unwrap();
        assert_eq!(candidates(&epoll), [3, 4]);
        assert_eq!(epoll.told(3, IN), 30);
        assert_eq!(epoll.told(4, IN), 40);
        assert_eq!(candidates(&epoll), [4]);
        epoll.wake(3, libc::EPOLLOUT as u32);
        assert_eq!(candidates(&epoll), [4], "not what was asked for");
        epoll.wake(3, IN);
        assert_eq!(candidates(&epoll), [3, 4]);
    }

    #[test]
    fn one_shot_is_spent_until_it_is_changed() {
        let mut epoll = Epoll::default();
        epoll.add(3, IN | ONESHOT, 0).unwrap();
        epoll.told(3, IN);
        assert_eq!(candidates(&epoll), []);
        epoll.wake(3, u32::MAX);
        assert_eq!(candidates(&epoll), []);
        epoll.change(3, IN | ONESHOT, 0).unwrap();
        assert_eq!(candidates(&epoll), [3]);
    }

    #[test]
    fn a_descriptor_is_added_once_and_changed_only_then() {
        let mut epoll = Epoll::default();
        assert_eq!(epoll.change(3, IN, 0), Err(Errno::ENOENT));
        assert_eq!(epoll.remove(3), Err(Errno::ENOENT));
        epoll.add(3, IN, 0).unwrap();
        assert_eq!(epoll.add(3, IN, 0), Err(Errno::EEXIST));
        epoll.remove(3).unwrap();
    }
}
