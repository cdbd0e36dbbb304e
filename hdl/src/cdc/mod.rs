//! Clock-domain crossing.

pub mod synchronizer;

crate::catalogue! {
    /// The synchronizer of the asynchronous FIFO's pointers.
    synchronizer_5: synchronizer::Synchronizer<5> = synchronizer::Synchronizer::default();
}
