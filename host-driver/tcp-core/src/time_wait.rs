//! TIME-WAIT without a control block.

use core::time::Duration;

use crate::options::Options;
use crate::segment::{Flags, Segment};
use crate::seq::SeqNumber;
use crate::time::{HalvedStamp, Millis};
use crate::timestamps::TimestampState;
use crate::transmit::Transmit;

/// A connection in TIME-WAIT: 32 bytes.
#[derive(Clone, Debug)]
pub struct TimeWait {
    snd_nxt: SeqNumber,
    rcv_nxt: SeqNumber,
    timestamps: Option<TimestampState>,
    expires: HalvedStamp,
    length: Millis,
}

/// What a segment did to a connection in TIME-WAIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeWaitOutcome {
    /// Nothing.
    Ignore,
    /// Send this. 2MSL may have started again: see [`TimeWait::expires`].
    Acknowledge(Transmit),
    /// The record is over.
    Closed,
    /// A valid SYN: forget the record and give the SYN to the listener, with an ISS after this
    /// number. If there is no listener, answer as to any SYN without one.
    Reuse(SeqNumber),
}

impl TimeWait {
    pub(crate) fn new(
        snd_nxt: SeqNumber,
        rcv_nxt: SeqNumber,
        timestamps: Option<TimestampState>,
        expires: Duration,
        length: Millis,
    ) -> Self {
        Self {
            snd_nxt,
            rcv_nxt,
            timestamps,
            expires: expires.into(),
            length,
        }
    }

    /// When 2MSL is over and the record can be forgotten.
    #[must_use]
    pub fn expires(&self) -> Duration {
        self.expires.into()
    }

    //= https://www.rfc-editor.org/rfc/rfc6191#section-2
    //# Processing of SYN segments received for connections in the TIME-WAIT state SHOULD occur as follows:
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
    //# This algorithm for reducing TIME-WAIT is a Best Current Practice that SHOULD be implemented since Timestamp
    //# Options are commonly used, and using them to reduce TIME-WAIT provides benefits for busy Internet servers
    //# (SHLD-4).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
    //# However, it MAY accept a new SYN from the remote TCP endpoint to reopen the connection directly from
    //# TIME-WAIT state (MAY-2), if it:
    /// A segment of the record's tuple has arrived (RFC 9293 §3.10.7.4, the lines for TIME-WAIT).
    pub fn on_segment(&mut self, now: Duration, segment: &Segment) -> TimeWaitOutcome {
        let ahead = segment.seq.distance_from(self.rcv_nxt);
        if segment.has(Flags::RST) {
            // Second, with RFC 5961 §3.2: only if it is exact.
            return if ahead == 0 {
                TimeWaitOutcome::Closed
            } else {
                TimeWaitOutcome::Ignore
            };
        }
        let option = segment.options.timestamps;
        if segment.has(Flags::SYN) && !segment.has(Flags::ACK) {
            // RFC 6191 §2: with timestamps on both, the SYN's decides, and an equal one leaves it to
            // the sequence number; RFC 1122 §4.2.2.13: else the sequence number does.
            let valid = match (self.timestamps, option) {
                (Some(state), Some(option)) => {
                    state.is_newer(option.value) || (!state.is_old(now, option.value) && ahead > 0)
                }
                _ => ahead > 0,
            };
            if valid {
                // As Linux: beyond anything that the old connection could have had in flight.
                return TimeWaitOutcome::Reuse(self.snd_nxt + (u32::from(u16::MAX) + 2));
            }
            return TimeWaitOutcome::Acknowledge(self.ack(now));
        }
        if let (Some(state), Some(option)) = (&mut self.timestamps, option) {
            // RFC 7323 §5.3, R1.
            if state.is_old(now, option.value) {
                return TimeWaitOutcome::Acknowledge(self.ack(now));
            }
        }
        if segment.has(Flags::FIN) {
            // Eighth: "Restart the 2 MSL time-wait timeout", and first: "The only thing that can
            // arrive in this state is a retransmission of the remote FIN. Acknowledge it".
            self.expires = (now + self.length.into()).into();
            return TimeWaitOutcome::Acknowledge(self.ack(now));
        }
        // An ACK at RCV.NXT needs no answer (an answer to it would start a loop of ACKs).
        if ahead == 0 && segment.is_empty() {
            return TimeWaitOutcome::Ignore;
        }
        TimeWaitOutcome::Acknowledge(self.ack(now))
    }

    fn ack(&self, now: Duration) -> Transmit {
        Transmit {
            options: Options {
                timestamps: self.timestamps.map(|state| state.option(now)),
                ..Options::default()
            },
            ..Transmit::bare(self.snd_nxt, self.rcv_nxt, Flags::ACK, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_32_bytes() {
        assert_eq!(size_of::<TimeWait>(), 32);
    }
}
