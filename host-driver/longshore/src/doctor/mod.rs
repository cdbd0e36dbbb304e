//! What a host lacks, and the command that mends it.
//!
//! Every check has its step in docs/HOST-SETUP.md, under the anchor `doctor-` and the check's name.

mod access;
mod card;
mod footprint;
mod host;
mod interrupts;
mod link;
mod simulator;

use crate::output::Report;
use host::Host;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What a host is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Purpose {
    /// A card in a slot
    Card,
    /// The simulator with a Linux peer, and building the gateware into it
    Sim,
    /// Everything
    All,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works without, but slower or with less.
    Advice,
    /// It does not work without.
    Missing,
    /// There is nothing to check yet.
    NotApplicable,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    state: State,
    found: String,
    /// What to do, and the command that does it.
    remedy: Option<Remedy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Remedy {
    /// What the command does not do.
    also: Option<String>,
    command: String,
}

/// One check.
struct Check {
    name: &'static str,
    purpose: Purpose,
    look: fn(&Host) -> Finding,
}

const fn check(name: &'static str, purpose: Purpose, look: fn(&Host) -> Finding) -> Check {
    Check {
        name,
        purpose,
        look,
    }
}

/// All checks, in the order of the document.
const CHECKS: &[Check] = &[
    check("card", Purpose::Card, card::card),
    check("iommu", Purpose::Card, card::iommu),
    check("interrupts", Purpose::Card, interrupts::interrupts),
    check("vfio-pci", Purpose::Card, card::vfio_pci),
    check("bound", Purpose::Card, card::bound),
    check("group", Purpose::Card, card::group),
    check("access", Purpose::Card, access::access),
    check("memlock", Purpose::Card, access::memlock),
    check("hugepages", Purpose::Card, card::huge_pages),
    check("container", Purpose::Card, access::container),
    check("link", Purpose::Card, link::link),
    check("tun", Purpose::Sim, simulator::tun),
    check("netns", Purpose::Sim, simulator::netns),
    check("verilator", Purpose::Sim, simulator::verilator),
];

/// What all checks found.
#[derive(Debug, Serialize)]
pub(crate) struct Examination {
    healthy: bool,
    checks: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    #[serde(flatten)]
    finding: Finding,
    /// Where this is explained.
    explained: String,
}

impl Report for Examination {
    const SCHEMA: &'static str = "longshore/doctor/1";
}

/// Makes all checks that belong to `purpose` on the host below `root`.
pub(crate) fn examine(root: &Path, purpose: Purpose) -> Examination {
    let host = Host::at(root);
    let checks: Vec<_> = CHECKS
        .iter()
        .filter(|check| purpose == Purpose::All || check.purpose == purpose)
        .map(|check| Entry {
            name: check.name,
            finding: (check.look)(&host),
            explained: format!("docs/HOST-SETUP.md#doctor-{}", check.name),
        })
        .collect();
    let missing = |e: &Entry| e.finding.state == State::Missing;
    Examination {
        healthy: !checks.iter().any(missing),
        checks,
    }
}

impl Examination {
    /// True if nothing is missing.
    pub(crate) const fn is_healthy(&self) -> bool {
        self.healthy
    }
}

impl Finding {
    fn ok(found: impl Into<String>) -> Self {
        Self {
            state: State::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    fn not_applicable(found: impl Into<String>) -> Self {
        Self {
            state: State::NotApplicable,
            ..Self::ok(found)
        }
    }

    fn missing(found: impl Into<String>, command: impl Into<String>) -> Self {
        Self {
            state: State::Missing,
            found: found.into(),
            remedy: Some(Remedy {
                also: None,
                command: command.into(),
            }),
        }
    }

    fn advice(found: impl Into<String>, command: impl Into<String>) -> Self {
        Self {
            state: State::Advice,
            ..Self::missing(found, command)
        }
    }

    /// What the command alone does not do.
    fn also(mut self, also: impl Into<String>) -> Self {
        if let Some(remedy) = &mut self.remedy {
            remedy.also = Some(also.into());
        }
        self
    }
}

impl fmt::Display for Examination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.checks {
            let finding = &entry.finding;
            let state = match finding.state {
                State::Ok => "ok",
                State::Advice => "advice",
                State::Missing => "MISSING",
                State::NotApplicable => "-",
            };
            writeln!(f, "{state:8} {:10} {}", entry.name, finding.found)?;
            if let Some(remedy) = &finding.remedy {
                if let Some(also) = &remedy.also {
                    writeln!(f, "{:20}{also}", "")?;
                }
                writeln!(f, "{:20}$ {}", "", remedy.command)?;
            }
        }
        let count = |state| {
            self.checks
                .iter()
                .filter(|e| e.finding.state == state)
                .count()
        };
        match count(State::Missing) {
            0 => writeln!(f, "nothing is missing"),
            n => writeln!(
                f,
                "{n} missing; each is explained in docs/HOST-SETUP.md under its name"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const DOCUMENT: &str = include_str!("../../../../docs/HOST-SETUP.md");

    /// The names after `<a id="doctor-`.
    fn steps() -> Vec<&'static str> {
        DOCUMENT
            .split("<a id=\"doctor-")
            .skip(1)
            .filter_map(|rest| rest.split_once("\"></a>"))
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn every_step_of_the_document_has_its_check_in_the_same_order_and_the_other_way_round() {
        let checks: Vec<_> = CHECKS.iter().map(|c| c.name).collect();
        assert_eq!(steps(), checks);
        let distinct: BTreeSet<_> = checks.iter().collect();
        assert_eq!(distinct.len(), checks.len());
    }

    /// On a host that has nothing, every check names a command, and the document shows it under that check's step.
    #[test]
    fn every_remedy_is_in_the_documents_step() {
        let nothing = longshore_sysfs::fake::Fake::new();
        nothing.write("proc/self/limits", "Max locked memory  8192  8192  bytes\n");
        let examination = examine(&nothing.path(""), Purpose::All);
        assert!(!examination.is_healthy());
        for entry in &examination.checks {
            let Some(remedy) = &entry.finding.remedy else {
                continue;
            };
            let anchor = format!("<a id=\"doctor-{}\"></a>", entry.name);
            let step = DOCUMENT.split(&anchor).nth(1).unwrap();
            let step = step.split("<a id=").next().unwrap();
            let syntax = std::process::Command::new("sh")
                .args(["-n", "-c", &remedy.command])
                .status();
            assert!(syntax.unwrap().success(), "{}", remedy.command);
            assert!(
                step.contains(&remedy.command),
                "{}: `{}` is not in its step",
                entry.name,
                remedy.command
            );
        }
    }
}
