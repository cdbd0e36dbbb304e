//! The client's side: one request over a connection.
//!
//! Requests are HTTP/1.0 (RFC 1945): a server may not answer such a request in chunks, and the end of the connection
//! is the end of a body without `Content-Length`.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::body::{CHUNK, Connection};

/// Longest head of a response that is taken, in bytes.
const HEAD_MAX: usize = 64 * 1024;
/// Header fields of a response that are understood.
const FIELDS_MAX: usize = 100;

/// Why a request failed.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Connection(io::Error),
    /// What came cannot be kept, or what is to be sent cannot be read.
    #[error("the file at this end failed: {0}")]
    Local(io::Error),
    /// The answer is not HTTP, or is too long.
    #[error("the answer is no HTTP/1.x response ({0}): is it an HTTP server?")]
    Malformed(String),
    /// The server answered with another status than 2xx.
    #[error("the server answered {status} {reason}")]
    Status {
        /// Status code.
        status: u16,
        /// Its words.
        reason: String,
    },
    /// The body ended before its announced length.
    #[error("the body ended after {got} of {announced} bytes")]
    Short {
        /// Bytes that came.
        got: u64,
        /// Bytes announced.
        announced: u64,
    },
}

/// A body that was moved whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Bytes.
    pub len: u64,
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
}

/// A response's head.
struct Head {
    status: u16,
    reason: String,
    length: Option<u64>,
}

/// Fetches `path` (percent-encoded, absolute) from `host` over `stream`; gives the body to `sink` piece by piece.
///
/// # Errors
/// [`FetchError`]
pub fn get<S: Read + Write>(
    stream: S,
    host: &str,
    path: &str,
    mut sink: impl Write,
) -> Result<Moved, FetchError> {
    let mut connection = Connection::new(stream);
    send(&mut connection, "GET", host, path, None)?;
    let head = receive_head(&mut connection)?;
    let mut hash = Sha256::new();
    let mut len = 0;
    loop {
        let piece = connection.buffered();
        let left = head.length.map_or(u64::MAX, |announced| announced - len);
        let n = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        hash.update(&piece[..n]);
        sink.write_all(&piece[..n]).map_err(FetchError::Local)?;
        connection.consume(n);
        len += n as u64;
        if head.length == Some(len) {
            break;
        }
        if connection.fill().map_err(FetchError::Connection)? == 0 {
            match head.length {
                None => break,
                Some(announced) => {
                    return Err(FetchError::Short {
                        got: len,
                        announced,
                    });
                }
            }
        }
    }
    sink.flush().map_err(FetchError::Local)?;
    Ok(Moved {
        len,
        sha256: hash.finalize().into(),
    })
}

/// Uploads `len` bytes of `source` to `path` (percent-encoded, absolute) at `host` over `stream`.
///
/// # Errors
/// [`FetchError`]
pub fn put<S: Read + Write>(
    stream: S,
    host: &str,
    path: &str,
    mut source: impl Read,
    len: u64,
) -> Result<Moved, FetchError> {
    let mut connection = Connection::new(stream);
    send(&mut connection, "PUT", host, path, Some(len))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut left = len;
    while left > 0 {
        let most = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = match source.read(&mut buffer[..most]) {
            Ok(0) => {
                let short = io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("it became {left} bytes shorter while it was sent"),
                );
                return Err(FetchError::Local(short));
            }
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(FetchError::Local(error)),
        };
        hash.update(&buffer[..n]);
        connection
            .send(&buffer[..n])
            .map_err(FetchError::Connection)?;
        left -= n as u64;
    }
    receive_head(&mut connection)?;
    Ok(Moved {
        len,
        sha256: hash.finalize().into(),
    })
}

fn send<S: Write>(
    connection: &mut Connection<S>,
    method: &str,
    host: &str,
    path: &str,
    length: Option<u64>,
) -> Result<(), FetchError> {
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: longshore\r\n");
    if let Some(length) = length {
        let _ = write!(head, "Content-Length: {length}\r\n");
    }
    head.push_str("\r\n");
    connection
        .send(head.as_bytes())
        .map_err(FetchError::Connection)
}

/// Reads up to the body; an answer other than 2xx is an error.
fn receive_head<S: Read>(connection: &mut Connection<S>) -> Result<Head, FetchError> {
    loop {
        if let Some((head, len)) = parse(connection.buffered())? {
            connection.consume(len);
            // RFC 9110 §15.2: an interim response is followed by the final one.
            if head.status < 200 {
                continue;
            }
            if head.status >= 300 {
                let Head { status, reason, .. } = head;
                return Err(FetchError::Status { status, reason });
            }
            return Ok(head);
        }
        if connection.buffered().len() > HEAD_MAX {
            return Err(FetchError::Malformed(format!(
                "no end of its head within {HEAD_MAX} bytes"
            )));
        }
        if connection.fill().map_err(FetchError::Connection)? == 0 {
            let closed = io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed it before it had answered",
            );
            return Err(FetchError::Connection(closed));
        }
    }
}

/// A response's head and its length in bytes, once it is whole.
fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, FetchError> {
    let malformed = |why: &dyn std::fmt::Display| FetchError::Malformed(why.to_string());
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let end = match response.parse(bytes).map_err(|error| malformed(&error))? {
        httparse::Status::Complete(end) => end,
        httparse::Status::Partial => return Ok(None),
    };
    let mut length = None;
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(malformed(&"a transfer coding that was not asked for"));
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(field.value).unwrap_or("").trim();
            let value = text
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| text.parse());
            let Some(Ok(value)) = value else {
                return Err(malformed(&"Content-Length is no number"));
            };
            if length.is_some_and(|other| other != value) {
                return Err(malformed(&"two different lengths"));
            }
            length = Some(value);
        }
    }
    Ok(Some((
        Head {
            status: response.code.unwrap_or(0),
            reason: response.reason.unwrap_or("").to_owned(),
            length,
        },
        end,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A server that says what it always says, in pieces of `step` bytes.
    struct Canned {
        answer: Vec<u8>,
        at: usize,
        step: usize,
        heard: Vec<u8>,
    }

    impl Canned {
        fn new(answer: &[u8], step: usize) -> Self {
            Self {
                answer: answer.to_vec(),
                at: 0,
                step,
                heard: Vec::new(),
            }
        }
    }

    impl Read for Canned {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = self.step.min(buf.len()).min(self.answer.len() - self.at);
            buf[..n].copy_from_slice(&self.answer[self.at..self.at + n]);
            self.at += n;
            Ok(n)
        }
    }

    impl Write for Canned {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.heard.extend_from_slice(buf);
            Ok(buf.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn fetch(answer: &str, step: usize) -> Result<(Moved, Vec<u8>), FetchError> {
        let mut body = Vec::new();
        let moved = get(Canned::new(answer.as_bytes(), step), "h", "/x", &mut body)?;
        Ok((moved, body))
    }

    #[test]
    fn a_body_ends_at_its_length_or_with_the_connection_however_it_is_cut() {
        for step in [1, 7, 4096] {
            for answer in [
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntide and more",
                "HTTP/1.0 200 OK\r\n\r\ntide",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\ntide",
            ] {
                let (moved, body) = fetch(answer, step).unwrap();
                assert_eq!(body, b"tide", "{answer:?} in steps of {step}");
                assert_eq!(moved.len, 4);
                assert_eq!(moved.sha256[..], Sha256::digest(b"tide")[..]);
            }
        }
    }

    #[test]
    fn what_is_no_whole_answer_is_told_by_its_kind() {
        let error = |answer: &str| fetch(answer, 5).unwrap_err();
        assert!(matches!(
            error("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n"),
            FetchError::Status { status: 404, .. }
        ));
        assert!(matches!(
            error("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntide"),
            FetchError::Short {
                got: 4,
                announced: 9
            }
        ));
        for bad in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\ntide",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\ntide",
        ] {
            assert!(matches!(error(bad), FetchError::Malformed(_)), "{bad:?}");
        }
        assert!(matches!(error("HTTP/1.1 2"), FetchError::Connection(_)));
    }

    #[test]
    fn an_upload_is_sent_whole_with_its_length() {
        let mut server = Canned::new(b"HTTP/1.1 200 OK\r\n\r\n", 4096);
        let moved = put(&mut server, "192.0.2.2", "/up", &b"tide"[..], 4).unwrap();
        assert_eq!(moved.len, 4);
        let heard = String::from_utf8(server.heard).unwrap();
        assert!(
            heard.starts_with("PUT /up HTTP/1.0\r\nHost: 192.0.2.2\r\n"),
            "{heard}"
        );
        assert!(heard.ends_with("Content-Length: 4\r\n\r\ntide"), "{heard}");
        let mut server = Canned::new(b"", 1);
        let short = put(&mut server, "h", "/", &b"ti"[..], 4);
        assert!(matches!(short, Err(FetchError::Local(_))));
    }

    #[test]
    fn our_own_server_is_understood() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), vec![7; 200_000]).unwrap();
        let server = crate::Server::new(folder.path());
        let mut answer = Canned::new(b"GET /f HTTP/1.0\r\n\r\n", 100);
        server.serve(&mut answer).unwrap();
        let mut body = Vec::new();
        get(Canned::new(&answer.heard, 1000), "h", "/f", &mut body).unwrap();
        assert_eq!(body, vec![7; 200_000]);
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = get(Canned::new(&bytes, 64), "h", "/", io::sink());
        }
    }
}
