//! A socket's error queue (recvmsg(2) with MSG_ERRQUEUE): what Linux tells there of sends with MSG_ZEROCOPY.
//!
//! The bytes are copied here, as Linux copies what goes to a device that cannot gather; so the program is told that they were
//! (SO_EE_CODE_ZEROCOPY_COPIED), and when its buffer is its own again: once everything is acknowledged.

use std::collections::VecDeque;

use crate::address::Family;

/// SO_EE_ORIGIN_ZEROCOPY
const ORIGIN: u8 = 5;
/// SO_EE_CODE_ZEROCOPY_COPIED
const COPIED: u8 = 1;

/// Sends that are under way, and what is to be told of those that are over.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorQueue {
    /// Number of the next send.
    next: u32,
    /// Where in the stream sends end, with their numbers.
    pending: VecDeque<(u64, u32)>,
    /// First and last number of sends that are over.
    over: VecDeque<(u32, u32)>,
}

impl ErrorQueue {
    /// A send that ends at this offset of the stream.
    pub(crate) fn begin(&mut self, end: u64) {
        self.pending.push_back((end, self.next));
        self.next = self.next.wrapping_add(1);
    }

    /// The stream is acknowledged up to `offset`. True if there is something new to tell.
    pub(crate) fn acknowledge(&mut self, offset: u64) -> bool {
        let mut told = false;
        while let Some((_, number)) = self.pending.pop_front_if(|(end, _)| *end <= offset) {
            told = true;
            match self.over.back_mut() {
                Some((_, last)) if last.wrapping_add(1) == number => *last = number,
                _ => self.over.push_back((number, number)),
            }
        }
        told
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.over.is_empty()
    }

    /// The oldest that is to be told: level and type of a control message, and its data: a `struct sock_extended_err`, and
    /// the address of nobody.
    pub(crate) fn take(&mut self, family: Family) -> Option<(i32, i32, Vec<u8>)> {
        let (first, last) = self.over.pop_front()?;
        let mut error = 0u32.to_ne_bytes().to_vec();
        error.extend([ORIGIN, 0, COPIED, 0]);
        error.extend(first.to_ne_bytes());
        error.extend(last.to_ne_bytes());
        let (level, kind, name) = match family {
            Family::V4 => (
                libc::SOL_IP,
                libc::IP_RECVERR,
                size_of::<libc::sockaddr_in>(),
            ),
            Family::V6 => (
                libc::SOL_IPV6,
                libc::IPV6_RECVERR,
                size_of::<libc::sockaddr_in6>(),
            ),
        };
        error.resize(error.len() + name, 0);
        Some((level, kind, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_that_are_over_are_told_as_ranges() {
        let mut queue = ErrorQueue::default();
        for end in [10, 20, 30] {
            queue.begin(end);
        }
        assert!(!queue.acknowledge(9) && queue.is_empty());
        assert!(queue.acknowledge(10) && queue.acknowledge(25));
        let (level, kind, bytes) = queue.take(Family::V4).unwrap();
        assert_eq!((level, kind), (libc::SOL_IP, libc::IP_RECVERR));
        assert_eq!(bytes.len(), 32);
        assert_eq!(bytes[4..8], [ORIGIN, 0, COPIED, 0]);
        assert_eq!(bytes[8..16], [0, 1].map(u32::to_ne_bytes).concat());
        assert!(queue.is_empty());
        assert!(queue.acknowledge(30));
        let (level, _, bytes) = queue.take(Family::V6).unwrap();
        assert_eq!((level, bytes.len()), (libc::SOL_IPV6, 44));
        assert_eq!(bytes[8..16], [2, 2].map(u32::to_ne_bytes).concat());
        assert_eq!(queue.take(Family::V6), None);
    }
}
