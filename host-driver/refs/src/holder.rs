//! The names of references: who holds what.
//!
//! A name is a type, so that a reference of one holder is not taken for another's, and moving one from holder
//! to holder is visible in the code ([`crate::Ref::transfer`]).

use std::fmt;

/// A holder of references.
pub trait Holder: Send + Sync + 'static {
    /// Its name.
    const NAME: Name;
}

macro_rules! holders {
    ($($name:ident $doc:literal;)*) => {
        /// Name of a holder.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Name { $(#[doc = $doc] $name,)* }

        impl Name {
            /// All names.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Who that is.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }
        }

        $(
            #[doc = $doc]
            #[derive(Debug)]
            pub enum $name {}
            impl Holder for $name { const NAME: Name = Name::$name; }
        )*
    };
}

holders! {
    F "File or handle → Socket: from `socket()` (at accept: transferred from Q) to close.";
    Q "Listen queue → child Socket: from promotion of a half-open connection to its transfer to F, or to abort.";
    L "Queued child → Listener: from enqueue to dequeue or removal.";
    S "Pcb → Socket with data still to send after close: from close to the end of the connection.";
    P "Socket → Pcb: from attach to detach, exactly once.";
    X "Look-up or completion → Pcb, transient.";
    T "Armed timer → Pcb: from arm to synchronous stop, or to the end of the callback.";
    H "NIC flow-table slot → Pcb: from before FLOW_ADD is posted to FLOW_DEL's completion or confirmed quiesce.";
    D "Posted TX descriptor → buffer chunk: from post to completion or confirmed quiesce, never to close.";
    B "Posted RX buffer, or one lent to a reader → pool: to the reader's drop or confirmed quiesce.";
    M "Queue memory → device: from enable to per-queue reset or confirmed quiesce.";
    Own "Program that fills a chunk and keeps it (a send buffer) → chunk.";
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
