//! Names of C's constants and what they are worth on Linux.

use crate::script::Value;

macro_rules! of_libc {
    ($($name:ident)*) => {
        &[$((stringify!($name), libc::$name as i64)),*]
    };
}

/// What the C library names.
const LIBC: &[(&str, i64)] = of_libc![
    AF_INET AF_INET6 AF_UNSPEC PF_INET PF_INET6
    SOCK_STREAM SOCK_DGRAM SOCK_NONBLOCK SOCK_CLOEXEC
    IPPROTO_TCP IPPROTO_UDP IPPROTO_IP IPPROTO_IPV6
    SOL_SOCKET SOL_TCP SOL_IP SOL_IPV6 SOL_UDP
    SO_ACCEPTCONN SO_BINDTODEVICE SO_BROADCAST SO_DEBUG SO_DOMAIN SO_DONTROUTE SO_ERROR SO_KEEPALIVE SO_LINGER SO_MARK
    SO_OOBINLINE SO_PRIORITY SO_PROTOCOL SO_RCVBUF SO_RCVBUFFORCE SO_RCVLOWAT SO_RCVTIMEO SO_REUSEADDR SO_REUSEPORT
    SO_SNDBUF SO_SNDBUFFORCE SO_SNDLOWAT SO_SNDTIMEO SO_TIMESTAMP SO_TIMESTAMPING SO_TIMESTAMPNS SO_TYPE SO_ZEROCOPY
    SO_MAX_PACING_RATE SO_MEMINFO SO_BUSY_POLL SO_INCOMING_CPU SO_TXTIME
    SOF_TIMESTAMPING_TX_SOFTWARE SOF_TIMESTAMPING_RX_SOFTWARE SOF_TIMESTAMPING_SOFTWARE SOF_TIMESTAMPING_OPT_ID
    SOF_TIMESTAMPING_TX_SCHED SOF_TIMESTAMPING_TX_ACK SOF_TIMESTAMPING_OPT_TSONLY SOF_TIMESTAMPING_OPT_CMSG
    IP_TOS IP_TTL IP_MTU IP_MTU_DISCOVER IP_PMTUDISC_DONT IP_PMTUDISC_WANT IP_PMTUDISC_DO IP_PMTUDISC_PROBE IP_RECVERR
    IP_RECVTOS IP_RECVTTL IP_FREEBIND IP_TRANSPARENT IP_BIND_ADDRESS_NO_PORT IP_MINTTL
    IPV6_TCLASS IPV6_RECVERR IPV6_V6ONLY IPV6_UNICAST_HOPS IPV6_MTU IPV6_MTU_DISCOVER IPV6_RECVTCLASS IPV6_HOPLIMIT
    TCP_NODELAY TCP_MAXSEG TCP_CORK TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_SYNCNT TCP_LINGER2 TCP_DEFER_ACCEPT
    TCP_WINDOW_CLAMP TCP_INFO TCP_QUICKACK TCP_CONGESTION TCP_MD5SIG TCP_USER_TIMEOUT TCP_FASTOPEN TCP_TIMESTAMP
    TCP_NOTSENT_LOWAT TCP_FASTOPEN_CONNECT TCP_FASTOPEN_KEY TCP_REPAIR TCP_ULP TCP_SAVE_SYN TCP_SAVED_SYN TCP_CC_INFO
    TCP_THIN_LINEAR_TIMEOUTS TCP_THIN_DUPACK TCP_INQ
    MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL MSG_NOSIGNAL MSG_MORE
    MSG_ERRQUEUE MSG_FASTOPEN MSG_CMSG_CLOEXEC MSG_ZEROCOPY
    O_RDONLY O_WRONLY O_RDWR O_NONBLOCK O_CREAT O_TRUNC F_GETFL F_SETFL F_GETFD F_SETFD FD_CLOEXEC
    SHUT_RD SHUT_WR SHUT_RDWR FIONREAD FIONBIO TIOCOUTQ
    POLLIN POLLOUT POLLERR POLLHUP POLLNVAL POLLPRI POLLRDNORM POLLWRNORM POLLRDBAND POLLWRBAND POLLRDHUP
    EPOLLIN EPOLLOUT EPOLLERR EPOLLHUP EPOLLPRI EPOLLRDHUP EPOLLRDNORM EPOLLWRNORM EPOLLET EPOLLONESHOT EPOLLEXCLUSIVE
    EPOLL_CTL_ADD EPOLL_CTL_MOD EPOLL_CTL_DEL
    SPLICE_F_NONBLOCK SPLICE_F_MORE SPLICE_F_MOVE
    SCM_TIMESTAMPING SO_EE_ORIGIN_NONE SO_EE_ORIGIN_LOCAL SO_EE_ORIGIN_ICMP SO_EE_ORIGIN_ICMP6
    INADDR_ANY
    E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF EBUSY ECONNABORTED ECONNREFUSED ECONNRESET
    EDESTADDRREQ EEXIST EFAULT EHOSTDOWN EHOSTUNREACH EINPROGRESS EINTR EINVAL EIO EISCONN EMFILE EMSGSIZE ENETDOWN
    ENETUNREACH ENOBUFS ENODEV ENOENT ENOMEM ENOMSG ENOPROTOOPT ENOSPC ENOTCONN ENOTSOCK ENOTSUP EOPNOTSUPP EPERM EPIPE
    EPROTO EPROTONOSUPPORT ESPIPE ETIMEDOUT EWOULDBLOCK ENOSYS
];

/// What Linux's headers name and the C library does not, and what code may say of `struct tcp_info`.
const LINUX: &[(&str, i64)] = &[
    ("NULL", 0),
    ("SIOCINQ", 0x541b),
    ("SIOCOUTQ", 0x5411),
    ("SIOCOUTQNSD", 0x894b),
    ("TCP_CM_INQ", 36),
    ("TCP_TX_DELAY", 37),
    ("SO_EE_ORIGIN_TIMESTAMPING", 4),
    ("SO_EE_ORIGIN_ZEROCOPY", 5),
    ("SO_EE_CODE_ZEROCOPY_COPIED", 1),
    ("SCM_TSTAMP_SND", 0),
    ("SCM_TSTAMP_SCHED", 1),
    ("SCM_TSTAMP_ACK", 2),
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
    ("TCP_NEW_SYN_RECV", 12),
    ("TCPI_OPT_TIMESTAMPS", 1),
    ("TCPI_OPT_SACK", 2),
    ("TCPI_OPT_WSCALE", 4),
    ("TCPI_OPT_ECN", 8),
    ("TCPI_OPT_ECN_SEEN", 16),
    ("TCPI_OPT_SYN_DATA", 32),
    ("TCPI_OPT_USEC_TS", 64),
    ("TCPI_OPT_TFO_CHILD", 128),
];

/// What a name is worth.
pub(crate) fn value(name: &str) -> Option<i64> {
    LIBC.iter()
        .chain(LINUX)
        .find(|(known, _)| *known == name)
        .map(|&(_, value)| value)
}

/// An errno value's name.
pub(crate) fn errno(number: i32) -> String {
    LIBC.iter()
        .find(|(name, value)| {
            name.starts_with('E') && !name.starts_with("EPOLL") && *value == i64::from(number)
        })
        .map_or_else(|| format!("errno {number}"), |(name, _)| (*name).to_owned())
}

/// How long the members of `struct tcp_info` are, in their order (`linux/tcp.h`), without the bit fields.
const INFO: &[(&str, usize)] = &[
    ("tcpi_state", 1),
    ("tcpi_ca_state", 1),
    ("tcpi_retransmits", 1),
    ("tcpi_probes", 1),
    ("tcpi_backoff", 1),
    ("tcpi_options", 1),
    ("wscales", 1),
    ("flags", 1),
    ("tcpi_rto", 4),
    ("tcpi_ato", 4),
    ("tcpi_snd_mss", 4),
    ("tcpi_rcv_mss", 4),
    ("tcpi_unacked", 4),
    ("tcpi_sacked", 4),
    ("tcpi_lost", 4),
    ("tcpi_retrans", 4),
    ("tcpi_fackets", 4),
    ("tcpi_last_data_sent", 4),
    ("tcpi_last_ack_sent", 4),
    ("tcpi_last_data_recv", 4),
    ("tcpi_last_ack_recv", 4),
    ("tcpi_pmtu", 4),
    ("tcpi_rcv_ssthresh", 4),
    ("tcpi_rtt", 4),
    ("tcpi_rttvar", 4),
    ("tcpi_snd_ssthresh", 4),
    ("tcpi_snd_cwnd", 4),
    ("tcpi_advmss", 4),
    ("tcpi_reordering", 4),
    ("tcpi_rcv_rtt", 4),
    ("tcpi_rcv_space", 4),
    ("tcpi_total_retrans", 4),
    ("tcpi_pacing_rate", 8),
    ("tcpi_max_pacing_rate", 8),
    ("tcpi_bytes_acked", 8),
    ("tcpi_bytes_received", 8),
    ("tcpi_segs_out", 4),
    ("tcpi_segs_in", 4),
    ("tcpi_notsent_bytes", 4),
    ("tcpi_min_rtt", 4),
    ("tcpi_data_segs_in", 4),
    ("tcpi_data_segs_out", 4),
    ("tcpi_delivery_rate", 8),
    ("tcpi_busy_time", 8),
    ("tcpi_rwnd_limited", 8),
    ("tcpi_sndbuf_limited", 8),
    ("tcpi_delivered", 4),
    ("tcpi_delivered_ce", 4),
    ("tcpi_bytes_sent", 8),
    ("tcpi_bytes_retrans", 8),
    ("tcpi_dsack_dups", 4),
    ("tcpi_reord_seen", 4),
    ("tcpi_rcv_ooopack", 4),
    ("tcpi_snd_wnd", 4),
    ("tcpi_rcv_wnd", 4),
    ("tcpi_rehash", 4),
    ("tcpi_total_rto", 2),
    ("tcpi_total_rto_recoveries", 2),
    ("tcpi_total_rto_time", 4),
    ("tcpi_received_ce", 4),
    ("tcpi_delivered_e1_bytes", 4),
    ("tcpi_delivered_e0_bytes", 4),
    ("tcpi_delivered_ce_bytes", 4),
    ("tcpi_received_e1_bytes", 4),
    ("tcpi_received_e0_bytes", 4),
    ("tcpi_received_ce_bytes", 4),
];

/// A member of `struct tcp_info`, if the stack has told it.
pub(crate) fn info(bytes: &[u8], name: &str) -> Option<Value> {
    let nibble = |shift: u32| Some(Value::from(bytes.get(6)? >> shift & 15));
    match name {
        "tcpi_snd_wscale" => return nibble(0),
        "tcpi_rcv_wscale" => return nibble(4),
        _ => {}
    }
    let mut at = 0;
    for &(member, len) in INFO {
        if member == name {
            let mut value: Value = 0;
            let bytes = bytes.get(at..at + len)?;
            for byte in bytes.iter().rev() {
                value = value << 8 | Value::from(*byte);
            }
            return Some(value);
        }
        at += len;
    }
    None
}

/// A number of SO_MEMINFO's list.
pub(crate) fn memory(bytes: &[u8], name: &str) -> Option<Value> {
    const NAMES: [&str; 9] = [
        "SK_MEMINFO_RMEM_ALLOC",
        "SK_MEMINFO_RCVBUF",
        "SK_MEMINFO_WMEM_ALLOC",
        "SK_MEMINFO_SNDBUF",
        "SK_MEMINFO_FWD_ALLOC",
        "SK_MEMINFO_WMEM_QUEUED",
        "SK_MEMINFO_OPTMEM",
        "SK_MEMINFO_BACKLOG",
        "SK_MEMINFO_DROPS",
    ];
    let index = NAMES.iter().position(|known| *known == name)?;
    let word = bytes.get(4 * index..4 * index + 4)?;
    Some(Value::from(u32::from_ne_bytes(word.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_headers_say() {
        assert_eq!(value("SOCK_STREAM"), Some(1));
        assert_eq!(value("ECONNREFUSED"), Some(111));
        assert_eq!(value("no such name"), None);
        assert_eq!(errno(111), "ECONNREFUSED");
        assert_eq!(errno(11), "EAGAIN");
    }

    #[test]
    fn members_lie_where_the_compiler_puts_them() {
        // No member needs padding before it: the 8-byte ones lie at multiples of eight.
        let mut at = 0;
        for (name, len) in INFO {
            assert_eq!(at % len, 0, "{name}");
            at += len;
        }
        let mut bytes = vec![0; 232];
        bytes[80..84].copy_from_slice(&10u32.to_le_bytes());
        bytes[6] = 0x87;
        assert_eq!(info(&bytes, "tcpi_snd_cwnd"), Some(10));
        assert_eq!(info(&bytes, "tcpi_snd_wscale"), Some(7));
        assert_eq!(info(&bytes, "tcpi_rcv_wscale"), Some(8));
        assert_eq!(info(&bytes, "tcpi_rcv_wnd"), None, "not told");
        assert_eq!(
            memory(&[0, 0, 0, 0, 1, 0, 0, 0], "SK_MEMINFO_RCVBUF"),
            Some(1)
        );
    }
}
