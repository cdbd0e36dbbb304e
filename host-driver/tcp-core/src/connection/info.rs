//! What can be told of a connection, like `TCP_INFO`.

use core::time::Duration;

use super::scoreboard::Mark;
use super::timers::Waiting;
use super::{Connection, State};
use crate::congestion::CongestionControl as _;

/// A snapshot of a connection. Sizes are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The state.
    pub state: State,
    /// Smoothed round-trip time, once measured.
    pub srtt: Option<Duration>,
    /// Its variance, once measured.
    pub rttvar: Option<Duration>,
    /// Retransmission time-out as it stands.
    pub rto: Duration,
    /// Congestion window.
    pub cwnd: u64,
    /// Slow-start threshold; `u64::MAX` while there is none.
    pub ssthresh: u64,
    /// Window that the peer offers.
    pub send_window: u64,
    /// Window that we offer.
    pub receive_window: u64,
    /// Sent and not acknowledged.
    pub in_flight: u64,
    /// Of these, believed to be in the network (RFC 6675: pipe).
    pub pipe: u64,
    /// Of these, known to have arrived out of order.
    pub sacked: u64,
    /// Taken for lost, and not sent again yet.
    pub lost: u64,
    /// Sent again, and not known to have arrived.
    pub retransmitted: u64,
    /// The least round-trip time measured, once there is one.
    pub min_rtt: Option<Duration>,
    /// Data was seen to arrive out of order (RFC 8985: reordering_seen).
    pub reordering: bool,
    /// How far behind the highest data that had arrived some of it began that was sent once only, at most; in bytes.
    pub reordering_distance: u32,
    /// Both ends take SACK.
    pub sack: bool,
    /// Both ends know ECN.
    pub ecn: bool,
    /// Bytes a second at which data leaves, if it is paced.
    pub pacing_rate: Option<u64>,
    /// Payload of a full segment that we send.
    pub mss: u16,
    /// Both ends send timestamps.
    pub timestamps: bool,
    /// Shifts of the peer's and of our window fields.
    pub window_shifts: (u8, u8),
    /// Lost data is being sent again.
    pub recovering: bool,
    /// Payload of a full segment that we announced to take.
    pub receive_mss: u16,
    /// How long an ACK waits for company.
    pub delayed_ack: Duration,
    /// Stream bytes that the peer has acknowledged.
    pub acked: u64,
    /// Retransmission time-outs, or window probes, since there was progress.
    pub retries: u8,
    /// Window probes that went unanswered.
    pub window_probes: u8,
}

impl Connection {
    /// A snapshot.
    #[must_use]
    pub fn info(&self) -> Info {
        Info {
            state: self.state,
            srtt: self.rtt.srtt().map(Into::into),
            rttvar: self.rtt.rttvar().map(Into::into),
            rto: self.rtt.rto().into(),
            cwnd: self.control.window(),
            ssthresh: self.control.ssthresh(),
            send_window: self.snd.wnd.into(),
            receive_window: self.rcv.window(),
            in_flight: self.snd.in_flight(),
            pipe: self.pipe(),
            sacked: u64::from(self.board.sacked()),
            lost: u64::from(self.board.lost()),
            retransmitted: self
                .board
                .records()
                .filter(|record| {
                    record.mark.contains(Mark::AGAIN)
                        && !record.mark.intersects(Mark::SACKED | Mark::LOST)
                })
                .map(|record| u64::from(record.len()))
                .sum(),
            min_rtt: self
                .rtt
                .srtt()
                .map(|_| Duration::from_micros(u64::from(self.rtt.min_micros()))),
            reordering: self.rack.reordering(),
            reordering_distance: self.rack.distance(),
            sack: self.negotiated.sack,
            ecn: self.negotiated.ecn,
            pacing_rate: self.pacing_rate(),
            mss: self.mss(),
            timestamps: self.timestamps.is_some(),
            window_shifts: (self.negotiated.send_shift, self.negotiated.receive_shift),
            recovering: self.recovery.is_active(),
            receive_mss: self.settings.offer.mss,
            delayed_ack: self.settings.delayed_ack.into(),
            acked: self.acked_offset(),
            retries: match self.timers.waiting() {
                Some(Waiting::Window) => 0,
                _ => self.timers.retries,
            },
            window_probes: match self.timers.waiting() {
                Some(Waiting::Window) => self.timers.retries,
                _ => 0,
            },
        }
    }
}
