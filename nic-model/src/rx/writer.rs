//! Writing a frame into receive buffers, and its completions.

use super::{checksum, parser};
use crate::queue::pair::QueuePair;
use crate::queue::stats::Stats;
use longshore_dma::HostMemory;
use nic_abi::completion::{Completion, RxCompletion, Verdict};
use nic_abi::stats::Stat;

/// Writes `frame` to buffers of `pair`; returns the frame's outcome.
pub fn write(
    pair: &mut QueuePair,
    memory: &dyn HostMemory,
    frame: &[u8],
    stats: &mut Stats,
) -> Stat {
    let Some(buffers) = pair.take_buffers(memory, frame.len()) else {
        return if pair.fault.is_some() {
            Stat::RxDisabled
        } else {
            Stat::RxNoBuffer
        };
    };
    let parsed = parser::parse(frame);
    let verdicts = checksum::verdicts(frame, &parsed);
    let mut rest = frame;
    for (index, buffer) in buffers {
        let part = rest.len().min(buffer.len as usize);
        // A posted write: a fault loses the bytes and the NIC cannot know.
        let _ = memory.write(buffer.addr, &rest[..part]);
        rest = &rest[part..];
        pair.cq.release(1);
        pair.cq.push(Completion::Rx(RxCompletion {
            index,
            len: part as u16,
            flow: 0,
            flow_hit: false,
            header_len: parsed.header_len,
            segments: 1,
            vlan: parsed.vlan,
            raw_sum: verdicts.raw_sum,
            l3: verdicts.l3,
            l4: verdicts.l4,
            more: !rest.is_empty(),
            split: false,
            ipv6: parsed.ipv6,
            l4_kind: parsed.l4_kind,
            coalesced: false,
        }));
    }
    if verdicts.l3 == Verdict::Bad {
        stats.count(Stat::RxL3Bad);
    }
    match verdicts.l4 {
        Verdict::Ok => stats.count(Stat::RxL4Ok),
        Verdict::Bad => stats.count(Stat::RxL4Bad),
        Verdict::NotChecked => {}
    }
    Stat::RxDelivered
}
