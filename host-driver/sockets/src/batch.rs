//! What has arrived together: parsed as a whole, then taken up connection by connection.

use std::ops::Range;

use longshore_driver::Received;
use longshore_refs::Handle;
use tcp_core::Segment;

use crate::tuple::Tuple;

/// A TCP segment of a batch.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) tuple: Tuple,
    /// What the table of connections makes of the tuple.
    pub(crate) hash: u64,
    /// The connection that the NIC found for it.
    pub(crate) flow: Option<Handle>,
    pub(crate) segment: Segment,
    /// Traffic class of its packet.
    pub(crate) traffic_class: u8,
    /// Its payload's place among the batch's bytes.
    pub(crate) payload: Range<usize>,
    /// The next one of the same tuple.
    pub(crate) next: Option<usize>,
    /// No earlier one has the same tuple.
    pub(crate) is_first: bool,
}

/// Frames that have arrived together. Its memory is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) arrivals: Vec<Arrival>,
}

impl Batch {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.arrivals.clear();
    }

    /// Copies a frame's bytes behind those that are there. Returns their place.
    pub(crate) fn append(&mut self, frame: &Received) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.resize(start + frame.len(), 0);
        frame.read(0, &mut self.bytes[start..]);
        start..self.bytes.len()
    }

    /// As [`Batch::append`], for a frame in ordinary memory.
    pub(crate) fn append_bytes(&mut self, frame: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame);
        start..self.bytes.len()
    }

    /// Chains the segments of each tuple in the order in which they came. Returns how many tuples there are.
    pub(crate) fn chain(&mut self) -> usize {
        let mut tuples = 0;
        for at in 0..self.arrivals.len() {
            let (before, rest) = self.arrivals.split_at_mut(at);
            let arrival = &mut rest[0];
            let same =
                |other: &&mut Arrival| other.hash == arrival.hash && other.tuple == arrival.tuple;
            // Usually the one just before.
            let last = before.iter_mut().rev().find(same);
            arrival.is_first = last.is_none();
            match last {
                Some(last) => last.next = Some(at),
                None => tuples += 1,
            }
        }
        tuples
    }
}

/// Where connections were found lately, by their tuples' hashes: the owner's alone, so that no lock stands before it.
///
/// A hint is no reference. Whoever follows it rechecks under the connection's lock, and asks the table if it was wrong.
#[derive(Debug)]
pub(crate) struct Hints(Box<[Hint]>);

#[derive(Clone, Copy, Debug)]
struct Hint {
    hash: u64,
    /// Of generation 0, which is nobody's, if there is none.
    handle: Handle,
}

/// Hints of a queue pair: 64 KiB. Few where a model checker makes a stack per schedule.
const HINTS: usize = if cfg!(shuttle) { 16 } else { 4096 };

impl Default for Hints {
    fn default() -> Self {
        let none = Hint {
            hash: 0,
            handle: Handle {
                index: 0,
                generation: 0,
            },
        };
        Self(vec![none; HINTS].into_boxed_slice())
    }
}

impl Hints {
    fn slot(hash: u64) -> usize {
        hash as usize % HINTS
    }

    pub(crate) fn get(&self, hash: u64) -> Option<Handle> {
        let hint = self.0[Self::slot(hash)];
        (hint.hash == hash && hint.handle.generation != 0).then_some(hint.handle)
    }

    pub(crate) fn put(&mut self, hash: u64, handle: Handle) {
        self.0[Self::slot(hash)] = Hint { hash, handle };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(port: u16, hash: u64) -> Arrival {
        let ip = std::net::IpAddr::from([192, 0, 2, 1]);
        let mut header = [0; 20];
        header[12] = 5 << 4;
        Arrival {
            tuple: Tuple::new((ip, 80), (ip, port)),
            hash,
            flow: None,
            segment: Segment::parse_whole(&header).unwrap().0,
            traffic_class: 0,
            payload: 0..0,
            next: None,
            is_first: false,
        }
    }

    #[test]
    fn segments_are_chained_by_tuple_in_the_order_of_their_arrival() {
        // Tuples 1 and 2 share a hash.
        let arrivals = [(1, 7), (2, 7), (3, 8), (1, 7), (2, 7), (1, 7)];
        let mut batch = Batch {
            bytes: Vec::new(),
            arrivals: arrivals.map(|(port, hash)| arrival(port, hash)).into(),
        };
        assert_eq!(batch.chain(), 3);
        let chains: Vec<_> = batch
            .arrivals
            .iter()
            .map(|a| (a.is_first, a.next))
            .collect();
        let expected = [
            (true, Some(3)),
            (true, Some(4)),
            (true, None),
            (false, Some(5)),
            (false, None),
            (false, None),
        ];
        assert_eq!(chains, expected);
    }

    #[test]
    fn a_hint_is_of_its_hash_and_gives_way_to_the_next() {
        let mut hints = Hints::default();
        let handle = |index| Handle {
            index,
            generation: 1,
        };
        assert_eq!(hints.get(0), None);
        hints.put(5, handle(1));
        assert_eq!(hints.get(5), Some(handle(1)));
        let other = 5 + HINTS as u64;
        assert_eq!(hints.get(other), None);
        hints.put(other, handle(2));
        assert_eq!((hints.get(5), hints.get(other)), (None, Some(handle(2))));
    }
}
