//! Loss recovery: its phases and how much they let out (RFC 6675, RFC 6937, RFC 5682, RFC 6582).

use std::thread::LocalKey;

use crate::seq::SeqNumber;
use crate::spare::{Lazy, Lendable, Spare};
use crate::time::Micros;

/// Duplicate ACKs that mean a loss (RFC 5681 §3.2), and segments that overtake (RFC 8985 §6.2: DupThresh).
pub(super) const DUP_THRESH: u32 = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is lost.
    #[default]
    Open,
    /// Fast recovery.
    Fast,
    /// After a time-out: all is sent again, in slow start.
    Loss,
}

/// F-RTO (RFC 5682): what is known of a time-out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// It is, or must be, taken for genuine.
    #[default]
    None,
    /// §2.1 step 1: only the first segment was sent again.
    HeadSent,
    /// §2.1 step 2b: that was acknowledged, and new data may go out.
    NewWanted,
}

/// State of recovery.
#[derive(Clone, Debug, Default)]
pub(super) struct Recovery {
    pub(super) phase: Phase,
    pub(super) suspicion: Suspicion,
    /// Duplicate ACKs in a row. Without SACK, each stands for a segment that has left the network.
    pub(super) dup_acks: u32,
    /// "recover" of RFC 6582, RecoveryPoint of RFC 6675: an ACK must reach it to end recovery. One past the highest
    /// position sent when it was set.
    pub(super) recover: u64,
    /// What is known of the recovery that is under way. Lent until that is over.
    episode: Lazy<Episode>,
}

/// A recovery that is under way.
#[derive(Clone, Debug, Default)]
struct Episode {
    /// When the retransmission timer last expired.
    timeout_at: Micros,
    /// What may be in flight during fast recovery.
    window: u32,
    /// prr_delivered, prr_out and RecoverFS (RFC 6937 §3.1).
    delivered: u32,
    out: u32,
    flight: u32,
    /// cwnd and ssthresh before the reduction, should it prove wrong.
    /// 0: none.
    prior: (u32, u32),
    /// Where the first retransmission of this recovery that was at SND.UNA starts, and when it went out.
    head_resent: Option<(SeqNumber, Micros)>,
}

std::thread_local! {
    static SPARE: Spare<Box<Episode>> = const { Spare::new(Vec::new()) };
}

impl Lendable for Episode {
    fn spare() -> &'static LocalKey<Spare<Box<Self>>> {
        &SPARE
    }
}

/// Spare blocks for so many connections of this thread.
pub(super) fn preallocate(count: usize) {
    Episode::preallocate(count);
}

/// Sizes within 32 bits: a window is at most 2³⁰, and what is in flight too.
fn low(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

impl Recovery {
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Open
    }

    /// Whether an echoed timestamp may measure a round trip of `round_trip` microseconds. After a time-out only if the
    /// echo is of a segment sent since: when an ACK was lost, its repetition echoes the first transmission, and would
    /// measure the time-out.
    pub(super) fn is_measurable(&self, now: Micros, round_trip: u32) -> bool {
        self.phase != Phase::Loss
            || self
                .episode
                .get()
                .is_none_or(|episode| now.since(episode.timeout_at) >= round_trip)
    }

    /// What may be in flight, during fast recovery.
    pub(super) fn window(&self) -> Option<u64> {
        if self.phase != Phase::Fast {
            return None;
        }
        self.episode.get().map(|episode| u64::from(episode.window))
    }

    /// Fast recovery begins, with everything below `max` sent and `flight` bytes of it not acknowledged. `prior`: cwnd
    /// and ssthresh as they were.
    pub(super) fn enter_fast(&mut self, max: u64, flight: u64, prior: (u64, u64)) {
        self.phase = Phase::Fast;
        self.suspicion = Suspicion::None;
        self.recover = max;
        *self.episode.make() = Episode {
            flight: low(flight).max(1),
            prior: (low(prior.0), low(prior.1)),
            ..Episode::default()
        };
    }

    /// What is in flight goes out again though nothing was lost to congestion: the window stays. Everything below `max` was
    /// sent.
    pub(super) fn enter_without_reduction(&mut self, max: u64, window: u64, ssthresh: u64) {
        self.enter_fast(max, window, (window, ssthresh));
        self.episode.make().window = low(window);
    }

    /// An ACK during fast recovery told that `delivered` more bytes have arrived; `pipe` are in flight now.
    ///
    /// `advanced`: it moved SND.UNA and nothing new was found lost.
    pub(super) fn proportional(
        &mut self,
        delivered: u64,
        pipe: u64,
        ssthresh: u64,
        mss: u16,
        advanced: bool,
    ) {
        let (delivered, pipe) = (low(delivered), low(pipe));
        let (ssthresh, mss) = (low(ssthresh), u32::from(mss));
        let episode = self.episode.make();
        episode.delivered = episode.delivered.saturating_add(delivered);
        let mut count = if pipe > ssthresh {
            let share = u64::from(episode.delivered) * u64::from(ssthresh);
            low(share.div_ceil(u64::from(episode.flight))).saturating_sub(episode.out)
        } else {
            // PRR-CRB, and PRR-SSRB while recovery makes good progress, as Linux.
            let behind = episode.delivered.saturating_sub(episode.out);
            let limit = if advanced {
                behind.max(delivered).saturating_add(mss)
            } else {
                behind.max(delivered)
            };
            (ssthresh - pipe).min(limit)
        };
        if episode.out == 0 {
            // The first retransmission goes out at once (RFC 5681 §3.2 step 3).
            count = count.max(mss);
        }
        episode.window = pipe.saturating_add(count);
    }

    /// At least so much may be in flight.
    pub(super) fn admit(&mut self, window: u64) {
        let episode = self.episode.make();
        episode.window = episode.window.max(low(window));
    }

    /// `len` bytes went out, new or again.
    pub(super) fn on_sent(&mut self, len: u64) {
        if let Some(episode) = self.episode.get_mut() {
            episode.out = episode.out.saturating_add(low(len));
        }
    }

    /// The retransmission timer expired with everything below `max` sent and SND.UNA at `una`. RFC 6582 §4: "recover" is
    /// set, so that what is sent again and was not lost does not look like a loss.
    pub(super) fn on_timeout(&mut self, now: Micros, una: u64, max: u64, prior: (u64, u64)) {
        // RFC 5682 §2.1 step 1: not when a recovery is under way already: its retransmissions would be taken for
        // originals.
        let suspect =
            self.phase == Phase::Open || (self.phase == Phase::Loss && una >= self.recover);
        let suspicion = if suspect {
            Suspicion::HeadSent
        } else {
            Suspicion::None
        };
        let repeated = self.phase == Phase::Loss;
        self.phase = Phase::Loss;
        self.suspicion = suspicion;
        self.dup_acks = 0;
        self.recover = max;
        let episode = self.episode.make();
        *episode = Episode {
            timeout_at: now,
            prior: if repeated {
                episode.prior
            } else {
                (low(prior.0), low(prior.1))
            },
            ..Episode::default()
        };
    }

    /// Recovery is over.
    pub(super) fn leave(&mut self) {
        self.phase = Phase::Open;
        self.suspicion = Suspicion::None;
        self.dup_acks = 0;
        self.episode.clear();
    }

    /// Where the first retransmission of this recovery that was at SND.UNA starts, and when it went out.
    pub(super) fn head_resent(&self) -> Option<(SeqNumber, Micros)> {
        self.episode.get()?.head_resent
    }

    /// What starts at `start` was at SND.UNA and was sent again at `at`. Outside of a recovery it does not matter.
    pub(super) fn note_head_resent(&mut self, start: SeqNumber, at: Micros) {
        if let Some(episode) = self.episode.get_mut() {
            episode.head_resent = Some((start, at));
        }
    }

    /// cwnd and ssthresh from before, if the reduction can still be taken back. Once.
    pub(super) fn take_prior(&mut self) -> Option<(u64, u64)> {
        let (cwnd, ssthresh) = core::mem::take(&mut self.episode.get_mut()?.prior);
        if cwnd == 0 {
            return None;
        }
        let ssthresh = if ssthresh == u32::MAX {
            u64::MAX
        } else {
            u64::from(ssthresh)
        };
        Some((u64::from(cwnd), ssthresh))
    }

    /// The reduction was right.
    pub(super) fn confirm(&mut self) {
        if let Some(episode) = self.episode.get_mut() {
            episode.prior = (0, 0);
        }
        self.suspicion = Suspicion::None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= https://www.rfc-editor.org/rfc/rfc8985#section-9.3
    //= type=test
    //# The Proportional Rate Reduction (PRR) algorithm [RFC6937] is RECOMMENDED for the specific congestion control
    //# actions taken upon the losses detected by RACK-TLP.
    #[test]
    fn the_window_shrinks_in_proportion_to_what_arrives() {
        let mut recovery = Recovery::default();
        recovery.enter_fast(20_000, 20_000, (20_000, u64::MAX));
        let mut out = 0;
        // One segment of 1000 is lost; the others arrive one by one, ssthresh is 14,000.
        let mut pipe = 16_000;
        for _ in 0..16 {
            recovery.proportional(1000, pipe, 14_000, 1000, false);
            let room = recovery.window().unwrap() - pipe;
            let sent = room - room % 1000;
            recovery.on_sent(sent);
            out += sent;
            pipe = pipe + sent - 1000;
        }
        // 0.7 of what has arrived went out.
        assert!((11_000..=13_000).contains(&out), "{out}");
    }

    #[test]
    fn a_reduction_is_taken_back_once() {
        let mut recovery = Recovery::default();
        recovery.on_timeout(Micros(0), 1, 5000, (9000, u64::MAX));
        assert_eq!(recovery.suspicion, Suspicion::HeadSent);
        recovery.on_timeout(Micros(9), 1, 5000, (1000, 4500));
        assert_eq!(recovery.suspicion, Suspicion::None);
        assert_eq!(recovery.take_prior(), Some((9000, u64::MAX)));
        assert_eq!(recovery.take_prior(), None);
    }
}
