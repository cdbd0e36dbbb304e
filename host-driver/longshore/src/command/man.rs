//! `longshore man`

use crate::cli::{Cli, Man};
use crate::outcome::Outcome;
use anyhow::{Context as _, Result};
use clap::CommandFactory as _;

pub(super) fn run(args: &Man) -> Result<Outcome> {
    let folder = &args.folder;
    let write = || {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(Cli::command(), folder)
    };
    write().with_context(|| format!("cannot write the manual pages to {}", folder.display()))?;
    Ok(Outcome::Done)
}
