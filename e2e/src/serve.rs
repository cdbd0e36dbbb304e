//! NICs as vfio-user devices for other programs.

use crate::options::{Form, Setup, Wires};
use crate::world::any_nic::{AnyNic, BoxedWire};
use crate::world::loopback::Loopback;
use crate::world::pair::ENDS;
use anyhow::{Context, Result, bail, ensure};
use sim_vfio::{Bell, ServedNic, Server, ringing_pair};
use sim_wire::capture::Epoch;
use sim_wire::tap::{Tap, TapWire};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

/// What is served, and where its wires lead.
#[derive(Debug, Clone, clap::Args)]
pub struct Sockets {
    /// Where clients connect; one NIC for each socket given.
    #[arg(long = "socket", required = true, value_name = "PATH")]
    pub sockets: Vec<PathBuf>,
    /// The wire is this TAP, created if it is not there (needs CAP_NET_ADMIN); one for each socket, in their order.
    #[arg(long, value_name = "NAME", conflicts_with = "pair")]
    pub tap: Vec<String>,
    /// The wire connects the NICs of two sockets. Without --tap and --pair, a plug sends a NIC's frames back to it.
    #[arg(long)]
    pub pair: bool,
    /// Short for --nic model.
    #[arg(long)]
    pub model: bool,
}

impl ServedNic for AnyNic {
    fn outside(&self) -> Option<BorrowedFd<'_>> {
        self.wire().poll_fd()
    }

    fn wake(&mut self) {
        Self::wake(self);
    }
}

/// NICs that are being served.
pub struct Served {
    /// One for each socket.
    pub servers: Vec<Server<AnyNic>>,
    wires: Wires,
}

/// Starts serving.
///
/// # Errors
/// The wires do not match the sockets; a TAP, a NIC or a socket cannot be set up.
pub fn start(serve: &Sockets, setup: &Setup) -> Result<Served> {
    let mut setup = setup.clone();
    if serve.model {
        setup.nic = Form::Model;
    }
    let seed = setup.seed()?;
    let wires = setup.wires(seed, Epoch::Real(SystemTime::now()))?;
    let kind = setup.kind(seed);
    let mut servers = Vec::new();
    for (i, ((wire, bell), socket)) in ends(serve, &setup)?
        .into_iter()
        .zip(&serve.sockets)
        .enumerate()
    {
        // Faults and the capture are on the first NIC's end.
        let name = ENDS[i.min(1)];
        let mut nic = AnyNic::new(&kind, wires.wrap(name, wire)?)?;
        if let Some(path) = setup.wave.as_ref().filter(|_| i == 0) {
            nic.trace(path)?;
        }
        servers.push(Server::start(nic, socket, bell)?);
    }
    Ok(Served { servers, wires })
}

/// A wire and what wakes its NIC.
type End = (BoxedWire, Option<Bell>);

/// The wires, one for each socket.
fn ends(serve: &Sockets, setup: &Setup) -> Result<Vec<End>> {
    let line = setup.line();
    if serve.pair {
        ensure!(
            serve.sockets.len() == 2,
            "--pair connects two NICs: give two sockets, not {}",
            serve.sockets.len()
        );
        let ends = ringing_pair(line).context("a wire between two NICs")?;
        return Ok(ends
            .into_iter()
            .map(|(wire, bell)| (Box::new(wire) as BoxedWire, Some(bell)))
            .collect());
    }
    if serve.tap.is_empty() {
        let plug = || -> End { (Box::new(Loopback::new(line)), None) };
        return Ok(serve.sockets.iter().map(|_| plug()).collect());
    }
    if serve.tap.len() != serve.sockets.len() {
        bail!(
            "{} TAPs for {} sockets: give one for each",
            serve.tap.len(),
            serve.sockets.len()
        );
    }
    serve
        .tap
        .iter()
        .map(|name| -> Result<End> { Ok((Box::new(TapWire::new(Tap::named(name)?, line)), None)) })
        .collect()
}

impl Served {
    /// Stops all and prints what happened to each.
    ///
    /// # Errors
    /// A NIC broke a rule of the link, its thread has panicked, or the capture could not be written.
    pub fn finish(self) -> Result<()> {
        let mut broken = Vec::new();
        for server in self.servers {
            let path = server.path().to_owned();
            println!("{}: {:?}", path.display(), server.counts());
            match server.stop() {
                Some(nic) => broken.extend(nic.violations()),
                None => broken.push(format!("{}: its thread has panicked", path.display())),
            }
        }
        self.wires.finish()?;
        ensure!(broken.is_empty(), "{}", broken.join("\n"));
        Ok(())
    }
}

/// Serves until SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
/// As [`start`] and [`Served::finish`].
pub fn until_told_to_stop(serve: &Sockets, setup: &Setup) -> Result<()> {
    let (tell, told) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = tell.send(());
    })
    .context("catching signals")?;
    let served = start(serve, setup)?;
    for server in &served.servers {
        println!("serving {}", server.path().display());
    }
    while let Err(mpsc::RecvTimeoutError::Timeout) = told.recv_timeout(Duration::from_secs(1)) {
        if served.servers.iter().any(|s| !s.is_alive()) {
            break;
        }
    }
    served.finish()
}
