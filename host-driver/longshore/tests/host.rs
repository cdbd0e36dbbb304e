//! `list`, `bind`, `unbind` and `doctor` on made-up hosts.

mod support;

use longshore_sysfs::fake::{Fake, FakeFunction};
use snapbox::str;
use support::on_host;

const NIC: &str = "0000:03:00.0";

fn nic(driver: Option<&'static str>, group: Option<u32>) -> FakeFunction {
    FakeFunction {
        driver,
        group,
        ..FakeFunction::longshore()
    }
}

#[test]
fn the_list_shows_each_card_with_what_is_to_be_done() {
    let host = Fake::new();
    host.function(
        "0000:00:1f.3",
        &FakeFunction {
            vendor: 0x8086,
            ..nic(Some("snd_hda_intel"), Some(7))
        },
    );
    host.function(NIC, &nic(Some("vfio-pci"), Some(12)));
    host.write(
        &format!("sys/bus/pci/devices/{NIC}/current_link_speed"),
        "5.0 GT/s PCIe\n",
    );
    host.write(
        &format!("sys/bus/pci/devices/{NIC}/current_link_width"),
        "4\n",
    );
    host.function("0000:04:00.0", &nic(None, Some(13)));
    host.function("0000:05:00.0", &nic(Some("e1000e"), None));
    host.function("0000:06:00.0", &nic(Some("vfio-pci"), Some(14)));
    host.function(
        "0000:06:00.1",
        &FakeFunction {
            vendor: 0x8086,
            ..nic(Some("e1000e"), Some(14))
        },
    );
    on_host(&host.path(""), "list")
        .assert()
        .success()
        .stdout_eq(str![[r#"
ADDRESS       DRIVER    GROUP  LINK              REMARK
0000:03:00.0  vfio-pci  12     5.0 GT/s PCIe x4  ready
0000:04:00.0  -         13     -                 `longshore bind 0000:04:00.0`
0000:05:00.0  e1000e    -      -                 in no IOMMU group: `longshore doctor`
0000:06:00.0  vfio-pci  14     -                 its group is held by 0000:06:00.1

"#]]);
    on_host(&host.path(""), "list --json").assert().success().stdout_eq(str![[r#"
{"schema":"longshore/list/1","devices":[{"address":"0000:03:00.0","driver":"vfio-pci","group":{"number":12,"in_the_way":[]},"link":{"speed":"5.0 GT/s PCIe","width":"4"},"numa_node":null},{"address":"0000:04:00.0","driver":null,"group":{"number":13,"in_the_way":[]},"link":null,"numa_node":null},{"address":"0000:05:00.0","driver":"e1000e","group":null,"link":null,"numa_node":null},{"address":"0000:06:00.0","driver":"vfio-pci","group":{"number":14,"in_the_way":["0000:06:00.1"]},"link":null,"numa_node":null}]}

"#]]);
}

#[test]
fn a_host_without_a_card_and_one_without_a_bus_are_told_apart() {
    let host = Fake::new();
    on_host(&host.path(""), "list").assert().code(3).stderr_eq(str![[r#"
longshore: [..]/sys/bus/pci/devices does not exist: this system has no PCI bus, or the container does not show it (mount sysfs)

"#]]);
    host.function(
        "0000:00:1f.3",
        &FakeFunction {
            vendor: 0x8086,
            ..nic(None, None)
        },
    );
    on_host(&host.path(""), "list")
        .assert()
        .success()
        .stdout_eq("")
        .stderr_eq(str![[r#"
no Longshore NIC on the PCI bus; after plugging one in: echo 1 > /sys/bus/pci/rescan

"#]]);
}

#[test]
fn a_dry_run_prints_the_writes_and_writes_nothing() {
    let host = Fake::new();
    host.driver("vfio-pci");
    host.function(NIC, &nic(Some("e1000e"), Some(12)));
    on_host(&host.path(""), "bind 03:00.0 --dry-run")
        .assert()
        .success()
        .stdout_eq(str![[r#"
echo vfio-pci > /sys/bus/pci/devices/0000:03:00.0/driver_override
echo 0000:03:00.0 > /sys/bus/pci/devices/0000:03:00.0/driver/unbind
echo 0000:03:00.0 > /sys/bus/pci/drivers_probe

"#]]);
    assert_eq!(host.read("sys/bus/pci/drivers_probe"), "");
    assert!(!host.path("run").exists());
}

#[test]
fn binding_asks_the_kernel_and_a_refusal_is_told_and_leaves_nothing_to_undo() {
    let host = Fake::new();
    host.driver("vfio-pci");
    host.function(NIC, &nic(Some("e1000e"), Some(12)));
    // A folder of files does not bind, which is what a kernel that refuses looks like.
    on_host(&host.path(""), "bind 03:00.0")
        .assert()
        .code(3)
        .stderr_eq(str![[r#"
longshore: the kernel did not bind 0000:03:00.0 to vfio-pci: `dmesg` tells why

"#]]);
    assert_eq!(host.read("sys/bus/pci/drivers/e1000e/unbind"), NIC);
    assert_eq!(host.read("sys/bus/pci/drivers_probe"), NIC);
    assert!(
        !host
            .path(&format!("run/longshore/bound-{NIC}.json"))
            .exists()
    );
}

#[test]
fn a_bound_card_is_left_alone_and_a_foreign_one_too() {
    let host = Fake::new();
    host.function(NIC, &nic(Some("vfio-pci"), Some(12)));
    host.function(
        "0000:04:00.0",
        &FakeFunction {
            vendor: 0x8086,
            ..nic(Some("e1000e"), Some(13))
        },
    );
    on_host(&host.path(""), "bind 03:00.0")
        .assert()
        .success()
        .stdout_eq(str![[r#"
0000:03:00.0 is bound to vfio-pci already

"#]]);
    on_host(&host.path(""), "bind 04:00.0").assert().code(1).stderr_eq(str![[r#"
longshore: 0000:04:00.0 is 8086:4c53, not a Longshore NIC (1234:4c53): its driver would lose it; --force binds it all the same

"#]]);
    on_host(&host.path(""), "unbind 04:00.0")
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
longshore: 0000:04:00.0 is bound to e1000e, not to vfio-pci: there is nothing to undo

"#]]);
    on_host(&host.path(""), "bind 09:00.0").assert().code(3).stderr_eq(str![[r#"
longshore: there is no PCI function 0000:09:00.0: `lspci -D` lists those there are; after plugging a card in, `echo 1 > /sys/bus/pci/rescan`

"#]]);
    on_host(&host.path(""), "bind eth0").assert().code(2);
}

/// What `bind` remembered is what `unbind` asks the kernel for: here, that the card has no driver again.
#[test]
fn unbinding_goes_back_to_what_was_remembered() {
    let host = Fake::new();
    host.function(NIC, &nic(Some("vfio-pci"), Some(12)));
    let memory = format!("run/longshore/bound-{NIC}.json");
    host.write(&memory, r#"{"driver":null,"driver_override":null}"#);
    on_host(&host.path(""), "unbind 03:00.0")
        .assert()
        .success()
        .stdout_eq(str![[r#"
0000:03:00.0: vfio-pci -> no driver (as before)

"#]]);
    assert_eq!(host.read("sys/bus/pci/drivers/vfio-pci/unbind"), NIC);
    assert_eq!(
        host.read(&format!("sys/bus/pci/devices/{NIC}/driver_override")),
        "\n"
    );
    assert!(!host.path(&memory).exists());
}

#[test]
fn the_doctor_says_what_is_missing_and_how_to_mend_it() {
    let host = Fake::new();
    host.iommu();
    host.function(NIC, &nic(Some("e1000e"), Some(12)));
    host.huge_pages(8, 5);
    host.write(
        "proc/self/limits",
        "Max locked memory  8388608  8388608  bytes\n",
    );
    on_host(&host.path(""), "doctor --for card").assert().code(4).stdout_eq(str![[r#"
ok       card       0000:03:00.0
ok       iommu      at work
-        interrupts [..]
MISSING  vfio-pci   the module vfio-pci is not loaded
                    $ echo vfio-pci | sudo tee /etc/modules-load.d/longshore.conf && sudo modprobe vfio-pci
MISSING  bound      0000:03:00.0 is bound to e1000e
                    $ sudo longshore bind 0000:03:00.0
ok       group      group 12 (not bound yet)
MISSING  access     there is no /dev/vfio: VFIO is not loaded
                    first make `vfio-pci` ok; then
                    $ sudo groupadd -f longshore && [..]
MISSING  memlock    8192 KiB, a stack locks up to 128 MiB
                    for the group `longshore`, from the next login on:
                    $ longshore host-file limits | sudo tee /etc/security/limits.d/60-longshore.conf
advice   hugepages  5 of 8 free, a stack fills 40: without, mapping takes a hundred times as long
                    $ echo vm.nr_hugepages=64 | sudo tee /etc/sysctl.d/60-longshore.conf && sudo sysctl --system
ok       container  this is none
-        link       no card is bound
4 missing; each is explained in docs/HOST-SETUP.md under its name

"#]]);
}

#[test]
fn the_doctor_is_content_with_a_host_that_has_everything() {
    let host = Fake::new();
    host.iommu();
    host.write("proc/cpuinfo", "vendor_id : GenuineIntel\n");
    host.write("proc/interrupts", " 24: 7 IR-PCI-MSI-0000:03:00.0 0-edge\n");
    host.function(NIC, &nic(Some("vfio-pci"), Some(12)));
    host.huge_pages(64, 64);
    host.write("dev/vfio/vfio", "");
    host.write("dev/vfio/12", "");
    host.write(
        "proc/self/limits",
        "Max locked memory  unlimited  unlimited  bytes\n",
    );
    on_host(&host.path(""), "doctor --for card")
        .assert()
        .success()
        .stdout_eq(str![[r#"
ok       card       0000:03:00.0
ok       iommu      at work
ok       interrupts the IOMMU remaps them
ok       vfio-pci   loaded
ok       bound      1 bound to vfio-pci
ok       group      group 12
ok       access     the files of VFIO may be read and written
ok       memlock    unlimited
ok       hugepages  64 of 64 free
ok       container  this is none
-        link       0000:03:00.0: cannot be opened yet
nothing is missing

"#]]);
}

#[test]
fn a_card_that_cannot_be_opened_is_told_with_the_remedy() {
    let host = Fake::new();
    host.function(NIC, &nic(Some("e1000e"), Some(12)));
    on_host(&host.path(""), "info --vfio 03:00.0")
        .assert()
        .code(3)
        .stderr_eq(str![[r#"
longshore: 0000:03:00.0 is bound to e1000e, not to vfio-pci: `longshore bind 0000:03:00.0`

"#]]);
    host.function("0000:04:00.0", &nic(Some("vfio-pci"), None));
    on_host(&host.path(""), "regs --vfio 04:00.0")
        .assert()
        .code(3)
        .stderr_eq(str![[r#"
longshore: 0000:04:00.0 is in no IOMMU group, [..]

"#]]);
    host.function("0000:05:00.0", &nic(Some("vfio-pci"), Some(13)));
    on_host(&host.path(""), "ping --vfio 05:00.0 10.0.0.1").assert().code(3).stderr_eq(str![[r#"
longshore: [..]/dev/vfio/[..] does not exist: load the driver (`modprobe vfio-pci`); in a container, start it with `--device /dev/vfio`

"#]]);
    on_host(&host.path(""), "info --vfio 05:00.0 --sim")
        .assert()
        .code(2);
}
