//! The card, its IOMMU, its driver, its memory.

use super::Finding;
use super::footprint::HUGE_PAGES;
use super::host::Host;
use longshore_sysfs::{SysfsError, VFIO_PCI};

pub(super) fn card(host: &Host) -> Finding {
    let cards = host.cards();
    if cards.is_empty() {
        return Finding::missing(
            "no Longshore NIC on the PCI bus",
            "echo 1 | sudo tee /sys/bus/pci/rescan",
        )
        .also("plug a card in, or load its gateware; then");
    }
    let addresses: Vec<_> = cards.iter().map(|c| c.address.to_string()).collect();
    Finding::ok(addresses.join(", "))
}

pub(super) fn iommu(host: &Host) -> Finding {
    if host.sysfs.has_iommu() {
        return Finding::ok("at work");
    }
    let cpu = host.read("/proc/cpuinfo").unwrap_or_default();
    let boots_with = host.read("/proc/cmdline").unwrap_or_default();
    if cpu.contains("AuthenticAMD") {
        return Finding::missing(
            "not at work (AMD: the kernel uses it whenever the firmware shows it)",
            "sudo systemctl reboot --firmware-setup",
        )
        .also("switch `AMD-Vi` or `IOMMU` on in the firmware");
    }
    if boots_with.split_whitespace().any(|w| w == "intel_iommu=on") {
        return Finding::missing(
            "not at work, although the kernel was told `intel_iommu=on`",
            "sudo systemctl reboot --firmware-setup",
        )
        .also("switch `VT-d` on in the firmware");
    }
    Finding::missing(
        "not at work, and the kernel was not told `intel_iommu=on`",
        "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX intel_iommu=on iommu=pt\"' | sudo tee /etc/default/grub.d/longshore.cfg && sudo update-grub && sudo reboot",
    )
    .also("switch `VT-d` on in the firmware; then")
}

pub(super) fn vfio_pci(host: &Host) -> Finding {
    if host.sysfs.has_driver(VFIO_PCI) {
        return Finding::ok("loaded");
    }
    Finding::missing(
        "the module vfio-pci is not loaded",
        "echo vfio-pci | sudo tee /etc/modules-load.d/longshore.conf && sudo modprobe vfio-pci",
    )
}

pub(super) fn bound(host: &Host) -> Finding {
    let cards = host.cards();
    if cards.is_empty() {
        return Finding::not_applicable("no card");
    }
    match cards.iter().find(|c| !c.is_bound_to_vfio()) {
        None => Finding::ok(format!("{} bound to {VFIO_PCI}", cards.len())),
        Some(card) => Finding::missing(
            format!(
                "{} is bound to {}",
                card.address,
                card.driver.as_deref().unwrap_or("no driver")
            ),
            format!("sudo longshore bind {}", card.address),
        ),
    }
}

pub(super) fn group(host: &Host) -> Finding {
    let cards = host.cards();
    if cards.is_empty() {
        return Finding::not_applicable("no card");
    }
    let mut groups = Vec::new();
    for card in &cards {
        match host.sysfs.usable_group(card.address) {
            Ok(group) => groups.push(group.number.to_string()),
            Err(SysfsError::NotBound { .. }) => match card.group {
                Some(number) => groups.push(format!("{number} (not bound yet)")),
                None => return no_group(card.address),
            },
            Err(SysfsError::NoIommu { .. }) => return no_group(card.address),
            Err(SysfsError::NotViable { group, others }) => {
                let (address, driver) = &others[0];
                return Finding::missing(
                    format!("{} shares group {group} with {address}, which {driver} holds", card.address),
                    format!("sudo longshore bind --force {address}"),
                )
                .also("put the card into a slot with a group of its own, or hand the other function over too:");
            }
            Err(error) => {
                return Finding::missing(error.to_string(), "ls -l /sys/kernel/iommu_groups");
            }
        }
    }
    Finding::ok(format!("group {}", groups.join(", ")))
}

fn no_group(address: longshore_sysfs::Address) -> Finding {
    Finding::missing(
        format!("{address} is in no IOMMU group"),
        "longshore doctor --for card",
    )
    .also("this ends when `iommu` is ok")
}

pub(super) fn huge_pages(host: &Host) -> Finding {
    let command = "echo vm.nr_hugepages=64 | sudo tee /etc/sysctl.d/60-longshore.conf && sudo sysctl --system";
    match host.sysfs.huge_pages() {
        Ok(Some(pages)) if pages.free >= HUGE_PAGES => {
            Finding::ok(format!("{} of {} free", pages.free, pages.total))
        }
        Ok(Some(pages)) => Finding::advice(
            format!(
                "{} of {} free, a stack fills {HUGE_PAGES}: without, mapping takes a hundred times as long",
                pages.free, pages.total
            ),
            command,
        ),
        Ok(None) => Finding::advice("this kernel shows none", command),
        Err(error) => Finding::advice(error.to_string(), command),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use longshore_sysfs::fake::{Fake, FakeFunction};

    const NIC: &str = "0000:03:00.0";

    fn host(fake: &Fake) -> Host {
        Host::at(&fake.path(""))
    }

    fn nic(driver: Option<&'static str>) -> FakeFunction {
        FakeFunction {
            driver,
            group: Some(12),
            ..FakeFunction::longshore()
        }
    }

    #[test]
    fn a_card_that_is_set_up_is_well() {
        let fake = Fake::new();
        fake.iommu();
        fake.function(NIC, &nic(Some(VFIO_PCI)));
        fake.huge_pages(64, 50);
        let host = host(&fake);
        for look in [card, iommu, vfio_pci, bound, group, huge_pages] {
            let finding = look(&host);
            assert_eq!(finding.state, State::Ok, "{finding:?}");
        }
    }

    #[test]
    fn a_card_in_the_kernels_hands_is_to_be_bound() {
        let fake = Fake::new();
        fake.function("0000:02:00.0", &nic(Some(VFIO_PCI)));
        fake.function(NIC, &nic(Some("e1000e")));
        let finding = bound(&host(&fake));
        assert_eq!(finding.state, State::Missing);
        assert_eq!(
            finding.remedy.unwrap().command,
            "sudo longshore bind 0000:03:00.0"
        );
    }

    #[test]
    fn a_neighbour_in_the_group_is_named_with_what_to_do() {
        let fake = Fake::new();
        fake.function(NIC, &nic(Some(VFIO_PCI)));
        let other = FakeFunction {
            vendor: 0x8086,
            ..nic(Some("e1000e"))
        };
        fake.function("0000:03:00.1", &other);
        let finding = group(&host(&fake));
        assert_eq!(finding.state, State::Missing);
        assert!(finding.found.contains("0000:03:00.1"), "{finding:?}");
    }

    #[test]
    fn the_iommus_remedy_follows_the_processor_and_the_command_line() {
        let fake = Fake::new();
        let command = |fake: &Fake| iommu(&host(fake)).remedy.unwrap();
        fake.write("proc/cpuinfo", "vendor_id : GenuineIntel\n");
        fake.write("proc/cmdline", "quiet\n");
        assert!(command(&fake).command.contains("intel_iommu=on"));
        fake.write("proc/cmdline", "quiet intel_iommu=on\n");
        assert!(command(&fake).also.unwrap().contains("VT-d"));
        fake.write("proc/cpuinfo", "vendor_id : AuthenticAMD\n");
        assert!(command(&fake).also.unwrap().contains("AMD-Vi"));
    }

    #[test]
    fn too_few_huge_pages_are_no_obstacle() {
        let fake = Fake::new();
        fake.huge_pages(8, 5);
        assert_eq!(huge_pages(&host(&fake)).state, State::Advice);
    }
}
