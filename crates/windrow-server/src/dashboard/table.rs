//! The tables of the pages.

use maud::{Markup, Render, html};

use windrow_evaluation::plot::Table;

/// The cells of a row: numbers, texts and markup.
macro_rules! cells {
    ($($cell:expr),* $(,)?) => { vec![$(maud::html! { ($cell) }),*] };
}

pub(super) use cells;

/// Shows the table of a picture in a section that can be expanded.
pub(super) fn folded(table: &Table) -> Markup {
    html! { details { summary { (table.heading) } (table_with_note(table)) } }
}

pub(super) fn table_with_note(table: &Table) -> Markup {
    let rows = table.rows.iter().map(|row| (row.is_named, row.cells.as_slice()));
    html! {
        @if !table.note.is_empty() { p { (table.note) } }
        (grid(&table.heading, &table.header, rows))
    }
}

/// Shows a table whose cells may contain links.
pub(super) fn of(caption: &str, header: &[&str], rows: impl Iterator<Item = Vec<Markup>>) -> Markup {
    let rows: Vec<Vec<Markup>> = rows.collect();
    grid(caption, header, rows.iter().map(|cells| (false, cells.as_slice())))
}

/// Shows rows as a table. Each row has a flag that is true for the named policy.
fn grid<'r, C: Render + 'r>(title: &str, head: &[impl Render], rows: impl Iterator<Item = (bool, &'r [C])>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table {
                caption.hidden { (title) }
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody {
                    @for (is_named, cells) in rows {
                        tr class=[is_named.then_some("named")] {
                            @for (number, cell) in cells.iter().enumerate() {
                                @if number == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
