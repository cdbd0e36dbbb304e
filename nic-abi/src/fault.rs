//! Why a queue pair was quarantined, and the status codes of completions.

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $value:literal, $doc:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $(#[doc = $doc] $(#[$vmeta])* $variant = $value,)* }

        impl $name {
            /// All codes with their meaning, for documents.
            pub const ALL: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$variant, stringify!($variant), $doc),)*];

            /// The code that `raw` stands for, if it stands for one.
            pub const fn from_raw(raw: u8) -> Option<Self> {
                match raw { $($value => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    /// Cause of a quarantine: field CAUSE of QP_STATUS, status of an event completion.
    ///
    /// A quarantined queue pair fetches, sends and delivers nothing more until it is disabled and
    /// enabled again; all other queue pairs are unaffected.
    ///
    /// What a fault leaves of the queue pair's transmit requests: those before a bad descriptor of the submission
    /// queue (BadDescriptorType, BadLength), or before the one that PayloadReadFailed tells of, end as if there had been no
    /// fault; the request of a bad buffer has no completion but the event. Every other fault strikes at any time: of a request
    /// that was taken up before, the segments already under way still go out, and if they are not all it completes as Cancelled with
    /// their number. Requests that were not taken up have no completion.
    QueueFault {
        None = 0, "The queue pair is not in quarantine.";
        BadDescriptorType = 1, "A descriptor's type is not the one that belongs at its place.";
        BadLength = 2, "A buffer of length 0 or above the limit.";
        BadAlignment = 3, "A receive buffer is not 64 B aligned.";
        BadIndex = 4, "A doorbell moved a tail further than the ring is long, or a consumer index beyond the producer.";
        ReadFailed = 5, "A descriptor read failed: unsupported request, completer abort, poisoned, or time-out.";
        BadConfiguration = 6, "Enable with a ring base that is not 64 B aligned, a ring size out of range, or a completion ring smaller than SQ + RQ. No event: there is no completion ring to be trusted.";
        PayloadReadFailed = 7, "A payload read failed; the request completed with ReadFailed.";
    }
}

codes! {
    /// Outcome of a transmit request or of a command.
    Status {
        Ok = 0, "Done.";
        Cancelled = 1, "Cut short: the flow was deleted with CANCEL, or the queue pair was disabled or quarantined. The count says what still went out.";
        BadHeader = 2, "A header too short for what is asked, or an offset odd or outside of it (`tx::check`). Nothing was sent.";
        BadMss = 3, "Segmentation asked for with MSS 0. Nothing was sent.";
        BadLength = 4, "A frame too long or too short, no payload to segment, or lengths that disagree with the buffers. Nothing was sent.";
        ReadFailed = 5, "A payload read failed. Nothing of the segment at hand was sent.";
        BadFlags = 6, "Flags that exclude each other, or that ask for what no feature block offers. Nothing was sent.";
        Full = 7, "FLOW_ADD: no room; the flow lives on RSS with the same semantics.";
        Duplicate = 8, "FLOW_ADD: the key is in the table already.";
        Unknown = 9, "FLOW_DEL: no such handle.";
    }
}
