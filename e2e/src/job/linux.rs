//! The main job with an unmodified curl in a namespace as the peer.

use super::progress;
use super::sample::Sample;
use super::summary::Transfer;
use crate::world::linux::our_addresses;
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use longshore_http::{Listener, Server};
use longshore_sockets::{Stack, TcpListener, TcpStream};
use sha2::{Digest, Sha256};
use sim_wire::netns::Netns;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PORT: u16 = 80;
/// A transfer that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// Our listener as the HTTP server wants it; counts the bytes that programs have read.
struct Sockets {
    listener: TcpListener,
    received: Arc<AtomicU64>,
}

impl Listener for Sockets {
    type Stream = Counted;

    fn next(&self) -> io::Result<(Counted, SocketAddr)> {
        let (stream, peer) = self.listener.accept()?;
        let received = Arc::clone(&self.received);
        Ok((Counted { stream, received }, peer))
    }
}

struct Counted {
    stream: TcpStream,
    received: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buf)?;
        self.received.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Write for Counted {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Serves `sample` from `stack`, which has our addresses, to curl in `namespace` and takes it back, over IPv4 or IPv6,
/// `repeat` times.
///
/// # Errors
/// curl cannot be started or fails.
pub fn run(
    stack: &Stack,
    namespace: &Netns,
    sample: &Sample,
    scratch: &Path,
    ipv6: bool,
    repeat: u32,
) -> Result<Vec<Transfer>> {
    let address = SocketAddr::new(our_addresses()[usize::from(ipv6)], PORT);
    let listener = TcpListener::bind(stack, address).context("listening")?;
    let server = Arc::new(Server::new(sample.folder()));
    let received = Arc::new(AtomicU64::new(0));
    let sockets = Sockets {
        listener,
        received: Arc::clone(&received),
    };
    let serving = Arc::clone(&server);
    std::thread::Builder::new()
        .name("http".into())
        .spawn(move || serving.run(&sockets))?;
    let host = match address.ip() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    let mut transfers = Vec::new();
    for _ in 0..repeat {
        let copy = scratch.join("download");
        let start = Instant::now();
        let url = format!("http://{host}/{}", sample.name()?);
        let arguments = [OsStr::new("--output"), copy.as_os_str(), OsStr::new(&url)];
        let bar = progress::bar("download", sample.len);
        curl(namespace, &arguments, &bar, || {
            std::fs::metadata(&copy).map_or(0, |m| m.len())
        })?;
        let got: [u8; 32] = Sha256::digest(std::fs::read(&copy)?).into();
        std::fs::remove_file(&copy)?;
        transfers.push(Transfer {
            what: "download by curl".into(),
            bytes: sample.len,
            equal: got == sample.sha256,
            simulated: None,
            wall: start.elapsed(),
        });

        let start = Instant::now();
        let url = format!("http://{host}/upload");
        let arguments = [
            OsStr::new("--upload-file"),
            sample.path.as_os_str(),
            OsStr::new(&url),
        ];
        let before = received.load(Ordering::Relaxed);
        let bar = progress::bar("upload", sample.len);
        curl(namespace, &arguments, &bar, || {
            received.load(Ordering::Relaxed) - before
        })?;
        let newest = server.uploads().pop();
        transfers.push(Transfer {
            what: "upload by curl".into(),
            bytes: sample.len,
            equal: newest.is_some_and(|u| u.sha256 == sample.sha256),
            simulated: None,
            wall: start.elapsed(),
        });
    }
    Ok(transfers)
}

/// Runs curl in the namespace, with a bar.
fn curl(
    namespace: &Netns,
    arguments: &[&OsStr],
    bar: &ProgressBar,
    position: impl Fn() -> u64,
) -> Result<()> {
    let mut command = namespace.command("curl");
    command.args(["--silent", "--show-error", "--fail", "--globoff"]);
    let child = command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting curl")?;
    wait(child, bar, position)
}

/// Waits for curl, with a bar that shows how far it is.
fn wait(mut child: Child, bar: &ProgressBar, position: impl Fn() -> u64) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        bar.set_position(position());
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!(
                "curl did not end within {} s: it was stopped",
                PATIENCE.as_secs()
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        bar.abandon();
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_string(&mut said)?;
        }
        bail!("curl ended with {status}: {}", said.trim());
    }
    bar.set_position(bar.length().unwrap_or(0));
    bar.finish();
    Ok(())
}
