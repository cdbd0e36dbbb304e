//! What shares the host's memory among the engines.

pub mod read_mux;
pub mod write_mux;

crate::catalogue! {
    /// Three readers on one read channel.
    dma_read_mux: read_mux::ReadMux = read_mux::ReadMux::default();
    /// Two writers on one write channel.
    dma_write_mux: write_mux::WriteMux = write_mux::WriteMux::default();
}
