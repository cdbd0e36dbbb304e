//! Connections, each on a thread of its own.

use super::report::Served;
use anyhow::{Context as _, Result};
use longshore_http::Server;
use longshore_sockets::{TcpListener, TcpStream};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// What happens while the server is up.
pub(super) enum Event {
    Accepted(TcpStream, SocketAddr),
    Served(Served),
    /// The stack has ended: the NIC is lost, or we were interrupted.
    Ended(io::Error),
}

/// Accepts on a thread of its own until the stack ends.
pub(super) fn accept(listener: TcpListener, events: mpsc::Sender<Event>) -> Result<JoinHandle<()>> {
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

/// Serves a connection on a thread of its own; gives it up when nothing moves for `timeout`.
pub(super) fn serve(
    server: &Arc<Server>,
    stream: TcpStream,
    from: SocketAddr,
    timeout: Duration,
    events: mpsc::Sender<Event>,
) -> Result<()> {
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let server = Arc::clone(server);
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
