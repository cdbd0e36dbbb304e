//! An HTTP client that never blocks: one GET, then one PUT, on one connection.

use anyhow::{Context, Result, bail};
use longshore_sockets::TcpStream;
use sha2::{Digest, Sha256};
use sim_wire::Picos;
use std::io::{self, ErrorKind, Read, Write};

/// Bytes moved per call.
const CHUNK: usize = 64 * 1024;

/// What the client is at.
enum State {
    /// Sends what is left of a request's head; then its body from `Client::body`, if it has one.
    Request {
        head: Vec<u8>,
        sent: usize,
        put: bool,
    },
    Body {
        sent: usize,
    },
    /// Reads a response.
    Response {
        head: Vec<u8>,
        put: bool,
    },
    Download {
        left: u64,
    },
    Done,
}

/// When a transfer began and ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// The request's first byte was written.
    pub from: Picos,
    /// The last byte of the answer was read.
    pub to: Picos,
}

/// The client.
pub struct Client {
    stream: TcpStream,
    state: State,
    body: Vec<u8>,
    hash: Sha256,
    downloaded: u64,
    spans: [Span; 2],
    buffer: Vec<u8>,
}

impl Client {
    /// A client on a connection that is being made: downloads `name`, then uploads `body` under the name `upload`.
    ///
    /// # Errors
    /// The stream is closed.
    pub fn new(stream: TcpStream, name: &str, body: Vec<u8>) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let head = format!("GET /{name} HTTP/1.1\r\nHost: longshore\r\n\r\n").into_bytes();
        Ok(Self {
            stream,
            state: State::Request {
                head,
                sent: 0,
                put: false,
            },
            body,
            hash: Sha256::new(),
            downloaded: 0,
            spans: [Span::default(); 2],
            buffer: vec![0; CHUNK],
        })
    }

    /// Whether both transfers are over.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Bytes downloaded, and uploaded, so far.
    pub fn moved(&self) -> (u64, u64) {
        let up = match self.state {
            State::Body { sent } => sent,
            State::Response { put: true, .. } | State::Done => self.body.len(),
            _ => 0,
        };
        (self.downloaded, up as u64)
    }

    /// Simulated time of download and upload.
    pub fn spans(&self) -> [Span; 2] {
        self.spans
    }

    /// SHA-256 of the download.
    pub fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// Does what can be done without blocking; true if something was.
    ///
    /// # Errors
    /// The connection failed or the server's answer is not what was asked for.
    pub fn advance(&mut self, now: Picos) -> Result<bool> {
        let mut moved = false;
        while !self.is_done() {
            match self.turn(now) {
                Ok(()) => moved = true,
                Err(error) => match error.downcast_ref::<io::Error>().map(io::Error::kind) {
                    Some(ErrorKind::WouldBlock | ErrorKind::NotConnected) => break,
                    _ => return Err(error.context("the client's connection")),
                },
            }
        }
        Ok(moved)
    }

    fn turn(&mut self, now: Picos) -> Result<()> {
        match &mut self.state {
            State::Request { head, sent, put } => {
                if *sent == 0 {
                    self.spans[usize::from(*put)].from = now;
                }
                *sent += self.stream.write(&head[*sent..])?;
                if *sent == head.len() {
                    self.state = if *put {
                        State::Body { sent: 0 }
                    } else {
                        State::Response {
                            head: Vec::new(),
                            put: false,
                        }
                    };
                }
            }
            State::Body { sent } => {
                let end = self.body.len().min(*sent + CHUNK);
                *sent += self.stream.write(&self.body[*sent..end])?;
                if *sent == self.body.len() {
                    self.state = State::Response {
                        head: Vec::new(),
                        put: true,
                    };
                }
            }
            State::Response { head, put } => {
                let n = self.stream.read(&mut self.buffer)?;
                if n == 0 {
                    bail!("the server closed the connection before it answered");
                }
                head.extend_from_slice(&self.buffer[..n]);
                if let Some((length, rest)) = content(head)? {
                    let (body, put) = (head.split_off(rest), *put);
                    if put {
                        self.spans[1].to = now;
                        self.state = State::Done;
                    } else {
                        self.state = State::Download { left: length };
                        self.take(&body, now)?;
                    }
                }
            }
            State::Download { .. } => {
                let n = self.stream.read(&mut self.buffer)?;
                if n == 0 {
                    bail!("the server closed the connection in the middle of the file");
                }
                let part = std::mem::take(&mut self.buffer);
                let taken = self.take(&part[..n], now);
                self.buffer = part;
                taken?;
            }
            State::Done => {}
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], now: Picos) -> Result<()> {
        let State::Download { left } = &mut self.state else {
            bail!("bytes outside of a download");
        };
        *left = left
            .checked_sub(bytes.len() as u64)
            .context("the server sent more than it announced")?;
        self.hash.update(bytes);
        self.downloaded += bytes.len() as u64;
        if *left == 0 {
            self.spans[0].to = now;
            let head = format!(
                "PUT /upload HTTP/1.1\r\nHost: longshore\r\nContent-Length: {}\r\n\r\n",
                self.body.len()
            );
            self.state = State::Request {
                head: head.into_bytes(),
                sent: 0,
                put: true,
            };
        }
        Ok(())
    }
}

/// Content length and end of a response's head, once it is whole.
fn content(head: &[u8]) -> Result<Option<(u64, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(end) = response.parse(head).context("the server's answer")?
    else {
        return Ok(None);
    };
    match response.code {
        Some(200..=299) => {}
        code => bail!(
            "the server answered {code:?} {}",
            response.reason.unwrap_or("")
        ),
    }
    let length = response
        .headers
        .iter()
        .find(|h| h.name.eq_ignore_ascii_case("content-length"))
        .and_then(|h| std::str::from_utf8(h.value).ok()?.trim().parse().ok())
        .unwrap_or(0);
    Ok(Some((length, end)))
}
