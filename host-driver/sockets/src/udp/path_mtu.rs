//! What routers have told about paths (RFC 1191, RFC 8201). Nothing is fragmented: a longer datagram is refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use longshore_refs::sync::atomic::{AtomicBool, Ordering};

use crate::lock::{Leaf, Ordered, Precedes, Token};

/// How long it is believed (RFC 1191 §6.3, RFC 8201 §4: ten minutes).
const LIFETIME: Duration = Duration::from_secs(600);
/// Paths that are remembered; with more, all are forgotten.
const KEPT: usize = 256;
/// Less than this is not believed (IPv4: Linux's net.ipv4.route.min_pmtu; IPv6: RFC 8200 §5).
const LEAST_V4: u32 = 552;
const LEAST_V6: u32 = 1280;
/// What is assumed when a router tells no number (RFC 1191 §5).
const UNTOLD: u32 = 576;

/// Paths that are narrower than our link.
#[derive(Debug, Default)]
pub(super) struct PathMtus {
    known: Ordered<Leaf, HashMap<IpAddr, (u16, Duration)>>,
    /// Whether there are any: for a look without the lock.
    some: AtomicBool,
}

impl PathMtus {
    /// Longest packet to `remote`, if it is known to be less than `own`.
    pub(super) fn get(
        &self,
        held: &mut Token<'_, impl Precedes<Leaf>>,
        now: Duration,
        remote: IpAddr,
        own: u16,
    ) -> u16 {
        if !self.some.load(Ordering::Acquire) {
            return own;
        }
        held.with(&self.known, |known| match known.get(&remote) {
            Some((_, until)) if *until <= now => {
                known.remove(&remote);
                self.some.store(!known.is_empty(), Ordering::Release);
                own
            }
            Some((mtu, _)) => own.min(*mtu),
            None => own,
        })
    }

    /// A router says that packets to `remote` may have `mtu` bytes. False if that is no news.
    pub(super) fn note(
        &self,
        held: &mut Token<'_, impl Precedes<Leaf>>,
        now: Duration,
        remote: IpAddr,
        mtu: u32,
        own: u16,
    ) -> bool {
        let least = if remote.is_ipv4() { LEAST_V4 } else { LEAST_V6 };
        let mtu = if mtu == 0 { UNTOLD } else { mtu }.max(least);
        let Ok(mtu) = u16::try_from(mtu) else {
            return false;
        };
        // Never up (RFC 1191 §4).
        if mtu >= self.get(held, now, remote, own) {
            return false;
        }
        held.with(&self.known, |known| {
            if known.len() >= KEPT {
                known.clear();
            }
            known.insert(remote, (mtu, now + LIFETIME));
            self.some.store(true, Ordering::Release);
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_narrows_never_below_what_every_path_has_and_for_ten_minutes() {
        let mtus = PathMtus::default();
        let held = &mut Token::root();
        let (v4, v6): (IpAddr, IpAddr) =
            ("192.0.2.9".parse().unwrap(), "2001:db8::9".parse().unwrap());
        let now = Duration::from_secs(5);
        assert_eq!(mtus.get(held, now, v4, 1500), 1500);
        assert!(mtus.note(held, now, v4, 1400, 1500));
        assert!(!mtus.note(held, now, v4, 1450, 1500));
        assert!(!mtus.note(held, now, v6, 70_000, 1500));
        assert_eq!(mtus.get(held, now, v4, 1500), 1400);
        assert_eq!(mtus.get(held, now, v6, 1500), 1500);
        assert!(mtus.note(held, now, v4, 0, 1500));
        assert_eq!(mtus.get(held, now, v4, 1500), 576);
        assert!(mtus.note(held, now, v4, 68, 1500));
        assert_eq!(mtus.get(held, now, v4, 1500), 552);
        assert!(mtus.note(held, now, v6, 68, 1500));
        assert_eq!(mtus.get(held, now, v6, 1500), 1280);
        assert_eq!(mtus.get(held, now + LIFETIME, v4, 1500), 1500);
        assert_eq!(mtus.get(held, now + LIFETIME, v6, 1500), 1500);
        // However many paths there are, the memory is bounded.
        for n in 0..10_000u32 {
            let ip = IpAddr::from(n.to_be_bytes());
            mtus.note(held, now, ip, 1000, 1500);
            held.with(&mtus.known, |known| assert!(known.len() <= KEPT));
        }
    }
}
