//! The guest's machine.

use super::process::{Group, limited};
use super::{Args, Kit};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// A message of the device protocol that takes the simulator longer ends the connection; 5 s by default, which a loaded
/// machine or a simulator that was stopped exceeds.
const MESSAGE_LIMIT_MS: u32 = 60_000;

/// Starts the guest with a card per socket. Its line outside is the child's input and output.
///
/// - TCG: /dev/kvm is not to be had everywhere, and `timeout`, because QEMU may hang without ending.
/// - `caching-mode`: without it QEMU refuses devices outside of it behind an IOMMU.
/// - Shared memory: the simulator maps it.
/// - `no_timer_check`: the check fails on a loaded machine.
pub(crate) fn start(
    kit: &Kit,
    sockets: &[PathBuf],
    args: &Args,
    logs: &Path,
    limit: Duration,
) -> Result<Group> {
    let mut kernel = "console=ttyS0 quiet panic=-1 intel_iommu=on no_timer_check".to_owned();
    if !args.tests.is_empty() {
        kernel += &format!(" longshore.tests={}", args.tests.join(","));
    }
    if args.model {
        kernel += " longshore.model=1";
    }
    let console = logs.join("console.log");
    let mut command = limited(limit);
    command.args(kit.qemu.program());
    command.args(["-nodefaults", "-no-user-config", "-nographic", "-no-reboot"]);
    command.args([
        "-M",
        "q35,memory-backend=ram",
        "-accel",
        "tcg",
        "-cpu",
        "max",
        "-smp",
        "1",
    ]);
    command.args([
        "-object",
        "memory-backend-memfd,id=ram,size=256M,share=on",
        "-m",
        "256M",
    ]);
    command.args(["-device", "intel-iommu,intremap=on,caching-mode=on"]);
    command.arg("-kernel").arg(&kit.kernel);
    command.arg("-initrd").arg(&kit.initramfs);
    command.args(["-append", &kernel]);
    command
        .arg("-serial")
        .arg(format!("file:{}", console.display()));
    command.args(["-serial", "stdio"]);
    for (number, socket) in sockets.iter().enumerate() {
        command.arg("-device").arg(format!(
            r#"{{"driver":"vfio-user-pci","addr":"{:x}","x-msg-timeout":{MESSAGE_LIMIT_MS},"socket":{{"type":"unix","path":"{}"}}}}"#,
            3 + number,
            socket.display()
        ));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Group::start("the guest", &mut command, &logs.join("qemu.log"))
}
