//! Everything that is checked without running the product.

use crate::process::{cargo, run as spawn};
use crate::registers;
use anyhow::Result;

/// Formatting, clippy, kernel lint, contract drift, documents.
pub(crate) fn run() -> Result<()> {
    crate::setup::ensure(crate::setup::SIMULATION)?;
    step("formatting");
    spawn(cargo().args(["fmt", "--all", "--check"]))?;
    step("contract: docs/REGISTERS.md against nic-abi");
    registers::run(&registers::Args { check: true })?;
    step("requirements: docs/COMPLIANCE.md against the annotations");
    crate::compliance::run(&crate::compliance::Args {
        check: true,
        texts: None,
    })?;
    step("links in the documents");
    crate::links::check()?;
    step("kernel lint");
    spawn(cargo().args([
        "run",
        "--quiet",
        "--package",
        "longshore-hdl",
        "--bin",
        "kernel-lint",
    ]))?;
    step("clippy");
    spawn(cargo().arg("clippy").args(crate::process::WHOLE).args([
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    step("documents");
    spawn(
        cargo()
            .args([
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn step(what: &str) {
    println!("== {what}");
}
