//! Lints the kernels of the given files and folders, or of this crate: `kernel-lint [PATH…]`.

use longshore_hdl::lint::lint_tree;
use std::{path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let mut paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if paths.is_empty() {
        paths.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src"));
    }
    let mut count = 0;
    for path in paths {
        match lint_tree(&path) {
            Ok(findings) => {
                count += findings.len();
                for finding in findings {
                    println!("{finding}");
                }
            }
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("kernel-lint: {count} findings");
    if count == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
