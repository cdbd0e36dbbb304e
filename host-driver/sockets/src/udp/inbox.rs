//! Datagrams that wait for their program.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::receive_buffer::ReceiveBuffer;

/// What a datagram counts besides its bytes, so that many empty ones fill a queue too.
const COST: usize = 64;

/// Least bytes of a queue: room for a frame of the usual size.
const LEAST: usize = 2048;

#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// Where its bytes begin, counted from the queue's beginning.
    at: u64,
    len: usize,
    from: SocketAddr,
}

/// A queue of so many bytes. What does not fit is dropped and counted, as it may be on the wire.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes: ReceiveBuffer,
    waiting: VecDeque<Waiting>,
    limit: usize,
    /// Where the next datagram's bytes begin.
    end: u64,
    dropped: u64,
}

impl Inbox {
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(LEAST);
        Self {
            bytes: ReceiveBuffer::new(limit),
            waiting: VecDeque::new(),
            limit,
            end: 0,
            dropped: 0,
        }
    }

    /// Bytes of the ring between the first byte that is wanted and the end.
    fn held(&self) -> usize {
        let start = self.waiting.front().map_or(self.end, |first| first.at);
        // At most `limit`, which is a usize.
        (self.end - start) as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Datagrams dropped because there was no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes of the first datagram.
    pub(super) fn first_len(&self) -> Option<usize> {
        self.waiting.front().map(|first| first.len)
    }

    /// False: there is no room.
    pub(super) fn push(&mut self, from: SocketAddr, data: &[u8]) -> bool {
        let used = self.held() + COST * (self.waiting.len() + 1) + data.len();
        if used > self.limit {
            self.dropped += 1;
            return false;
        }
        if self.waiting.is_empty() {
            // From the ring's beginning again: a queue that is read in time touches a few pages of it only.
            self.end = self.end.next_multiple_of(self.limit as u64);
        }
        self.bytes.put(self.end, data);
        self.waiting.push_back(Waiting {
            at: self.end,
            len: data.len(),
            from,
        });
        self.end += data.len() as u64;
        true
    }

    /// Copies the first datagram; with `take` the next one is first then. How many bytes fit, and from whom.
    pub(super) fn get(&mut self, buf: &mut [u8], take: bool) -> Option<(usize, SocketAddr)> {
        let first = *self.waiting.front()?;
        let len = first.len.min(buf.len());
        if len > 0 {
            self.bytes.get(first.at, &mut buf[..len]);
        }
        if take {
            self.waiting.pop_front();
        }
        Some((len, first.from))
    }

    /// Keeps only what came from `peer`.
    pub(super) fn retain(&mut self, peer: SocketAddr) {
        self.waiting.retain(|one| one.from == peer);
    }

    /// Another limit. What is queued stays, as far as there is room.
    pub(super) fn resize(&mut self, limit: usize) {
        let mut other = Self::new(limit);
        let mut bytes = Vec::new();
        for one in std::mem::take(&mut self.waiting) {
            bytes.resize(one.len, 0);
            if one.len > 0 {
                self.bytes.get(one.at, &mut bytes);
            }
            other.push(one.from, &bytes);
        }
        other.dropped += self.dropped;
        *self = other;
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        self.waiting = VecDeque::new();
        self.bytes.shrink();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// The queue without its ring.
    #[derive(Default)]
    struct Model {
        waiting: VecDeque<(SocketAddr, Vec<u8>)>,
        dropped: u64,
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u16, usize),
        Take(usize),
        Peek,
        Retain(u16),
        Resize(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0u16..3, 0usize..1500).prop_map(|(port, len)| Step::Push(port, len)),
            3 => (0usize..1600).prop_map(Step::Take),
            1 => Just(Step::Peek),
            1 => (0u16..3).prop_map(Step::Retain),
            1 => (0usize..9000).prop_map(Step::Resize),
        ]
    }

    proptest! {
        #[test]
        fn datagrams_come_out_whole_in_order_and_with_their_sender(steps in proptest::collection::vec(step(), 1..60)) {
            let (mut inbox, mut model) = (Inbox::new(4000), Model::default());
            let mut buf = vec![0; 2000];
            for (salt, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(port, len) => {
                        let data: Vec<u8> = (0..len).map(|n| (n + salt) as u8).collect();
                        if inbox.push(peer(port), &data) {
                            model.waiting.push_back((peer(port), data));
                        } else {
                            model.dropped += 1;
                        }
                    }
                    Step::Take(room) => {
                        let got = inbox.get(&mut buf[..room], true);
                        let expected = model.waiting.pop_front();
                        prop_assert_eq!(got, expected.as_ref().map(|(from, data)| (data.len().min(room), *from)));
                        if let (Some((len, _)), Some((_, data))) = (got, expected) {
                            prop_assert_eq!(&buf[..len], &data[..len]);
                        }
                    }
                    Step::Peek => {
                        let expected = model.waiting.front().map(|(from, data)| (data.len(), *from));
                        prop_assert_eq!(inbox.get(&mut buf, false), expected);
                        prop_assert_eq!(inbox.first_len(), expected.map(|(len, _)| len));
                    }
                    Step::Retain(port) => {
                        inbox.retain(peer(port));
                        model.waiting.retain(|(from, _)| *from == peer(port));
                    }
                    Step::Resize(limit) => {
                        inbox.resize(limit);
                        let lost = model.waiting.len() - inbox.waiting.len();
                        model.dropped += lost as u64;
                        // Later ones may still fit where an earlier one did not.
                        let kept: Vec<_> = inbox.waiting.iter().map(|one| (one.from, one.len)).collect();
                        let mut kept = kept.into_iter().peekable();
                        model.waiting.retain(|(from, data)| kept.next_if_eq(&(*from, data.len())).is_some());
                        prop_assert_eq!(model.waiting.len(), inbox.waiting.len());
                    }
                }
                let bytes: usize = model.waiting.iter().map(|(_, data)| data.len() + COST).sum();
                prop_assert!(bytes <= inbox.limit());
                prop_assert_eq!(inbox.dropped(), model.dropped);
            }
        }
    }

    #[test]
    fn empty_datagrams_fill_the_queue_too() {
        let mut inbox = Inbox::new(10 * COST);
        assert_eq!(inbox.limit(), LEAST);
        let taken = (0..1000).filter(|_| inbox.push(peer(1), &[])).count();
        assert_eq!(taken, LEAST / COST);
        assert_eq!(inbox.dropped(), 1000 - taken as u64);
        inbox.clear();
        assert!(inbox.is_empty() && inbox.push(peer(1), &[]));
    }
}
