//! What this process may do with the card.

use super::Finding;
use super::footprint::LOCKED;
use super::host::{Capability, Host};
use std::path::PathBuf;

pub(super) fn access(host: &Host) -> Finding {
    let command = "sudo groupadd -f longshore && sudo usermod -aG longshore $USER && longshore host-file udev | sudo tee /etc/udev/rules.d/60-longshore.rules && sudo udevadm control --reload && sudo udevadm trigger";
    let container = host.sysfs.container_node();
    let iommufd = host.sysfs.iommufd_node();
    if !container.exists() && !iommufd.exists() {
        return Finding::missing("there is no /dev/vfio: VFIO is not loaded", command)
            .also("first make `vfio-pci` ok; then");
    }
    let mut nodes: Vec<PathBuf> = [container, iommufd]
        .into_iter()
        .filter(|node| node.exists())
        .take(1)
        .collect();
    for card in host.cards().iter().filter(|c| c.is_bound_to_vfio()) {
        let group = card.group.map(|g| host.sysfs.group_node(g));
        let cdev = card.cdev.as_deref().map(|name| host.sysfs.cdev_node(name));
        // Either will do.
        nodes.extend(cdev.into_iter().chain(group).find(|node| node.exists()));
    }
    match nodes.iter().find(|node| !Host::may_use(node)) {
        None => Finding::ok("the files of VFIO may be read and written"),
        Some(node) => Finding::missing(
            format!("{} may not be read and written", node.display()),
            command,
        )
        .also("for good, by the group `longshore` (log in anew afterwards):"),
    }
}

pub(super) fn memlock(host: &Host) -> Finding {
    if host.is_capable(Capability::IpcLock) {
        return Finding::ok("no limit for this process (CAP_IPC_LOCK)");
    }
    let limits = host.read("/proc/self/limits").unwrap_or_default();
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max locked memory"))
        .and_then(|rest| rest.split_whitespace().next());
    let found = match soft {
        Some("unlimited") => return Finding::ok("unlimited"),
        Some(text) => match text.parse::<u64>() {
            Ok(bytes) if bytes >= LOCKED => {
                return Finding::ok(format!("{} MiB", bytes >> 20));
            }
            Ok(bytes) => format!(
                "{} KiB, a stack locks up to {} MiB",
                bytes >> 10,
                LOCKED >> 20
            ),
            Err(_) => format!("the limit reads `{text}`"),
        },
        None => "the limit is not known".into(),
    };
    Finding::missing(
        found,
        "longshore host-file limits | sudo tee /etc/security/limits.d/60-longshore.conf",
    )
    .also("for the group `longshore`, from the next login on:")
}

pub(super) fn container(host: &Host) -> Finding {
    let Some(sign) = host.container() else {
        return Finding::ok("this is none");
    };
    if host.exists("/dev/vfio") {
        return Finding::ok(format!("in one ({sign}), with /dev/vfio"));
    }
    Finding::advice(
        format!("in one ({sign}), without /dev/vfio: no card can be used from here"),
        "docker run --device /dev/vfio --ulimit memlock=-1 --volume /sys/bus/pci:/sys/bus/pci IMAGE",
    )
    .also("bind the card outside, then start the container with")
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use longshore_sysfs::fake::Fake;

    fn host(fake: &Fake) -> Host {
        Host::at(&fake.path(""))
    }

    #[test]
    fn the_limit_of_locked_memory_is_read_and_judged() {
        let fake = Fake::new();
        let state = |soft: &str, capabilities: &str| {
            let line = format!(
                "Max locked memory         {soft}              8388608              bytes\n"
            );
            fake.write("proc/self/limits", &line);
            fake.write("proc/self/status", &format!("CapEff:\t{capabilities}\n"));
            memlock(&host(&fake)).state
        };
        assert_eq!(state("8388608", "0000000000000000"), State::Missing);
        assert_eq!(state("8388608", "0000000000004000"), State::Ok);
        assert_eq!(state("134217728", "0000000000000000"), State::Ok);
        assert_eq!(state("unlimited", "0000000000000000"), State::Ok);
        assert_eq!(state("much", "0000000000000000"), State::Missing);
    }

    #[test]
    fn a_container_without_vfio_is_told() {
        let fake = Fake::new();
        assert_eq!(container(&host(&fake)).state, State::Ok);
        fake.write(".dockerenv", "");
        assert_eq!(container(&host(&fake)).state, State::Advice);
        fake.dir("dev/vfio");
        assert_eq!(container(&host(&fake)).state, State::Ok);
    }

    #[test]
    fn files_that_may_be_used_are_well_and_missing_ones_are_told() {
        let fake = Fake::new();
        assert_eq!(access(&host(&fake)).state, State::Missing);
        fake.write("dev/vfio/vfio", "");
        assert_eq!(access(&host(&fake)).state, State::Ok);
    }
}
