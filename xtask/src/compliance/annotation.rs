//! Annotations in source files.

use anyhow::{Result, bail};

/// What an annotation begins with: the number of the RFC and `#section-` follow.
const TARGET: &str = "https://www.rfc-editor.org/rfc/rfc";

/// One annotation in a source file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Annotation {
    pub(super) rfc: String,
    pub(super) section: String,
    pub(super) test: bool,
    /// The quote on one line.
    pub(super) text: String,
    /// The test's or item's name, or the line's text.
    pub(super) subject: String,
}

/// All annotations in a source file.
pub(super) fn annotations(code: &str) -> Result<Vec<Annotation>> {
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some((rfc, section)) = lines[at]
            .strip_prefix("//= ")
            .and_then(|l| l.strip_prefix(TARGET))
            .and_then(|l| l.split_once("#section-"))
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
        if quote.is_empty() {
            bail!("line {at}: no quote follows");
        }
        found.push(Annotation {
            rfc: rfc.to_owned(),
            section: section.to_owned(),
            test,
            text: quote.join(" "),
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
        assert_eq!(found[0].text, "Probes carry no data (SHLD-12)");
        assert_eq!((found[0].rfc.as_str(), found[0].test), ("9293", true));
        assert_eq!(found[0].subject, "`a_probe_is_empty`");
        assert_eq!((found[1].section.as_str(), found[1].test), ("3.1", false));
        assert_eq!(found[1].subject, "`window`");
    }
}
