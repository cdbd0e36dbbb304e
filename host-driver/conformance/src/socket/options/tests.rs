use super::sol_tcp::{TCP_INQ, retransmissions, time_of};
use super::*;
use crate::sysctl::Sysctls;

fn socket() -> Tcp {
    Tcp::new(Family::V4, Sysctls::new(None).defaults())
}

fn get(tcp: &mut Tcp, level: i32, option: i32) -> Result<i32> {
    int(&tcp.get_option(level, option)?)
}

#[test]
fn buffers_are_doubled_as_linux_does() {
    let mut tcp = socket();
    for (option, asked, told) in [
        (libc::SO_RCVBUF, 20_000, 40_000),
        (libc::SO_RCVBUF, 0, 2304),
        (libc::SO_SNDBUF, 1, 4608),
        (libc::SO_SNDBUF, i32::MAX, 2 * 212_992),
    ] {
        tcp.set_option(libc::SOL_SOCKET, option, &bytes(asked))
            .unwrap();
        assert_eq!(get(&mut tcp, libc::SOL_SOCKET, option), Ok(told));
    }
}

#[test]
fn values_out_of_bounds_are_refused() {
    let mut tcp = socket();
    for (option, bad) in [
        (libc::TCP_MAXSEG, 47),
        (libc::TCP_MAXSEG, 32_768),
        (libc::TCP_KEEPIDLE, 0),
        (libc::TCP_KEEPIDLE, 32_768),
        (libc::TCP_KEEPCNT, 128),
        (libc::TCP_SYNCNT, 0),
        (libc::TCP_USER_TIMEOUT, -1),
        (TCP_INQ, 2),
    ] {
        assert_eq!(
            tcp.set_option(libc::SOL_TCP, option, &bytes(bad)),
            Err(Errno::EINVAL),
            "{option} {bad}"
        );
    }
    assert_eq!(
        tcp.set_option(libc::SOL_TCP, libc::TCP_NODELAY, &[1, 0, 0]),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        tcp.set_option(libc::SOL_TCP, 9999, &bytes(1)),
        Err(Errno::ENOPROTOOPT)
    );
    assert_eq!(
        tcp.set_option(libc::SOL_TCP, libc::TCP_CONGESTION, b"nobody"),
        Err(Errno::ENOENT)
    );
    let mut time = 1i64.to_ne_bytes().to_vec();
    time.extend(1_000_000i64.to_ne_bytes());
    assert_eq!(
        tcp.set_option(libc::SOL_SOCKET, libc::SO_RCVTIMEO, &time),
        Err(Errno::EDOM)
    );
}

#[test]
fn what_is_set_is_told() {
    let mut tcp = socket();
    for (level, option, value) in [
        (libc::SOL_SOCKET, libc::SO_REUSEADDR, 1),
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
        (libc::SOL_SOCKET, libc::SO_RCVLOWAT, 100),
        (libc::SOL_TCP, libc::TCP_NODELAY, 1),
        (libc::SOL_TCP, libc::TCP_CORK, 1),
        (libc::SOL_TCP, libc::TCP_MAXSEG, 1000),
        (libc::SOL_TCP, libc::TCP_KEEPIDLE, 10),
        (libc::SOL_TCP, libc::TCP_KEEPINTVL, 5),
        (libc::SOL_TCP, libc::TCP_KEEPCNT, 3),
        (libc::SOL_TCP, libc::TCP_USER_TIMEOUT, 3000),
        (libc::SOL_TCP, libc::TCP_SYNCNT, 2),
        (libc::SOL_TCP, libc::TCP_NOTSENT_LOWAT, 32_000),
        (libc::SOL_TCP, libc::TCP_QUICKACK, 0),
    ] {
        tcp.set_option(level, option, &bytes(value)).unwrap();
        assert_eq!(get(&mut tcp, level, option), Ok(value), "{level} {option}");
    }
    tcp.set_option(libc::SOL_TCP, libc::TCP_CONGESTION, b"reno\0")
        .unwrap();
    let name = tcp.get_option(libc::SOL_TCP, libc::TCP_CONGESTION).unwrap();
    assert_eq!(&name[..5], b"reno\0");
    assert_eq!(name.len(), 16);
}

#[test]
fn deferred_accepts_are_counted_in_retransmissions() {
    // 1, 3, 7, 15 … seconds.
    for (asked, told) in [(0, 0), (1, 1), (2, 3), (3, 3), (10, 15)] {
        assert_eq!(time_of(retransmissions(asked)), told, "{asked}");
    }
}
