//! Comments, replaced by blanks so that places stay what they are.

/// The script without `// ...` and `/* ... */`, which mean nothing inside strings, commands and code.
pub(super) fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (part, keep) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |at| at + 2), false)
        } else if rest.starts_with("%{") {
            (rest.find("}%").map_or(rest.len(), |at| at + 2), true)
        } else if first == '`' || first == '"' {
            let end = rest[1..].find(first);
            (end.map_or(rest.len(), |at| at + 2), true)
        } else {
            (first.len_utf8(), true)
        };
        let (this, next) = rest.split_at(part);
        if keep {
            out.push_str(this);
        } else {
            // One byte for each: the parser counts lines by bytes.
            out.extend(this.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        }
        rest = next;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn comments_become_blanks_outside_of_commands_and_code() {
        assert_eq!(strip("a // b\nc"), "a     \nc");
        assert_eq!(strip("a /* b\n */c"), "a     \n   c");
        assert_eq!(strip("`ls //x` \"//\""), "`ls //x` \"//\"");
        assert_eq!(strip("%{ a // b }%"), "%{ a // b }%");
        assert_eq!(strip("// end"), "      ");
    }
}
