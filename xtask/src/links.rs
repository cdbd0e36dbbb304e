//! Relative links in the documents: each must lead to a file.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Checks README.md and everything in docs.
pub(crate) fn check() -> Result<()> {
    let root = crate::process::root();
    let mut broken = Vec::new();
    for document in documents(&root)? {
        let text = std::fs::read_to_string(&document)
            .with_context(|| format!("cannot read {}", document.display()))?;
        let folder = document.parent().unwrap_or(&root);
        for target in targets(&text) {
            if !folder.join(target).exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    if !broken.is_empty() {
        bail!("links that lead nowhere:\n{}", broken.join("\n"));
    }
    Ok(())
}

fn documents(root: &Path) -> Result<Vec<PathBuf>> {
    let mut list = vec![root.join("README.md")];
    for entry in std::fs::read_dir(root.join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "md") {
            list.push(path);
        }
    }
    list.sort();
    Ok(list)
}

/// Targets of `[text](target)` without scheme, and without a fragment.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .map(|target| target.split('#').next().unwrap_or(""))
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_relative_files_only() {
        let text = "[a](b.md) [c](https://x) [d](#e) [f](g.rs#L3) a[0](1 2)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["b.md", "g.rs"]);
    }
}
