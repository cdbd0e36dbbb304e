//! Posting on a queue pair.

use ip_core::{HeaderTemplate, MAX_HEADER_LEN};
use longshore_dma::Chunk;
use longshore_driver::{FRAME_AS_IT_IS, Piece, Refusal};
use longshore_refs::holder::Own;
use nic_abi::tx::{L4Checksum, Tso, TxContext};

use crate::lock::Guard;

use super::{DESCRIPTORS, Nic, Rings};

/// The right to post on a queue pair.
pub(crate) struct TxGuard<'a, Before> {
    pub(super) nic: &'a Nic,
    pub(super) rings: Guard<'a, Rings, Before>,
}

impl<Before> TxGuard<'_, Before> {
    /// Whether the queue pair does not work until it is started over.
    pub(crate) fn is_down(&self) -> bool {
        self.rings.submitter.as_ref().is_some_and(|to| to.is_down())
    }

    /// Whether the largest request fits.
    pub(crate) fn has_room(&self) -> bool {
        let rings = &*self.rings;
        !(rings.spare.is_empty() && rings.headers.is_dry())
            && rings
                .submitter
                .as_ref()
                .is_some_and(|to| !to.is_down() && to.room() >= DESCRIPTORS)
    }

    /// Posts a TCP segment, or with `mss` a super-segment. The NIC sees it at the next commit.
    pub(crate) fn post_tcp(
        &mut self,
        header: &HeaderTemplate,
        payload: impl Iterator<Item = Piece>,
        mss: Option<u16>,
    ) -> Result<(), Refusal> {
        self.post_packet(header, payload, L4Checksum::Tcp, mss)
    }

    /// Posts a UDP datagram. The NIC sees it at the next commit.
    pub(crate) fn post_udp(
        &mut self,
        header: &HeaderTemplate,
        payload: impl Iterator<Item = Piece>,
    ) -> Result<(), Refusal> {
        self.post_packet(header, payload, L4Checksum::Udp, None)
    }

    fn post_packet(
        &mut self,
        header: &HeaderTemplate,
        payload: impl Iterator<Item = Piece>,
        l4_checksum: L4Checksum,
        mss: Option<u16>,
    ) -> Result<(), Refusal> {
        if !self.nic.checksum {
            return self.post_summed(header, payload);
        }
        let context = TxContext {
            l3_offset: header.l3_offset(),
            l4_offset: header.l4_offset(),
            header_len: header.len_u8(),
            ipv6: header.is_ipv6(),
            l3_checksum: !header.is_ipv6(),
            l4_checksum,
            tso: mss.map(|mss| Tso {
                mss,
                ip_id_fixed: false,
                cwr_all: false,
            }),
            ..FRAME_AS_IT_IS
        };
        let chunk = self.rings.header().ok_or(Refusal::Full)?;
        self.push(chunk, header.bytes())?;
        self.rings.pieces.extend(payload);
        self.post(context)
    }

    /// Posts a whole frame as it is.
    pub(crate) fn post_frame(&mut self, frame: &[u8]) -> Result<(), Refusal> {
        let chunk = if frame.len() <= MAX_HEADER_LEN {
            self.rings.header()
        } else {
            self.nic.send.take()
        };
        let chunk = chunk.ok_or(Refusal::Full)?;
        self.push(chunk, frame)?;
        self.post(FRAME_AS_IT_IS)
    }

    /// A segment with its checksums computed here: for a NIC that computes none.
    fn post_summed(
        &mut self,
        header: &HeaderTemplate,
        payload: impl Iterator<Item = Piece>,
    ) -> Result<(), Refusal> {
        let mut bytes = Vec::new();
        for piece in payload {
            let start = bytes.len();
            bytes.resize(start + piece.len as usize, 0);
            piece
                .chunk
                .read(piece.offset as usize, &mut bytes[start..])
                .map_err(|_| Refusal::Invalid("a piece beyond its chunk"))?;
        }
        self.post_frame(&header.clone().into_frame(&bytes))
    }

    fn push(&mut self, chunk: Chunk<Own>, bytes: &[u8]) -> Result<(), Refusal> {
        chunk
            .write(0, bytes)
            .map_err(|_| Refusal::Invalid("longer than a chunk"))?;
        // Within a chunk.
        #[expect(clippy::cast_possible_truncation)]
        let len = bytes.len() as u32;
        self.rings.pieces.push(Piece {
            chunk: chunk.transfer(),
            offset: 0,
            len,
        });
        Ok(())
    }

    fn post(&mut self, context: TxContext) -> Result<(), Refusal> {
        let rings = &mut *self.rings;
        let posted = match &mut rings.submitter {
            Some(submitter) => submitter
                .post(context, &mut rings.pieces, ())
                .map_err(|error| error.refusal),
            None => Err(Refusal::Down),
        };
        rings.pieces.clear();
        posted
    }

    /// Shows the NIC what was posted: one doorbell.
    pub(crate) fn commit(&mut self) {
        if let Some(submitter) = &mut self.rings.submitter
            && let Err(error) = submitter.ring()
        {
            tracing::warn!(%error, "doorbell failed");
        }
    }
}
