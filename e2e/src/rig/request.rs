//! Transmit requests, well formed or not.

use nic_abi::FlowHandle;
use nic_abi::tx::{BUFFERS, L4Checksum, Tso, TxContext};

/// One buffer of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its bus address modulo 4,096.
    pub skew: usize,
    /// The length that its descriptor claims, if that is not the truth.
    pub claims: Option<u32>,
    /// Its descriptor points to unmapped memory.
    pub unmapped: bool,
}

impl From<Vec<u8>> for Piece {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            skew: 0,
            claims: None,
            unmapped: false,
        }
    }
}

/// A transmit request: a context descriptor and what its buffers hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxRequest {
    /// The context, as it goes into the ring.
    pub context: u128,
    /// The buffers.
    pub pieces: Vec<Piece>,
}

/// What a request without anything special asks for: the frame goes out as it is, and a completion comes back.
pub const PLAIN: TxContext = TxContext {
    handle: FlowHandle::NONE,
    payload_len: 0,
    buffers: 1,
    l3_offset: 0,
    l4_offset: 0,
    header_len: 0,
    ipv6: false,
    l3_checksum: false,
    l4_checksum: L4Checksum::Keep,
    tso: None,
    vlan: None,
    complete: true,
};

impl TxRequest {
    /// A frame in one buffer; `context`'s lengths are made to fit, with as long a header as `context` says.
    #[must_use]
    pub fn new(context: TxContext, frame: Vec<u8>) -> Self {
        let header = usize::from(context.header_len).min(frame.len());
        let context = TxContext {
            header_len: header as u8,
            payload_len: (frame.len() - header) as u32,
            buffers: 1,
            ..context
        };
        Self {
            context: context.encode(),
            pieces: vec![frame.into()],
        }
    }

    /// A frame that goes out as it is.
    #[must_use]
    pub fn raw(frame: Vec<u8>) -> Self {
        Self::new(PLAIN, frame)
    }

    /// Segmentation of `payload` under `header`: TCP over IPv6 if `ipv6`, with the layer-4 header at `l4_offset`.
    #[must_use]
    pub fn tso(header: &[u8], l4_offset: u8, payload: &[u8], mss: u16, ipv6: bool) -> Self {
        let context = TxContext {
            header_len: header.len() as u8,
            l3_offset: 14,
            l4_offset,
            ipv6,
            tso: Some(Tso {
                mss,
                ip_id_fixed: false,
                cwr_all: false,
            }),
            l4_checksum: L4Checksum::Tcp,
            ..PLAIN
        };
        Self::new(context, [header, payload].concat())
    }

    /// The same with its bytes cut into pieces at `cuts` (ascending, inside), each at the address modulo 4,096 in `skews`.
    ///
    /// # Panics
    /// If the request has several pieces already.
    #[must_use]
    pub fn scattered(self, cuts: &[usize], skews: &[usize]) -> Self {
        let [whole] = &self.pieces[..] else {
            panic!("a request is cut once");
        };
        let ends = cuts.iter().copied().chain([whole.bytes.len()]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let pieces: Vec<Piece> = starts
            .zip(ends)
            .enumerate()
            .map(|(i, (start, end))| Piece {
                skew: skews.get(i).copied().unwrap_or(0),
                ..whole.bytes[start..end].to_vec().into()
            })
            .collect();
        Self {
            context: BUFFERS.set(self.context, pieces.len() as u64),
            pieces,
        }
    }

    /// All bytes of the request.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|p| p.bytes.clone()).collect()
    }
}
