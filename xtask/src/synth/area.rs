//! Area of every module from a hierarchical synthesis run.

use super::Run;
use super::budget::{BUDGETS, Budget};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a module takes, everything below it included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) lut4: u64,
    pub(crate) ff: u64,
    pub(crate) bram: u64,
}

/// Areas by module name.
pub(crate) type Areas = BTreeMap<String, Area>;

/// Synthesises `top` with its hierarchy kept and adds up each module's cells.
pub(crate) fn measure(run: &Run, top: &str) -> Result<Areas> {
    let source = run.source(top)?;
    println!("synthesising {top} for ECP5, part by part");
    // Flattened up to the parts' boundaries: across register modules the tools would find nothing.
    let parts: String = BUDGETS
        .iter()
        .map(|b| format!("setattr -mod -set keep_hierarchy 1 {}; ", b.module))
        .collect();
    let stat = run.work.join("stat.json");
    run.yosys(&format!(
        "read_verilog -sv {source}; hierarchy -top {top}; {parts}synth_ecp5 -top {top} -abc9; tee -q -o stat.json stat -json"
    ))?;
    let text = std::fs::read_to_string(&stat).context("yosys wrote no statistics")?;
    let json: Value = serde_json::from_str(&text).context("yosys's statistics are no JSON")?;
    let modules = json["modules"]
        .as_object()
        .context("yosys's statistics have no modules")?;
    let cells: BTreeMap<&str, BTreeMap<&str, u64>> = modules
        .iter()
        .map(|(name, m)| (plain(name), cell_counts(m)))
        .collect();
    let mut areas = Areas::new();
    for name in cells.keys() {
        total(name, &cells, &mut areas);
    }
    if !areas.contains_key(top) {
        bail!("yosys's statistics lack the top module {top}");
    }
    Ok(areas)
}

fn plain(name: &str) -> &str {
    name.trim_start_matches('\\')
}

fn cell_counts(module: &Value) -> BTreeMap<&str, u64> {
    let types = module["num_cells_by_type"].as_object();
    types
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| {
            // Newer versions nest the count.
            let n = v.as_u64().or_else(|| v["count"].as_u64())?;
            Some((plain(k), n))
        })
        .collect()
}

fn total(name: &str, cells: &BTreeMap<&str, BTreeMap<&str, u64>>, areas: &mut Areas) -> Area {
    if let Some(known) = areas.get(name) {
        return *known;
    }
    let mut sum = Area::default();
    for (cell, n) in &cells[name] {
        match *cell {
            "LUT4" => sum.lut4 += n,
            "CCU2C" => sum.lut4 += 2 * n,
            "TRELLIS_DPR16X4" => sum.lut4 += 4 * n,
            "TRELLIS_FF" => sum.ff += n,
            "DP16KD" => sum.bram += n,
            below if cells.contains_key(below) => {
                let area = total(below, cells, areas);
                sum.lut4 += n * area.lut4;
                sum.ff += n * area.ff;
                sum.bram += n * area.bram;
            }
            _ => {}
        }
    }
    areas.insert(name.to_owned(), sum);
    sum
}

/// A table of the parts with their budgets.
pub(crate) fn table(areas: &Areas, budgets: &[Budget]) -> String {
    let mut text = String::from(
        "| part | LUT4 | of | FF | of | block RAM | of |\n|---|---:|---:|---:|---:|---:|---:|\n",
    );
    let mut rows = 0;
    for b in budgets {
        if let Some(a) = areas.get(b.module) {
            rows += 1;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                b.module, a.lut4, b.lut4, a.ff, b.ff, a.bram, b.bram
            );
        }
    }
    if rows == 0 {
        // Some other module than the NIC: everything there is, without budgets.
        for (name, a) in areas {
            let _ = writeln!(
                text,
                "| {name} | {} | | {} | | {} | |",
                a.lut4, a.ff, a.bram
            );
        }
    }
    text
}

/// Fails on a part over its budget.
pub(crate) fn within(areas: &Areas, budgets: &[Budget]) -> Result<()> {
    let over: Vec<_> = budgets
        .iter()
        .filter(|b| {
            areas
                .get(b.module)
                .is_some_and(|a| a.lut4 > b.lut4 || a.ff > b.ff || a.bram > b.bram)
        })
        .map(|b| b.module)
        .collect();
    if !over.is_empty() {
        bail!(
            "over budget: {}; make the part smaller, or raise its budget in xtask/src/synth/budget.rs with the reason in docs/DECISIONS.md",
            over.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_counts_what_lies_below_it() {
        let mut cells = BTreeMap::new();
        cells.insert(
            "leaf",
            BTreeMap::from([("LUT4", 3), ("TRELLIS_FF", 2), ("CCU2C", 1)]),
        );
        cells.insert(
            "top",
            BTreeMap::from([("leaf", 2), ("DP16KD", 1), ("LUT4", 1)]),
        );
        let mut areas = Areas::new();
        let top = total("top", &cells, &mut areas);
        assert_eq!(
            top,
            Area {
                lut4: 11,
                ff: 4,
                bram: 1
            }
        );
    }
}
