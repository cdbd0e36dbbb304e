//! One module a subcommand.

mod bind;
mod completions;
mod doctor;
mod fetch;
mod host_file;
mod info;
mod inspect;
mod list;
mod man;
mod ping;
mod queues;
mod regs;
mod reset;
mod serve_file;
mod stats;
mod table;

pub(crate) use host_file::HostFiles;

use crate::cli::{Cli, Command};
use crate::outcome::Outcome;
use crate::output::Output;
use anyhow::Result;

/// Does what was typed.
///
/// # Errors
/// Cause and remedy.
pub(crate) fn run(cli: &Cli, output: &mut Output) -> Result<Outcome> {
    let root = &cli.host_root;
    match &cli.command {
        Command::List => list::run(root, output),
        Command::Bind(args) => bind::bind(args, root, output),
        Command::Unbind(args) => bind::unbind(args, root, output),
        Command::Info(args) => info::run(args, root, output),
        Command::Stats(args) => stats::run(args, root, output),
        Command::Regs(args) => regs::run(args, root, output),
        Command::Queues(args) => queues::run(args, root, output),
        Command::Reset(args) => reset::run(args, root, output),
        Command::Ping(args) => ping::run(args, root, output),
        Command::ServeFile(args) => serve_file::run(args, root, output),
        Command::Fetch(args) => fetch::run(args, root, output),
        Command::Doctor(args) => doctor::run(args, root, output),
        Command::HostFile(args) => host_file::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}
