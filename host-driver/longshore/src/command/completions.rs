//! `longshore completions`

use crate::cli::{Cli, Completions};
use crate::outcome::Outcome;
use anyhow::Result;
use clap::CommandFactory as _;
use std::io::Write as _;

pub(super) fn run(args: &Completions) -> Result<Outcome> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "longshore", &mut text);
    std::io::stdout().lock().write_all(&text)?;
    Ok(Outcome::Done)
}
