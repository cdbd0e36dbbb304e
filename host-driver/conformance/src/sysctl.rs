//! What Linux's settings say: the files of /proc/sys/net that scripts set before they open a socket.

use std::path::PathBuf;
use std::time::Duration;

use tcp_core::congestion::Algorithm;
use tcp_core::{Ecn, KeepAlive};

/// A directory like /proc/sys/net.
#[derive(Clone, Debug)]
pub(crate) struct Sysctls(Option<PathBuf>);

/// What a socket begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) tcp: tcp_core::Config,
    pub(crate) send_buffer: usize,
    /// tcp_rmem's second and tcp_wmem's: what SO_RCVBUF and SO_SNDBUF give at first.
    pub(crate) buffers: [usize; 2],
    /// Most that SO_RCVBUF and SO_SNDBUF may ask for.
    pub(crate) limits: [usize; 2],
    pub(crate) keep_alive: KeepAlive,
    pub(crate) not_sent_low_water: u32,
    pub(crate) backlog: usize,
    pub(crate) syn_retries: u8,
}

/// Least send buffer: what autotuning reaches soon on Linux.
const SEND_BUFFER: usize = 256 * 1024;

impl Sysctls {
    pub(crate) fn new(directory: Option<&str>) -> Self {
        Self(directory.map(PathBuf::from))
    }

    /// The numbers in a file; none if there is no such file.
    fn numbers(&self, name: &str) -> Vec<u64> {
        self.text(name)
            .split_ascii_whitespace()
            .map_while(|word| word.parse().ok())
            .collect()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.numbers(name).first().copied()
    }

    fn text(&self, name: &str) -> String {
        self.0
            .as_ref()
            .and_then(|directory| std::fs::read_to_string(directory.join(name)).ok())
            .unwrap_or_default()
    }

    /// What a socket that is opened now begins with.
    pub(crate) fn defaults(&self) -> Defaults {
        let standard = tcp_core::Config::default();
        let flag = |name: &str| self.number(&format!("ipv4/{name}")).map(|n| n != 0);
        let byte = |name: &str| {
            self.number(&format!("ipv4/{name}"))
                .map(|n| u8::try_from(n).unwrap_or(u8::MAX))
        };
        let seconds = |name: &str| {
            self.number(&format!("ipv4/{name}"))
                .map(Duration::from_secs)
        };
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let triple = |name: &str, otherwise: [u64; 3]| {
            <[u64; 3]>::try_from(self.numbers(&format!("ipv4/{name}"))).unwrap_or(otherwise)
        };
        let receive = triple("tcp_rmem", [4096, 131_072, 6_291_456]);
        let send = triple("tcp_wmem", [4096, 16_384, 4_194_304]);
        let most = u64::from(tcp_core::Config::MAX_RECEIVE_BUFFER);
        let bytes = |n: u64| u32::try_from(n.min(most)).unwrap_or(u32::MAX);
        let keep_alive = KeepAlive {
            idle: seconds("tcp_keepalive_time").unwrap_or(KeepAlive::default().idle),
            interval: seconds("tcp_keepalive_intvl").unwrap_or(KeepAlive::default().interval),
            probes: byte("tcp_keepalive_probes").unwrap_or(KeepAlive::default().probes),
        };
        let syn_retries = byte("tcp_syn_retries").unwrap_or(standard.syn_retries);
        let tcp = tcp_core::Config {
            timestamps: flag("tcp_timestamps").unwrap_or(standard.timestamps),
            sack: flag("tcp_sack").unwrap_or(standard.sack),
            window_scaling: flag("tcp_window_scaling").unwrap_or(standard.window_scaling),
            ecn: match self.number("ipv4/tcp_ecn") {
                Some(0) => Ecn::Off,
                Some(1) => Ecn::Request,
                _ => Ecn::Accept,
            },
            // Half of the memory is payload, as Linux reckons (tcp_adv_win_scale).
            receive_buffer: bytes(receive[1] / 2),
            receive_buffer_max: bytes(receive[2]),
            syn_retries,
            syn_ack_retries: byte("tcp_synack_retries").unwrap_or(standard.syn_ack_retries),
            retries: byte("tcp_retries2").unwrap_or(standard.retries),
            fin_wait_2: seconds("tcp_fin_timeout").unwrap_or(standard.fin_wait_2),
            restart_after_idle: flag("tcp_slow_start_after_idle")
                .unwrap_or(standard.restart_after_idle),
            // A script's segments are those of Linux.
            least_batch: byte("tcp_min_tso_segs").unwrap_or(2).max(1),
            min_rto: self
                .number("ipv4/tcp_rto_min_us")
                .map_or(standard.min_rto, Duration::from_micros),
            congestion: algorithm(self.text("ipv4/tcp_congestion_control").trim())
                .unwrap_or(standard.congestion),
            ..standard
        };
        Defaults {
            tcp,
            send_buffer: size(send[1]).max(SEND_BUFFER.min(size(send[2]))),
            buffers: [size(receive[1]), size(send[1])],
            limits: [
                size(self.number("core/rmem_max").unwrap_or(212_992)),
                size(self.number("core/wmem_max").unwrap_or(212_992)),
            ],
            keep_alive,
            not_sent_low_water: self
                .number("ipv4/tcp_notsent_lowat")
                .map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX)),
            backlog: size(self.number("core/somaxconn").unwrap_or(4096)),
            syn_retries,
        }
    }
}

/// A congestion control by the name that Linux gives it.
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "cubic" => Some(Algorithm::Cubic),
        "reno" => Some(Algorithm::NewReno),
        "dctcp" => Some(Algorithm::Dctcp),
        _ => None,
    }
}

/// Its name.
pub(crate) fn name_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Cubic => "cubic",
        Algorithm::NewReno => "reno",
        Algorithm::Dctcp => "dctcp",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_files_say_holds_for_sockets_opened_then() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let sysctls = Sysctls::new(directory.path().to_str());
        assert_eq!(sysctls.defaults(), Sysctls::new(None).defaults());
        write("ipv4/tcp_timestamps", "0\n");
        write("ipv4/tcp_rmem", "4096\t540000\t15728640\n");
        write("ipv4/tcp_ecn", "1\n");
        write("ipv4/tcp_congestion_control", "reno\n");
        write("ipv4/tcp_syn_retries", "nonsense");
        let defaults = sysctls.defaults();
        assert!(!defaults.tcp.timestamps && defaults.tcp.sack);
        assert_eq!(defaults.tcp.receive_buffer, 270_000);
        assert_eq!(defaults.tcp.receive_buffer_max, 15_728_640);
        assert_eq!(defaults.tcp.ecn, Ecn::Request);
        assert_eq!(defaults.tcp.congestion, Algorithm::NewReno);
        assert_eq!(defaults.syn_retries, 6);
    }
}
