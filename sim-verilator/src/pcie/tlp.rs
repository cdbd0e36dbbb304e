//! Transaction-layer packets as lists of double words (PCI Express Base 5.0, section 2.2).
//!
//! A double word holds its first byte on the link in bits 31:24, header and data alike; so header fields stand
//! where the specification draws them, and data bytes are big-endian in their word.

use thiserror::Error;

const FMT_3DW: u32 = 0b000;
const FMT_4DW: u32 = 0b001;
const FMT_3DW_DATA: u32 = 0b010;
const FMT_4DW_DATA: u32 = 0b011;
const TYPE_MEMORY: u32 = 0b0_0000;
const TYPE_COMPLETION: u32 = 0b0_1010;

/// Completion status (section 2.2.9, table 2-29).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionStatus {
    /// Successful completion.
    Success,
    /// Unsupported request.
    UnsupportedRequest,
    /// Configuration request retry.
    RequestRetry,
    /// Completer abort.
    CompleterAbort,
}

/// A transaction-layer packet that an endpoint sends or receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tlp {
    /// Memory read request.
    MemRead {
        /// Requester id.
        requester: u16,
        /// Tag.
        tag: u8,
        /// Address of the first double word.
        address: u64,
        /// Double words, 1..=1,024.
        length: u16,
        /// Byte enables of the first double word.
        first_be: u8,
        /// Byte enables of the last double word, 0 if there is one only.
        last_be: u8,
    },
    /// Memory write request.
    MemWrite {
        /// Requester id.
        requester: u16,
        /// Address of the first double word.
        address: u64,
        /// Byte enables of the first double word.
        first_be: u8,
        /// Byte enables of the last double word.
        last_be: u8,
        /// Data, four bytes a double word.
        data: Vec<u8>,
    },
    /// Completion, with or without data.
    Completion {
        /// Completer id.
        completer: u16,
        /// Requester id of the request.
        requester: u16,
        /// Tag of the request.
        tag: u8,
        /// Status.
        status: CompletionStatus,
        /// Bytes still to come, these included; 1..=4,096.
        byte_count: u16,
        /// Lower seven bits of the address of the first byte.
        lower_address: u8,
        /// Poisoned.
        poisoned: bool,
        /// Data, four bytes a double word; empty without data.
        data: Vec<u8>,
    },
}

/// A packet that does not follow section 2.2.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadTlp {
    /// Shorter than its header, or data that disagree with the length field.
    #[error("{got} double words where the header calls for {expected}")]
    Length {
        /// Double words by the header.
        expected: usize,
        /// Double words there are.
        got: usize,
    },
    /// A format and type that no endpoint here sends.
    #[error("format {format:#05b} type {kind:#07b} is none of MRd, MWr, Cpl, CplD")]
    Kind {
        /// Format field.
        format: u32,
        /// Type field.
        kind: u32,
    },
    /// A 4-DW header with an address below 4 GiB (section 2.2.4.1).
    #[error("4-DW header for the address {0:#x} below 4 GiB")]
    NeedlessWide(u64),
    /// Byte enables that section 2.2.5 forbids.
    #[error("byte enables first {first:#x}, last {last:#x} with {length} double words")]
    ByteEnables {
        /// First.
        first: u8,
        /// Last.
        last: u8,
        /// Double words.
        length: u16,
    },
}

impl Tlp {
    /// The packet's double words.
    #[must_use]
    pub fn encode(&self) -> Vec<u32> {
        match self {
            Self::MemRead {
                requester,
                tag,
                address,
                length,
                first_be,
                last_be,
            } => {
                let dw1 = request_word(*requester, *tag, *first_be, *last_be);
                address_header(FMT_3DW, FMT_4DW, u32::from(*length), dw1, *address)
            }
            Self::MemWrite {
                requester,
                address,
                first_be,
                last_be,
                data,
            } => {
                let dw1 = request_word(*requester, 0, *first_be, *last_be);
                let length = data.len() as u32 / 4;
                let mut words = address_header(FMT_3DW_DATA, FMT_4DW_DATA, length, dw1, *address);
                append(&mut words, data);
                words
            }
            Self::Completion {
                completer,
                requester,
                tag,
                status,
                byte_count,
                lower_address,
                poisoned,
                data,
            } => {
                let format = if data.is_empty() {
                    FMT_3DW
                } else {
                    FMT_3DW_DATA
                };
                let length = data.len() as u32 / 4;
                let status = match status {
                    CompletionStatus::Success => 0b000,
                    CompletionStatus::UnsupportedRequest => 0b001,
                    CompletionStatus::RequestRetry => 0b010,
                    CompletionStatus::CompleterAbort => 0b100,
                };
                let mut words = vec![
                    first_word(format, TYPE_COMPLETION, length) | u32::from(*poisoned) << 14,
                    u32::from(*completer) << 16 | status << 13 | u32::from(*byte_count) & 0xfff,
                    u32::from(*requester) << 16
                        | u32::from(*tag) << 8
                        | u32::from(*lower_address) & 0x7f,
                ];
                append(&mut words, data);
                words
            }
        }
    }

    /// The packet that `words` are.
    ///
    /// # Errors
    /// [`BadTlp`]: what rule of section 2.2 it breaks.
    pub fn decode(words: &[u32]) -> Result<Self, BadTlp> {
        let first = *words.first().ok_or(BadTlp::Length {
            expected: 3,
            got: 0,
        })?;
        let (format, kind) = (first >> 29, first >> 24 & 0x1f);
        let header = if format & 1 == 1 { 4 } else { 3 };
        let length = match first & 0x3ff {
            0 => 1024,
            n => n as u16,
        };
        let with_data = format & 0b010 != 0;
        let expected = header + if with_data { usize::from(length) } else { 0 };
        if words.len() != expected {
            return Err(BadTlp::Length {
                expected,
                got: words.len(),
            });
        }
        let data: Vec<u8> = words[header..]
            .iter()
            .flat_map(|w| w.to_be_bytes())
            .collect();
        match (format, kind) {
            (FMT_3DW | FMT_4DW | FMT_3DW_DATA | FMT_4DW_DATA, TYPE_MEMORY) => {
                memory(words, header, length, with_data.then_some(data))
            }
            (FMT_3DW | FMT_3DW_DATA, TYPE_COMPLETION) => {
                Ok(completion(words, first >> 14 & 1 == 1, data))
            }
            _ => Err(BadTlp::Kind { format, kind }),
        }
    }
}

fn memory(words: &[u32], header: usize, length: u16, data: Option<Vec<u8>>) -> Result<Tlp, BadTlp> {
    let (first_be, last_be) = ((words[1] & 0xf) as u8, (words[1] >> 4 & 0xf) as u8);
    let address = if header == 4 {
        u64::from(words[2]) << 32 | u64::from(words[3] & !3)
    } else {
        u64::from(words[2] & !3)
    };
    if header == 4 && address >> 32 == 0 {
        return Err(BadTlp::NeedlessWide(address));
    }
    if !byte_enables_hold(first_be, last_be, length) {
        return Err(BadTlp::ByteEnables {
            first: first_be,
            last: last_be,
            length,
        });
    }
    let requester = (words[1] >> 16) as u16;
    Ok(match data {
        Some(data) => Tlp::MemWrite {
            requester,
            address,
            first_be,
            last_be,
            data,
        },
        None => Tlp::MemRead {
            requester,
            tag: (words[1] >> 8) as u8,
            address,
            length,
            first_be,
            last_be,
        },
    })
}

/// Section 2.2.5: one double word has no last enables; more have neither end empty, and between the ends of three or
/// more there are no holes.
fn byte_enables_hold(first: u8, last: u8, length: u16) -> bool {
    if length == 1 {
        return last == 0;
    }
    let first_contiguous = matches!(first, 0b1111 | 0b1110 | 0b1100 | 0b1000);
    let last_contiguous = matches!(last, 0b1111 | 0b0111 | 0b0011 | 0b0001);
    first != 0 && last != 0 && (length == 2 || (first_contiguous && last_contiguous))
}

fn completion(words: &[u32], poisoned: bool, data: Vec<u8>) -> Tlp {
    Tlp::Completion {
        completer: (words[1] >> 16) as u16,
        requester: (words[2] >> 16) as u16,
        tag: (words[2] >> 8) as u8,
        status: match words[1] >> 13 & 0b111 {
            0b000 => CompletionStatus::Success,
            0b010 => CompletionStatus::RequestRetry,
            0b100 => CompletionStatus::CompleterAbort,
            // Reserved values are taken for unsupported requests (section 2.3.2).
            _ => CompletionStatus::UnsupportedRequest,
        },
        byte_count: match words[1] & 0xfff {
            0 => 4096,
            n => n as u16,
        },
        lower_address: (words[2] & 0x7f) as u8,
        poisoned,
        data,
    }
}

fn first_word(format: u32, kind: u32, length: u32) -> u32 {
    format << 29 | kind << 24 | length & 0x3ff
}

fn request_word(requester: u16, tag: u8, first_be: u8, last_be: u8) -> u32 {
    u32::from(requester) << 16 | u32::from(tag) << 8 | u32::from(last_be) << 4 | u32::from(first_be)
}

fn address_header(narrow: u32, wide: u32, length: u32, dw1: u32, address: u64) -> Vec<u32> {
    let low = address as u32 & !3;
    if address >> 32 == 0 {
        vec![first_word(narrow, TYPE_MEMORY, length), dw1, low]
    } else {
        vec![
            first_word(wide, TYPE_MEMORY, length),
            dw1,
            (address >> 32) as u32,
            low,
        ]
    }
}

fn append(words: &mut Vec<u32>, data: &[u8]) {
    words.extend(
        data.chunks_exact(4)
            .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tlps() -> impl Strategy<Value = Tlp> {
        let data = proptest::collection::vec(any::<[u8; 4]>(), 1..=64).prop_map(|d| d.concat());
        let address =
            prop_oneof![any::<u32>().prop_map(u64::from), (1u64 << 32)..].prop_map(|a| a & !3);
        prop_oneof![
            (any::<u16>(), any::<u8>(), address.clone(), 1u16..=1024).prop_map(
                |(requester, tag, address, length)| Tlp::MemRead {
                    requester,
                    tag,
                    address,
                    length,
                    first_be: 0xe,
                    last_be: if length == 1 { 0 } else { 0x3 },
                }
            ),
            (any::<u16>(), address, data.clone()).prop_map(|(requester, address, data)| {
                Tlp::MemWrite {
                    requester,
                    address,
                    first_be: 0xf,
                    last_be: if data.len() == 4 { 0 } else { 0xf },
                    data,
                }
            }),
            (
                any::<[u16; 2]>(),
                any::<u8>(),
                1u16..=4096,
                0u8..128,
                any::<bool>(),
                data
            )
                .prop_map(
                    |([completer, requester], tag, byte_count, lower_address, poisoned, data)| {
                        Tlp::Completion {
                            completer,
                            requester,
                            tag,
                            status: CompletionStatus::Success,
                            byte_count,
                            lower_address,
                            poisoned,
                            data,
                        }
                    }
                ),
        ]
    }

    proptest! {
        #[test]
        fn a_packet_survives_its_words(tlp in tlps()) {
            prop_assert_eq!(Tlp::decode(&tlp.encode()), Ok(tlp));
        }

        #[test]
        fn any_words_are_a_packet_or_an_error(words in proptest::collection::vec(any::<u32>(), 0..12)) {
            let _ = Tlp::decode(&words);
        }
    }

    #[test]
    fn a_read_looks_as_the_specification_draws_it() {
        let read = Tlp::MemRead {
            requester: 0x0100,
            tag: 7,
            address: 0x1_2345_6780,
            length: 16,
            first_be: 0xf,
            last_be: 0xf,
        };
        assert_eq!(read.encode(), [0x2000_0010, 0x0100_07ff, 0x1, 0x2345_6780]);
    }
}
