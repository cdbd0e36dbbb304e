//! Initial sequence numbers and timestamp offsets (RFC 6528, RFC 7323 §5.4).

use core::hash::Hasher;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use siphasher::sip::SipHasher24;

use crate::seq::SeqNumber;

/// What a connection starts its numbers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initial {
    /// ISS.
    pub iss: SeqNumber,
    /// Added to the clock in TSval, so that it tells nothing of the clock.
    pub timestamp_offset: u32,
}

/// Makes initial numbers from a secret key: RFC 6528 §3, `ISN = M + F(connection-id, secretkey)`
/// with M a 4 µs timer and F SipHash-2-4.
#[derive(Clone, Debug)]
pub struct IsnGenerator {
    key: [u8; 16],
}

impl IsnGenerator {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //# F() MUST NOT be computable from the outside (MUST-9), or an attacker could still guess at sequence numbers
    //# from the ISN used for some other connection.
    /// A generator over a key of random bytes, drawn once per boot (RFC 6528 §3).
    #[must_use]
    pub const fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //# where M is the 4 microsecond timer, and F() is a pseudorandom function (PRF) of the connection's identifying
    //# parameters ("localip, localport, remoteip, remoteport") and a secret key ("secretkey") (SHLD-1).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //# A TCP implementation MUST use the above type of "clock" for clock-driven selection of initial sequence
    //# numbers (MUST-8), and SHOULD generate its initial sequence numbers with the expression:
    /// The initial numbers of a connection between `local` and `remote` that is opened at `now`.
    #[must_use]
    pub fn initial(&self, now: Duration, local: SocketAddr, remote: SocketAddr) -> Initial {
        let hash = self.hash(local, remote);
        // RFC 9293 §3.4.1, MUST-8: a clock that ticks about every 4 µs; wraps modulo 2³².
        #[expect(clippy::cast_possible_truncation)]
        let m = (now.as_micros() / 4) as u32;
        #[expect(clippy::cast_possible_truncation)]
        Initial {
            iss: SeqNumber(hash as u32) + m,
            timestamp_offset: (hash >> 32) as u32,
        }
    }

    fn hash(&self, local: SocketAddr, remote: SocketAddr) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        for address in [local, remote] {
            match address.ip() {
                IpAddr::V4(ip) => hasher.write(&ip.octets()),
                IpAddr::V6(ip) => hasher.write(&ip.octets()),
            }
            hasher.write(&address.port().to_be_bytes());
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(s: &str) -> SocketAddr {
        s.parse().unwrap()
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //= type=test
    //# A TCP implementation MUST use the above type of "clock" for clock-driven selection of initial sequence
    //# numbers (MUST-8), and SHOULD generate its initial sequence numbers with the expression:
    #[test]
    fn the_isn_of_one_tuple_grows_by_one_every_4_microseconds() {
        let isns = IsnGenerator::new([7; 16]);
        let (a, b) = (address("192.0.2.1:80"), address("192.0.2.2:4000"));
        let at = |micros| isns.initial(Duration::from_micros(micros), a, b);
        assert_eq!(at(4_000).iss, at(0).iss + 1000);
        assert_eq!(at(4_000).timestamp_offset, at(0).timestamp_offset);
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //= type=test
    //# F() MUST NOT be computable from the outside (MUST-9), or an attacker could still guess at sequence numbers
    //# from the ISN used for some other connection.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //= type=test
    //# where M is the 4 microsecond timer, and F() is a pseudorandom function (PRF) of the connection's identifying
    //# parameters ("localip, localport, remoteip, remoteport") and a secret key ("secretkey") (SHLD-1).
    #[test]
    fn tuples_and_keys_do_not_share_an_isn() {
        let (a, b) = (address("[2001:db8::1]:80"), address("[2001:db8::2]:4000"));
        let isns = IsnGenerator::new([7; 16]);
        let first = isns.initial(Duration::ZERO, a, b);
        assert_ne!(first, isns.initial(Duration::ZERO, b, a));
        assert_ne!(
            first,
            IsnGenerator::new([8; 16]).initial(Duration::ZERO, a, b)
        );
    }
}
