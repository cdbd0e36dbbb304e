//! All scripts of a folder, and a table of how they went.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::exceptions::{Exceptions, Kind, Reason};
use crate::script::{Script, parse};
use crate::{IpVersion, Outcome, play};

/// Longest that a run may take, in real time: virtual time passes as fast as it can be reckoned.
const PATIENCE: Duration = Duration::from_secs(60);

/// A script and how each of its runs went.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its name, without `.pkt`.
    pub name: String,
    /// Runs.
    pub runs: Vec<(IpVersion, Outcome)>,
    /// Why it is not counted, if it is not.
    pub exempt: Option<Reason>,
}

/// How a script went as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// In every version.
    Passed,
    /// In some version not.
    Failed,
    /// Something in it is not known to the runner.
    Unsupported,
    /// The stack lacks what it is about: not played.
    NotImplemented,
    /// It is about something of the kernel's own: not played.
    NotApplicable,
}

impl Verdict {
    /// As a whole: every version has to pass.
    pub fn mark(&self) -> Mark {
        if let Some(reason) = &self.exempt {
            return match reason.kind {
                Kind::NotImplemented => Mark::NotImplemented,
                Kind::NotApplicable => Mark::NotApplicable,
            };
        }
        let mut mark = Mark::Passed;
        for (_, outcome) in &self.runs {
            match outcome {
                Outcome::Passed => {}
                Outcome::Failed { .. } => return Mark::Failed,
                Outcome::Unsupported { .. } => mark = Mark::Unsupported,
            }
        }
        mark
    }
}

/// The scripts of a folder whose name contains `filter`, in their order.
///
/// # Errors
/// The folder cannot be read.
pub fn scripts(folder: &Path, filter: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_script = path.extension().is_some_and(|e| e == "pkt");
        if is_script && name(&path).contains(filter) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> String {
    path.file_stem()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Plays a script in all its versions.
pub fn verdict(path: &Path, exceptions: &Exceptions) -> Verdict {
    let name = name(path);
    let exempt = exceptions.why(&name).cloned();
    let unreadable = |what: String| {
        let outcome = Outcome::Unsupported { line: 0, what };
        vec![(IpVersion::V4, outcome)]
    };
    let runs = match std::fs::read_to_string(path) {
        Err(error) => unreadable(error.to_string()),
        Ok(text) => match parse(&text) {
            Err(error) => vec![(
                IpVersion::V4,
                Outcome::Unsupported {
                    line: error.line,
                    what: error.to_string(),
                },
            )],
            Ok(script) => match IpVersion::of(&script) {
                Err(what) => unreadable(what),
                Ok(versions) => versions
                    .into_iter()
                    .map(|version| (version, bounded(&script, path, version)))
                    .collect(),
            },
        },
    };
    Verdict { name, runs, exempt }
}

/// A run on a thread of its own: a stack that does not come to an end must not hold up the rest.
fn bounded(script: &Script, path: &Path, version: IpVersion) -> Outcome {
    let (finished, outcome) = channel();
    let script = script.clone();
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    std::thread::spawn(move || {
        let _ = finished.send(play(&script, &folder, version));
    });
    outcome
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|error| Outcome::Failed {
            line: 0,
            expected: "the script comes to an end".to_owned(),
            actual: match error {
                std::sync::mpsc::RecvTimeoutError::Timeout => format!("not in {PATIENCE:?}"),
                std::sync::mpsc::RecvTimeoutError::Disconnected => "the stack panics".to_owned(),
            },
        })
}

/// Text about the verdicts: every script that did not pass, and the figures.
pub fn report(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    let count = |mark: Mark| verdicts.iter().filter(|v| v.mark() == mark).count();
    for verdict in verdicts {
        let mark = match verdict.mark() {
            Mark::Passed => "passed",
            Mark::Failed => "FAILED",
            Mark::Unsupported => "unsupported",
            Mark::NotImplemented => "not implemented",
            Mark::NotApplicable => "not applicable",
        };
        let _ = writeln!(text, "{mark:15} {}", verdict.name);
        if let Some(reason) = &verdict.exempt {
            let _ = writeln!(text, "                {}", reason.why);
            continue;
        }
        let mut told: Vec<(&Outcome, Vec<&str>)> = Vec::new();
        for (version, outcome) in &verdict.runs {
            match told.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, versions)) => versions.push(version.name()),
                None => told.push((outcome, vec![version.name()])),
            }
        }
        for (outcome, versions) in told {
            let versions = versions.join(", ");
            let _ = match outcome {
                Outcome::Passed => Ok(()),
                Outcome::Failed {
                    line,
                    expected,
                    actual,
                } => writeln!(
                    text,
                    "  {}.pkt:{line} ({versions})\n    expected {expected}\n    actual   {actual}",
                    verdict.name
                ),
                Outcome::Unsupported { line, what } => {
                    writeln!(
                        text,
                        "  {}.pkt:{line} ({versions})\n    {what}",
                        verdict.name
                    )
                }
            };
        }
    }
    let runs: usize = verdicts.iter().map(|v| v.runs.len()).sum();
    let passed: usize = verdicts
        .iter()
        .flat_map(|v| &v.runs)
        .filter(|(_, outcome)| *outcome == Outcome::Passed)
        .count();
    let _ = writeln!(
        text,
        "\n{} scripts: {} passed, {} failed, {} unsupported, {} not implemented, {} not applicable ({passed} of {runs} runs pass)",
        verdicts.len(),
        count(Mark::Passed),
        count(Mark::Failed),
        count(Mark::Unsupported),
        count(Mark::NotImplemented),
        count(Mark::NotApplicable),
    );
    text
}
