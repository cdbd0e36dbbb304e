//! Children that cannot stay behind.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A child in a process group of its own, started by the words of [`limited`], so that it ends even if this program is
/// killed. Dropping it kills the group and waits for it.
pub(crate) struct Group {
    child: Child,
    name: &'static str,
}

/// Beyond the limit that this program keeps itself.
const GRACE: u64 = 30;

/// The first words of a command for [`Group::start`]: a time limit, and an end when this program ends, however it does
/// (`PR_SET_PDEATHSIG`: an interrupt from the terminal does not reach another group).
pub(crate) fn limited(limit: Duration) -> Command {
    let seconds = (limit.as_secs() + GRACE).to_string();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]);
    command.args(["timeout", "--kill-after", "5", &seconds]);
    command.args(["setpriv", "--pdeathsig", "KILL"]);
    command
}

impl Group {
    /// Starts `command`, whose words come behind those of [`limited`]. Its errors go to `log`.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command
            .stderr(Stdio::from(log))
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { child, name })
    }

    /// The child, for its input and output.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Fails if the child has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => anyhow::bail!("{} has ended with {status}", self.name),
            None => Ok(()),
        }
    }

    /// Waits for the child's end, at most for `patience`.
    pub(crate) fn end(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || start.elapsed() > patience {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops all of the group but `timeout`, its leader, which so can still end it.
    pub(crate) fn stop(&self) -> io::Result<()> {
        self.signal(Signal::STOP)?;
        Ok(kill_process(Pid::from_child(&self.child), Signal::CONT)?)
    }

    /// Sends a signal to all of the group.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let group = Pid::from_child(&self.child);
        Ok(kill_process_group(group, signal)?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its members may have gone already.
        let _ = self.signal(Signal::KILL);
        if let Err(error) = self.child.wait() {
            eprintln!("{} may have stayed behind: {error}", self.name);
        }
    }
}
