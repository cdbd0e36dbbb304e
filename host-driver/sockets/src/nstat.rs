//! What a stack has done, under the names that Linux gives such counters.

use std::collections::BTreeMap;

use ip_core::Discard;
use tcp_core::State;

use crate::lock::Token;
use crate::shared::Shared;
use crate::stack::Stack;

/// Counters by name.
type Names = BTreeMap<&'static str, u64>;

impl Stack {
    /// What the stack has done, connections past and present included, under the names that Linux's `nstat` gives such
    /// counters (`/proc/net/snmp`, `/proc/net/netstat`), and counting what those count. A name that is not here was not
    /// counted.
    #[must_use]
    pub fn nstat(&self) -> BTreeMap<&'static str, u64> {
        let shared = self.shared();
        let mut total = shared.connections_nstat();
        let counters = self.counters();
        let discarded = |reason| shared.discards.get(reason);
        // As Linux, a SYN or a last ACK that found a listener's queue full is an overflow, and every overflow a drop.
        let overflows = counters.syns_dropped + counters.accept_queue_full;
        let more = [
            ("TcpInSegs", counters.segments_in + counters.malformed),
            ("TcpOutSegs", counters.bare_out),
            ("TcpActiveOpens", counters.active_opens),
            ("TcpPassiveOpens", counters.passive_opens),
            ("TcpOutRsts", counters.resets_out + counters.aborts_out),
            ("TcpInErrs", counters.malformed),
            ("TcpExtListenOverflows", overflows),
            ("TcpExtListenDrops", overflows + counters.no_memory),
            ("TcpExtSyncookiesSent", counters.syn_cookies_out),
            ("TcpExtSyncookiesRecv", counters.syn_cookies_in),
            ("TcpExtSyncookiesFailed", counters.syn_cookies_failed),
            // Every cookie is sent because a queue of half-open connections is full.
            ("TcpExtTCPReqQFullDoCookies", counters.syn_cookies_out),
            ("UdpInDatagrams", counters.datagrams_in),
            ("UdpNoPorts", counters.datagrams_no_port),
            ("UdpOutDatagrams", counters.datagrams_out),
            ("UdpRcvbufErrors", counters.datagrams_dropped),
            ("UdpInErrors", counters.datagrams_dropped),
            ("IpInAddrErrors", discarded(Discard::NotForUs)),
            ("IpInHdrErrors", discarded(Discard::Ipv4Checksum)),
            ("IpInUnknownProtos", discarded(Discard::Protocol)),
            ("IpExtInCsumErrors", discarded(Discard::Ipv4Checksum)),
            ("IcmpOutDestUnreachs", counters.port_unreachables_out),
        ];
        for (name, value) in more {
            *total.entry(name).or_default() += value;
        }
        total
    }
}

impl Shared {
    /// What connections count, past and present ones together.
    fn connections_nstat(&self) -> Names {
        let mut total = Names::new();
        let root = &mut Token::root();
        for queue in &self.queues {
            root.with(&queue.past, |past| {
                for (name, value) in past.iter() {
                    *total.entry(*name).or_default() += value;
                }
            });
        }
        for handle in self.table.connections(root) {
            let Some(pcb) = self.pcbs.get(handle) else {
                continue;
            };
            let (live, _) = pcb.lock(root);
            // What is over was counted when it ended.
            if live.dropped {
                continue;
            }
            let state = live.connection.state();
            let established = matches!(state, State::Established | State::CloseWait);
            *total.entry("TcpCurrEstab").or_default() += u64::from(established);
            for (name, value) in live.connection.counters().nstat() {
                *total.entry(name).or_default() += value;
            }
        }
        total
    }
}
