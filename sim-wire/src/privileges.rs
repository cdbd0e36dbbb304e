//! Whether this process may create TAP devices and network namespaces, and what to do if not.

use std::io;
use std::process::ExitStatus;

use thiserror::Error;

/// The environment variable under which tests that need privileges fail, rather than skip, without them.
pub const REQUIRE_VAR: &str = "LONGSHORE_REQUIRE_PRIVILEGES";

/// Why there is no TAP or no namespace: the cause, and the remedy.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// The TAP driver is not there.
    #[error(
        "/dev/net/tun does not exist: load the module (`modprobe tun`); in a container, start it with `--device /dev/net/tun`"
    )]
    NoTun,
    /// The TAP driver may not be used.
    #[error(
        "not allowed to create a TAP device ({source}): this needs CAP_NET_ADMIN and access to /dev/net/tun; run as root \
         (`sudo`), or in a container with `--cap-add NET_ADMIN`"
    )]
    TapDenied {
        /// What the kernel said.
        source: io::Error,
    },
    /// The TAP driver fails in another way.
    #[error(
        "cannot open the TAP device {name} ({source}): {}",
        if source.kind() == io::ErrorKind::ResourceBusy { "another program has it open; end that one, or use another name" } else { "look for a cause in `dmesg`" }
    )]
    Tap {
        /// The device's name.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// No iproute2.
    #[error("`ip` is not installed: install iproute2 (Debian: `apt-get install iproute2`)")]
    NoIproute,
    /// `ip` may not do what it was asked to.
    #[error(
        "not allowed: `{command}` said: {said}. Network namespaces need CAP_SYS_ADMIN and CAP_NET_ADMIN; run as root \
         (`sudo`), or in a container with `--privileged`"
    )]
    Denied {
        /// The command line.
        command: String,
        /// Its standard error.
        said: String,
    },
    /// A set-up command failed in another way.
    #[error("`{command}` failed ({status}): {said}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// Its standard error.
        said: String,
    },
    /// The namespace cannot be entered.
    #[error(
        "cannot enter the network namespace {namespace} ({source}): this needs CAP_SYS_ADMIN; run as root (`sudo`)"
    )]
    Enter {
        /// Its name.
        namespace: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A command could not be started.
    #[error("cannot run `{command}`: {source}")]
    Spawn {
        /// The command line.
        command: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Tries what a TAP in a namespace needs, and removes it again.
///
/// # Errors
/// Why it is not possible, with the remedy. The caller then falls back to a [`pair`](crate::pair::pair), and says so.
pub fn probe() -> Result<(), Unavailable> {
    let namespace = crate::netns::Netns::create()?;
    let tap = crate::tap::Tap::create()?;
    drop((tap, namespace));
    Ok(())
}

/// For tests: whether to run. Without privileges, says loudly what is missing and gives `false`; panics instead if
/// [`REQUIRE_VAR`] is set.
///
/// # Panics
/// If privileges are missing and required.
#[must_use]
pub fn probe_or_skip(test: &str) -> bool {
    let Err(why) = probe() else { return true };
    assert!(
        std::env::var_os(REQUIRE_VAR).is_none(),
        "{test}: {why} ({REQUIRE_VAR} is set)"
    );
    eprintln!("SKIPPED {test}: {why}");
    false
}
