//! Connections and their requests.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{debug, info};

use crate::body::{CHUNK, Connection};
use crate::files;
use crate::listener::Listener;
use crate::request::{Method, Request, RequestError};
use crate::response::{self, Status};
use crate::upload::{Sink, Upload, hex};

/// Bytes of an unwanted body that are read and thrown away so that the client sees the answer.
const DRAIN_MAX: u64 = 1 << 20;

/// What is there to be had.
#[derive(Debug)]
enum Offer {
    /// The files below a directory.
    Folder(PathBuf),
    /// One file, under its own name and as `/`.
    File(PathBuf),
}

/// Serves the files of one directory, or one file, and notes uploads.
#[derive(Debug)]
pub struct Server {
    offer: Offer,
    upload_max: u64,
    uploads: Mutex<Vec<Upload>>,
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Requests that were answered.
    pub requests: u64,
    /// Bytes of files sent.
    pub sent: u64,
    /// Bytes of uploads received.
    pub received: u64,
}

impl Server {
    /// A server of the files below `root`; uploads of up to 1 TiB.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self::of(Offer::Folder(root.into()))
    }

    /// A server of the file `path` alone, under its own name and as `/`; uploads of up to 1 TiB.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::of(Offer::File(path.into()))
    }

    const fn of(offer: Offer) -> Self {
        Self {
            offer,
            upload_max: 1 << 40,
            uploads: Mutex::new(Vec::new()),
        }
    }

    /// Sets the longest upload that is taken, in bytes.
    #[must_use]
    pub const fn upload_max(mut self, bytes: u64) -> Self {
        self.upload_max = bytes;
        self
    }

    /// The uploads received whole so far, oldest first.
    pub fn uploads(&self) -> Vec<Upload> {
        self.uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Serves every connection of `listener` on a thread of its own.
    ///
    /// # Errors
    /// The listener's error that ends it. Errors of single connections are logged.
    pub fn run<L: Listener>(self: &Arc<Self>, listener: &L) -> io::Result<()> {
        loop {
            let (stream, peer) = match listener.next() {
                Ok(connection) => connection,
                // The client changed its mind before it was accepted.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let server = Arc::clone(self);
            std::thread::Builder::new()
                .name(format!("http {peer}"))
                .spawn(move || match server.serve(stream) {
                    Ok(summary) => debug!(%peer, ?summary, "connection over"),
                    Err(error) => info!(%peer, %error, "connection failed"),
                })?;
        }
    }

    /// Serves one connection until the client or an error ends it.
    ///
    /// # Errors
    /// What the stream reports. Bad requests are answered, not errors.
    pub fn serve<S: Read + Write>(&self, stream: S) -> io::Result<Summary> {
        let mut connection = Connection::new(stream);
        let mut summary = Summary::default();
        loop {
            let request = match Request::read(&mut connection) {
                Ok(request) => request,
                Err(RequestError::Closed) => return Ok(summary),
                Err(RequestError::Io(error)) => return Err(error),
                Err(RequestError::Refused(status)) => {
                    info!(%status, "request refused");
                    let line = format!("{status}\n");
                    connection.send(&response::text(status, &line, false, true))?;
                    drain(&mut connection, DRAIN_MAX);
                    summary.requests += 1;
                    return Ok(summary);
                }
            };
            debug!(?request, "request");
            let keep_alive = match request.method {
                Method::Get | Method::Head => {
                    self.send_file(&mut connection, &request, &mut summary)?
                }
                Method::Upload => self.receive(&mut connection, request, &mut summary)?,
            };
            summary.requests += 1;
            if !keep_alive {
                return Ok(summary);
            }
        }
    }

    fn send_file<S: Read + Write>(
        &self,
        connection: &mut Connection<S>,
        request: &Request,
        summary: &mut Summary,
    ) -> io::Result<bool> {
        // RFC 9110 §9.3.1: a body of a GET means nothing, but its bytes are there.
        connection.read_body(request.body, |_| {})?;
        let with_body = request.method == Method::Get;
        let found = match &self.offer {
            Offer::Folder(root) => files::open(root, &request.path),
            Offer::File(path) => files::open_one(path, &request.path),
        };
        let mut found = match found {
            Ok(found) => found,
            Err(status) => {
                info!(path = request.path, %status, "no file to send");
                let line = format!("{status}: {}\n", request.path);
                connection.send(&response::text(
                    status,
                    &line,
                    request.keep_alive,
                    with_body,
                ))?;
                return Ok(request.keep_alive);
            }
        };
        let kind = "application/octet-stream";
        let mut buffer = response::head(Status::Ok, kind, found.len, request.keep_alive);
        let mut left = if with_body { found.len } else { 0 };
        loop {
            // The head travels with the first bytes of the file.
            let room = CHUNK.saturating_sub(buffer.len()) as u64;
            let wanted = room.min(left);
            let got = (&mut found.file).take(wanted).read_to_end(&mut buffer)? as u64;
            connection.send(&buffer)?;
            summary.sent += got;
            left -= got;
            if left == 0 {
                return Ok(request.keep_alive);
            }
            if got < wanted {
                // Fewer bytes than promised: only the end of the connection can say so.
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("{} became shorter while it was sent", request.path),
                ));
            }
            buffer.clear();
        }
    }

    fn receive<S: Read + Write>(
        &self,
        connection: &mut Connection<S>,
        request: Request,
        summary: &mut Summary,
    ) -> io::Result<bool> {
        if request.body > self.upload_max {
            let status = Status::ContentTooLarge;
            let line = format!("{status}: at most {} bytes\n", self.upload_max);
            connection.send(&response::text(status, &line, false, true))?;
            if !request.expects_continue {
                drain(connection, DRAIN_MAX.min(request.body));
            }
            return Ok(false);
        }
        if request.expects_continue && connection.buffered().is_empty() {
            connection.send(response::CONTINUE)?;
        }
        let mut sink = Sink::default();
        connection.read_body(request.body, |piece| sink.take(piece))?;
        let upload = sink.finish(request.path);
        summary.received += upload.len;
        let line = format!("{} {} {}\n", hex(&upload.sha256), upload.len, upload.path);
        info!(path = upload.path, len = upload.len, "upload received");
        self.uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(upload);
        connection.send(&response::text(Status::Ok, &line, request.keep_alive, true))?;
        Ok(request.keep_alive)
    }
}

/// Reads on for a while, so that closing does not reset the connection under the answer (RFC 9112 §9.6).
fn drain(connection: &mut Connection<impl Read>, most: u64) {
    let mut left = most;
    while left > 0 {
        let have = connection.buffered().len();
        connection.consume(have);
        match connection.fill() {
            Ok(0) | Err(_) => return,
            Ok(n) => left = left.saturating_sub(n as u64),
        }
    }
}
