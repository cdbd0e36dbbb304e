//! What can be typed.

mod addressing;
mod transport;
mod values;

pub(crate) use addressing::Addressing;
pub(crate) use transport::Transport;
#[cfg(feature = "sim")]
pub(crate) use transport::{NicForm, Sim, SimWire};
pub(crate) use values::Url;

use clap::{Args, Parser, Subcommand, ValueHint};
use longshore_sysfs::Address;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Finds, binds, inspects and uses Longshore NICs
#[derive(Debug, Parser)]
#[command(name = "longshore", version, after_long_help = crate::outcome::EPILOGUE)]
pub(crate) struct Cli {
    /// Print JSON: one document a line, each with its schema's name
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The folder in which the host's /sys, /proc, /dev, /etc and /run are
    #[arg(
        long,
        global = true,
        hide = true,
        default_value = "/",
        value_name = "FOLDER"
    )]
    pub(crate) host_root: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the Longshore NICs on the PCI bus
    List,
    /// Hand a NIC to programs: bind it to vfio-pci, and remember its driver
    Bind(Bind),
    /// Give a NIC back to the driver it had before `bind`
    Unbind(Unbind),
    /// Show what a NIC says of itself
    Info(Info),
    /// Show a NIC's counters
    Stats(Stats),
    /// Show a NIC's registers, field by field
    Regs(Regs),
    /// Show the state of a NIC's queue pairs
    Queues(Queues),
    /// Reset a NIC (function-level reset)
    Reset(Reset),
    /// Ask a host for ICMP echoes through a NIC
    Ping(Ping),
    /// Serve a file, or the files of a folder, by HTTP through a NIC; uploads are hashed, not kept
    ServeFile(ServeFile),
    /// Download a file by HTTP through a NIC, or upload one
    Fetch(Fetch),
    /// Check what this host has, and say how to mend what is missing
    Doctor(Doctor),
    /// Print a file that a host's administrator installs
    HostFile(HostFile),
    /// Print the completions of a shell
    Completions(Completions),
    /// Write the manual pages
    #[command(hide = true)]
    Man(Man),
}

#[derive(Debug, Args)]
pub(crate) struct Bind {
    /// The NIC, as `list` shows it: 0000:03:00.0
    pub(crate) address: Address,
    /// Bind it although it does not show Longshore's identity
    #[arg(long)]
    pub(crate) force: bool,
    /// Change nothing; print what would be written where
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Unbind {
    /// The NIC, as `list` shows it: 0000:03:00.0
    pub(crate) address: Address,
}

#[derive(Debug, Args)]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) transport: Transport,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) transport: Transport,
    /// Show the counters that are 0 too
    #[arg(long)]
    pub(crate) all: bool,
    /// Show them again and again
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) interval: Option<Duration>,
    /// Show them so many times (default: until interrupted)
    #[arg(long, requires = "interval", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Regs {
    #[command(flatten)]
    pub(crate) transport: Transport,
    /// Only blocks whose name begins so: device, port, queue, msi-x
    #[arg(long, value_name = "NAME")]
    pub(crate) block: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Queues {
    #[command(flatten)]
    pub(crate) transport: Transport,
}

#[derive(Debug, Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    pub(crate) transport: Transport,
}

#[derive(Debug, Args)]
pub(crate) struct Ping {
    /// The host to ask: 192.0.2.2, 2001:db8::2
    pub(crate) host: IpAddr,
    #[command(flatten)]
    pub(crate) transport: Transport,
    #[command(flatten)]
    pub(crate) addressing: Addressing,
    /// Requests to send; 0: until interrupted
    #[arg(short, long, default_value_t = 4)]
    pub(crate) count: u16,
    /// Time from one request to the next
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = values::time)]
    pub(crate) interval: Duration,
    /// How long to wait for an answer
    #[arg(short = 'W', long, value_name = "TIME", default_value = "5s", value_parser = values::time)]
    pub(crate) timeout: Duration,
    /// Bytes of data in a request
    #[arg(short, long, default_value_t = 56)]
    pub(crate) size: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ServeFile {
    /// The file to serve, as / and under its name; or a folder
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) transport: Transport,
    #[command(flatten)]
    pub(crate) addressing: Addressing,
    /// The port to listen on
    #[arg(short, long, default_value_t = 80, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// End after so many requests; 0: never
    #[arg(short, long, default_value_t = 0)]
    pub(crate) requests: u64,
    /// Give up a connection on which nothing moves for so long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::time)]
    pub(crate) timeout: Duration,
    /// Show the NIC's counters now and then
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) stats: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// What to download, or where to upload to.
    #[arg(
        help = "What to download, or where to upload to: http://192.0.2.2/file, http://[2001:db8::2]:8080/"
    )]
    pub(crate) url: Url,
    #[command(flatten)]
    pub(crate) transport: Transport,
    #[command(flatten)]
    pub(crate) addressing: Addressing,
    /// The file to write; - for standard output (default: the last part of the URL)
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "upload")]
    pub(crate) output: Option<PathBuf>,
    /// Upload this file instead
    #[arg(short = 'T', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) upload: Option<PathBuf>,
    /// The SHA-256 that the file must have
    #[arg(long, value_name = "DIGITS", value_parser = values::sha256)]
    pub(crate) sha256: Option<[u8; 32]>,
    /// Give up if nothing moves for so long
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::time)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// What the host is wanted for
    #[arg(
        long = "for",
        value_enum,
        value_name = "PURPOSE",
        default_value = "all"
    )]
    pub(crate) purpose: crate::doctor::Purpose,
}

#[derive(Debug, Args)]
pub(crate) struct HostFile {
    /// Which file
    #[arg(value_enum)]
    pub(crate) file: crate::command::HostFiles,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder to write to; it is made
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn exactly_one_transport_is_wanted() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' '));
        assert!(parse("longshore info").is_err());
        #[cfg(feature = "sim")]
        assert!(parse("longshore info --sim").is_ok());
    }

    #[test]
    fn every_command_and_option_is_explained() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} of {}",
                    argument.get_id(),
                    command.get_name()
                );
            }
            for sub in command.get_subcommands() {
                assert!(sub.get_about().is_some(), "{}", sub.get_name());
                check(sub);
            }
        }
        check(&Cli::command());
    }

    /// Every `longshore …` in the fenced blocks of the documents can be typed so.
    #[cfg(feature = "sim")]
    #[test]
    fn what_the_documents_say_can_be_typed() {
        let mut tried = 0;
        for document in [
            include_str!("../../../../README.md"),
            include_str!("../../../../docs/HOST-SETUP.md"),
        ] {
            for block in document.split("```").skip(1).step_by(2) {
                let commands = block
                    .lines()
                    .map(|line| line.strip_prefix("$ ").unwrap_or(line))
                    .flat_map(|line| line.split([';', '|', '&']))
                    .map(|part| part.trim().trim_start_matches("sudo "))
                    .filter(|part| part.starts_with("longshore "));
                for command in commands {
                    let words = command.split_whitespace();
                    if let Err(error) = Cli::try_parse_from(words) {
                        panic!("{command}: {error}");
                    }
                    tried += 1;
                }
            }
        }
        assert!(tried >= 5, "{tried} found");
    }
}
