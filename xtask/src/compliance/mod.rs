//! docs/COMPLIANCE.md: which requirement of which RFC is met where, and by which test.
//!
//! Code that meets a requirement says so beside itself, in the format of `duvet`:
//!
//! ```text
//! //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//! //# The sender MUST generate it (MUST-2)
//! ```
//!
//! and a test has `//= type=test` between the two lines. The text is that of the list in
//! host-driver/tcp-core/requirements, which has the RFC's words; what is not met or does not apply is listed there too,
//! with the reason.

mod annotation;
mod requirement;
mod texts;

use annotation::{Annotation, annotations};
use anyhow::{Context, Result, bail};
use requirement::{Document, Requirement};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const FOLDER: &str = "host-driver/tcp-core/requirements";
const DOCUMENT: &str = "docs/COMPLIANCE.md";
/// Where annotations may be.
const SOURCES: [&str; 6] = [
    "host-driver/tcp-core/src",
    "host-driver/tcp-core/tests",
    "host-driver/sockets/src",
    "host-driver/sockets/tests",
    "host-driver/ip-core/src",
    "host-driver/ip-core/tests",
];

/// Options of `cargo xtask compliance`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only check that the document is up to date.
    #[arg(long)]
    pub(crate) check: bool,
    /// A folder with the RFCs' texts, rfc9293.txt and so on: check that the lists have their words.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) texts: Option<PathBuf>,
}

/// Where a requirement is met, or tested.
#[derive(Debug)]
struct Place {
    file: PathBuf,
    annotation: Annotation,
}

/// Writes or checks the document.
pub(crate) fn run(args: &Args) -> Result<()> {
    let root = crate::process::root();
    let documents = requirement::documents(&root.join(FOLDER))?;
    if let Some(folder) = &args.texts {
        texts::check(&documents, folder)?;
    }
    let text = document(&root, &documents)?;
    crate::document::write_or_check(
        &root.join(DOCUMENT),
        &text,
        args.check,
        "cargo xtask compliance",
    )
}

fn document(root: &Path, documents: &[Document]) -> Result<String> {
    let exceptions = requirement::exceptions(&root.join(FOLDER))?;
    let mut places = Vec::new();
    for source in SOURCES {
        for file in rust_files(&root.join(source))? {
            let code = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let file = file.strip_prefix(root).unwrap_or(&file).to_path_buf();
            for annotation in annotations(&code).with_context(|| format!("{}", file.display()))? {
                places.push(Place {
                    file: file.clone(),
                    annotation,
                });
            }
        }
    }
    let requirements = || documents.iter().flat_map(|d| &d.requirements);
    let (places, mut faults) = assign(requirements(), places);
    faults.extend(self::faults(requirements(), &exceptions, &places));
    if !faults.is_empty() {
        bail!(
            "requirements and annotations disagree:\n{}",
            faults.join("\n")
        );
    }
    Ok(render(documents, &exceptions, &places))
}

/// Which requirement each annotation quotes; faults are quotes that are of none.
fn assign<'r>(
    requirements: impl Iterator<Item = &'r Requirement>,
    places: Vec<Place>,
) -> (BTreeMap<String, Vec<Place>>, Vec<String>) {
    let by_quote: BTreeMap<_, _> = requirements
        .map(|r| ((r.rfc.as_str(), r.section.as_str(), r.text.as_str()), &r.id))
        .collect();
    let mut assigned: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    let mut faults = Vec::new();
    for place in places {
        let Annotation {
            rfc, section, text, ..
        } = &place.annotation;
        match by_quote.get(&(rfc.as_str(), section.as_str(), text.as_str())) {
            Some(id) => assigned.entry((*id).clone()).or_default().push(place),
            None => faults.push(format!(
                "{}: the lists do not have this sentence of RFC {rfc}, section {section}: {text}",
                place.file.display()
            )),
        }
    }
    (assigned, faults)
}

/// Everything that does not fit together.
fn faults<'r>(
    requirements: impl Iterator<Item = &'r Requirement>,
    exceptions: &BTreeMap<String, (String, String)>,
    places: &BTreeMap<String, Vec<Place>>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut known = BTreeMap::new();
    for requirement in requirements {
        if known.insert(requirement.id.as_str(), requirement).is_some() {
            faults.push(format!("{} is listed twice", requirement.id));
        }
    }
    for id in places.keys().filter(|id| exceptions.contains_key(*id)) {
        faults.push(format!("{id} is listed as an exception and annotated"));
    }
    for (id, (status, _)) in exceptions {
        if !known.contains_key(id.as_str()) {
            faults.push(format!("exceptions.txt: no requirement {id}"));
        }
        if !["not met", "not applicable"].contains(&status.as_str()) {
            faults.push(format!("exceptions.txt: {id} is {status:?}"));
        }
    }
    for (id, requirement) in known {
        if exceptions.contains_key(id) {
            continue;
        }
        let found = places.get(id).map_or(&[][..], Vec::as_slice);
        for (test, what) in [(false, "code that meets"), (true, "a test of")] {
            if !found.iter().any(|place| place.annotation.test == test) {
                let text = &requirement.text;
                faults.push(format!("{what} {id} is nowhere annotated: {text}"));
            }
        }
    }
    faults
}

fn render(
    documents: &[Document],
    exceptions: &BTreeMap<String, (String, String)>,
    places: &BTreeMap<String, Vec<Place>>,
) -> String {
    let mut text = String::from(
        "# Compliance\n\n\
         Generated by `cargo xtask compliance` from the annotations in the code and the lists in\n\
         [requirements](../host-driver/tcp-core/requirements), which have the RFCs' own words; do not edit. \
         `cargo xtask lint` checks it.\n\n\
         Of RFC 9293 all numbered requirements are listed; of the others only what their section says: a MUST that is not \
         listed there is not known to be met.\n",
    );
    for document in documents {
        let count = |status: &str| {
            let of = document.requirements.iter();
            let of = of.filter_map(|r| exceptions.get(&r.id));
            of.filter(|(s, _)| s == status).count()
        };
        let (not_met, not_applicable) = (count("not met"), count("not applicable"));
        let all = document.requirements.len();
        let _ = writeln!(
            text,
            "\n## {}\n\nListed: {} Of {all} requirements {} are met and tested, {not_met} are not met, {not_applicable} do not \
             apply.\n\n| requirement | § | what | status | where | tested by |\n|---|---|---|---|---|---|",
            document.title,
            document.scope,
            all - not_met - not_applicable,
        );
        for requirement in &document.requirements {
            text += &row(requirement, exceptions, places);
        }
    }
    text
}

fn row(
    requirement: &Requirement,
    exceptions: &BTreeMap<String, (String, String)>,
    places: &BTreeMap<String, Vec<Place>>,
) -> String {
    let Requirement {
        id, section, text, ..
    } = requirement;
    // What would be markup.
    let text = text
        .replace('*', "\\*")
        .replace('<', "\\<")
        .replace('[', "\\[");
    if let Some((status, why)) = exceptions.get(id) {
        return format!("| {id} | {section} | {text} | **{status}** | {why} | |\n");
    }
    let list = |test| {
        let mut links: Vec<_> = places[id]
            .iter()
            .filter(|place| place.annotation.test == test)
            .map(|place| link(place, test))
            .collect();
        links.sort();
        links.dedup();
        links.join(", ")
    };
    format!(
        "| {id} | {section} | {text} | met | {} | {} |\n",
        list(false),
        list(true)
    )
}

fn link(place: &Place, test: bool) -> String {
    let file = place.file.display();
    let name = place
        .file
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    if test {
        format!("[{}](../{file})", place.annotation.subject)
    } else {
        format!("[{name}: {}](../{file})", place.annotation.subject)
    }
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_told() {
        let requirement = |id: &str, text: &str| Requirement {
            id: id.to_owned(),
            rfc: "9293".to_owned(),
            section: "3.1".to_owned(),
            text: text.to_owned(),
        };
        let requirements = [
            requirement("MUST-1", "Long (MUST-1)"),
            requirement("MUST-2", "Other (MUST-2)"),
        ];
        let annotation = |text: &str| Place {
            file: PathBuf::from("a.rs"),
            annotation: Annotation {
                rfc: "9293".to_owned(),
                section: "3.1".to_owned(),
                test: false,
                text: text.to_owned(),
                subject: "`a`".to_owned(),
            },
        };
        let places = vec![annotation("Long (MUST-1)"), annotation("Longer (MUST-1)")];
        let (assigned, mut told) = assign(requirements.iter(), places);
        assert_eq!(assigned["MUST-1"].len(), 1);
        told.extend(faults(requirements.iter(), &BTreeMap::new(), &assigned));
        let told = told.join("\n");
        for part in [
            "do not have this sentence of RFC 9293, section 3.1: Longer",
            "a test of MUST-1",
            "code that meets MUST-2",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("code that meets MUST-1"), "{told}");
    }

    #[test]
    fn the_document_is_up_to_date() {
        run(&Args {
            check: true,
            texts: None,
        })
        .unwrap();
    }
}
