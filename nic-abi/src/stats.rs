//! Every counter of the NIC, by name.
//!
//! A counter is 64 bits wide, counts from the last function-level reset and wraps. Reading its lower
//! word latches the upper one, which is read next. Every frame ends in exactly one outcome:
//!
//! - `rx_frames = rx_delivered + rx_disabled + rx_runt + rx_oversize + rx_filtered + rx_overflow +
//!   rx_no_buffer` plus what is on its way;
//! - `tx_requests = tx_sent + tx_rejected + tx_cancelled + tx_read_failed` plus what is on its way;
//! - `tx_segments = tx_frames` plus what is on its way.

/// One counter.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    /// Name in documents, tools and the gateware.
    pub name: &'static str,
    /// What it counts.
    pub doc: &'static str,
}

macro_rules! counters {
    ($($(#[$m:meta])* $id:ident $name:literal $doc:literal;)*) => {
        /// Index of a counter: its place in [`COUNTERS`] and in the statistics block.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Stat { $(#[doc = $doc] $(#[$m])* $id,)* }

        impl Stat {
            /// All counters in order.
            pub const ALL: &'static [Stat] = &[$(Stat::$id,)*];
        }

        /// Names and meanings, indexed by [`Stat`].
        pub const COUNTERS: &[Counter] = &[$(Counter { name: $name, doc: $doc },)*];
    };
}

counters! {
    RxFrames "rx_frames" "Frames that the MAC handed in.";
    RxBytes "rx_bytes" "Bytes of those frames, without FCS.";
    RxDelivered "rx_delivered" "Outcome: written to host memory and completed.";
    RxDisabled "rx_disabled" "Outcome: dropped, reception or the target queue pair is not enabled or is in quarantine.";
    RxRunt "rx_runt" "Outcome: dropped, shorter than an Ethernet header.";
    RxOversize "rx_oversize" "Outcome: dropped, longer than MAX_FRAME.";
    RxFiltered "rx_filtered" "Outcome: dropped, not addressed to this station.";
    RxOverflow "rx_overflow" "Outcome: dropped, the frame FIFO was full.";
    RxNoBuffer "rx_no_buffer" "Outcome: dropped, no receive descriptor was posted, or the completion ring had no room.";
    RxL3Bad "rx_l3_bad" "Delivered frames with a bad IPv4 header checksum.";
    RxL4Bad "rx_l4_bad" "Delivered frames with a bad TCP or UDP checksum.";
    RxL4Ok "rx_l4_ok" "Delivered frames with a good TCP or UDP checksum.";
    TxRequests "tx_requests" "Transmit contexts taken up.";
    TxSent "tx_sent" "Outcome: all segments sent.";
    TxRejected "tx_rejected" "Outcome: refused by its checks, nothing sent.";
    TxCancelled "tx_cancelled" "Outcome: cut short by FLOW_DEL with CANCEL, or by disabling or quarantining the queue pair.";
    TxReadFailed "tx_read_failed" "Outcome: a payload read failed.";
    TxTsoRequests "tx_tso_requests" "Requests with segmentation.";
    TxSegments "tx_segments" "Frames that the segmenter finished.";
    TxL3Checksums "tx_l3_checksums" "IPv4 header checksums inserted.";
    TxL4Checksums "tx_l4_checksums" "TCP and UDP checksums inserted.";
    TxFrames "tx_frames" "Frames handed to the MAC.";
    TxBytes "tx_bytes" "Bytes of those frames, padding included, without FCS.";
    TxBubbles "tx_bubbles" "Cycles in which the segmenter's output idled inside a request although the wire was ready.";
    BusReads "bus_reads" "Memory read requests (MRd) sent.";
    BusWrites "bus_writes" "Memory write requests (MWr) sent, MSI-X included.";
    BusReadErrors "bus_read_errors" "Reads that ended in an error completion.";
    BusReadTimeouts "bus_read_timeouts" "Reads that ended by time-out; their tags are retired.";
    BusUnexpected "bus_unexpected" "Completions that no outstanding read asked for; dropped.";
    BusUnsupported "bus_unsupported" "Requests that the function does not serve; answered or dropped.";
    Interrupts "interrupts" "MSI-X messages sent.";
    Completions "completions" "Completion entries written.";
}

impl Stat {
    /// The counter's name.
    pub const fn name(self) -> &'static str {
        COUNTERS[self as usize].name
    }

    /// Offset of the counter's lower word in BAR0; the upper one follows.
    pub const fn offset(self) -> u32 {
        crate::block::STATS.base + 8 * self as u32
    }
}

/// Outcomes of a received frame: their sum is `rx_frames` when nothing is on its way.
pub const RX_OUTCOMES: &[Stat] = &[
    Stat::RxDelivered,
    Stat::RxDisabled,
    Stat::RxRunt,
    Stat::RxOversize,
    Stat::RxFiltered,
    Stat::RxOverflow,
    Stat::RxNoBuffer,
];

/// Outcomes of a transmit request: their sum is `tx_requests` when nothing is on its way.
pub const TX_OUTCOMES: &[Stat] = &[
    Stat::TxSent,
    Stat::TxRejected,
    Stat::TxCancelled,
    Stat::TxReadFailed,
];
