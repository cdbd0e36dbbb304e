//! Where connections come from.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// A source of connections.
pub trait Listener {
    /// A connection.
    type Stream: Read + Write + Send + 'static;

    /// Waits for the next connection.
    ///
    /// # Errors
    /// What the listener reports; [`crate::Server::run`] ends with it unless the error concerns one
    /// connection only.
    fn next(&self) -> io::Result<(Self::Stream, SocketAddr)>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn next(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.accept()
    }
}

impl Listener for longshore_sockets::TcpListener {
    type Stream = longshore_sockets::TcpStream;

    fn next(&self) -> io::Result<(longshore_sockets::TcpStream, SocketAddr)> {
        self.accept()
    }
}
