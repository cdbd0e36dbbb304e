//! Whether a card can only raise its own interrupts.

use super::Finding;
use super::host::Host;

/// Without it the kernel lets no program have a card, or only if it was told to.
const PARAMETER: &str = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts";

pub(super) fn interrupts(host: &Host) -> Finding {
    if !host.sysfs.has_iommu() {
        return Finding::not_applicable("no IOMMU that could remap them");
    }
    let cpu = host.read("/proc/cpuinfo").unwrap_or_default();
    if !["GenuineIntel", "AuthenticAMD"]
        .iter()
        .any(|v| cpu.contains(v))
    {
        return Finding::not_applicable("the interrupt controllers of this processor isolate them");
    }
    // The interrupt controllers that stand behind the IOMMU have names of their own: IR-PCI-MSI, IR-IO-APIC.
    let table = host.read("/proc/interrupts").unwrap_or_default();
    if table.split_whitespace().any(|word| word.starts_with("IR-")) {
        return Finding::ok("the IOMMU remaps them");
    }
    let switch_on = "switch interrupt remapping on in the firmware (it comes with `VT-d` or `AMD-Vi`, on some boards with `x2APIC`)";
    let boots_with = host.read("/proc/cmdline").unwrap_or_default();
    let off = ["intremap=off", "nointremap"];
    let (found, command) = match boots_with.split_whitespace().find(|w| off.contains(w)) {
        Some(word) => (
            format!("not remapped: the kernel was told `{word}`"),
            format!(
                "sudo sed -i 's/{word}//' /etc/default/grub && sudo update-grub && sudo reboot"
            ),
        ),
        None => (
            "not remapped: a card can raise other devices' interrupts".into(),
            "sudo systemctl reboot --firmware-setup".into(),
        ),
    };
    if host
        .read(PARAMETER)
        .is_some_and(|value| value.trim() == "Y")
    {
        return Finding::advice(
            format!("{found}; the kernel was told to accept that"),
            command,
        )
        .also(switch_on);
    }
    Finding::missing(format!("{found}, so the kernel hands none over"), command).also(switch_on)
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use longshore_sysfs::fake::Fake;

    #[test]
    fn remapping_is_read_off_the_names_of_the_interrupt_controllers() {
        let fake = Fake::new();
        let look = |fake: &Fake| interrupts(&Host::at(&fake.path("")));
        assert_eq!(look(&fake).state, State::NotApplicable, "no IOMMU");
        fake.iommu();
        assert_eq!(look(&fake).state, State::NotApplicable, "no x86");
        fake.write("proc/cpuinfo", "vendor_id : GenuineIntel\n");
        fake.write(
            "proc/interrupts",
            " 24: 7 PCI-MSI-0000:00:1f.2 0-edge ahci\n",
        );
        fake.write("proc/cmdline", "quiet\n");
        let finding = look(&fake);
        assert_eq!(finding.state, State::Missing);
        assert!(finding.remedy.unwrap().command.contains("firmware"));
        fake.write("proc/cmdline", "quiet intremap=off\n");
        let finding = look(&fake);
        assert!(finding.found.contains("intremap=off"), "{finding:?}");
        assert!(finding.remedy.unwrap().command.contains("update-grub"));
        fake.write(PARAMETER.trim_start_matches('/'), "Y\n");
        assert_eq!(look(&fake).state, State::Advice);
        fake.write(
            "proc/interrupts",
            " 24: 7 IR-PCI-MSI-0000:00:1f.2 0-edge ahci\n",
        );
        assert_eq!(look(&fake).state, State::Ok);
    }
}
