//! The first and only program of the guest that proves the driver against the kernel's VFIO.
//!
//! As process 1 it mounts, loads VFIO, runs the [tests] and switches the guest off; `cargo xtask guest` boots it and
//! listens. With an argument it is [what gets killed](victim).
//!
//! - [boot]: what an init does
//! - [outside]: the line to `cargo xtask guest`
//! - [card]: a NIC opened through VFIO, with an eye on what it has mapped
//! - [station]: driver, queue pairs and echo requests over it
#![forbid(unsafe_code)]

mod boot;
mod card;
mod echo;
mod outside;
mod recording;
mod station;
mod tests;
mod victim;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::process::id() == 1 {
        boot::init();
    }
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [word, address] if word == victim::WORD => match victim::run(address) {
            Ok(never) => match never {},
            Err(error) => {
                eprintln!("victim: {error:#}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("this runs in the guest of `cargo xtask guest`, and nowhere else");
            ExitCode::FAILURE
        }
    }
}
