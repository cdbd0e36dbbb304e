//! The targets of host-driver/fuzz under libFuzzer, by `cargo fuzz`, which the command installs for itself.
//!
//! Without a sanitizer, so that the stable compiler does: the crates under test have no unsafe code of their own.

use crate::process::{cargo, output, root, run as spawn, tools};
use crate::setup::{FUZZING, ensure};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "0.13.2";
const FOLDER: &str = "host-driver/fuzz";

#[derive(clap::Args)]
pub(super) struct Args {
    /// One target instead of all.
    #[arg(long)]
    target: Option<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Minimise what was found into the corpora of the repository.
    #[arg(long)]
    keep: bool,
}

/// Runs the targets, each with the corpus of the repository and what earlier runs on this machine have found.
pub(super) fn run(args: &Args) -> Result<()> {
    ensure(FUZZING)?;
    let fuzz = Fuzz {
        bin: install()?,
        folder: root().join(FOLDER),
    };
    let all = fuzz.targets()?;
    let targets = match &args.target {
        None => all,
        Some(target) if all.contains(target) => vec![target.clone()],
        Some(target) => bail!("no fuzz target {target}: there are {}", all.join(", ")),
    };
    for target in &targets {
        println!("fuzzing {target} for {} minutes", args.minutes);
        fuzz.run(target, args.minutes)?;
        if args.keep {
            fuzz.keep(target)?;
        }
    }
    Ok(())
}

/// `cargo fuzz` at its pinned version, in a folder of the project's own.
fn install() -> Result<PathBuf> {
    let folder = tools().join(format!("cargo-fuzz-{VERSION}"));
    let program = folder.join("bin/cargo-fuzz");
    if !program.exists() {
        println!("installing cargo-fuzz {VERSION}");
        spawn(
            cargo()
                .args(["install", "cargo-fuzz", "--locked", "--version", VERSION])
                .arg("--root")
                .arg(&folder),
        )?;
    }
    Ok(program)
}

struct Fuzz {
    bin: PathBuf,
    folder: PathBuf,
}

impl Fuzz {
    fn command(&self, what: &str) -> Command {
        let mut command = crate::process::command(&self.bin);
        command.args(["fuzz", what, "--fuzz-dir"]).arg(&self.folder);
        command
    }

    fn targets(&self) -> Result<Vec<String>> {
        let list = output(&mut self.command("list"))?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    /// The corpus of the repository.
    fn corpus(&self, target: &str) -> PathBuf {
        self.folder.join("corpus").join(target)
    }

    /// libFuzzer with these folders of inputs: it adds to the first.
    fn libfuzzer(&self, target: &str, folders: &[&Path], options: &[String]) -> Result<()> {
        for folder in folders {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let artifacts = tools().join("fuzz").join(target).join("artifacts");
        fs::create_dir_all(&artifacts)?;
        spawn(
            self.command("run")
                .args(["--features", "libfuzzer", "--sanitizer", "none"])
                .arg("--target-dir")
                .arg(root().join("target/fuzz"))
                .arg(target)
                .args(folders)
                .arg("--")
                .arg(format!("-artifact_prefix={}/", artifacts.display()))
                .args(options),
        )
        .with_context(|| {
            format!(
                "{target} found something: `LONGSHORE_INPUT=<the file named above> cargo test -p longshore-fuzz \
                 one_input -- --nocapture` shows what; kept in {FOLDER}/regressions/{target} it is tested ever after"
            )
        })
    }

    fn run(&self, target: &str, minutes: u64) -> Result<()> {
        let found = found(target);
        let options = [
            format!("-max_total_time={}", 60 * minutes),
            "-print_final_stats=1".to_owned(),
        ];
        self.libfuzzer(target, &[&found, &self.corpus(target)], &options)
    }

    /// The fewest inputs that reach every branch that was reached.
    fn keep(&self, target: &str) -> Result<()> {
        let corpus = self.corpus(target);
        let minimal = tools().join("fuzz").join(target).join("minimal");
        if minimal.exists() {
            fs::remove_dir_all(&minimal)?;
        }
        // Branches, not how often each is taken: many times fewer inputs.
        let options = ["-set_cover_merge=1", "-use_counters=0"].map(str::to_owned);
        self.libfuzzer(target, &[&minimal, &corpus, &found(target)], &options)?;
        fs::remove_dir_all(&corpus)?;
        fs::create_dir_all(&corpus)?;
        let mut bytes = 0;
        for entry in fs::read_dir(&minimal)? {
            let entry = entry?;
            bytes += fs::copy(entry.path(), corpus.join(entry.file_name()))?;
        }
        println!(
            "{target}: a corpus of {bytes} bytes in {}",
            corpus.display()
        );
        Ok(())
    }
}

/// What runs on this machine have found.
fn found(target: &str) -> PathBuf {
    tools().join("fuzz").join(target).join("corpus")
}
