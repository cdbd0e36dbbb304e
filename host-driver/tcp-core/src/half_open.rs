//! A passive open before its handshake is over: no socket, no control block, a fixed small size.

use core::time::Duration;

use crate::config::Config;
use crate::connection::Handshake;
use crate::isn::Initial;
use crate::negotiate::Negotiated;
use crate::options::Options;
use crate::segment::{Flags, Segment};
use crate::seq::SeqNumber;
use crate::time::HalvedStamp;
use crate::timestamps::{Recent, TimestampState};
use crate::transmit::Transmit;

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
//# Note that a TCP implementation MUST keep track of whether a connection has reached SYN-RECEIVED state as the
//# result of a passive OPEN or an active OPEN (MUST-11).
/// A connection in SYN-RECEIVED that a SYN to a listener began (an entry of the SYN cache): 40 bytes.
///
/// Keep the [`Config`] that it was made with: every call wants it again.
#[derive(Clone, Debug)]
pub struct HalfOpen {
    irs: SeqNumber,
    initial: Initial,
    negotiated: Negotiated,
    timestamps: Option<Recent>,
    /// The peer's window field, never scaled in a SYN.
    peer_window: u16,
    retries: u8,
    /// How many challenge ACKs were sent; and [`UNTIMED`].
    challenges: u8,
    expires: HalvedStamp,
}

/// Challenge ACKs that an entry sends in its life: what RFC 5961 §7 grants a connection in five seconds.
const CHALLENGES: u8 = 10;

/// A cookie brought the entry back. Otherwise, the SYN-ACK went out one time-out before `expires`.
const UNTIMED: u8 = 0x80;

/// What a segment did to a half-open entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HalfOpenOutcome {
    /// Nothing.
    Ignore,
    /// Send this; the entry stays.
    Reply(Transmit),
    /// The peer gave up (RST): forget the entry.
    Remove,
    /// The handshake is over: make a [`Connection`](crate::Connection) with
    /// [`from_half_open`](crate::Connection::from_half_open) and this segment. If there is no room
    /// for one now, the entry may stay: the peer's next segment completes it again.
    Complete,
}

/// What became due in a half-open entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HalfOpenExpiry {
    /// Nothing yet.
    Wait,
    /// Send the SYN-ACK again.
    Retransmit(Transmit),
    /// The peer never answered: forget the entry.
    Expired,
}

impl HalfOpen {
    /// Answers a SYN to a listener (RFC 9293 §3.10.7.2, third). Returns the entry and its SYN-ACK.
    /// `None` if the segment opens nothing: it has RST, ACK or FIN, or no SYN.
    #[must_use]
    pub fn new(
        now: Duration,
        config: &Config,
        initial: Initial,
        segment: &Segment,
    ) -> Option<(Self, Transmit)> {
        let control = Flags::SYN | Flags::ACK | Flags::RST | Flags::FIN;
        if segment.flags & control != Flags::SYN {
            return None;
        }
        let offer = config.into();
        let negotiated =
            Negotiated::new(&offer, &segment.options).with_ecn_of_syn(&offer, segment.flags);
        let option = segment.options.timestamps.filter(|_| negotiated.timestamps);
        let entry = Self {
            irs: segment.seq,
            initial,
            negotiated,
            timestamps: option.map(|option| {
                TimestampState::new(now, initial.timestamp_offset, option.value).recent()
            }),
            peer_window: segment.window,
            retries: 0,
            challenges: 0,
            expires: (now + config.initial_rto).into(),
        };
        let syn_ack = entry.syn_ack(now, config);
        Some((entry, syn_ack))
    }

    /// A segment of the entry's tuple has arrived.
    pub fn on_segment(
        &mut self,
        now: Duration,
        config: &Config,
        segment: &Segment,
    ) -> HalfOpenOutcome {
        let ahead = segment.seq.distance_from(self.irs + 1);
        let window = i32::from(config.initial_window_field());
        if segment.has(Flags::RST) {
            // RFC 9293 §3.10.7.4, second: back to LISTEN; RFC 5961 §3.2: only if it is exact.
            return if ahead == 0 {
                HalfOpenOutcome::Remove
            } else if (1..window).contains(&ahead) {
                self.challenge(now, config)
            } else {
                HalfOpenOutcome::Ignore
            };
        }
        if let Some(state) = self.timestamps()
            && let Some(option) = segment.options.timestamps
            && state.is_old(now, option.value)
        {
            return HalfOpenOutcome::Ignore;
        }
        if segment.has(Flags::SYN) && !segment.has(Flags::ACK) && ahead == -1 {
            // The SYN again: our SYN-ACK was lost, or is late.
            return HalfOpenOutcome::Reply(self.syn_ack(now, config));
        }
        // First: the sequence number must be in the window.
        let last = ahead.saturating_add_unsigned(segment.len().saturating_sub(1));
        if last < 0 || ahead >= window || segment.has(Flags::SYN) {
            return HalfOpenOutcome::Ignore;
        }
        // Fifth: the ACK.
        if !segment.has(Flags::ACK) {
            return HalfOpenOutcome::Ignore;
        }
        if segment.ack != self.initial.iss + 1 {
            // "<SEQ=SEG.ACK><CTL=RST>"; the entry stays.
            let reset = Transmit::bare(segment.ack, SeqNumber(0), Flags::RST, 0);
            return HalfOpenOutcome::Reply(reset);
        }
        HalfOpenOutcome::Complete
    }

    //= https://www.rfc-editor.org/rfc/rfc5961#section-7
    //# An implementation SHOULD include an ACK throttling mechanism to be conservative.
    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>` (RFC 5961 §3.2), some times and no more.
    fn challenge(&mut self, now: Duration, config: &Config) -> HalfOpenOutcome {
        if self.challenges & !UNTIMED >= CHALLENGES {
            return HalfOpenOutcome::Ignore;
        }
        self.challenges += 1;
        HalfOpenOutcome::Reply(Transmit {
            options: Options {
                timestamps: self.timestamps().map(|state| state.option(now)),
                ..Options::default()
            },
            ..Transmit::bare(
                self.initial.iss + 1,
                self.irs + 1,
                Flags::ACK,
                config.initial_window_field() >> self.negotiated.receive_shift,
            )
        })
    }

    /// When [`HalfOpen::on_timeout`] is to be called.
    #[must_use]
    pub fn next_timeout(&self) -> Duration {
        self.expires.into()
    }

    /// Time has come to `now`.
    pub fn on_timeout(&mut self, now: Duration, config: &Config) -> HalfOpenExpiry {
        if now < self.next_timeout() {
            return HalfOpenExpiry::Wait;
        }
        if self.retries >= config.syn_ack_retries {
            return HalfOpenExpiry::Expired;
        }
        self.retries += 1;
        self.expires = (now + self.rto(config)).into();
        HalfOpenExpiry::Retransmit(self.syn_ack(now, config))
    }

    /// How long the last SYN-ACK may go unanswered.
    fn rto(&self, config: &Config) -> Duration {
        if self.retries == 0 {
            return config.initial_rto;
        }
        // RFC 6298 §5.5: the back-off doubles.
        let rto = config.initial_rto.saturating_mul(1 << self.retries.min(31));
        rto.min(config.max_rto)
    }

    fn timestamps(&self) -> Option<TimestampState> {
        self.timestamps
            .map(|recent| TimestampState::with(self.initial.timestamp_offset, recent))
    }

    /// `<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>`, with the options that the SYN had.
    fn syn_ack(&self, now: Duration, config: &Config) -> Transmit {
        Transmit {
            options: Options {
                mss: Some(config.mss),
                // RFC 7323 §2.2, §3.2: only what the SYN offered.
                window_scale: self
                    .negotiated
                    .scaling
                    .then_some(self.negotiated.receive_shift),
                sack_permitted: self.negotiated.sack,
                timestamps: self.timestamps().map(|state| state.option(now)),
                ..Options::default()
            },
            ..Transmit::bare(
                self.initial.iss,
                self.irs + 1,
                if self.negotiated.ecn {
                    Flags::SYN | Flags::ACK | Flags::ECE
                } else {
                    Flags::SYN | Flags::ACK
                },
                config.initial_window_field(),
            )
        }
    }

    /// The same, made of what a cookie says: when the SYN-ACK went out is not known.
    pub(crate) fn untimed(self) -> Self {
        Self {
            challenges: UNTIMED,
            ..self
        }
    }

    pub(crate) fn initial(&self) -> Initial {
        self.initial
    }

    pub(crate) fn negotiated(&self) -> Negotiated {
        self.negotiated
    }

    pub(crate) fn hand_over(&self, config: &Config, handshake: &mut Handshake<'_>) {
        handshake.peer(self.irs, config.initial_window_field());
        handshake.sent(self.peer_window);
        handshake.timestamps(self.timestamps());
        if self.challenges & UNTIMED == 0 {
            let sent = self.next_timeout().saturating_sub(self.rto(config));
            handshake.timing(sent, self.retries > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_40_bytes() {
        assert_eq!(size_of::<HalfOpen>(), 40);
    }
}
