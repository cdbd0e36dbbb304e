//! `longshore doctor`

use crate::cli::Doctor;
use crate::doctor::{self, Examination};
use crate::outcome::Outcome;
use crate::output::Output;
use anyhow::Result;
use std::path::Path;

pub(super) fn run(args: &Doctor, root: &Path, output: &mut Output) -> Result<Outcome> {
    let examination: Examination = doctor::examine(root, args.purpose);
    output.show(&examination)?;
    Ok(if examination.is_healthy() {
        Outcome::Done
    } else {
        Outcome::Missing
    })
}
