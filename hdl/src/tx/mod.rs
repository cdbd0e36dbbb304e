//! The transmit datapath.

pub mod aligner;
pub mod buffer_store;
pub mod busy;
pub mod byte_mask;
pub mod checks;
pub mod completer;
pub mod counts;
pub mod datapath;
pub mod faults;
pub mod gather;
pub mod packer;
pub mod patch;
pub mod positions;
pub mod records;
pub mod responses;
pub mod scheduler;
pub mod segment_ring;
pub mod segmenter;
pub mod word_at;

pub use datapath::Tx;

crate::catalogue! {
    /// Spreads bits over bytes.
    tx_byte_mask: byte_mask::ByteMask = byte_mask::ByteMask::default();
    /// Spreads bits for words over bits for bytes.
    tx_word_mask: byte_mask::WordMask = byte_mask::WordMask::default();
    /// Where a header word lies in a beat.
    tx_word_at: word_at::WordAt = word_at::WordAt::default();
    /// The barrel rotator.
    tx_aligner: aligner::Aligner = aligner::Aligner::default();
    /// Cuts a request's bytes into segments.
    tx_packer: packer::Packer = packer::Packer::default();
    /// Plans the reads.
    tx_gather: gather::Gather = gather::Gather::new(1024, 1024);
    /// Takes the reads' data.
    tx_responses: responses::Responses<10> = responses::Responses::default();
    /// Holds buffers.
    tx_buffer_store: buffer_store::BufferStore = buffer_store::BufferStore::default();
    /// Word masks of header fields.
    tx_positions: positions::Positions = positions::Positions::default();
    /// Header fields of segments.
    tx_patch: patch::Patch = patch::Patch::default();
    /// Makes segments.
    tx_segmenter: segmenter::Segmenter<9> = segmenter::Segmenter::default();
    /// Holds segments until their checksums are known.
    tx_segment_ring: segment_ring::SegmentRing<9> = segment_ring::SegmentRing::default();
    /// The checks of a request.
    tx_checks: checks::Checks = checks::Checks::new(1518);
    /// Takes requests from the queues in turn.
    tx_scheduler: scheduler::Scheduler<2> = scheduler::Scheduler::new(1518);
    /// Ends requests.
    tx_completer: completer::Completer = completer::Completer::default();
    /// Joins the faults and stops their queues.
    tx_faults: faults::Faults = faults::Faults::default();
    /// Counts requests by queue.
    tx_busy: busy::Busy = busy::Busy::default();
    /// Statistics bits.
    tx_counts: counts::Counts = counts::Counts::default();
    /// The transmit datapath of two queues, 4 KiB of segments, 8 KiB of responses.
    tx: Tx<2, 9, 10> = Tx::new(1518, 1024);
    /// The same for jumbo frames: 32 KiB of segments.
    tx_jumbo: Tx<2, 12, 10> = Tx::new(9018, 1024);
}
