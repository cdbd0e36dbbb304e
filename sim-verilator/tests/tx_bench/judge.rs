//! Did every request end as it must?

use super::{golden, host::Host};
use nic_abi::{
    completion::Completion,
    fault::{QueueFault, Status},
    stats::Stat,
    tx::{self, TxContext},
};
use std::collections::VecDeque;

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) sent: u64,
    pub(crate) rejected: u64,
    pub(crate) cancelled: u64,
    pub(crate) read_failed: u64,
    pub(crate) faulted: u64,
    pub(crate) segments: u64,
}

fn show(frame: &[u8]) -> String {
    frame.iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes of the request's stream before the first piece that fails.
fn good_bytes(buffers: &[(u64, usize)], broken: usize, read_bytes: u64) -> usize {
    let mut at = 0;
    for &(addr, len) in buffers {
        let (mut from, end) = (addr, addr + len as u64);
        while from < end {
            let to = ((from / read_bytes + 1) * read_bytes).min(end);
            let next = at + (to - from) as usize;
            if (at..next).contains(&broken) {
                return at;
            }
            (at, from) = (next, to);
        }
    }
    at
}

/// Compares all that was seen with what the requests ask for.
pub(crate) fn judge(host: &Host, limit: u32, read_bytes: u64) -> Verdict {
    let mut verdict = Verdict::default();
    let mut frames: VecDeque<&Vec<u8>> = host.frames.iter().collect();
    let mut completions: [VecDeque<&Completion>; 8] = Default::default();
    for (queue, completion) in &host.completions {
        completions[usize::from(*queue)].push_back(completion);
    }
    let mut faults: VecDeque<_> = host.faults.iter().collect();
    let mut quarantined = [false; 8];
    for &number in &host.order {
        let request = &host.requests[number];
        let about = format!(
            "request {number}: {:?} in {:?}",
            TxContext::decode(request.descriptors[0]),
            request.buffers
        );
        let head = request.descriptors[0];
        let bad = |d: &u128| {
            tx::TYPE.get(*d) != tx::TYPE_BUFFER
                || tx::BUFFER_LEN.get(*d) == 0
                || tx::BUFFER_LEN.get(*d) > 65_791
        };
        let first_bad = if tx::TYPE.get(head) != tx::TYPE_CONTEXT {
            Some(0)
        } else {
            request.descriptors[1..].iter().position(bad).map(|i| i + 1)
        };
        if let (Some(i), false) = (first_bad, quarantined[request.queue]) {
            let kind = if i == 0 {
                tx::TYPE_CONTEXT
            } else {
                tx::TYPE_BUFFER
            };
            let cause = if tx::TYPE.get(request.descriptors[i]) == kind {
                QueueFault::BadLength
            } else {
                QueueFault::BadDescriptorType
            };
            let index = request.index.wrapping_add(i as u16);
            assert_eq!(
                faults.pop_front(),
                Some(&(request.queue as u8, cause as u8, index)),
                "{about}"
            );
            quarantined[request.queue] = true;
            verdict.faulted += 1;
            verdict.rejected += u64::from(i > 0);
            continue;
        }
        let buffered = request.buffers.iter().map(|b| b.1 as u32).sum();
        let expected = tx::check(head, buffered, limit);
        let context = TxContext::decode(head).expect("a context");
        let all = if expected.is_ok() {
            golden::frames(&context, &request.bytes)
        } else {
            Vec::new()
        };
        let (mut status, mut segments) = (expected.err().unwrap_or(Status::Ok), all.len());
        if let (Some(broken), true) = (request.broken, expected.is_ok()) {
            let good = good_bytes(&request.buffers, broken, read_bytes);
            let header = usize::from(context.header_len);
            segments = match context.tso {
                Some(t) => (0..all.len())
                    .take_while(|k| {
                        (header + (k + 1) * usize::from(t.mss)).min(request.bytes.len()) <= good
                    })
                    .count(),
                None => 0,
            };
            status = Status::ReadFailed;
        }
        // A queue that has stopped, or stops just now, may cancel what it was asked for.
        let next = completions[request.queue].front();
        if let Some(Completion::Tx {
            head,
            status: Status::Cancelled,
            segments: n,
            ..
        }) = next
            && *head == request.index.wrapping_add(request.descriptors.len() as u16)
        {
            assert!(
                host.run >> request.queue & 1 == 0,
                "cancelled though running: {about}"
            );
            assert!(*n as usize <= segments, "{about}");
            (status, segments) = (Status::Cancelled, *n as usize);
        }
        if context.complete || status != Status::Ok {
            let expected = Completion::Tx {
                head: request.index.wrapping_add(request.descriptors.len() as u16),
                handle: context.handle,
                segments: segments as u32,
                status,
            };
            assert_eq!(
                completions[request.queue].pop_front(),
                Some(&expected),
                "{about}"
            );
        }
        match status {
            Status::Ok => verdict.sent += 1,
            Status::Cancelled => verdict.cancelled += 1,
            Status::ReadFailed => {
                verdict.read_failed += 1;
                quarantined[request.queue] = true;
                let cause = QueueFault::PayloadReadFailed as u8;
                assert_eq!(
                    faults.pop_front(),
                    Some(&(request.queue as u8, cause, request.index)),
                    "{about}"
                );
            }
            _ => verdict.rejected += 1,
        }
        for (k, expected) in all[..segments].iter().enumerate() {
            let frame = frames
                .pop_front()
                .unwrap_or_else(|| panic!("segment {k} is missing; {about}"));
            assert!(
                frame == expected,
                "segment {k} of {about}\n is {}\nnot {}",
                show(frame),
                show(expected)
            );
        }
        verdict.segments += segments as u64;
    }
    assert!(
        frames.is_empty(),
        "{} frames that nobody asked for",
        frames.len()
    );
    assert!(
        completions.iter().all(VecDeque::is_empty),
        "completions of nothing"
    );
    assert!(faults.is_empty(), "faults of nothing: {faults:?}");
    let stat = |s: Stat| host.stats[s as usize];
    assert_eq!(stat(Stat::TxSent), verdict.sent);
    assert_eq!(stat(Stat::TxRejected), verdict.rejected);
    assert_eq!(stat(Stat::TxCancelled), verdict.cancelled);
    assert_eq!(stat(Stat::TxReadFailed), verdict.read_failed);
    assert_eq!(
        stat(Stat::TxRequests),
        verdict.sent + verdict.rejected + verdict.cancelled + verdict.read_failed
    );
    assert_eq!(stat(Stat::TxSegments), verdict.segments);
    assert_eq!(stat(Stat::TxFrames), verdict.segments);
    assert_eq!(
        host.bytes,
        host.frames.iter().map(|f| f.len() as u64).sum::<u64>()
    );
    verdict
}
