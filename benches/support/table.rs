//! Tables in Markdown, padded so that they are aligned in a terminal. Rows are printed as they are measured.

/// The width of the first column, which has the names.
const NAME_WIDTH: usize = 36;
/// The minimum width of the other columns.
const FIGURE_WIDTH: usize = 10;

/// A table whose header line has been printed.
pub(crate) struct Table {
    widths: Vec<usize>,
}

impl Table {
    /// Prints the header line. `title` is the heading of the column of names.
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        let figures = columns.iter().map(|column| column.chars().count().max(FIGURE_WIDTH));
        let widths: Vec<usize> = std::iter::once(NAME_WIDTH.max(title.chars().count())).chain(figures).collect();
        let table = Self { widths };
        let cells: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        println!();
        table.row(title, &cells);
        let rules = table.widths[1..].iter().map(|width| format!("{}:|", "-".repeat(width + 1)));
        println!("|{}|{}", "-".repeat(table.widths[0] + 2), rules.collect::<String>());
        table
    }

    /// Prints a row with its figures.
    pub(crate) fn row(&self, name: &str, cells: &[String]) {
        let figures = cells.iter().zip(&self.widths[1..]).map(|(cell, width)| format!(" {cell:>width$} |"));
        println!("| {name:<width$} |{}", figures.collect::<String>(), width = self.widths[0]);
    }

    /// Prints a row without figures. `why` names the missing tool and how to get it.
    pub(crate) fn not_measured(&self, name: &str, why: &str) {
        println!("| {name:<width$} | not measured: {why} |", width = self.widths[0]);
    }
}

/// Formats the minimum and the maximum of some numbers as a cell of a table.
pub(crate) fn range(numbers: &[f64], shown: impl Fn(f64) -> String) -> String {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{} to {}", shown(least), shown(most))
}
