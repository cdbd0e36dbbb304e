//! `longshore serve-file`

use super::inspect::Which;
use super::stats::Counters;
use crate::cli::ServeFile;
use crate::connection::PeerFetch;
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use crate::session::{Session, Work};
use anyhow::{Context as _, Result, bail};
use longshore_http::{Server, hex};
use longshore_sockets::{TcpListener, TcpStream};
use serde::Serialize;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the loop looks whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(50);

/// The server is up.
#[derive(Debug, Serialize)]
struct Listening {
    urls: Vec<String>,
    /// The network namespace of the Linux peer, if there is one.
    namespace: Option<String>,
}

/// A connection is over.
#[derive(Debug, Serialize)]
struct Served {
    peer: String,
    requests: u64,
    bytes_sent: u64,
    bytes_received: u64,
    error: Option<String>,
}

/// An upload was received whole.
#[derive(Debug, Serialize)]
struct Uploaded {
    path: String,
    bytes: u64,
    sha256: String,
}

/// What the second NIC of a pair fetched.
#[derive(Debug, Serialize)]
struct PeerFetched {
    bytes: u64,
    sha256: String,
}

/// The server is down.
#[derive(Debug, Serialize)]
struct Summary {
    requests: u64,
    bytes_sent: u64,
    bytes_received: u64,
    #[serde(flatten)]
    work: Work,
}

impl Report for Listening {
    const SCHEMA: &'static str = "longshore/listening/1";
}

impl Report for Served {
    const SCHEMA: &'static str = "longshore/served/1";
}

impl Report for Uploaded {
    const SCHEMA: &'static str = "longshore/uploaded/1";
}

impl Report for PeerFetched {
    const SCHEMA: &'static str = "longshore/peer-fetched/1";
}

impl Report for Summary {
    const SCHEMA: &'static str = "longshore/serve-file/1";
}

/// What happens while the server is up.
enum Event {
    Accepted(TcpStream, SocketAddr),
    Served(Served),
    /// The stack has ended: the NIC is lost, or we were interrupted.
    Ended(io::Error),
}

pub(super) fn run(args: &ServeFile, root: &Path, output: &mut Output) -> Result<Outcome> {
    let server = server(args)?;
    let interrupt = Interrupt::listen()?;
    let session = Session::open(&args.transport, &args.addressing, root)?;
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
    let urls = urls(args, &session);
    output.show(&Listening {
        urls: urls.iter().map(ToString::to_string).collect(),
        namespace: session.connection.namespace().map(str::to_owned),
    })?;
    let peer = session.connection.let_peer_fetch(urls[0].at, &urls[0].path);
    let mut serving = Serving {
        args,
        output,
        server,
        session: &session,
        interrupt: &interrupt,
        totals: Totals::default(),
        uploads_shown: 0,
    };
    let before = session.mark();
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
        // `..` and the like have no name of their own.
        Server::file(path.canonicalize()?)
    } else {
        bail!("{} is neither a file nor a folder", path.display());
    }))
}

/// Where the file is to be had.
struct Place {
    at: SocketAddr,
    path: String,
}

fn urls(args: &ServeFile, session: &Session) -> Vec<Place> {
    let name = args.path.file_name().filter(|_| args.path.is_file());
    // A name that would need percents is not needed: `/` is the same file.
    let plain = name.and_then(|n| n.to_str()).filter(|n| {
        n.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    });
    let path = format!("/{}", plain.unwrap_or(""));
    session
        .addresses()
        .into_iter()
        .map(|ip| Place {
            at: SocketAddr::new(ip, args.port),
            path: path.clone(),
        })
        .collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.at {
            SocketAddr::V6(v6) if v6.port() == 80 => format!("[{}]", v6.ip()),
            v4 if v4.port() == 80 => v4.ip().to_string(),
            other => other.to_string(),
        };
        write!(f, "http://{host}{}", self.path)
    }
}

/// Accepts on a thread of its own until the stack ends.
fn accept(listener: TcpListener, events: mpsc::Sender<Event>) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("accept".into())
        .spawn(move || {
            loop {
                let event = match listener.accept() {
                    Ok((stream, peer)) => Event::Accepted(stream, peer),
                    // The client changed its mind before it was accepted.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                    Err(error) => {
                        let _ = events.send(Event::Ended(error));
                        return;
                    }
                };
                if events.send(event).is_err() {
                    return;
                }
            }
        })
        .context("starting a thread to accept on")
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
                Ok(Event::Accepted(stream, from)) => self.serve(stream, from, events.clone())?,
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

    fn serve(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        events: mpsc::Sender<Event>,
    ) -> Result<()> {
        stream.set_read_timeout(Some(self.args.timeout))?;
        stream.set_write_timeout(Some(self.args.timeout))?;
        let server = Arc::clone(&self.server);
        std::thread::Builder::new()
            .name(format!("http {from}"))
            .spawn(move || {
                let (summary, error) = match server.serve(stream) {
                    Ok(summary) => (summary, None),
                    Err(error) => (longshore_http::Summary::default(), Some(error.to_string())),
                };
                // Nobody listens any more: the server is down.
                let _ = events.send(Event::Served(Served {
                    peer: from.to_string(),
                    requests: summary.requests,
                    bytes_sent: summary.sent,
                    bytes_received: summary.received,
                    error,
                }));
            })
            .context("starting a thread for a connection")?;
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

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for url in &self.urls {
            match &self.namespace {
                Some(name) => writeln!(f, "ip netns exec {name} curl -O {url}")?,
                None => writeln!(f, "{url}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => writeln!(f, "{}: {error}", self.peer),
            None => writeln!(
                f,
                "{}: requests {}, bytes sent {}, received {}",
                self.peer, self.requests, self.bytes_sent, self.bytes_received
            ),
        }
    }
}

impl fmt::Display for Uploaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "upload {}: {} bytes, sha256 {}",
            self.path, self.bytes, self.sha256
        )
    }
}

impl fmt::Display for PeerFetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the second NIC fetched {} bytes, sha256 {}",
            self.bytes, self.sha256
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "requests {} in {:.1} s, bytes sent {}, received {}",
            self.requests, self.work.seconds, self.bytes_sent, self.bytes_received
        )?;
        write!(f, "{}", self.work)
    }
}
