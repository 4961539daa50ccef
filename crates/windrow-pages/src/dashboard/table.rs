//! The tables of the pages. A column whose cells are numbers is aligned at the right.
//!
//! [`of`] shows a short table. [`listing`](crate::dashboard::listing::listing) shows one that can be sorted and filtered.

use maud::{Markup, html};

use crate::cell_number::columns_of_numbers;
use crate::dashboard::cell::CellText;
use windrow_evaluation::plot::Table;

/// The cells of a row: numbers, texts and markup.
macro_rules! cells {
    ($($cell:expr),* $(,)?) => { vec![$(maud::html! { ($cell) }),*] };
}

pub(super) use cells;

/// A row of a table.
#[derive(Debug)]
pub(super) struct Row {
    /// True for the row of the recommended policy.
    pub(super) is_named: bool,
    pub(super) cells: Vec<Markup>,
}

impl From<Vec<Markup>> for Row {
    fn from(cells: Vec<Markup>) -> Self {
        Self { is_named: false, cells }
    }
}

/// Shows the table of a picture in a section that can be expanded.
pub(super) fn folded(table: &Table) -> Markup {
    html! { details { summary { (table.heading) } (table_with_note(table)) } }
}

pub(super) fn table_with_note(table: &Table) -> Markup {
    let head: Vec<Markup> = table.header.iter().map(|name| html! { (name) }).collect();
    html! {
        @if !table.note.is_empty() { p { (table.note) } }
        (grid(&table.heading, &head, &rows_of(table)))
    }
}

/// Returns the rows of a table of text.
pub(super) fn rows_of(table: &Table) -> Vec<Row> {
    let row = |row: &windrow_evaluation::plot::tables::TableRow| Row {
        is_named: row.is_named,
        cells: row.cells.iter().map(|cell| html! { (cell) }).collect(),
    };
    table.rows.iter().map(row).collect()
}

/// Shows a table whose cells may contain links.
pub(super) fn of(caption: &str, header: &[&str], rows: impl Iterator<Item = Vec<Markup>>) -> Markup {
    let head: Vec<Markup> = header.iter().map(|name| html! { (name) }).collect();
    let rows: Vec<Row> = rows.map(Row::from).collect();
    grid(caption, &head, &rows)
}

/// Shows a table with these names of columns, in a box that scrolls.
fn grid(title: &str, head: &[Markup], rows: &[Row]) -> Markup {
    let sorted = vec![None; head.len()];
    let numbers = number_columns(head.len(), rows);
    boxed(title, head, &sorted, &numbers, rows.iter())
}

/// Shows a table in a box that scrolls. `sorted` has the value of `aria-sort` of each column, and `numbers` is true for
/// the columns of numbers.
pub(super) fn boxed<'r>(
    title: &str,
    head: &[Markup],
    sorted: &[Option<&str>],
    numbers: &[bool],
    rows: impl Iterator<Item = &'r Row>,
) -> Markup {
    let class = |column: usize| numbers.get(column).is_some_and(|is_number| *is_number).then_some("num");
    html! {
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table {
                caption.hidden { (title) }
                thead {
                    tr {
                        @for (column, name) in head.iter().enumerate() {
                            th scope="col" class=[class(column)] aria-sort=[sorted.get(column).copied().flatten()] { (name) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr class=[row.is_named.then_some("named")] {
                            @for (column, cell) in row.cells.iter().enumerate() {
                                @if column == 0 { th scope="row" class=[class(0)] { (cell) } } @else { td class=[class(column)] { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Returns true for each column of numbers.
pub(super) fn number_columns(columns: usize, rows: &[Row]) -> Vec<bool> {
    let texts: Vec<Vec<CellText>> = rows.iter().map(|row| row.cells.iter().map(CellText::of).collect()).collect();
    columns_of_numbers(columns, texts.iter().map(|row| row.iter().map(CellText::text).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_numbers_are_aligned_at_the_right() {
        let rows = [cells!["a", 3, "\u{2013}"], cells!["b", "1,204", "0.25"]].into_iter();
        let text = of("Sizes", &["name", "rows", "share"], rows).into_string();
        assert_eq!(text.matches("<td class=\"num\">").count(), 4, "{text}");
        assert!(text.contains("<th scope=\"col\" class=\"num\">rows</th>"), "{text}");
        assert!(text.contains("<th scope=\"row\">a</th>") && text.contains("role=\"region\""), "{text}");
    }
}
