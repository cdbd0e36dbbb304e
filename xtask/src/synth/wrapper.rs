//! A wrapper that lets a module with hundreds of ports be placed on a part with two hundred pins.
//!
//! Inputs come from a shift register, outputs go through a register into a tree of exclusive-ors:
//! nothing can be optimised away, and every path of the module starts and ends at a register.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write as _;

/// A port of the wrapped module.
struct Port {
    name: String,
    width: usize,
    input: bool,
}

/// Clock inputs of the wrapped module, by their names in the gateware.
fn is_clock(name: &str) -> bool {
    name == "clock" || name.ends_with("_clock")
}

/// The wrapper's Verilog for module `top` of a netlist written by `write_json`.
pub(crate) fn wrap(netlist: &str, top: &str) -> Result<String> {
    let ports = ports(netlist, top)?;
    let inputs: usize = width(&ports, |p| p.input && !is_clock(&p.name));
    let outputs: usize = width(&ports, |p| !p.input);
    let mut text = format!(
        "module wrapper(input clock, input mac_clock, input serial_in, output reg serial_out);\n\
         reg [{i}:0] feed; always @(posedge clock) feed <= {{feed[{i1}:0], serial_in}};\n\
         wire [{o}:0] seen; reg [{o}:0] kept; always @(posedge clock) kept <= seen;\n",
        i = inputs.max(2) - 1,
        i1 = inputs.max(2) - 2,
        o = outputs.max(1) - 1,
    );
    // A pipelined tree, 16 to 1 per stage, so that the wrapper never limits the clock.
    let (mut width, mut stage, mut from) = (outputs.max(1), 0, "kept".to_owned());
    while width > 1 {
        let next = width.div_ceil(16);
        let _ = writeln!(
            text,
            "reg [{}:0] fold{stage};\nalways @(posedge clock) begin",
            next - 1
        );
        for i in 0..next {
            let high = (16 * i + 15).min(width - 1);
            let _ = writeln!(text, "fold{stage}[{i}] <= ^{from}[{high}:{}];", 16 * i);
        }
        text.push_str("end\n");
        (width, from, stage) = (next, format!("fold{stage}"), stage + 1);
    }
    let _ = writeln!(
        text,
        "always @(posedge clock) serial_out <= {from}[0];\n\\{top} dut("
    );
    let (mut fed, mut read) = (0, 0);
    let mut lines = Vec::new();
    for p in &ports {
        let net = if is_clock(&p.name) {
            if p.name == "clock" {
                "clock".into()
            } else {
                "mac_clock".into()
            }
        } else if p.input {
            fed += p.width;
            format!("feed[{}:{}]", fed - 1, fed - p.width)
        } else {
            read += p.width;
            format!("seen[{}:{}]", read - 1, read - p.width)
        };
        lines.push(format!("  .\\{} ({net})", p.name));
    }
    text.push_str(&lines.join(",\n"));
    text.push_str("\n);\nendmodule\n");
    Ok(text)
}

fn width(ports: &[Port], of: impl Fn(&Port) -> bool) -> usize {
    ports.iter().filter(|p| of(p)).map(|p| p.width).sum()
}

fn ports(netlist: &str, top: &str) -> Result<Vec<Port>> {
    let json: Value = serde_json::from_str(netlist).context("the netlist is no JSON")?;
    let ports = json["modules"][top]["ports"]
        .as_object()
        .with_context(|| format!("the netlist has no module {top}"))?;
    Ok(ports
        .iter()
        .map(|(name, p)| Port {
            name: name.clone(),
            width: p["bits"].as_array().map_or(0, Vec::len),
            input: p["direction"] == "input",
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_connected_once() {
        let netlist = r#"{"modules":{"m":{"ports":{
            "clock":{"direction":"input","bits":[2]},
            "a$b":{"direction":"input","bits":[3,4,5]},
            "y":{"direction":"output","bits":[6,7]}}}}}"#;
        let text = wrap(netlist, "m").unwrap();
        assert!(text.contains(".\\clock (clock)"));
        assert!(text.contains(".\\a$b (feed[2:0])"));
        assert!(text.contains(".\\y (seen[1:0])"));
    }
}
