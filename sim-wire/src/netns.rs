//! Network namespaces: a Linux of its own at the other end of a TAP.

use std::fmt;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::privileges::Unavailable;
use crate::tap::Tap;

/// An address with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// The interface's own address.
    pub addr: IpAddr,
    /// Length of the prefix in bits.
    pub prefix: u8,
}

impl Cidr {
    /// `addr/prefix`.
    #[must_use]
    pub fn new(addr: impl Into<IpAddr>, prefix: u8) -> Self {
        Self {
            addr: addr.into(),
            prefix,
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix)
    }
}

/// How an interface inside a namespace is set up.
#[derive(Clone, Debug)]
pub struct InterfaceConfig {
    /// Its name inside.
    pub name: String,
    /// Its MTU in bytes.
    pub mtu: u16,
    /// Its MAC address; the kernel chooses one if `None`.
    pub mac: Option<[u8; 6]>,
    /// Its addresses, usable at once: duplicate address detection is off.
    pub addresses: Vec<Cidr>,
}

impl Default for InterfaceConfig {
    fn default() -> Self {
        Self {
            name: "wire0".into(),
            mtu: 1500,
            mac: None,
            addresses: Vec::new(),
        }
    }
}

/// A network namespace of this process, deleted when dropped, also by a panic. One left behind by a process that was killed
/// is deleted by the next [`create`](Self::create).
#[derive(Debug)]
pub struct Netns {
    name: String,
}

/// Where iproute2 keeps the names of namespaces.
const RUN_NETNS: &str = "/run/netns";
const PREFIX: &str = "longshore-";

impl Netns {
    /// Creates a namespace, with its loopback interface up. Its name is unique on this machine: `longshore-`, the process, a
    /// number.
    ///
    /// # Errors
    /// If `ip` is missing or not allowed to.
    pub fn create() -> Result<Self, Unavailable> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        sweep();
        let name = format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        run(Command::new("ip").args(["netns", "add", &name]))?;
        // From here on, dropping it deletes it.
        let namespace = Self { name };
        namespace.ip(&["link", "set", "dev", "lo", "up"])?;
        // Addresses and link-local addresses without waiting, and no solicitations that nobody answers.
        for scope in ["all", "default"] {
            for (key, value) in [
                ("accept_dad", "0"),
                ("dad_transmits", "0"),
                ("router_solicitations", "0"),
            ] {
                namespace.set_sysctl(&format!("net/ipv6/conf/{scope}/{key}"), value)?;
            }
        }
        Ok(namespace)
    }

    /// The name `ip netns` knows it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves a TAP into the namespace and sets it up there. The device stays with its owner: it can be read and written from
    /// outside, and goes when it is dropped.
    ///
    /// # Errors
    /// If a step fails; the error names the command.
    pub fn adopt(&self, tap: &Tap, config: &InterfaceConfig) -> Result<(), Unavailable> {
        let dev = config.name.as_str();
        run(Command::new("ip").args([
            "link",
            "set",
            "dev",
            tap.name(),
            "netns",
            &self.name,
            "name",
            dev,
        ]))?;
        self.ip(&["link", "set", "dev", dev, "mtu", &config.mtu.to_string()])?;
        if let Some([a, b, c, d, e, f]) = config.mac {
            let mac = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
            self.ip(&["link", "set", "dev", dev, "address", &mac])?;
        }
        self.ip(&["link", "set", "dev", dev, "up"])?;
        for cidr in &config.addresses {
            let address = cidr.to_string();
            match cidr.addr {
                IpAddr::V4(_) => self.ip(&["addr", "add", &address, "dev", dev])?,
                IpAddr::V6(_) => self.ip(&["addr", "add", &address, "dev", dev, "nodad"])?,
            }
        }
        Ok(())
    }

    /// Forgets what the namespace learnt about its neighbours, as after a change of MAC address.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn flush_neighbours(&self) -> Result<(), Unavailable> {
        self.ip(&["neigh", "flush", "all"])
    }

    /// A command that will run `program` inside the namespace. Add arguments, redirect, spawn as usual.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Moves the calling thread into the namespace for good: sockets it opens from now on, and threads it starts, belong there.
    ///
    /// # Errors
    /// If the namespace cannot be entered.
    pub fn enter_thread(&self) -> Result<(), Unavailable> {
        let failed = |source| Unavailable::Enter {
            namespace: self.name.clone(),
            source,
        };
        let namespace = File::open(Path::new(RUN_NETNS).join(&self.name)).map_err(failed)?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|e| failed(e.into()))
    }

    /// Runs `ip` on the namespace.
    ///
    /// # Errors
    /// If it fails; the error has its words.
    pub fn ip(&self, args: &[&str]) -> Result<(), Unavailable> {
        run(Command::new("ip").args(["-netns", &self.name]).args(args))
    }

    /// Sets a kernel variable of the namespace, by its path below `/proc/sys`. One that this kernel does not have (IPv6
    /// compiled out or disabled) is passed over.
    ///
    /// # Errors
    /// If the namespace cannot be entered.
    pub fn set_sysctl(&self, path: &str, value: &str) -> Result<(), Unavailable> {
        let script = r#"[ ! -e "/proc/sys/$1" ] || printf %s "$2" > "/proc/sys/$1""#;
        run(self.command("sh").args(["-c", script, "sh", path, value]))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

fn delete(name: &str) {
    if let Err(error) = run(Command::new("ip").args(["netns", "delete", name])) {
        tracing::warn!(%error, "a network namespace stays behind");
    }
}

/// Deletes the namespaces of processes that are no more.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(RUN_NETNS) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some((process, _)) = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('-'))
        else {
            continue;
        };
        if process.parse::<u32>().is_ok() && !Path::new("/proc").join(process).exists() {
            delete(name);
        }
    }
}

/// Runs a set-up command, silently unless it fails.
fn run(command: &mut Command) -> Result<(), Unavailable> {
    let line = || {
        let words: Vec<_> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .collect();
        words.join(" ".as_ref()).to_string_lossy().into_owned()
    };
    let line = line();
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Unavailable::NoIproute),
        Err(source) => {
            return Err(Unavailable::Spawn {
                command: line,
                source,
            });
        }
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if said.contains("Operation not permitted") || said.contains("Permission denied") {
        return Err(Unavailable::Denied {
            command: line,
            said,
        });
    }
    Err(Unavailable::Command {
        command: line,
        status: output.status,
        said,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_ip_is_told_with_the_package_to_install() {
        let error = run(&mut Command::new("/nonexistent/ip")).unwrap_err();
        assert!(error.to_string().contains("install iproute2"), "{error}");
    }

    #[test]
    fn a_failed_command_is_quoted_with_its_words() {
        let error = run(Command::new("sh").args(["-c", "echo no such device >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("sh -c") && error.contains("no such device") && error.contains('3'),
            "{error}"
        );
    }
}
