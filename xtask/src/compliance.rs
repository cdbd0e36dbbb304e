//! docs/COMPLIANCE.md: which requirement of RFC 9293 is met where, and by which test.
//!
//! Code that meets a requirement says so beside itself, in the format of `duvet`:
//!
//! ```text
//! //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//! //# Probes carry no data (SHLD-12)
//! ```
//!
//! and a test has `//= type=test` between the two lines. The text is that of the list in
//! host-driver/tcp-core/requirements; what is not met or does not apply is listed there too, with the reason.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const FOLDER: &str = "host-driver/tcp-core/requirements";
const DOCUMENT: &str = "docs/COMPLIANCE.md";
const TARGET: &str = "https://www.rfc-editor.org/rfc/rfc9293#section-";
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
}

#[derive(Debug)]
struct Requirement {
    id: String,
    section: String,
    text: String,
}

/// One annotation in a source file.
#[derive(Debug, PartialEq, Eq)]
struct Annotation {
    section: String,
    test: bool,
    text: String,
    id: String,
    /// The test's or item's name, or the line's text.
    subject: String,
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
    let text = document(&root)?;
    crate::document::write_or_check(
        &root.join(DOCUMENT),
        &text,
        args.check,
        "cargo xtask compliance",
    )
}

fn document(root: &Path) -> Result<String> {
    let requirements: Vec<Requirement> = table(&root.join(FOLDER).join("rfc9293.txt"))?
        .into_iter()
        .map(|[id, section, text]| Requirement { id, section, text })
        .collect();
    let exceptions: BTreeMap<String, (String, String)> =
        table(&root.join(FOLDER).join("exceptions.txt"))?
            .into_iter()
            .map(|[id, status, why]| (id, (status, why)))
            .collect();
    let mut places: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for source in SOURCES {
        for file in rust_files(&root.join(source))? {
            let code = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let file = file.strip_prefix(root).unwrap_or(&file).to_path_buf();
            for annotation in annotations(&code).with_context(|| format!("{}", file.display()))? {
                let id = annotation.id.clone();
                let place = Place {
                    file: file.clone(),
                    annotation,
                };
                places.entry(id).or_default().push(place);
            }
        }
    }
    let faults = faults(&requirements, &exceptions, &places);
    if !faults.is_empty() {
        bail!(
            "requirements and annotations disagree:\n{}",
            faults.join("\n")
        );
    }
    Ok(render(&requirements, &exceptions, &places))
}

/// Everything that does not fit together.
fn faults(
    requirements: &[Requirement],
    exceptions: &BTreeMap<String, (String, String)>,
    places: &BTreeMap<String, Vec<Place>>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let known: BTreeMap<_, _> = requirements.iter().map(|r| (r.id.as_str(), r)).collect();
    if known.len() != requirements.len() {
        faults.push("a requirement is listed twice".to_owned());
    }
    for (id, places) in places {
        for place in places {
            let annotation = &place.annotation;
            let file = place.file.display();
            match known.get(id.as_str()) {
                None => faults.push(format!("{file}: no requirement {id}")),
                Some(r) if r.text != annotation.text || r.section != annotation.section => faults
                    .push(format!(
                        "{file}: {id} is \"{}\" of section {}, not \"{}\" of section {}",
                        r.text, r.section, annotation.text, annotation.section
                    )),
                Some(_) => {}
            }
        }
        if exceptions.contains_key(id) {
            faults.push(format!("{id} is listed as an exception and annotated"));
        }
    }
    for (id, (status, _)) in exceptions {
        if !known.contains_key(id.as_str()) {
            faults.push(format!("exceptions.txt: no requirement {id}"));
        }
        if !["not met", "not applicable"].contains(&status.as_str()) {
            faults.push(format!("exceptions.txt: {id} is {status:?}"));
        }
    }
    for requirement in requirements
        .iter()
        .filter(|r| !exceptions.contains_key(&r.id))
    {
        let found = places.get(&requirement.id).map_or(&[][..], Vec::as_slice);
        for (test, what) in [(false, "code that meets"), (true, "a test of")] {
            if !found.iter().any(|place| place.annotation.test == test) {
                faults.push(format!("{what} {} is nowhere annotated", requirement.id));
            }
        }
    }
    faults
}

fn render(
    requirements: &[Requirement],
    exceptions: &BTreeMap<String, (String, String)>,
    places: &BTreeMap<String, Vec<Place>>,
) -> String {
    let mut text = String::from(
        "# Compliance with RFC 9293\n\n\
         Generated by `cargo xtask compliance` from the annotations in the code and the lists in\n\
         [requirements](../host-driver/tcp-core/requirements); do not edit. `cargo xtask lint` checks it.\n\n",
    );
    let count = |status: &str| exceptions.values().filter(|(s, _)| s == status).count();
    let met = requirements.len() - exceptions.len();
    let _ = writeln!(
        text,
        "Of {} numbered requirements {met} are met and tested, {} are not met, {} do not apply.\n",
        requirements.len(),
        count("not met"),
        count("not applicable"),
    );
    text += "| requirement | § | what | status | where | tested by |\n|---|---|---|---|---|---|\n";
    for Requirement {
        id,
        section,
        text: what,
    } in requirements
    {
        let _ = match exceptions.get(id) {
            Some((status, why)) => writeln!(
                text,
                "| {id} | {section} | {what} | **{status}** | {why} | |"
            ),
            None => {
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
                writeln!(
                    text,
                    "| {id} | {section} | {what} | met | {} | {} |",
                    list(false),
                    list(true)
                )
            }
        };
    }
    text
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

/// The lines `a | b | c` of a file; `#` begins a comment.
fn table(path: &Path) -> Result<Vec<[String; 3]>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| {
            let mut fields = line.splitn(3, '|').map(|field| field.trim().to_owned());
            let mut next = || fields.next().filter(|field| !field.is_empty());
            match (next(), next(), next()) {
                (Some(a), Some(b), Some(c)) => Ok([a, b, c]),
                _ => bail!("{}: not three fields: {line}", path.display()),
            }
        })
        .collect()
}

/// All annotations in a source file.
fn annotations(code: &str) -> Result<Vec<Annotation>> {
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(section) = lines[at]
            .strip_prefix("//= ")
            .and_then(|l| l.strip_prefix(TARGET))
        else {
            at += 1;
            continue;
        };
        let mut test = false;
        at += 1;
        while let Some(option) = lines.get(at).and_then(|l| l.strip_prefix("//= type=")) {
            test = option == "test";
            at += 1;
        }
        let mut quote = Vec::new();
        while let Some(line) = lines.get(at).and_then(|l| l.strip_prefix("//# ")) {
            quote.push(line);
            at += 1;
        }
        let quote = quote.join(" ");
        let Some((text, id)) = quote.strip_suffix(')').and_then(|q| q.rsplit_once(" (")) else {
            bail!(
                "line {}: the quote does not end in a requirement's number: {quote}",
                at
            );
        };
        found.push(Annotation {
            section: section.to_owned(),
            test,
            text: text.to_owned(),
            id: id.to_owned(),
            subject: subject(&lines[at..]),
        });
    }
    Ok(found)
}

/// What an annotation stands at: the next function, type, field or statement.
fn subject(lines: &[&str]) -> String {
    let is_code =
        |line: &&&str| !line.is_empty() && !line.starts_with("//") && !line.starts_with("#[");
    let line = lines.iter().find(is_code).copied().unwrap_or_default();
    let words: Vec<&str> = line
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    let named = words
        .iter()
        .position(|w| ["fn", "struct", "enum", "const"].contains(w));
    let name = match named {
        // `const fn name`.
        Some(at) if words.get(at + 1) == Some(&"fn") => words.get(at + 2),
        Some(at) => words.get(at + 1),
        None => words.iter().find(|word| {
            ![
                "pub", "crate", "super", "let", "if", "self", "mut", "match", "else",
            ]
            .contains(word)
        }),
    };
    format!("`{}`", name.copied().unwrap_or("?"))
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

    const CODE: &str = "
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
        //= type=test
        //# Probes carry
        //# no data (SHLD-12)
        #[test]
        fn a_probe_is_empty() {}
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
        //# Short (MUST-1)
        pub(crate) window: u16,
    ";

    #[test]
    fn annotations_name_section_kind_text_and_subject() {
        let found = annotations(CODE).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text, "Probes carry no data");
        assert_eq!((found[0].id.as_str(), found[0].test), ("SHLD-12", true));
        assert_eq!(found[0].subject, "`a_probe_is_empty`");
        assert_eq!((found[1].section.as_str(), found[1].test), ("3.1", false));
        assert_eq!(found[1].subject, "`window`");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let requirement = |id: &str, text: &str| Requirement {
            id: id.to_owned(),
            section: "3.1".to_owned(),
            text: text.to_owned(),
        };
        let requirements = [
            requirement("MUST-1", "Long"),
            requirement("MUST-2", "Other"),
        ];
        let mut places = BTreeMap::new();
        let annotation = annotations(CODE).unwrap().remove(1);
        let place = Place {
            file: PathBuf::from("a.rs"),
            annotation,
        };
        places.insert("MUST-1".to_owned(), vec![place]);
        let told = faults(&requirements, &BTreeMap::new(), &places).join("\n");
        for part in ["is \"Long\"", "a test of MUST-1", "code that meets MUST-2"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn the_document_is_up_to_date() {
        run(&Args { check: true }).unwrap();
    }
}
