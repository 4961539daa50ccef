//! Tables of pages.

use maud::{Markup, html};

use windrow_evaluation::plot::Table;

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
    html! {
        @if !table.note.is_empty() { p { (table.note) } }
        div.scroll tabindex="0" role="region" aria-label=(table.heading) {
            table {
                caption.hidden { (table.heading) }
                thead { tr { @for name in &table.header { th scope="col" { (name) } } } }
                tbody {
                    @for row in &table.rows {
                        tr.named[row.is_named] {
                            @for (number, cell) in row.cells.iter().enumerate() {
                                @if number == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A table of cells that may hold links.
pub(super) fn of(caption: &str, header: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.hidden { (caption) }
                thead { tr { @for name in header { th scope="col" { (name) } } } }
                tbody {
                    @for cells in rows {
                        tr {
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
