//! Tables of pages.

use maud::{Markup, Render, html};

use windrow_evaluation::plot::Table;

/// The cells of a row, of numbers, texts and markup.
macro_rules! cells {
    ($($cell:expr),* $(,)?) => { vec![$(maud::html! { ($cell) }),*] };
}

pub(super) use cells;

/// A table behind a picture, folded away where it is long.
pub(super) fn folded(table: &Table) -> Markup {
    html! {
        details {
            summary { (table.heading) }
            (shown(table))
        }
    }
}

/// The same, shown.
pub(super) fn shown(table: &Table) -> Markup {
    let rows = table.rows.iter().map(|row| (row.is_named, row.cells.as_slice()));
    html! {
        @if !table.note.is_empty() { p { (table.note) } }
        (grid(&table.heading, &table.header, rows))
    }
}

/// A table of cells that may hold links.
pub(super) fn of(caption: &str, header: &[&str], rows: &[Vec<Markup>]) -> Markup {
    grid(caption, header, rows.iter().map(|cells| (false, cells.as_slice())))
}

/// A table of rows. Each row says whether it is marked as named.
fn grid<'r, C: Render + 'r>(
    caption: &str,
    header: &[impl Render],
    rows: impl Iterator<Item = (bool, &'r [C])>,
) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.hidden { (caption) }
                thead { tr { @for name in header { th scope="col" { (name) } } } }
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
