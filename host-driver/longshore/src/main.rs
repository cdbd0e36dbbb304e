//! The `longshore` command: finds, binds, inspects and uses Longshore NICs.
//!
//! - [`cli`]: what can be typed
//! - [`connection`]: from a transport's name to an open device
//! - [`session`]: a stack over such a device
//! - [`command`]: one module a subcommand
//! - [`doctor`]: what the host lacks
//! - [`nic_link`]: whether a cable is in it
//! - [`output`], [`outcome`], [`interrupt`]: text or JSON, exit codes, Ctrl-C
#![forbid(unsafe_code)]

mod cli;
mod command;
mod connection;
mod doctor;
mod interrupt;
mod nic_link;
mod outcome;
mod output;
mod session;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    log();
    let mut output = output::Output::new(cli.json);
    match command::run(&cli, &mut output) {
        Ok(outcome) => outcome.into(),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let code = outcome::exit_code_of(&error);
            output.error(&error, code);
            ExitCode::from(code)
        }
    }
}

/// Logs to standard error what LONGSHORE_LOG asks for; errors if it asks for nothing.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LONGSHORE_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "error".into()))
        .with_writer(std::io::stderr)
        .init();
}
