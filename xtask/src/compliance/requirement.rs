//! The lists of requirements and exceptions.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;

/// A sentence of an RFC.
#[derive(Debug, Clone)]
pub(super) struct Requirement {
    /// The RFC's own number (MUST-1), or the RFC's and ours (5961-1).
    pub(super) id: String,
    /// Number of the RFC.
    pub(super) rfc: String,
    pub(super) section: String,
    /// Word for word, on one line.
    pub(super) text: String,
}

/// The sentences of one RFC.
#[derive(Debug)]
pub(super) struct Document {
    /// Number and title.
    pub(super) title: String,
    /// How much of it is listed, as the list itself says: a sentence.
    pub(super) scope: String,
    pub(super) rfc: String,
    pub(super) requirements: Vec<Requirement>,
}

/// Reads all `rfc*.txt` of a folder, RFC 9293 first.
pub(super) fn documents(folder: &Path) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy());
        let rfc = name.as_deref().and_then(|name| name.strip_prefix("rfc"));
        if let Some(rfc) = rfc {
            documents.push(document(&path, rfc)?);
        }
    }
    documents.sort_by_key(|document| (document.rfc != "9293", document.rfc.parse::<u32>().ok()));
    Ok(documents)
}

fn document(path: &Path, rfc: &str) -> Result<Document> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let title = text.lines().next().and_then(|line| line.strip_prefix("# "));
    let title = title.with_context(|| format!("{}: no title", path.display()))?;
    let scope = text.lines().nth(1).and_then(scope_of);
    let scope = scope.with_context(|| {
        format!(
            "{}: its second line does not say what it lists, in a sentence",
            path.display()
        )
    })?;
    let requirements = table(path)?
        .into_iter()
        .map(|[id, section, text]| Requirement {
            id,
            rfc: rfc.to_owned(),
            section,
            text,
        })
        .collect();
    Ok(Document {
        title: title.to_owned(),
        scope: scope.to_owned(),
        rfc: rfc.to_owned(),
        requirements,
    })
}

/// The first sentence of a comment. It has to end there: what the next line goes on with would be lost.
fn scope_of(line: &str) -> Option<&str> {
    let comment = line.strip_prefix("# ")?;
    comment
        .split_inclusive('.')
        .next()
        .filter(|scope| scope.ends_with('.'))
}

/// What is not met or does not apply, by number, and why.
pub(super) fn exceptions(folder: &Path) -> Result<BTreeMap<String, (String, String)>> {
    let table = table(&folder.join("exceptions.txt"))?;
    Ok(table
        .into_iter()
        .map(|[id, status, why]| (id, (status, why)))
        .collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_a_whole_sentence_or_an_error() {
        assert_eq!(
            scope_of("# All of it. ID | section | text"),
            Some("All of it.")
        );
        assert_eq!(scope_of("# A sentence that goes on in the next"), None);
        assert_eq!(scope_of("MUST-1 | 3.1 | Text."), None);
    }
}
