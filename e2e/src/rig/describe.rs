//! Frames and steps in words, for messages.

use super::scenario::Step;
use etherparse::SlicedPacket;
use std::fmt::Write;

/// A frame as a line: what etherparse makes of it, and its bytes.
#[must_use]
pub fn frame(frame: &[u8]) -> String {
    let decoded = match SlicedPacket::from_ethernet(frame) {
        Ok(packet) => {
            let mut line = String::new();
            for tag in packet.link_exts.iter() {
                let _ = write!(line, "{:?} ", tag.to_header());
            }
            if let Some(net) = &packet.net {
                let _ = match net {
                    etherparse::NetSlice::Ipv4(ip) => {
                        write!(line, "{:?} ", ip.header().to_header())
                    }
                    etherparse::NetSlice::Ipv6(ip) => {
                        write!(line, "{:?} ", ip.header().to_header())
                    }
                    other => write!(line, "{other:?} "),
                };
            }
            if let Some(transport) = &packet.transport {
                let _ = match transport {
                    etherparse::TransportSlice::Tcp(tcp) => write!(line, "{:?}", tcp.to_header()),
                    etherparse::TransportSlice::Udp(udp) => write!(line, "{:?}", udp.to_header()),
                    other => write!(line, "{other:?}"),
                };
            }
            line
        }
        Err(error) => error.to_string(),
    };
    format!("{}\n    {decoded}", bytes(frame))
}

/// Length and bytes, the middle of long ones left out but for a sum that tells them apart.
#[must_use]
pub fn bytes(bytes: &[u8]) -> String {
    const SHOWN: usize = 96;
    let mut line = format!("{} B:", bytes.len());
    for byte in bytes.iter().take(SHOWN) {
        let _ = write!(line, " {byte:02x}");
    }
    if bytes.len() > SHOWN {
        let rest = nic_model::checksum::sum(0, &bytes[SHOWN..]);
        let _ = write!(line, " … (sum {rest:#06x})");
    }
    line
}

/// A step as a few lines.
#[must_use]
pub fn step(step: &Step) -> String {
    let Step::Traffic(traffic) = step else {
        return format!("{step:02x?}");
    };
    let mut text = format!("traffic: buffers {:?}\n", traffic.buffers);
    for frame in &traffic.frames {
        let _ = writeln!(text, "  in {}", bytes(frame));
    }
    for (queue, batch, pause) in &traffic.requests {
        let _ = writeln!(text, "  doorbell of queue pair {queue}, then {pause}");
        for request in batch {
            let lengths: Vec<usize> = request.pieces.iter().map(|p| p.bytes.len()).collect();
            let context = nic_abi::tx::TxContext::decode(request.context);
            let _ = writeln!(
                text,
                "    {context:?} buffers {lengths:?} {}",
                bytes(&request.bytes())
            );
        }
    }
    text
}
