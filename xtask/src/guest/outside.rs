//! What is outside of the guest: a Linux in a namespace, and the simulated NIC at the other end of its TAP.

use super::file_server;
use super::process::{Group, limited};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use sha2::{Digest, Sha256};
use sim_wire::netns::Netns;
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// RFC 5737: documentation. Each namespace is a world of its own, so all have the same.
const ADDRESS: &str = "192.0.2.2/24";
/// The stations' of guest/src/echo.rs.
const STATION: &str = "192.0.2.9";
const INTERFACE: &str = "wire0";
/// A simulator that was told to end does so at once.
const FAREWELL: Duration = Duration::from_secs(20);

/// A simulated NIC and the Linux it is wired to. Fields are dropped in order: the simulator before its namespace.
pub(crate) struct Outside {
    simulator: RefCell<Group>,
    namespace: Netns,
    socket: PathBuf,
    scratch: PathBuf,
    /// No single action takes longer.
    limit: Duration,
}

impl Outside {
    /// Starts simulator `number` and waits until it listens.
    pub(crate) fn start(
        program: &Path,
        number: u8,
        model: bool,
        logs: &Path,
        limit: Duration,
    ) -> Result<Self> {
        let namespace = Netns::create()?;
        // Paths of sockets are short: at most 107 bytes.
        let socket =
            std::env::temp_dir().join(format!("longshore-{}-{number}", std::process::id()));
        let _ = fs::remove_file(&socket);
        let log = logs.join(format!("simulator-{number}.log"));
        let mut command = limited(limit);
        command.args(["ip", "netns", "exec", namespace.name()]);
        command
            .arg(program)
            .args(["serve", "--tap", INTERFACE, "--socket"])
            .arg(&socket);
        command.args(["--nic", if model { "model" } else { "rtl" }]);
        command.stdin(Stdio::null());
        command.stdout(fs::File::options().create(true).append(true).open(&log)?);
        let mut simulator = Group::start("the simulator", &mut command, &log)?;
        let start = Instant::now();
        while !socket.exists() {
            simulator
                .check()
                .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
            ensure!(start.elapsed() < limit, "the simulator does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        // It made the TAP first, in the namespace it runs in.
        namespace.ip(&["address", "add", ADDRESS, "dev", INTERFACE])?;
        namespace.ip(&["link", "set", "dev", INTERFACE, "up"])?;
        // Stations ask by ARP and answer none.
        let mac = format!("02:4c:53:00:00:{:02x}", 1 + number);
        namespace.ip(&[
            "neigh", "replace", STATION, "lladdr", &mac, "dev", INTERFACE,
        ])?;
        Ok(Self {
            simulator: RefCell::new(simulator),
            namespace,
            socket,
            scratch: logs.join(format!("transfer-{number}")),
            limit,
        })
    }

    /// Where the simulator listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// Fails if the simulator has ended.
    pub(crate) fn check(&self) -> Result<()> {
        self.simulator.borrow_mut().check()
    }

    /// Ends the simulator, which tells what passed and fails if the NIC broke a rule of the link.
    pub(crate) fn finish(self) -> Result<()> {
        let mut simulator = self.simulator.borrow_mut();
        simulator.signal(Signal::TERM)?;
        match simulator.end(FAREWELL)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the simulator ended with {status}: its log tells why"),
            None => bail!("the simulator does not end"),
        }
    }

    /// Does what the guest asks for; the result is the answer.
    pub(crate) fn oblige(&self, request: &str) -> Result<String> {
        // Hosts in the guest come and go, with one address and several station addresses.
        self.namespace.flush_neighbours()?;
        let words: Vec<_> = request.split_whitespace().collect();
        match words[..] {
            ["stall", seconds] => self.stall(Duration::from_secs(seconds.parse()?)),
            ["download", url, len] => self.download(url, len.parse()?),
            ["upload", url] => self.upload(url),
            ["serve", len] => self.serve(len.parse()?),
            _ => bail!("nobody knows what `{request}` means"),
        }
    }

    /// Stops the simulator for a while.
    fn stall(&self, time: Duration) -> Result<String> {
        let simulator = self.simulator.borrow();
        simulator.stop()?;
        std::thread::sleep(time.min(self.limit));
        simulator.signal(Signal::CONT)?;
        Ok(String::new())
    }

    /// Downloads `url`, which has `len` bytes; its SHA-256.
    fn download(&self, url: &str, len: u64) -> Result<String> {
        fs::create_dir_all(&self.scratch)?;
        let file = self.file();
        self.run_curl("down", &["--output", text(&file)?, url])?;
        let bytes = fs::read(&file)?;
        ensure!(
            bytes.len() as u64 == len,
            "{} of {len} bytes came down",
            bytes.len()
        );
        Ok(hex(&bytes))
    }

    /// Uploads what was downloaded last; its SHA-256.
    fn upload(&self, url: &str) -> Result<String> {
        let file = self.file();
        let sum = hex(&fs::read(&file)?);
        self.run_curl("up", &["--upload-file", text(&file)?, url])?;
        fs::remove_dir_all(&self.scratch)?;
        Ok(sum)
    }

    fn file(&self) -> PathBuf {
        self.scratch.join("file")
    }

    /// Serves a file of `len` bytes to one client of the kernel's; its URL and SHA-256.
    fn serve(&self, len: u32) -> Result<String> {
        let file = file_server::file(len);
        let sum = hex(&file);
        let namespace = &self.namespace;
        let port = file_server::start(|| Ok(namespace.enter_thread()?), file, self.limit)?;
        Ok(format!("http://{}:{port}/file {sum}", file_server::ADDRESS))
    }

    fn run_curl(&self, what: &str, arguments: &[&str]) -> Result<()> {
        let started = Instant::now();
        let limit = self.limit.as_secs().to_string();
        let mut curl = self.namespace.command("curl");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", &limit]);
        let output = curl
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("curl")?;
        if !output.status.success() {
            bail!(
                "curl {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        println!(
            "       curl: {what} in {:.1} s",
            started.elapsed().as_secs_f64()
        );
        Ok(())
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is text")
}

/// The SHA-256 of `bytes`, in hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    sum.iter().map(|b| format!("{b:02x}")).collect()
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}
