//! A file for one client, from the kernel's TCP outside.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;

/// The kernel's own, in every namespace.
pub(crate) const ADDRESS: &str = "192.0.2.2";

/// `len` bytes that differ from place to place.
pub(crate) fn file(len: u32) -> Vec<u8> {
    (0..len)
        .map(|i| i.wrapping_mul(0x9e37_79b9).to_be_bytes()[0])
        .collect()
}

/// Serves `file` to the first client of a fresh port, which is returned. `enter` puts a thread into the namespace of the
/// server.
pub(crate) fn start(
    enter: impl FnOnce() -> Result<()> + Send,
    file: Vec<u8>,
    limit: Duration,
) -> Result<u16> {
    // A namespace is the thread's: it ends with it, the socket stays in it.
    let listener = std::thread::scope(|s| {
        let bind = s.spawn(|| {
            enter()?;
            TcpListener::bind((ADDRESS, 0)).context("listening outside")
        });
        bind.join()
            .unwrap_or_else(|_| anyhow::bail!("the thread outside panicked"))
    })?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        if let Err(error) = answer_one(&listener, &file, limit) {
            println!("the file server outside: {error:#}");
        }
    });
    Ok(port)
}

/// Answers the first request with `file` (RFC 9112), whatever it asks for.
fn answer_one(listener: &TcpListener, file: &[u8], limit: Duration) -> Result<()> {
    let (stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    for line in BufReader::new(&stream).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        file.len()
    );
    (&stream).write_all(head.as_bytes())?;
    (&stream).write_all(file)?;
    Ok(())
}
