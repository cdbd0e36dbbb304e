//! `struct tcp_info`, as bytes.

use std::time::Duration;

use tcp_core::{Counters, Info, State as Tcb};

use super::tcp::Tcp;
use super::times::Times;

/// Linux's TCP_CA_Open, TCP_CA_Disorder and TCP_CA_Recovery.
const OPEN: u8 = 0;
const DISORDER: u8 = 1;
const RECOVERY: u8 = 3;

/// TCPI_OPT_TIMESTAMPS, TCPI_OPT_SACK, TCPI_OPT_WSCALE, TCPI_OPT_ECN
const TIMESTAMPS: u8 = 1;
const SACK: u8 = 2;
const WINDOW_SCALE: u8 = 4;
const ECN: u8 = 8;

/// tcp_reordering and tcp_max_reordering: segments that may overtake before one is taken for lost.
const REORDERING: u32 = 3;
const MOST_REORDERING: u32 = 300;

/// TCP_INFINITE_SSTHRESH
const NO_THRESHOLD: u32 = 0x7fff_ffff;

/// Linux's number of a state.
pub(crate) fn number(state: Tcb) -> u8 {
    match state {
        Tcb::Established => 1,
        Tcb::SynSent => 2,
        Tcb::SynReceived => 3,
        Tcb::FinWait1 => 4,
        Tcb::FinWait2 => 5,
        Tcb::TimeWait => 6,
        Tcb::Closed => CLOSE,
        Tcb::CloseWait => 8,
        Tcb::LastAck => 9,
        Tcb::Closing => 11,
    }
}

const CLOSE: u8 = 7;
const LISTEN: u8 = 10;

fn micros(time: Option<Duration>) -> u32 {
    time.map_or(0, |time| {
        u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
    })
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn low(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Field after field, with the alignment that C gives them.
#[derive(Default)]
struct Layout(Vec<u8>);

impl Layout {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_ne_bytes());
    }

    fn u64(&mut self, value: u64) {
        while !self.0.len().is_multiple_of(8) {
            self.0.push(0);
        }
        self.0.extend(value.to_ne_bytes());
    }
}

/// What getsockopt(TCP_INFO) gives.
pub(crate) fn bytes(tcp: &Tcp) -> Vec<u8> {
    let Some(stream) = tcp.stream() else {
        let mut layout = Layout::default();
        layout.u8(if tcp.is_listening() { LISTEN } else { CLOSE });
        layout.0.resize(SIZE, 0);
        return layout.0;
    };
    let status = stream.status();
    let over = status.over;
    let headers = match stream.peer_addr() {
        Ok(std::net::SocketAddr::V6(_)) => 60,
        _ => 40,
    };
    fill(
        &stream.info(),
        stream.counters(),
        (status.unsent, over),
        &tcp.times,
        headers,
    )
}

/// Bytes up to and with `tcpi_snd_wnd`.
const SIZE: usize = 232;

fn fill(
    info: &Info,
    counters: Counters,
    (unsent, over): (u64, bool),
    times: &Times,
    headers: u32,
) -> Vec<u8> {
    let mss = u64::from(info.mss.max(1));
    let segments = |bytes: u64| low(bytes.div_ceil(mss));
    let [sent, received, heard] = times.since().map(millis);
    let [busy, window, buffer] = times
        .spent()
        .map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    let mut to = Layout::default();
    to.u8(if over { CLOSE } else { number(info.state) });
    to.u8(if info.recovering {
        RECOVERY
    } else if info.sacked > 0 {
        DISORDER
    } else {
        OPEN
    });
    to.u8(info.retries); // retransmits
    to.u8(info.window_probes); // probes
    to.u8(info.retries); // backoff
    let scaled = info.window_shifts != (0, 0);
    let mut options = 0;
    for (on, bit) in [
        (info.timestamps, TIMESTAMPS),
        (info.sack, SACK),
        (scaled, WINDOW_SCALE),
        (info.ecn, ECN),
    ] {
        options |= if on { bit } else { 0 };
    }
    to.u8(options);
    // Bit fields: the first is the low half on little-endian machines.
    to.u8(info.window_shifts.0 & 15 | (info.window_shifts.1 & 15) << 4);
    to.u8(0);
    to.u32(micros(Some(info.rto)));
    to.u32(if counters.data_segs_in > 0 {
        micros(Some(info.delayed_ack))
    } else {
        0
    }); // ato
    to.u32(info.mss.into());
    to.u32(info.receive_mss.into());
    to.u32(segments(info.in_flight)); // unacked
    to.u32(low(info.sacked / mss));
    // As Linux, what is in flight again still counts as lost.
    to.u32(segments(info.lost + info.retransmitted));
    to.u32(segments(info.retransmitted));
    to.u32(0); // fackets: no more in Linux either
    to.u32(sent); // last_data_sent
    to.u32(0); // last_ack_sent: not in Linux either
    to.u32(received); // last_data_recv
    to.u32(heard); // last_ack_recv
    to.u32(u32::from(info.receive_mss) + headers); // pmtu
    to.u32(low(info.receive_window)); // rcv_ssthresh
    to.u32(micros(info.srtt));
    to.u32(micros(info.rttvar));
    to.u32(if info.ssthresh == u64::MAX {
        NO_THRESHOLD
    } else {
        low(info.ssthresh / mss)
    });
    to.u32(low(info.cwnd / mss));
    to.u32(info.receive_mss.into()); // advmss
    to.u32(segments(info.reordering_distance.into()).clamp(REORDERING, MOST_REORDERING)); // reordering
    to.u32(0); // rcv_rtt
    to.u32(low(info.receive_window)); // rcv_space
    to.u32(counters.retransmitted);
    to.u64(info.pacing_rate.unwrap_or(u64::MAX));
    to.u64(u64::MAX); // max_pacing_rate
    to.u64(info.acked);
    to.u64(counters.bytes_in);
    to.u32(low(counters.segs_out));
    to.u32(low(counters.segs_in));
    to.u32(low(unsent));
    to.u32(micros(info.min_rtt));
    to.u32(counters.data_segs_in);
    to.u32(counters.data_segs_out);
    to.u64(0); // delivery_rate
    to.u64(busy);
    to.u64(window); // rwnd_limited
    to.u64(buffer); // sndbuf_limited
    to.u32(segments(info.acked + info.sacked)); // delivered
    to.u32(0); // delivered_ce
    to.u64(counters.bytes_out);
    to.u64(
        counters
            .bytes_out
            .saturating_sub(info.acked + info.in_flight),
    ); // bytes_retrans
    to.u32(counters.dsacks);
    to.u32(info.reordering.into()); // reord_seen
    to.u32(counters.out_of_order);
    to.u32(low(info.send_window));
    debug_assert_eq!(to.0.len(), SIZE);
    to.0
}
