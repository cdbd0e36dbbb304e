//! What two ends agree on by the options of their SYNs.

use crate::config::{Config, Ecn};
use crate::options::{Options, TIMESTAMPS_PADDED_LEN};
use crate::segment::Flags;

/// What we say in our SYN, as far as it matters for what is agreed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) mss: u16,
    default_peer_mss: u16,
    pub(crate) window_scaling: bool,
    /// The shift that goes with it.
    pub(crate) window_shift: u8,
    pub(crate) timestamps: bool,
    pub(crate) sack: bool,
    pub(crate) ecn: Ecn,
}

impl From<&Config> for Offer {
    fn from(config: &Config) -> Self {
        Self {
            mss: config.mss.max(1),
            default_peer_mss: config.default_peer_mss,
            window_scaling: config.window_scaling,
            window_shift: config.window_shift(),
            timestamps: config.timestamps,
            sack: config.sack,
            ecn: config.effective_ecn(),
        }
    }
}

/// The outcome of the options of both SYNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Negotiated {
    /// Largest segment to send, options not yet taken off.
    pub(crate) send_mss: u16,
    /// Both ends scale their windows.
    pub(crate) scaling: bool,
    /// Snd.Wind.Shift: how the peer's window fields are to be shifted.
    pub(crate) send_shift: u8,
    /// Rcv.Wind.Shift: how our window fields are shifted.
    pub(crate) receive_shift: u8,
    /// Both ends send timestamps.
    pub(crate) timestamps: bool,
    /// Both ends take SACK.
    pub(crate) sack: bool,
    /// Both ends know ECN (RFC 3168 §6.1.1).
    pub(crate) ecn: bool,
}

impl Negotiated {
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
    //# If a Window Scale option is received with a shift.cnt value larger than 14, the TCP SHOULD log the error but
    //# MUST use 14 instead of the specified value.
    /// From our SYN and the options of the peer's.
    pub(crate) fn new(offer: &Offer, peer: &Options) -> Self {
        // RFC 9293 §3.7.1, MUST-15: without the option, the default; MUST-16: no more than told.
        // An absurdly small MSS would make a header of every byte: the floor is the 48 bytes of
        // Linux's tcp_min_snd_mss, less its header.
        let told = peer.mss.unwrap_or(offer.default_peer_mss);
        let send_mss = told.min(offer.mss).max(MIN_SEND_MSS);
        // RFC 7323 §2.2: scaling is on only if both SYNs have the option.
        let (scaling, send_shift, receive_shift) = match peer.window_scale {
            // RFC 7323 §2.3: a shift above 14 "MUST use 14".
            Some(shift) if offer.window_scaling => (true, shift.min(14), offer.window_shift),
            _ => (false, 0, 0),
        };
        Self {
            send_mss,
            scaling,
            send_shift,
            receive_shift,
            timestamps: offer.timestamps && peer.timestamps.is_some(),
            // RFC 2018 §2: only towards one that has sent SACK-permitted.
            sack: offer.sack && peer.sack_permitted,
            ecn: false,
        }
    }

    /// RFC 3168 §6.1.1: an answer to a SYN with these flags may agree to ECN.
    pub(crate) fn with_ecn_of_syn(mut self, offer: &Offer, flags: Flags) -> Self {
        self.ecn = offer.ecn != Ecn::Off && flags.contains(Flags::ECE | Flags::CWR);
        self
    }

    /// RFC 3168 §6.1.1: a SYN-ACK with ECE alone agrees to the ECN that we asked for.
    pub(crate) fn with_ecn_of_syn_ack(mut self, offer: &Offer, flags: Flags) -> Self {
        self.ecn = offer.ecn == Ecn::Request && flags & (Flags::ECE | Flags::CWR) == Flags::ECE;
        self
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# The maximum size of a segment that a TCP endpoint really sends, the "effective send MSS", MUST be the
    //# smaller (MUST-16) of the send MSS (that reflects the available reassembly buffer size at the remote host,
    //# the EMTU_R [19]) and the largest transmission size permitted by the IP layer (EMTU_S [19]):
    /// Eff.snd.MSS: what a data segment may carry (RFC 9293 §3.7.1: less the options in it).
    pub(crate) fn payload_mss(&self) -> u16 {
        let options = if self.timestamps {
            TIMESTAMPS_PADDED_LEN
        } else {
            0
        };
        self.send_mss.saturating_sub(options).max(1)
    }
}

/// Least MSS that is believed: room for the timestamps and some data.
const MIN_SEND_MSS: u16 = 28;

/// Initial congestion window in bytes for segments of `mss` bytes (RFC 6928 §2:
/// min(10*MSS, max(2*MSS, 14600)), with the 10 from the settings).
pub(crate) fn initial_window(segments: u8, mss: u16) -> u64 {
    let mss = u64::from(mss);
    let segments = u64::from(segments.max(1));
    (segments * mss).min((2 * mss).max(segments * 1460))
}

#[cfg(test)]
mod tests {
    use super::*;

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //= type=test
    //# If an MSS Option is not received at connection setup, TCP implementations MUST assume a default send MSS of
    //# 536 (576 - 40) for IPv4 or 1220 (1280 - 60) for IPv6 (MUST-15).
    #[test]
    fn without_options_the_defaults_hold() {
        let negotiated = Negotiated::new(&Offer::from(&Config::default()), &Options::default());
        assert_eq!(negotiated.payload_mss(), 536);
        assert_eq!((negotiated.send_shift, negotiated.receive_shift), (0, 0));
        assert!(!negotiated.timestamps);
        let v6 = Negotiated::new(&Offer::from(&Config::ipv6(1500)), &Options::default());
        assert_eq!(v6.payload_mss(), 1220);
    }

    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
    //= type=test
    //# If a Window Scale option is received with a shift.cnt value larger than 14, the TCP SHOULD log the error but
    //# MUST use 14 instead of the specified value.
    #[test]
    fn a_shift_above_14_counts_as_14() {
        let options = Options {
            window_scale: Some(200),
            ..Options::default()
        };
        let negotiated = Negotiated::new(&Offer::from(&Config::default()), &options);
        assert_eq!(negotiated.send_shift, 14);
    }

    #[test]
    fn the_smaller_mss_wins_and_a_tiny_one_is_not_believed() {
        let with = |mss| {
            let options = Options {
                mss: Some(mss),
                ..Options::default()
            };
            Negotiated::new(&Offer::from(&Config::default()), &options).payload_mss()
        };
        assert_eq!(with(9000), 1460);
        assert_eq!(with(1200), 1200);
        assert_eq!(with(0), MIN_SEND_MSS);
    }

    #[test]
    fn the_initial_window_is_that_of_rfc_6928() {
        assert_eq!(initial_window(10, 1460), 14_600);
        assert_eq!(initial_window(10, 536), 5360);
        assert_eq!(initial_window(10, 8960), 17_920);
    }
}
