//! A connection's bytes: what was read too far belongs to the next request.

use std::io::{self, Read, Write};

/// Bytes read or written at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

/// A stream with a buffer of bytes read ahead.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    buffer: Vec<u8>,
    start: usize,
}

impl<S> Connection<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            start: 0,
        }
    }

    /// Bytes read and not yet consumed.
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub(crate) fn consume(&mut self, len: usize) {
        self.start = (self.start + len).min(self.buffer.len());
    }
}

impl<S: Read> Connection<S> {
    /// Reads more into the buffer; 0 at the end of the stream.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let have = self.buffer.len();
        self.buffer.resize(have + CHUNK, 0);
        let read = retry(|| self.stream.read(&mut self.buffer[have..]));
        self.buffer.truncate(have + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Gives the next `len` bytes to `take`, piece by piece.
    ///
    /// # Errors
    /// `UnexpectedEof` if the stream ends before.
    pub(crate) fn read_body(&mut self, len: u64, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut left = len;
        while left > 0 {
            if self.buffered().is_empty() && self.fill()? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("the body ended {left} bytes early"),
                ));
            }
            let piece = self.buffered();
            let n = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            take(&piece[..n]);
            self.consume(n);
            left -= n as u64;
        }
        Ok(())
    }
}

impl<S: Write> Connection<S> {
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }
}

fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
