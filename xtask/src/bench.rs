//! Benches, and their tables in docs/PERFORMANCE.md.

use crate::document::performance;
use crate::process::{cargo, root, run as spawn};
use crate::setup::{SIMULATION, ensure};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only benches whose name contains this; leaves docs/PERFORMANCE.md alone.
    filter: Option<String>,
    /// Only count TCP's instructions (valgrind's callgrind), and write their table.
    #[arg(long, conflicts_with = "filter")]
    instructions: bool,
}

/// Runs the criterion benches, counts instructions, then runs the simulated transfers.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.instructions {
        return crate::instructions::run();
    }
    ensure(SIMULATION)?;
    let mut bench = cargo();
    bench.args([
        "bench",
        "--package",
        "longshore-e2e",
        "--package",
        "longshore-peers",
    ]);
    if let Some(filter) = &args.filter {
        bench.arg("--").arg(filter);
    }
    spawn(&mut bench)?;
    if args.filter.is_some() {
        return Ok(());
    }
    performance(
        "benches",
        &criterion_table(&root().join("target/criterion"))?,
    )?;
    crate::instructions::run()?;
    let transfers = crate::process::output(cargo().args([
        "run",
        "--quiet",
        "--package",
        "longshore-e2e",
        "--bin",
        "longshore-transfers",
    ]))?;
    print!("{transfers}");
    performance("transfers", &transfers)
}

/// Mean and confidence interval of every bench that criterion left an estimate of.
fn criterion_table(folder: &Path) -> Result<String> {
    let mut rows = Vec::new();
    collect(folder, &mut rows)?;
    rows.sort();
    let mut text = String::from("| bench | mean | 95 % interval |\n|---|---:|---:|\n");
    for row in rows {
        text.push_str(&row);
    }
    Ok(text)
}

fn collect(folder: &Path, rows: &mut Vec<String>) -> Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("no results of criterion in {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let (bench, estimates) = (
            path.join("new/benchmark.json"),
            path.join("new/estimates.json"),
        );
        if bench.is_file() && estimates.is_file() {
            let read = |p: &Path| -> Result<Value> {
                Ok(serde_json::from_str(&std::fs::read_to_string(p)?)?)
            };
            let (bench, estimates) = (read(&bench)?, read(&estimates)?);
            let mean = &estimates["mean"];
            let ns = |v: &Value| v.as_f64().map_or("?".into(), time);
            let mut row = String::new();
            let _ = writeln!(
                row,
                "| {} | {} | {} – {} |",
                bench["full_id"].as_str().unwrap_or("?"),
                ns(&mean["point_estimate"]),
                ns(&mean["confidence_interval"]["lower_bound"]),
                ns(&mean["confidence_interval"]["upper_bound"]),
            );
            rows.push(row);
        } else {
            collect(&path, rows)?;
        }
    }
    Ok(())
}

fn time(ns: f64) -> String {
    match ns {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}
