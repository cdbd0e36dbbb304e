//! `poll` and `epoll`.

use std::time::Duration;

use crate::epoll::Epoll;
use crate::errno::{Errno, Result};
use crate::files::Kind;
use crate::port::{Attempt, Patience, Port};

/// A `struct pollfd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Poll {
    pub(crate) fd: i32,
    pub(crate) events: i16,
    pub(crate) revents: i16,
}

/// A `struct epoll_event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) events: u32,
    pub(crate) data: u64,
}

/// Milliseconds; negative is without end.
fn patience(timeout: i32) -> Patience {
    let limit = u64::try_from(timeout).ok();
    Patience::of(limit.map(Duration::from_millis))
}

/// Running out of patience is no error here.
fn or_nothing<T: Default>(result: Result<T>) -> Result<T> {
    match result {
        Err(Errno::EAGAIN) => Ok(T::default()),
        other => other,
    }
}

impl Port {
    /// poll(2): fills `revents`, and says in how many something is.
    pub(crate) fn poll(&self, fds: &mut [Poll], timeout: i32) -> Result<i32> {
        or_nothing(self.wait(patience(timeout), |core| {
            let mut ready = 0;
            for entry in fds.iter_mut() {
                let always = libc::POLLERR | libc::POLLHUP;
                entry.revents = match core.files.mask(entry.fd) {
                    _ if entry.fd < 0 => 0,
                    // All of poll(2)'s bits are below 16.
                    #[expect(clippy::cast_possible_truncation)]
                    Ok(mask) => mask as i16 & (entry.events | always),
                    Err(_) => libc::POLLNVAL,
                };
                if entry.revents & libc::POLLOUT == 0 && entry.events & libc::POLLOUT != 0 {
                    core.files.note_no_room(entry.fd);
                }
                ready += i32::from(entry.revents != 0);
            }
            Ok(if ready > 0 {
                Attempt::Done(ready)
            } else {
                Attempt::Wait
            })
        }))
    }

    /// epoll_create(2)
    pub(crate) fn epoll_create(&self, size: i32) -> Result<i32> {
        if size <= 0 {
            return Err(Errno::EINVAL);
        }
        self.call(|core| core.files.open(Kind::Epoll(Epoll::default()), false))
    }

    /// epoll_ctl(2)
    pub(crate) fn epoll_ctl(
        &self,
        epoll: i32,
        operation: i32,
        fd: i32,
        event: Option<Ready>,
    ) -> Result<i32> {
        self.call(|core| {
            let is_epoll = matches!(core.files.get(fd)?.kind, Kind::Epoll(_));
            let Kind::Epoll(list) = &mut core.files.get_mut(epoll)?.kind else {
                return Err(Errno::EINVAL);
            };
            // One epoll does not watch another here: nobody's stack needs it to be tested.
            if epoll == fd || is_epoll {
                return Err(Errno::EINVAL);
            }
            match (operation, event) {
                (libc::EPOLL_CTL_DEL, _) => list.remove(fd)?,
                (libc::EPOLL_CTL_ADD, Some(event)) => list.add(fd, event.events, event.data)?,
                (libc::EPOLL_CTL_MOD, Some(event)) => list.change(fd, event.events, event.data)?,
                (libc::EPOLL_CTL_ADD | libc::EPOLL_CTL_MOD, None) => return Err(Errno::EFAULT),
                _ => return Err(Errno::EINVAL),
            }
            // As Linux: adding looks at once, and finding no room asks to be told of it.
            if core.files.mask(fd)? & libc::EPOLLOUT as u32 == 0 {
                core.files.note_no_room(fd);
            }
            Ok(0)
        })
    }

    /// epoll_wait(2): at most `most` events.
    pub(crate) fn epoll_wait(&self, epoll: i32, most: i32, timeout: i32) -> Result<Vec<Ready>> {
        let most = usize::try_from(most).map_err(|_| Errno::EINVAL)?;
        if most == 0 {
            return Err(Errno::EINVAL);
        }
        or_nothing(self.wait(patience(timeout), |core| {
            let Kind::Epoll(list) = &core.files.get(epoll)?.kind else {
                return Err(Errno::EINVAL);
            };
            let looked: Vec<i32> = list.candidates().map(|(fd, _)| fd).collect();
            let events: Vec<_> = core.files.events(list).take(most).collect();
            for fd in &looked {
                if core
                    .files
                    .mask(*fd)
                    .is_ok_and(|m| m & libc::EPOLLOUT as u32 == 0)
                {
                    core.files.note_no_room(*fd);
                }
            }
            let Kind::Epoll(list) = &mut core.files.get_mut(epoll)?.kind else {
                return Err(Errno::EINVAL);
            };
            let full = events.len() == most;
            for fd in looked {
                // What had nothing to tell waits for the next wake-up; what did not fit any more stays.
                if !full && !events.iter().any(|(told, _)| *told == fd) {
                    list.told(fd, 0);
                }
            }
            if events.is_empty() {
                return Ok(Attempt::Wait);
            }
            let told = events
                .into_iter()
                .map(|(fd, events)| Ready {
                    events,
                    data: list.told(fd, events),
                })
                .collect();
            Ok(Attempt::Done(told))
        }))
    }
}
