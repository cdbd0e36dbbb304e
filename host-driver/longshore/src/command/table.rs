//! Tables of text: columns as wide as their widest cell.

use std::fmt;

/// Rows of cells; the first is the heading.
pub(super) struct Table<const N: usize>(Vec<[String; N]>);

impl<const N: usize> Table<N> {
    /// A table without rows.
    pub(super) fn new(heading: [&str; N]) -> Self {
        Self(vec![heading.map(str::to_owned)])
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: [String; N]) {
        self.0.push(cells);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.0.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        for row in &self.0 {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let pad = width(column);
                line.push_str(&format!("{cell:pad$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_with_their_last_cell() {
        let mut table = Table::new(["NAME", "N"]);
        table.row(["a longer one".into(), "1".into()]);
        table.row(["é".into(), String::new()]);
        assert_eq!(table.to_string(), "NAME          N\na longer one  1\né\n");
    }
}
