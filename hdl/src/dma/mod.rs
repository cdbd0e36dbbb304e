//! What shares the host's memory among the engines.

pub mod completion_slot;
pub mod read_mux;
pub mod write_mux;

crate::catalogue! {
    /// One completion between a datapath and the completion queues.
    dma_completion_slot: completion_slot::CompletionSlot = completion_slot::CompletionSlot::default();
    /// Three readers on one read channel.
    dma_read_mux: read_mux::ReadMux = read_mux::ReadMux::default();
    /// Two writers on one write channel.
    dma_write_mux: write_mux::WriteMux = write_mux::WriteMux::default();
}
