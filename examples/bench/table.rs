//! A table of figures, as Markdown.

use std::fmt;

#[derive(Debug)]
pub(crate) struct Table {
    title: &'static str,
    caption: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// The caption says how its figures were come by.
    pub(crate) fn new(title: &'static str, caption: &'static str, head: &[&'static str]) -> Self {
        Self {
            title,
            caption,
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n{}\n", self.title, self.caption)?;
        writeln!(f, "| {} |", self.head.join(" | "))?;
        writeln!(f, "|{}", "---:|".repeat(self.head.len()))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new("Growth", "How it grows.", &["n", "us"]);
        table.row(["1".to_owned(), "2.50".to_owned()]);
        let text = "### Growth\n\nHow it grows.\n\n| n | us |\n|---:|---:|\n| 1 | 2.50 |\n";
        assert_eq!(table.to_string(), text);
    }
}
