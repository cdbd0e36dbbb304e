//! SYN cookies: a passive open that costs no memory (RFC 4987 §3.6).
//!
//! What a [`HalfOpen`] would keep is in the SYN-ACK's own numbers, under a keyed hash, and comes back with the ACK: the
//! MSS (one of eight) and the time in the sequence number; window scale, SACK and ECN, as Linux does, in the low bits of
//! the timestamp. Without timestamps, these are given up.

use core::hash::Hasher;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use siphasher::sip::SipHasher24;

use crate::config::Config;
use crate::half_open::HalfOpen;
use crate::isn::Initial;
use crate::options::Options;
use crate::segment::{Flags, Segment};
use crate::seq::SeqNumber;
use crate::timestamps::clock;
use crate::transmit::Transmit;

/// The MSS values that a cookie can say; the largest not above the peer's is told. Around what is common.
const MSS: [u16; 8] = [64, 512, 536, 1024, 1220, 1440, 1460, 8940];

/// A cookie's time unit, and how many of them one is good for (the current one included).
const UNIT: Duration = Duration::from_secs(64);
const UNITS: u32 = 2;

/// Low bits of the timestamp that hold options: four of window scale (15: none), SACK, ECN.
const OPTION_BITS: u32 = 6;
const NO_SCALE: u32 = 15;

/// Makes and checks SYN cookies.
#[derive(Clone, Debug)]
pub struct SynCookies {
    key: [u8; 16],
}

impl SynCookies {
    /// How long a cookie is good for, at most.
    pub const LIFETIME: Duration = UNIT.saturating_mul(UNITS);

    /// Over a key of random bytes, drawn once per boot. Not that of the [`IsnGenerator`](crate::IsnGenerator).
    #[must_use]
    pub const fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// The SYN-ACK for a SYN, of which nothing is kept. `None` if the segment opens nothing, as
    /// [`HalfOpen::new`].
    #[must_use]
    pub fn answer(
        &self,
        now: Duration,
        config: &Config,
        local: SocketAddr,
        remote: SocketAddr,
        syn: &Segment,
    ) -> Option<Transmit> {
        let index = mss_index(syn.options.mss.unwrap_or(config.default_peer_mss));
        let initial = Initial {
            iss: self.sequence(now, local, remote, syn.seq, index),
            timestamp_offset: self.timestamp_offset(now, local, remote, syn),
        };
        HalfOpen::new(now, config, initial, syn).map(|(_, syn_ack)| syn_ack)
    }

    /// The half-open entry that an ACK completes, if it acknowledges a cookie of ours that is not too old. Hand it to
    /// [`Connection::from_half_open`](crate::Connection::from_half_open) with the same segment.
    #[must_use]
    pub fn accept(
        &self,
        now: Duration,
        config: &Config,
        local: SocketAddr,
        remote: SocketAddr,
        ack: &Segment,
    ) -> Option<HalfOpen> {
        let control = Flags::SYN | Flags::ACK | Flags::RST;
        if ack.flags & control != Flags::ACK {
            return None;
        }
        let (irs, iss) = (ack.seq - 1, ack.ack - 1);
        let index = (0..MSS.len()).find(|&index| {
            let fits = |age| {
                let then = now.checked_sub(UNIT * age).unwrap_or_default();
                self.sequence(then, local, remote, irs, index) == iss
            };
            (0..UNITS).any(fits)
        })?;
        let mut options = Options {
            mss: Some(MSS[index]),
            ..Options::default()
        };
        let mut flags = Flags::SYN;
        let mut initial = Initial {
            iss,
            timestamp_offset: 0,
        };
        if let Some(timestamps) = ack.options.timestamps
            && config.timestamps
        {
            let bits = timestamps.echo;
            let scale = bits & 0b1111;
            // At most 14 but for NO_SCALE.
            options.window_scale = u8::try_from(scale).ok().filter(|_| scale != NO_SCALE);
            options.sack_permitted = bits & 0b01_0000 != 0;
            if bits & 0b10_0000 != 0 {
                flags |= Flags::ECE | Flags::CWR;
            }
            options.timestamps = Some(timestamps);
            initial.timestamp_offset = self.offset(local, remote);
            // Not before what the cookie said.
            let value = clock(now, initial.timestamp_offset);
            let behind = timestamps.echo.wrapping_sub(value).cast_signed();
            if behind > 0 {
                initial.timestamp_offset = initial.timestamp_offset.wrapping_add_signed(behind);
            }
        }
        let syn = Segment {
            seq: irs,
            flags,
            options,
            payload_len: 0,
            ..*ack
        };
        let (entry, _) = HalfOpen::new(now, config, initial, &syn)?;
        Some(entry.untimed())
    }

    /// The ISS: hash of the tuple, plus the peer's number, plus time in the upper 8 bits, plus the MSS under a hash that
    /// changes with the time.
    fn sequence(
        &self,
        now: Duration,
        local: SocketAddr,
        remote: SocketAddr,
        irs: SeqNumber,
        mss_index: usize,
    ) -> SeqNumber {
        // Wraps after years; compared for equality only.
        let count = (now.as_secs() / UNIT.as_secs()) as u32;
        #[expect(clippy::cast_possible_truncation)]
        let (fixed, moving) = (
            self.hash(local, remote, 0) as u32,
            self.hash(local, remote, u64::from(count) + 1) as u32,
        );
        // One of eight.
        #[expect(clippy::cast_possible_truncation)]
        let low = moving.wrapping_add(mss_index as u32) & 0x00FF_FFFF;
        SeqNumber(fixed) + irs.0 + (count << 24) + low
    }

    /// The offset that all timestamps of a connection have, but for the options in the first one.
    fn offset(&self, local: SocketAddr, remote: SocketAddr) -> u32 {
        (self.hash(local, remote, 0) >> 32) as u32
    }

    /// The offset that makes the SYN-ACK's timestamp end in the options: it is moved back by less than 64 ms.
    fn timestamp_offset(
        &self,
        now: Duration,
        local: SocketAddr,
        remote: SocketAddr,
        syn: &Segment,
    ) -> u32 {
        let offset = self.offset(local, remote);
        let scale = syn
            .options
            .window_scale
            .map_or(NO_SCALE, |shift| u32::from(shift.min(14)));
        let bits = scale
            | u32::from(syn.options.sack_permitted) << 4
            | u32::from(syn.flags.contains(Flags::ECE | Flags::CWR)) << 5;
        let value = clock(now, offset);
        let mut with_bits = (value >> OPTION_BITS << OPTION_BITS) | bits;
        if with_bits > value {
            with_bits = with_bits.wrapping_sub(1 << OPTION_BITS);
        }
        offset.wrapping_add(with_bits.wrapping_sub(value))
    }

    fn hash(&self, local: SocketAddr, remote: SocketAddr, salt: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        for address in [local, remote] {
            match address.ip() {
                IpAddr::V4(ip) => hasher.write(&ip.octets()),
                IpAddr::V6(ip) => hasher.write(&ip.octets()),
            }
            hasher.write(&address.port().to_be_bytes());
        }
        hasher.write(&salt.to_be_bytes());
        hasher.finish()
    }
}

/// The largest MSS that is not above `told`.
fn mss_index(told: u16) -> usize {
    MSS.iter().rposition(|&mss| mss <= told).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Connection, HalfOpenOutcome, Ports, State, Timestamps};

    fn addresses() -> (SocketAddr, SocketAddr) {
        (
            "192.0.2.1:80".parse().unwrap(),
            "192.0.2.2:4000".parse().unwrap(),
        )
    }

    fn syn(options: Options) -> Segment {
        Transmit {
            options,
            ..Transmit::bare(SeqNumber(77), SeqNumber(0), Flags::SYN, 5000)
        }
        .to_segment(Ports::default())
    }

    /// The peer's ACK of a SYN-ACK.
    fn ack_of(syn_ack: &Transmit, timestamps: bool) -> Segment {
        let mut ack = Transmit::bare(syn_ack.ack, syn_ack.seq + 1, Flags::ACK, 400);
        if timestamps {
            ack.options.timestamps = syn_ack.options.timestamps.map(|ours| Timestamps {
                value: 1007,
                echo: ours.value,
            });
        }
        ack.to_segment(Ports::default())
    }

    proptest! {
        #[test]
        fn what_a_syn_has_said_comes_back_with_the_ack(
            seconds in 0..100_000u64, wait in 0..60_000u64, mss in 64..9000u16,
            shift in prop::option::of(0..15u8), sack: bool,
        ) {
            let (local, remote) = addresses();
            let cookies = SynCookies::new([3; 16]);
            let config = Config { mss: 8960, ..Config::default() };
            let now = Duration::from_secs(seconds);
            let options = Options {
                mss: Some(mss),
                window_scale: shift,
                sack_permitted: sack,
                timestamps: Some(Timestamps { value: 1000, echo: 0 }),
                ..Options::default()
            };
            let syn_ack = cookies.answer(now, &config, local, remote, &syn(options)).unwrap();
            let later = now + Duration::from_millis(wait);
            let ack = ack_of(&syn_ack, true);
            let mut entry = cookies.accept(later, &config, local, remote, &ack).unwrap();
            prop_assert_eq!(entry.on_segment(later, &config, &ack), HalfOpenOutcome::Complete);
            let (mut tcp, _) = Connection::from_half_open(later, &config, &entry, &ack);
            prop_assert_eq!(tcp.state(), State::Established);
            let info = tcp.info();
            prop_assert_eq!(info.sack, sack);
            prop_assert_eq!(info.window_shifts.0, shift.unwrap_or(0));
            prop_assert!(u32::from(info.mss) + 12 <= u32::from(mss) && info.timestamps);
            // Our timestamps do not go back.
            tcp.write(1).unwrap();
            let data = tcp.poll_transmit(later).unwrap();
            let value = data.options.timestamps.unwrap().value;
            prop_assert!(value.wrapping_sub(ack.options.timestamps.unwrap().echo) < 100_000);
        }
    }

    #[test]
    fn a_cookie_is_of_one_tuple_and_of_two_minutes() {
        let (local, remote) = addresses();
        let cookies = SynCookies::new([3; 16]);
        let config = Config::default();
        let now = Duration::from_secs(6400);
        let syn_ack = cookies
            .answer(now, &config, local, remote, &syn(Options::default()))
            .unwrap();
        let ack = ack_of(&syn_ack, false);
        let accept =
            |at, remote, ack: &Segment| cookies.accept(at, &config, local, remote, ack).is_some();
        assert!(accept(now, remote, &ack));
        assert!(accept(now + Duration::from_secs(64), remote, &ack));
        assert!(!accept(now + Duration::from_secs(128), remote, &ack));
        let other = "192.0.2.2:4001".parse().unwrap();
        assert!(!accept(now, other, &ack));
        let mut guess = ack;
        for offset in 1..10_000 {
            guess.ack = ack.ack + 8 + offset;
            assert!(!accept(now, remote, &guess));
        }
        let reset = Segment {
            flags: Flags::RST | Flags::ACK,
            ..ack
        };
        assert!(!accept(now, remote, &reset));
    }
}
