//! Generated text in documents: whole files, or the part between two markers.

use anyhow::{Context, Result, bail};
use std::path::Path;

/// Writes `text` to `path`, or with `check` fails if it is not there already.
pub(crate) fn write_or_check(path: &Path, text: &str, check: bool, remedy: &str) -> Result<()> {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    if old == text {
        return Ok(());
    }
    if check {
        bail!("{} is out of date: run `{remedy}`", path.display());
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// `document` with the part between `<!-- NAME:begin -->` and `<!-- NAME:end -->` replaced.
pub(crate) fn splice(document: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("<!-- {name}:end -->"),
    );
    let (head, rest) = document
        .split_once(&begin)
        .with_context(|| format!("no marker `{}`", begin.trim()))?;
    let (_, tail) = rest
        .split_once(&end)
        .with_context(|| format!("no marker `{end}`"))?;
    Ok(format!("{head}{begin}{text}{end}{tail}"))
}

/// Replaces a generated part of docs/PERFORMANCE.md.
pub(crate) fn performance(name: &str, text: &str) -> Result<()> {
    let path = crate::process::root().join("docs/PERFORMANCE.md");
    let old = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    std::fs::write(&path, splice(&old, name, text)?)?;
    println!("wrote the part `{name}` of docs/PERFORMANCE.md");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splice_replaces_between_markers_only() {
        let text = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n";
        assert_eq!(
            splice(text, "x", "new\n").unwrap(),
            "a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nb\n"
        );
        assert!(splice(text, "y", "").is_err());
    }
}
