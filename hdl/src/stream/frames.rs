//! Frames as beats and back: plain Rust for test benches and models.

use super::{axis::BYTES, checker::Sample};

/// The beats of a frame as offered samples (`tvalid` high, `tready` low); bytes beyond the frame are zero.
///
/// # Panics
/// If the frame is empty: the stream has no empty frames.
pub fn beats(frame: &[u8]) -> impl ExactSizeIterator<Item = Sample> + '_ {
    assert!(!frame.is_empty(), "the stream has no empty frames");
    let count = frame.len().div_ceil(BYTES);
    frame.chunks(BYTES).enumerate().map(move |(i, chunk)| {
        let mut bytes = [0; BYTES];
        bytes[..chunk.len()].copy_from_slice(chunk);
        Sample {
            tdata: u64::from_le_bytes(bytes),
            tkeep: (0xff_u16 >> (BYTES - chunk.len())) as u8,
            tlast: i + 1 == count,
            tvalid: true,
            tready: false,
        }
    })
}

/// Joins the beats of a stream to frames.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes a sample; answers the frame if a beat moved and it was the frame's last.
    pub fn sample(&mut self, sample: &Sample) -> Option<Vec<u8>> {
        if !sample.moves() {
            return None;
        }
        let kept = sample.tkeep.count_ones() as usize;
        self.bytes
            .extend_from_slice(&sample.tdata.to_le_bytes()[..kept]);
        sample.tlast.then(|| std::mem::take(&mut self.bytes))
    }

    /// Forgets a frame begun: what a reset does.
    pub fn reset(&mut self) {
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_come_back() {
        for length in 1..=40_u8 {
            let frame: Vec<u8> = (0..length).collect();
            let mut assembler = Assembler::default();
            let frames: Vec<_> = beats(&frame)
                .filter_map(|b| assembler.sample(&Sample { tready: true, ..b }))
                .collect();
            assert_eq!(frames, [frame]);
        }
    }

    #[test]
    fn the_first_byte_is_in_the_low_bits() {
        let beat = beats(&[0x11, 0x22]).next().unwrap();
        assert_eq!((beat.tdata, beat.tkeep, beat.tlast), (0x2211, 0b11, true));
    }
}
