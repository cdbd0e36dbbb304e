//! `longshore-drill`: plays scripts and says how they went.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use longshore_drill::exceptions::Exceptions;
use longshore_drill::suite::{Mark, report, scripts, verdict};

/// Plays packetdrill's scripts against the stack, in virtual time.
#[derive(Parser)]
struct Args {
    /// Scripts, or folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Of a folder's scripts, only those whose name contains this.
    #[arg(long, default_value = "")]
    script: String,
    /// Play and count those of the list of exceptions, too.
    #[arg(long)]
    all: bool,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let exceptions = if args.all {
        Exceptions::default()
    } else {
        Exceptions::own()
    };
    let mut list = Vec::new();
    for path in &args.paths {
        if path.is_dir() {
            let found = scripts(path, &args.script);
            list.extend(found.with_context(|| format!("{}", path.display()))?);
        } else {
            list.push(path.clone());
        }
    }
    let verdicts: Vec<_> = list.iter().map(|path| verdict(path, &exceptions)).collect();
    print!("{}", report(&verdicts));
    let failed = verdicts.iter().any(|v| v.mark() == Mark::Failed);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
