//! `longshore serve-file`

mod accept;
mod place;
mod report;

use super::inspect::Which;
use super::stats::Counters;
use crate::cli::ServeFile;
use crate::connection::PeerFetch;
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::session::Session;
use accept::{Event, accept, serve};
use anyhow::{Context as _, Result, bail};
use longshore_http::{Server, hex};
use longshore_sockets::TcpListener;
use place::{Place, places};
use report::{Listening, PeerFetched, Served, Summary, Uploaded};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often the loop looks whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn run(args: &ServeFile, root: &Path, output: &mut Output) -> Result<Outcome> {
    let server = server(args)?;
    let interrupt = Interrupt::listen()?;
    let session = Session::open(&args.transport, &args.addressing, root)?;
    session.warn_of_link()?;
    session.end_on(&interrupt);
    let (events, happened) = mpsc::channel();
    let mut accepting = Vec::new();
    for any in [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Ipv6Addr::UNSPECIFIED.into(),
    ] {
        let address = SocketAddr::new(any, args.port);
        let listener = TcpListener::bind(&session.stack, address)
            .with_context(|| format!("listening on {address}"))?;
        accepting.push(accept(listener, events.clone())?);
    }
    let places = places(args, &session);
    output.show(&Listening {
        urls: places.iter().map(ToString::to_string).collect(),
        namespace: session.connection.namespace().map(str::to_owned),
    })?;
    let before = session.mark();
    // A folder has no page of its own to be fetched.
    let peer = if args.path.is_file() {
        let Place { at, path } = &places[0];
        session.connection.let_peer_fetch(*at, path)
    } else {
        None
    };
    let mut serving = Serving {
        args,
        output,
        server,
        session: &session,
        interrupt: &interrupt,
        totals: Totals::default(),
        uploads_shown: 0,
    };
    let end = serving.until_done(&happened, &events, peer);
    let totals = serving.totals;
    session.drain(Duration::from_secs(5), || interrupt.is_raised());
    let work = before.until(&session.mark());
    session.stack.shutdown();
    for thread in accepting {
        if thread.join().is_err() {
            tracing::error!("a thread that accepts connections has panicked");
        }
    }
    output.show(&Summary {
        requests: totals.requests,
        bytes_sent: totals.sent,
        bytes_received: totals.received,
        work,
    })?;
    if interrupt.is_raised() {
        return Ok(Outcome::Interrupted);
    }
    end.map(|()| Outcome::Done)
}

fn server(args: &ServeFile) -> Result<Arc<Server>> {
    let path = &args.path;
    let meta =
        std::fs::metadata(path).with_context(|| format!("cannot serve {}", path.display()))?;
    Ok(Arc::new(if meta.is_dir() {
        Server::new(path)
    } else if meta.is_file() {
        std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Server::file(path)
    } else {
        bail!("{} is neither a file nor a folder", path.display());
    }))
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    requests: u64,
    sent: u64,
    received: u64,
}

struct Serving<'a> {
    args: &'a ServeFile,
    output: &'a mut Output,
    server: Arc<Server>,
    session: &'a Session,
    interrupt: &'a Interrupt,
    totals: Totals,
    uploads_shown: usize,
}

impl Serving<'_> {
    fn until_done(
        &mut self,
        happened: &mpsc::Receiver<Event>,
        events: &mpsc::Sender<Event>,
        mut peer: Option<PeerFetch>,
    ) -> Result<()> {
        let mut stats_at = self.args.stats.map(|interval| Instant::now() + interval);
        while !self.interrupt.is_raised() {
            match happened.recv_timeout(LOOK) {
                Ok(Event::Accepted(stream, from)) => {
                    let timeout = self.args.timeout;
                    serve(&self.server, stream, from, timeout, events.clone())?;
                }
                Ok(Event::Served(served)) => self.note(&served)?,
                Ok(Event::Ended(_)) if self.interrupt.is_raised() => return Ok(()),
                Ok(Event::Ended(error)) => return Err(error).context("the NIC was lost"),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if let Some(end) = peer.as_ref().and_then(|p| p.try_recv().ok()) {
                peer = None;
                let moved = end
                    .map_err(anyhow::Error::msg)
                    .context("the second NIC's fetch")?;
                self.output.show(&PeerFetched {
                    bytes: moved.len,
                    sha256: hex(&moved.sha256),
                })?;
            }
            if let (Some(at), Some(interval)) = (stats_at, self.args.stats)
                && Instant::now() >= at
            {
                stats_at = Some(at + interval);
                self.show_stats()?;
            }
            let enough = self.args.requests > 0 && self.totals.requests >= self.args.requests;
            if enough && peer.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn note(&mut self, served: &Served) -> Result<()> {
        self.totals.requests += served.requests;
        self.totals.sent += served.bytes_sent;
        self.totals.received += served.bytes_received;
        self.output.show(served)?;
        let uploads = self.server.uploads();
        for upload in &uploads[self.uploads_shown..] {
            self.output.show(&Uploaded {
                path: upload.path.clone(),
                bytes: upload.len,
                sha256: hex(&upload.sha256),
            })?;
        }
        self.uploads_shown = uploads.len();
        Ok(())
    }

    fn show_stats(&mut self) -> Result<()> {
        let nic = self.session.stack.nic();
        let which = Which::of(nic.device().info());
        let statistics = nic.statistics()?;
        self.output.show(&Counters::new(which, &statistics, false))
    }
}
