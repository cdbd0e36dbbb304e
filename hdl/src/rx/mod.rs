//! Receive: frames from the wire → filter ‖ parser ‖ checksums → frame FIFO → writer → host memory.
//!
//! What is said of a frame, and how it ends: docs/RX-PARSING.md. The seams: docs/GATEWARE.md.

pub mod aligner;
pub mod checksum;
pub mod ethernet;
pub mod filter;
pub mod front;
pub mod ipv4;
pub mod ipv6;
pub mod kept;
pub mod layer4;
pub mod parser;
pub mod receive;
pub mod result;
pub mod verdict;
pub mod walk;
pub mod writer;

pub use receive::Rx;

crate::catalogue! {
    /// The Ethernet header and VLAN tags.
    rx_ethernet: ethernet::Ethernet = ethernet::Ethernet::default();
    /// Layer 3 shifted to byte 0 of a beat.
    rx_aligner: aligner::Aligner = aligner::Aligner::default();
    /// The IPv4 header.
    rx_ipv4: ipv4::Ipv4 = ipv4::Ipv4::default();
    /// The IPv6 header and its chain.
    rx_ipv6: ipv6::Ipv6 = ipv6::Ipv6::default();
    /// The fields of TCP and UDP.
    rx_layer4: layer4::Layer4 = layer4::Layer4::default();
    /// The walk along the packet.
    rx_walk: walk::Walk = walk::Walk::default();
    /// The end of parsing.
    rx_result: result::ResultStage = result::ResultStage::default();
    /// The parser.
    rx_parser: parser::Parser = parser::Parser::default();
    /// The checksums of a received packet.
    rx_checksum: checksum::Checksum = checksum::Checksum::default();
    /// The verdicts.
    rx_verdict: verdict::VerdictStage = verdict::VerdictStage::default();
    /// The frame filter.
    rx_filter: filter::Filter = filter::Filter::default();
    /// Filter, parser and checksums together.
    rx_front: front::Front = front::Front::default();
    /// A descriptor of one of two queues.
    rx_descriptor: writer::descriptor::Descriptor<2> = writer::descriptor::Descriptor::default();
    /// The descriptors held of two queues.
    rx_held: writer::held::Held<2> = writer::held::Held::default();
    /// The bursts of a frame.
    rx_burst: writer::burst::Burst = writer::burst::Burst::default();
    /// Receive completions.
    rx_completion: writer::completion::Completion = writer::completion::Completion::default();
    /// The writer for two queue pairs.
    rx_writer: writer::engine::Writer<2> = writer::engine::Writer::default();
    /// Reception for two queue pairs.
    rx: Rx<2> = Rx::default();
}
