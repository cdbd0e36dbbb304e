//! What the simulator wants: a TAP, a network namespace, Verilator.

use super::Finding;
use super::host::{Capability, Host};

pub(super) fn tun(host: &Host) -> Finding {
    if !host.exists("/dev/net/tun") {
        return Finding::missing("there is no /dev/net/tun", "sudo modprobe tun")
            .also("in a container: start it with --device /dev/net/tun; else");
    }
    if !Host::may_use(&host.path("/dev/net/tun")) || !host.is_capable(Capability::NetAdmin) {
        return Finding::missing(
            "this process may not make a TAP (it lacks CAP_NET_ADMIN or /dev/net/tun)",
            "sudo longshore doctor --for sim",
        )
        .also("run what needs a TAP as root; in a container, with --cap-add NET_ADMIN");
    }
    Finding::ok("TAPs can be made")
}

pub(super) fn netns(host: &Host) -> Finding {
    if host.program("ip").is_none() {
        return Finding::missing("`ip` is not installed", "sudo apt-get install iproute2");
    }
    if !host.is_capable(Capability::SysAdmin) {
        return Finding::missing(
            "this process may not make a network namespace (it lacks CAP_SYS_ADMIN)",
            "sudo longshore doctor --for sim",
        )
        .also("run what needs one as root; in a container, with --privileged");
    }
    Finding::ok("network namespaces can be made")
}

pub(super) fn verilator(host: &Host) -> Finding {
    let install = "sudo apt-get install verilator g++";
    match (
        host.program("verilator"),
        host.program("c++").or_else(|| host.program("g++")),
    ) {
        (Some(_), Some(_)) => Finding::ok("installed, with a C++ compiler"),
        (None, _) => Finding::missing("Verilator is not installed", install)
            .also("only for building the gateware into the simulator"),
        (_, None) => Finding::missing("there is no C++ compiler", install)
            .also("only for building the gateware into the simulator"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use longshore_sysfs::fake::Fake;

    #[test]
    fn a_tap_wants_its_device_and_its_capability() {
        let fake = Fake::new();
        let state = || tun(&Host::at(&fake.path(""))).state;
        assert_eq!(state(), State::Missing);
        fake.write("dev/net/tun", "");
        assert_eq!(state(), State::Missing);
        fake.write("proc/self/status", "CapEff:\t0000000000001000\n");
        assert_eq!(state(), State::Ok);
    }

    #[test]
    fn programs_are_looked_for_where_programs_are() {
        let fake = Fake::new();
        let host = Host::at(&fake.path(""));
        assert_eq!(netns(&host).state, State::Missing);
        fake.write("sbin/ip", "");
        fake.write("proc/self/status", "CapEff:\t0000000000200000\n");
        assert_eq!(netns(&host).state, State::Ok);
        assert_eq!(verilator(&host).state, State::Missing);
        fake.write("sbin/verilator", "");
        assert!(verilator(&host).found.contains("C++"));
        fake.write("sbin/g++", "");
        assert_eq!(verilator(&host).state, State::Ok);
    }
}
