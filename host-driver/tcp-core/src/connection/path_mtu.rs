//! The path MTU: what routers tell (RFC 1191, RFC 8201), and what they do not (RFC 4821 §7.7, black holes).

use core::time::Duration;

use super::probe::ProbeDue;
use super::scoreboard::{Mark, Record};
use super::{Connection, Phase};
use crate::congestion::CongestionControl as _;
use crate::seq::{SeqNumber, low};
use crate::transmit::Transmit;

/// Least MSS that a message from the network is believed: Linux's net.ipv4.route.min_pmtu (552) less the headers.
const LEAST_MSS: u16 = 512;

/// Time-outs in a row of full segments after which they are taken to vanish in a black hole (Linux: tcp_retries1).
const BLACK_HOLE_RETRIES: u8 = 3;

/// The first MSS to try then (Linux: tcp_base_mss).
const BASE_MSS: u16 = 1024;

//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//# An attempt to detect an increase (by sending a packet larger than the current estimate) must not be done less
//# than 5 minutes after a Packet Too Big message has been received for the given path.
/// How long a lowered MSS stays before a larger segment is tried, in seconds: twice the least of RFC 1191 §6.3, as it
/// recommends; Linux's net.ipv4.route.mtu_expires and tcp_probe_interval.
const RAISE_AFTER: u16 = 600;

/// Full segments that must be there to follow a probe, so that its loss shows without a time-out (RFC 4821 §7.4: enough to
/// trigger fast retransmit, and one more).
const FOLLOWERS: u64 = 4;

/// What is known of larger segments than those that are sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PathMtu {
    /// The MSS before the first reduction; 0 while there was none. Nothing above it is tried.
    ceiling: u16,
    /// An MSS below it that a router told when a probe was too large for it, to be tried next; 0: none.
    hint: u16,
    /// When the MSS was lowered, or a larger one last tried, in seconds modulo 2¹⁶ (18 hours): a longer silence may cost
    /// another wait.
    since: u16,
    /// The MSS that a probe in flight tries; 0: there is none.
    probed: u16,
    /// Where the probe starts.
    start: SeqNumber,
}

impl PathMtu {
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
    //# Specifically, after a probe failure event and suppressed congestion control, PLPMTUD MUST NOT probe again
    //# until an interval that is larger than the expected interval between congestion control events.
    /// The MSS that is to be tried, if it is time to, where segments have `send_mss`.
    fn untried(self, now: Duration, send_mss: u16) -> Option<u16> {
        if self.ceiling <= send_mss || self.probed > 0 {
            return None;
        }
        if self.hint > send_mss {
            return Some(self.hint);
        }
        (seconds(now).wrapping_sub(self.since) >= RAISE_AFTER).then_some(self.ceiling)
    }
}

#[expect(clippy::cast_possible_truncation)]
const fn seconds(now: Duration) -> u16 {
    now.as_secs() as u16
}

impl Connection {
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //# A host MUST not increase its estimate of the Path MTU in response to the contents of a Datagram Too Big
    //# message.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //# When a host receives a Datagram Too Big message, it MUST reduce its estimate of the PMTU for the relevant
    //# path, based on the value of the Next-Hop MTU field in the message (see section 4).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.3
    //# As a result, when the effective MTU of an interface varies packet-to-packet, TCP implementations SHOULD use
    //# the smallest effective MTU of the interface to calculate the value to advertise in the MSS Option (SHLD-6).
    /// A router (or a host) says that a packet was too big: one with sequence number `seq` (as the ICMP message quotes it;
    /// RFC 5927 §4.1 wants it checked). `mss`: what fits in the MTU it tells, less IP and TCP headers without options.
    ///
    /// What was lost goes out again at once in smaller segments, and that is no sign of congestion (RFC 8201 §5.4). False if
    /// the message was not believed, or changed nothing.
    pub fn on_packet_too_big(&mut self, now: Duration, seq: SeqNumber, mss: u16) -> bool {
        // RFC 1191 §4: never up. RFC 8201 §4: an MTU below what every path has is not believed.
        if !self.is_in_flight(seq) || !self.state.is_synchronized() || mss < LEAST_MSS {
            return false;
        }
        if seq == self.path_mtu().start
            && (self.negotiated.send_mss..self.path_mtu().probed).contains(&mss)
        {
            return self.reject_probe(now, mss);
        }
        self.shrink_segments(now, mss)
    }

    fn path_mtu(&self) -> PathMtu {
        self.rare
            .get()
            .map(|rare| rare.path_mtu)
            .unwrap_or_default()
    }

    /// Whether `seq` was sent and is not acknowledged: what an ICMP error that is no forgery quotes (RFC 5927 §4.1).
    #[must_use]
    pub fn is_in_flight(&self, seq: SeqNumber) -> bool {
        let at = self.snd.position(seq);
        at.is_some_and(|at| self.snd.una <= at && at < self.snd.max)
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
    //# If there is a full-stop timeout and there was not an ICMP message indicating a reason (PTB, Net unreachable,
    //# etc., or the ICMP message was ignored for some reason), the RECOMMENDED first recovery action is to treat
    //# this as a detected ICMP black hole as defined in [RFC2923].
    /// Full segments have timed out again and again: smaller ones may get through.
    pub(super) fn suspect_black_hole(&mut self, now: Duration) {
        let full = self.snd.in_flight() >= u64::from(self.mss());
        if !self.settings.black_hole_detection || self.timers.retries < BLACK_HOLE_RETRIES || !full
        {
            return;
        }
        let now_mss = self.negotiated.send_mss;
        let next = if now_mss > BASE_MSS {
            BASE_MSS
        } else {
            LEAST_MSS
        };
        if self.shrink_segments(now, next) {
            self.rare.make().counters.black_holes += 1;
        }
    }

    fn shrink_segments(&mut self, now: Duration, mss: u16) -> bool {
        let before = u64::from(self.mss());
        if mss >= self.negotiated.send_mss {
            return false;
        }
        self.end_probe(now);
        let rare = self.rare.make();
        rare.path_mtu.ceiling = rare.path_mtu.ceiling.max(self.negotiated.send_mss);
        rare.path_mtu.hint = 0;
        rare.counters.mtu_reductions += 1;
        self.negotiated.send_mss = mss;
        self.board.mark_lost(|_| true);
        self.snd.stop_timing();
        let after = u64::from(self.mss());
        // The window stays as many bytes as it was, but never less than a segment.
        debug_assert!(after <= before);
        self.timers.stop_early(super::timers::Early::TailProbe);
        self.forget_tail_probe();
        if self.recovery.is_active() || self.board.lost() == 0 {
            return true;
        }
        // RFC 8201 §5.4: not a loss to congestion control. Recovery in the sense of "all this goes again", with the window
        // as it is.
        let (window, ssthresh) = (self.control.window(), self.control.ssthresh());
        self.recovery
            .enter_without_reduction(self.snd.max, window, ssthresh);
        self.timers.arm_retransmission(now, self.rtt.rto());
        true
    }

    /// The retransmission timer has expired with a probe in flight.
    pub(super) fn give_up_mtu_probe(&mut self, now: Duration) {
        self.rare.make().counters.mtu_probes_failed += 1;
        self.end_probe(now);
    }

    fn end_probe(&mut self, now: Duration) {
        let path_mtu = &mut self.rare.make().path_mtu;
        path_mtu.probed = 0;
        path_mtu.since = seconds(now);
    }

    /// The payload of a segment for an MSS of so much.
    fn payload_of(&self, send_mss: u16) -> u64 {
        // The same options go into it.
        u64::from(send_mss - self.negotiated.send_mss) + u64::from(self.mss())
    }

    /// Whether a lost or a late segment could be taken for a probe's fate, or a probe for another segment. Only with SACK:
    /// without, one loss cannot be told from more.
    fn is_quiet(&mut self, now: Duration) -> bool {
        self.negotiated.sack
            && self.recovery.phase == Phase::Open
            && self.board.sacked() == 0
            && self.timers.retries == 0
            && !self.ecn_reduced
            && !self.is_urgent(self.snd.max)
            && !self.is_paced_out(now)
    }

    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.3
    //# When a PMTU value has not been decreased for a while (on the order of 10 minutes), it should probe to find
    //# if a larger PMTU is supported.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //# Hosts MAY detect increases in Path MTU, but because doing so requires sending datagrams larger than the
    //# current estimated PMTU, and because the likelihood is that the PMTU will not have increased, this MUST be
    //# done at infrequent intervals.
    /// One segment of new data that is larger than the MSS, if it is time to try one and enough is queued and may be sent to
    /// follow it.
    pub(super) fn poll_mtu_probe(&mut self, now: Duration) -> Option<Transmit> {
        let Some(mss) = self.path_mtu().untried(now, self.negotiated.send_mss) else {
            self.probe_due = ProbeDue::None;
            return None;
        };
        if !self.is_quiet(now) {
            return None;
        }
        let len = self.payload_of(mss);
        //= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
        //# that is, the sender SHOULD have enough data queued and sufficient receiver window to send the probe plus
        //# at least Tcprexmtthresh [RFC2760] additional segments.
        let wanted = len + FOLLOWERS * u64::from(self.mss());
        let snd = &self.snd;
        let queued = snd.data_end().saturating_sub(snd.max);
        let window = snd.edge().saturating_sub(snd.max);
        let congestion = self.congestion_window().saturating_sub(self.pipe());
        if queued < wanted
            || window < wanted
            || congestion < len
            || self.congestion_window() < wanted
        {
            return None;
        }
        let (start, small_end) = (self.snd.max, self.snd.small_end);
        if self.boundaries.cap(start, start + len) < start + len {
            // A record's end is a segment's.
            return None;
        }
        self.probe_due = ProbeDue::None;
        let path_mtu = &mut self.rare.make().path_mtu;
        path_mtu.probed = mss;
        path_mtu.start = self.snd.seq(start);
        path_mtu.hint = 0;
        let mut transmit = self.send_new(now, start, start + len, false);
        // It is no small segment.
        self.snd.small_end = small_end;
        // And one segment, though longer than others.
        let cut = len.div_ceil(self.mss().into()) - 1;
        self.counters.segs_out -= cut;
        let count = &mut self.counters.data_segs_out;
        *count = count.wrapping_sub(low(cut));
        transmit.mss = u16::try_from(len).unwrap_or(u16::MAX);
        Some(transmit)
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# Whenever the MTU is raised, the congestion state variables MUST be rescaled so as not to raise the window
    //# size in bytes (or data rate in bytes per seconds).
    /// If the probe has arrived, larger segments get through. What was lost before it says nothing against that.
    fn confirm_mtu_probe(&mut self, now: Duration) {
        let path_mtu = self.path_mtu();
        let start = path_mtu.start;
        let end = start + low(self.payload_of(path_mtu.probed));
        let sacked = |record: Record| {
            record.mark.contains(Mark::SACKED) && record.start <= start && end <= record.end
        };
        if self.snd.seq(self.snd.una) < end && !self.board.records().any(sacked) {
            return;
        }
        self.end_probe(now);
        if self.control.window() < path_mtu.probed.into() {
            // Echoed marks have reduced it since: not one such segment could go out.
            return;
        }
        self.negotiated.send_mss = path_mtu.probed;
        self.rare.make().counters.mtu_probes_answered += 1;
    }

    /// An acknowledgement: the verdict on a probe, or the hour of the next. What is sent asks nobody: an acknowledgement
    /// looks at what only some connections need anyway.
    pub(super) fn on_mtu_probe_ack(&mut self, now: Duration) {
        if self.path_mtu().ceiling <= self.negotiated.send_mss {
            return;
        }
        if self.is_probing_mtu() {
            self.confirm_mtu_probe(now);
        }
        let untried = self.path_mtu().untried(now, self.negotiated.send_mss);
        if untried.is_some() && self.probe_due == ProbeDue::None {
            self.probe_due = ProbeDue::PathMtu;
        }
    }

    /// Whether a probe is in flight, or was until what is to be decided now.
    pub(super) fn is_probing_mtu(&self) -> bool {
        self.path_mtu().probed > 0
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# In this case alone, the normal congestion (window or data rate) reduction SHOULD be suppressed.
    /// What is lost is the probe and nothing else: it was too large, which is no congestion. It goes again in segments that
    /// get through, with the window as it is.
    pub(super) fn excuses_lost_probe(&mut self, now: Duration) -> bool {
        let len = self.payload_of(self.path_mtu().probed);
        let start = self.path_mtu().start;
        //= https://www.rfc-editor.org/rfc/rfc4821#section-4
        //# If any other data loss is detected, standard congestion control MUST take place.
        let alone = u64::from(self.board.lost()) == len
            && self.board.first_lost().is_some_and(|r| r.start == start);
        self.end_probe(now);
        self.rare.make().counters.mtu_probes_failed += u32::from(alone);
        if alone {
            self.repair_probe();
        }
        alone
    }

    //= https://www.rfc-editor.org/rfc/rfc8201#section-4
    //# A node must not increase its estimate of the Path MTU in response to the contents of a Packet Too Big
    //# message.
    /// A router says that the probe was too large, and what is not: that is tried next, and not believed before
    /// (RFC 1191 §3).
    fn reject_probe(&mut self, now: Duration, mss: u16) -> bool {
        let (start, len) = (
            self.path_mtu().start,
            self.payload_of(self.path_mtu().probed),
        );
        self.end_probe(now);
        let rare = self.rare.make();
        rare.path_mtu.hint = mss;
        rare.counters.mtu_probes_failed += 1;
        self.board.lose(start, start + low(len));
        if self.recovery.phase == Phase::Open && self.board.lost() > 0 {
            self.repair_probe();
        }
        true
    }

    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
    //# A loss caused by a PMTU probe indicated by the reception of a Packet Too Big message must not be considered
    //# as a congestion notification, and hence the congestion window may not change.
    fn repair_probe(&mut self) {
        let (window, ssthresh) = (self.control.window(), self.control.ssthresh());
        self.timers.stop_early(super::timers::Early::TailProbe);
        self.recovery
            .enter_without_reduction(self.snd.max, window, ssthresh);
    }
}
