//! Text for people, or one JSON document a line.

use anyhow::Result;
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, Write};

/// Something to be shown: as text by [`Display`] (which ends its last line), as JSON by [`Serialize`].
pub(crate) trait Report: Serialize + Display {
    /// Name and version of the JSON document. A field is never renamed, retyped or dropped within a version.
    const SCHEMA: &'static str;
}

/// A report with its schema's name before it.
#[derive(Serialize)]
struct Tagged<'a, R> {
    schema: &'static str,
    #[serde(flatten)]
    report: &'a R,
}

/// Where reports go.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON is wanted.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Shows a report on standard output, at once.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn show<R: Report>(&mut self, report: &R) -> Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            let schema = R::SCHEMA;
            serde_json::to_writer(&mut out, &Tagged { schema, report }).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        } else {
            write!(out, "{report}")?;
        }
        out.flush()?;
        Ok(())
    }

    /// A remark for people, on standard error; nothing in JSON.
    pub(crate) fn remark(&self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// The error that ends the command, on standard error: cause and remedy on one line.
    pub(crate) fn error(&self, error: &anyhow::Error, exit_code: u8) {
        let line = one_line(error);
        if self.json {
            let document = serde_json::json!({
                "schema": "longshore/error/1",
                "error": line,
                "exit_code": exit_code,
            });
            eprintln!("{document}");
        } else {
            eprintln!("longshore: {line}");
        }
    }
}

/// The chain of causes, none of them twice: an error that shows its source in its own words does so once.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string().replace('\n', " ");
        if line.ends_with(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line
}

/// Whoever read our output has gone: no error of ours.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_chain_is_one_line_and_says_nothing_twice() {
        let inner = io::Error::other("no medium\nin the drive");
        let shown = anyhow::Error::new(inner).context("reading: no medium in the drive");
        assert_eq!(one_line(&shown), "reading: no medium in the drive");
        let hidden: Result<()> = Err(io::Error::other("no medium")).context("reading");
        assert_eq!(one_line(&hidden.unwrap_err()), "reading: no medium");
    }
}
