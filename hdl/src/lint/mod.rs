//! Kernel lint: finds rust-hdl kernels that compile and mean something else in Verilog.
//!
//! rust-hdl prints the tokens of an `#[hdl_gen]` function as Verilog, so Verilog's precedence, widths and name space apply to
//! what Rust has type-checked by other rules. Each [`Rule`] is one such trap. The lint reads source text and knows no
//! types: where it cannot tell, it asks for the spelling that is certainly right. What it cannot see, the lock-step
//! comparison with Verilator has to.
//!
//! Runs as a test over `hdl/src`, and as `cargo run -p longshore-hdl --bin kernel-lint [PATH…]`.

mod assigned;
mod declarations;
mod expressions;
mod kernel;
mod keywords;
mod macros;
mod rules;

pub use rules::{Finding, Rule};

use std::{
    fs, io,
    path::{Path, PathBuf},
};
use thiserror::Error;

/// Why a file could not be linted.
#[derive(Debug, Error)]
pub enum LintError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no Rust.
    #[error("{path} is not Rust: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: syn::Error,
    },
}

/// Lints one source text; `path` names it in the findings.
///
/// # Errors
/// If the text is no Rust.
pub fn lint_source(path: &Path, text: &str) -> Result<Vec<Finding>, LintError> {
    let file = syn::parse_file(text).map_err(|source| LintError::Parse {
        path: path.to_owned(),
        source,
    })?;
    let mut findings = Vec::new();
    let mut report = |rule: Rule, span: proc_macro2::Span, message: String| {
        let start = span.start();
        findings.push(Finding {
            path: path.to_owned(),
            line: start.line,
            column: start.column + 1,
            rule,
            message,
        });
    };
    for unit in std::iter::once(file.clone()).chain(macros::expansions(&file)) {
        let locals = declarations::check(&unit, &mut report);
        kernel::check(&unit, &locals, &mut report);
    }
    findings.sort_by_key(|f| (f.line, f.column, f.rule));
    findings.dedup();
    Ok(findings)
}

/// Lints `path`: a file, or all `.rs` files below a folder, in the order of their names.
///
/// # Errors
/// At the first file that cannot be read or is no Rust.
pub fn lint_tree(path: &Path) -> Result<Vec<Finding>, LintError> {
    let read = |source| LintError::Read {
        path: path.to_owned(),
        source,
    };
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)
            .map_err(read)?
            .map(|entry| entry.map(|e| e.path()))
            .collect::<Result<_, _>>()
            .map_err(read)?;
        entries.sort();
        let mut findings = Vec::new();
        for entry in entries {
            if entry.is_dir() || entry.extension().is_some_and(|e| e == "rs") {
                findings.extend(lint_tree(&entry)?);
            }
        }
        return Ok(findings);
    }
    lint_source(path, &fs::read_to_string(path).map_err(read)?)
}

#[cfg(test)]
mod tests;
