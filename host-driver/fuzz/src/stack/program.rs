//! A program with a connection.

use std::io::{Read, Write};

use longshore_sockets::TcpStream;

use super::peer::{peer_byte, program_byte};

/// A connection of the stack's, and what its program knows.
pub(super) struct Program {
    pub(super) stream: TcpStream,
    /// Index of the peer's side.
    pub(super) peer: usize,
    written: u32,
    read: u32,
    /// Numbers of the SYN that may have begun what is read.
    bases: Option<Vec<u32>>,
}

impl Program {
    pub(super) fn new(stream: TcpStream, peer: usize) -> Self {
        Self {
            stream,
            peer,
            written: 0,
            read: 0,
            bases: None,
        }
    }

    pub(super) fn write(&mut self, len: u16) {
        let bytes: Vec<u8> = (0..u32::from(len))
            .map(|i| program_byte(self.written.wrapping_add(i)))
            .collect();
        if let Ok(taken) = self.stream.write(&bytes) {
            assert!(taken <= bytes.len());
            self.written = self.written.wrapping_add(taken as u32);
        }
    }

    /// `syns`: of the peer's side.
    ///
    /// # Panics
    /// If the bytes are not what the peer sent at these places.
    pub(super) fn read(&mut self, len: u16, syns: &[u32]) {
        let mut bytes = vec![0; usize::from(len)];
        let Ok(len) = self.stream.read(&mut bytes) else {
            return;
        };
        let read = self.read;
        let bases = self.bases.get_or_insert_with(|| syns.to_vec());
        bases.retain(|base| {
            (1..)
                .zip(&bytes[..len])
                .all(|(i, byte)| *byte == peer_byte(base.wrapping_add(read).wrapping_add(i)))
        });
        assert!(
            len == 0 || !bases.is_empty(),
            "{len} bytes after {read} are not what was sent: {bytes:x?}"
        );
        self.read = read.wrapping_add(len as u32);
    }
}
