//! TCP options: reading those of a segment and writing ours, in Linux's order.

use crate::parse::ParseError;
use crate::sack::SackBlocks;
use crate::seq::SeqNumber;

const END: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// Bytes that the timestamps option takes in every segment, padded to whole words
/// (RFC 7323 appendix A).
pub(crate) const TIMESTAMPS_PADDED_LEN: u16 = 12;

/// The timestamps option (RFC 7323 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval.
    pub value: u32,
    /// TSecr; meaningful with ACK only.
    pub echo: u32,
}

impl Timestamps {
    const fn from_bytes([v0, v1, v2, v3, e0, e1, e2, e3]: [u8; 8]) -> Self {
        Self {
            value: u32::from_be_bytes([v0, v1, v2, v3]),
            echo: u32::from_be_bytes([e0, e1, e2, e3]),
        }
    }
}

/// The options of a segment, in or out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# TCP endpoints MUST implement both sending and receiving the MSS Option (MUST-14).
    /// Maximum segment size (RFC 9293 §3.7.1); SYN only.
    pub mss: Option<u16>,
    /// Window scale shift (RFC 7323 §2), as on the wire: may exceed 14; SYN only.
    pub window_scale: Option<u8>,
    /// SACK permitted (RFC 2018 §2); SYN only.
    pub sack_permitted: bool,
    /// Timestamps (RFC 7323 §3).
    pub timestamps: Option<Timestamps>,
    /// SACK (RFC 2018 §3).
    pub sack: SackBlocks,
}

impl Options {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.2
    //# There is no guarantee that senders will use this option, so receivers MUST be prepared to process options
    //# even if they do not begin on a word boundary (MUST-64).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# TCP implementations MUST be prepared to handle an illegal option length (e.g., zero); a suggested procedure
    //# is to reset the connection and log the error cause (MUST-7).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# All TCP Options except End of Option List Option (EOL) and No-Operation (NOP) MUST have length fields,
    //# including all future options (MUST-68).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# A given TCP implementation can support any currently defined options, but the following options MUST be
    //# supported (MUST-4 -- note Maximum Segment Size Option support is also part of MUST-14 in Section 3.7.1):
    /// Reads the option bytes of a header. Unknown options are skipped by their length
    /// (RFC 9293 §3.1, MUST-6).
    ///
    /// # Errors
    /// An option that is cut off, or whose length cannot be (RFC 9293 §3.1, MUST-7).
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut options = Self::default();
        options.read(bytes)?;
        Ok(options)
    }

    /// As [`Options::parse`], into options that are empty so far: they are not copied.
    #[inline]
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(), ParseError> {
        // What nearly every segment has (RFC 7323 appendix A).
        if let Ok([NOP, NOP, TIMESTAMPS, 10, value @ ..]) = <&[u8; 12]>::try_from(bytes) {
            self.timestamps = Some(Timestamps::from_bytes(*value));
            return Ok(());
        }
        self.read_any(bytes)
    }

    fn read_any(&mut self, mut bytes: &[u8]) -> Result<(), ParseError> {
        while let Some((&kind, rest)) = bytes.split_first() {
            if kind == END {
                break;
            }
            if kind == NOP {
                bytes = rest;
                continue;
            }
            let Some(&len) = rest.first() else {
                return Err(ParseError::OptionTruncated { kind });
            };
            let len = usize::from(len);
            if len < 2 {
                return Err(ParseError::OptionLength { kind, len });
            }
            let Some((option, rest)) = bytes.split_at_checked(len) else {
                return Err(ParseError::OptionTruncated { kind });
            };
            self.take(kind, &option[2..])?;
            bytes = rest;
        }
        Ok(())
    }

    //= https://www.rfc-editor.org/rfc/rfc5482#section-3
    //# A TCP implementation that does not support the UTO option MUST silently ignore it [RFC1122], thus ensuring
    //# interoperability.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# A TCP implementation MUST (MUST-6) ignore without error any TCP Option it does not implement, assuming that
    //# the option has a length field.
    fn take(&mut self, kind: u8, value: &[u8]) -> Result<(), ParseError> {
        let wrong = ParseError::OptionLength {
            kind,
            len: value.len() + 2,
        };
        match kind {
            MSS => self.mss = Some(u16::from_be_bytes(value.try_into().map_err(|_| wrong)?)),
            WINDOW_SCALE => {
                let [shift] = value else { return Err(wrong) };
                self.window_scale = Some(*shift);
            }
            SACK_PERMITTED => {
                if !value.is_empty() {
                    return Err(wrong);
                }
                self.sack_permitted = true;
            }
            TIMESTAMPS => {
                let value = value.try_into().map_err(|_| wrong)?;
                self.timestamps = Some(Timestamps::from_bytes(value));
            }
            SACK => {
                // RFC 2018 §3: 8*n+2 bytes. More than four do not fit in a header.
                if value.is_empty() || !value.len().is_multiple_of(8) {
                    return Err(wrong);
                }
                let (words, _) = value.as_chunks::<4>();
                for pair in words.chunks_exact(2) {
                    let [left, right] =
                        [pair[0], pair[1]].map(|word| SeqNumber(u32::from_be_bytes(word)));
                    self.sack.push(left, right);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The length of the option bytes, a multiple of four, at most 40.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        if self.are_timestamps_only() {
            return TIMESTAMPS_PADDED_LEN as usize;
        }
        self.any_len()
    }

    /// Nearly every segment's.
    #[inline]
    const fn are_timestamps_only(&self) -> bool {
        self.timestamps.is_some()
            && self.sack.is_empty()
            && self.mss.is_none()
            && self.window_scale.is_none()
            && !self.sack_permitted
    }

    const fn any_len(&self) -> usize {
        let mut len = 0;
        if self.mss.is_some() {
            len += 4;
        }
        if self.timestamps.is_some() {
            len += 12;
        } else if self.sack_permitted {
            len += 4;
        }
        if self.window_scale.is_some() {
            len += 4;
        }
        let blocks = self.blocks(len);
        if blocks > 0 {
            len += 4 + 8 * blocks;
        }
        len
    }

    /// How many SACK blocks there is room for after `used` bytes.
    const fn blocks(&self, used: usize) -> usize {
        let room = (MAX_LEN - 4 - used) / 8;
        if self.sack.len() < room {
            self.sack.len()
        } else {
            room
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# The content of the header beyond the End of Option List Option MUST be header padding of zeros (MUST-69).
    /// Writes the option bytes, in the order that Linux sends: `mss,sackOK,TS,nop,wscale` in a SYN (two NOPs where
    /// `sackOK` would be), `nop,nop,TS,nop,nop,SACK` else. Blocks for which there is no room are left out.
    ///
    /// `out` has [`Options::len`] bytes at least.
    #[inline]
    pub(crate) fn write(&self, out: &mut [u8]) {
        if self.are_timestamps_only()
            && let Some(timestamps) = self.timestamps
            && let Some(out) = out.first_chunk_mut::<{ TIMESTAMPS_PADDED_LEN as usize }>()
        {
            out[..4].copy_from_slice(&[NOP, NOP, TIMESTAMPS, 10]);
            out[4..8].copy_from_slice(&timestamps.value.to_be_bytes());
            out[8..].copy_from_slice(&timestamps.echo.to_be_bytes());
            return;
        }
        self.write_any(out);
    }

    fn write_any(&self, out: &mut [u8]) {
        let mut writer = Writer { out, at: 0 };
        if let Some(mss) = self.mss {
            let [high, low] = mss.to_be_bytes();
            writer.put([MSS, 4, high, low]);
        }
        if let Some(timestamps) = self.timestamps {
            writer.put(if self.sack_permitted {
                [SACK_PERMITTED, 2, TIMESTAMPS, 10]
            } else {
                [NOP, NOP, TIMESTAMPS, 10]
            });
            writer.put(timestamps.value.to_be_bytes());
            writer.put(timestamps.echo.to_be_bytes());
        } else if self.sack_permitted {
            writer.put([NOP, NOP, SACK_PERMITTED, 2]);
        }
        if let Some(shift) = self.window_scale {
            writer.put([NOP, WINDOW_SCALE, 3, shift]);
        }
        let blocks = self.blocks(writer.at);
        if blocks > 0 {
            // At most four.
            #[expect(clippy::cast_possible_truncation)]
            writer.put([NOP, NOP, SACK, 2 + 8 * blocks as u8]);
            for (left, right) in &self.sack.as_slice()[..blocks] {
                writer.put(left.0.to_be_bytes());
                writer.put(right.0.to_be_bytes());
            }
        }
    }
}

/// Largest length of the option bytes (RFC 9293 §3.1: a data offset of 15 words).
const MAX_LEN: usize = 40;

/// Writes word after word.
struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, word: [u8; 4]) {
        if let Some(place) = self.out.get_mut(self.at..self.at + 4) {
            place.copy_from_slice(&word);
        }
        self.at += 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(options: &Options) -> Vec<u8> {
        let mut bytes = vec![0; options.len()];
        options.write(&mut bytes);
        bytes
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //= type=test
    //# A given TCP implementation can support any currently defined options, but the following options MUST be
    //# supported (MUST-4 -- note Maximum Segment Size Option support is also part of MUST-14 in Section 3.7.1):
    #[test]
    fn the_options_of_a_linux_syn_are_read() {
        let bytes = [
            2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7,
        ];
        let options = Options::parse(&bytes).unwrap();
        assert_eq!(
            options,
            Options {
                mss: Some(1460),
                window_scale: Some(7),
                sack_permitted: true,
                timestamps: Some(Timestamps { value: 7, echo: 0 }),
                sack: SackBlocks::default(),
            }
        );
        assert_eq!(written(&options), bytes);
    }

    //= https://www.rfc-editor.org/rfc/rfc5482#section-3
    //= type=test
    //# A TCP implementation that does not support the UTO option MUST silently ignore it [RFC1122], thus ensuring
    //# interoperability.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.2
    //= type=test
    //# There is no guarantee that senders will use this option, so receivers MUST be prepared to process options
    //# even if they do not begin on a word boundary (MUST-64).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //= type=test
    //# A TCP implementation MUST (MUST-6) ignore without error any TCP Option it does not implement, assuming that
    //# the option has a length field.
    #[test]
    fn an_unknown_option_is_skipped_by_its_length() {
        let options = Options::parse(&[254, 6, 1, 2, 3, 4, 2, 4, 2, 24, 0, 99]).unwrap();
        assert_eq!(options.mss, Some(536));
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //= type=test
    //# TCP implementations MUST be prepared to handle an illegal option length (e.g., zero); a suggested procedure
    //# is to reset the connection and log the error cause (MUST-7).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //= type=test
    //# All TCP Options except End of Option List Option (EOL) and No-Operation (NOP) MUST have length fields,
    //# including all future options (MUST-68).
    #[test]
    fn each_malformed_option_is_an_error_that_names_it() {
        for (bytes, error) in [
            (&[2u8][..], ParseError::OptionTruncated { kind: 2 }),
            (&[2, 4, 5], ParseError::OptionTruncated { kind: 2 }),
            (
                &[2, 0, 5, 180],
                ParseError::OptionLength { kind: 2, len: 0 },
            ),
            (&[99, 1], ParseError::OptionLength { kind: 99, len: 1 }),
            (&[2, 3, 5], ParseError::OptionLength { kind: 2, len: 3 }),
            (&[3, 2], ParseError::OptionLength { kind: 3, len: 2 }),
            (&[4, 3, 0], ParseError::OptionLength { kind: 4, len: 3 }),
            (&[5, 2], ParseError::OptionLength { kind: 5, len: 2 }),
            (
                &[5, 6, 0, 0, 0, 0],
                ParseError::OptionLength { kind: 5, len: 6 },
            ),
            (&[8, 4, 0, 0], ParseError::OptionLength { kind: 8, len: 4 }),
        ] {
            assert_eq!(Options::parse(bytes), Err(error), "{bytes:?}");
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //= type=test
    //# The content of the header beyond the End of Option List Option MUST be header padding of zeros (MUST-69).
    #[test]
    fn sack_blocks_are_written_as_they_are_read_as_many_as_there_is_room_for() {
        let mut options = Options::default();
        for i in 0..4 {
            options
                .sack
                .push(SeqNumber(100 * i), SeqNumber(100 * i + 50));
        }
        let bytes = written(&options);
        assert_eq!(bytes.len(), 36);
        assert_eq!(bytes[..4], [1, 1, 5, 34]);
        assert_eq!(Options::parse(&bytes), Ok(options));
        options.timestamps = Some(Timestamps { value: 1, echo: 2 });
        let read = Options::parse(&written(&options)).unwrap();
        assert_eq!(read.sack.as_slice(), &options.sack.as_slice()[..3]);
    }

    #[test]
    fn without_sack_two_nops_stand_before_the_timestamps() {
        let options = Options {
            timestamps: Some(Timestamps { value: 1, echo: 2 }),
            ..Options::default()
        };
        assert_eq!(written(&options), [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    }
}
