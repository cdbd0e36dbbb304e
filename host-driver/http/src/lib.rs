//! A small HTTP/1.1 server (RFC 9110, RFC 9112): it serves the files of a directory and takes uploads, of
//! which it keeps the SHA-256.
//!
//! [`Server::serve`] handles one connection over any [`Read`](std::io::Read) +
//! [`Write`](std::io::Write), [`Server::run`] all connections of a [`Listener`]; so the same server runs over
//! the kernel's sockets and over Longshore's.
//!
//! [`client`] is the other side: one GET or PUT over a connection.
//!
//! Spoken: GET, HEAD, PUT and POST, `Content-Length`, `Expect: 100-continue`, persistent connections and
//! pipelining. Not spoken: chunked bodies (411), ranges, directory listings, TLS.
#![forbid(unsafe_code)]

mod body;
pub mod client;
mod files;
mod listener;
mod request;
mod response;
mod server;
mod upload;

pub use listener::Listener;
pub use response::Status;
pub use server::{Server, Summary};
pub use upload::{Upload, hex};
