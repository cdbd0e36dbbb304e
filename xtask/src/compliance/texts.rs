//! The lists against the RFCs as published: is every sentence there, word for word?

use super::requirement::Document;
use anyhow::{Context, Result, bail};
use std::path::Path;

/// Looks for every requirement in `folder/rfc<number>.txt`, as the RFC Editor publishes them.
pub(super) fn check(documents: &[Document], folder: &Path) -> Result<()> {
    let mut faults = Vec::new();
    for document in documents {
        let path = folder.join(format!("rfc{}.txt", document.rfc));
        let bytes = std::fs::read(&path).with_context(|| {
            format!(
                "cannot read {}: get it from https://www.rfc-editor.org/rfc/rfc{}.txt",
                path.display(),
                document.rfc
            )
        })?;
        let published = words(&String::from_utf8_lossy(&bytes));
        for requirement in &document.requirements {
            if !published.contains(&requirement.text) {
                let (rfc, text) = (&document.rfc, &requirement.text);
                faults.push(format!("RFC {rfc} does not say: {text}"));
            }
        }
        println!(
            "RFC {}: {} sentences",
            document.rfc,
            document.requirements.len()
        );
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(())
}

/// The text on one line: without page breaks and the bars of quotations, words that end a line at their hyphen joined.
fn words(text: &str) -> String {
    let mut words = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line = line.trim_start_matches('\u{feff}').trim();
        let footer = line.ends_with(']') && line.contains("[Page ");
        let header = line.starts_with("RFC ") && line.ends_with(|c: char| c.is_ascii_digit());
        if footer || header {
            continue;
        }
        // A hyphen, not a dash.
        let parted = words
            .strip_suffix('-')
            .is_some_and(|word| word.ends_with(char::is_alphanumeric));
        if !words.is_empty() && !parted {
            words.push(' ');
        }
        let line: Vec<_> = line.trim_start_matches('|').split_whitespace().collect();
        words.push_str(&line.join(" "));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_bars_and_hyphens_do_not_part_a_sentence() {
        let text = "   |  A TCP MUST be\n   |  ready (MUST-\n   1).\n\nEddy   Standards Track   [Page 5]\n\u{c}\n\
                    RFC 9293      TCP     August 2022\n\n   More - or less";
        assert_eq!(words(text), "A TCP MUST be ready (MUST-1). More - or less");
    }
}
