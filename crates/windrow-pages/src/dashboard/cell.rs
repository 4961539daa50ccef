//! The text of a table's cell, to align, sort and filter by.

use std::cmp::Ordering;

use maud::Markup;

use crate::cell_number::{is_blank, number_in};

/// The text of a cell without its markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CellText(String);

impl CellText {
    /// Returns the text of a cell. A picture counts as no text.
    pub(super) fn of(cell: &Markup) -> Self {
        let mut text = String::new();
        let mut rest = cell.0.as_str();
        while let Some((before, tag)) = rest.split_once('<') {
            text.push_str(before);
            // Values are escaped, so that a `<` always begins a tag.
            rest = if tag.starts_with("svg") {
                tag.split_once("</svg>").map_or("", |(_, after)| after)
            } else {
                tag.split_once('>').map_or("", |(_, after)| after)
            };
        }
        text.push_str(rest);
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        let text = entities.into_iter().fold(text, |text, (entity, letter)| text.replace(entity, letter));
        Self(text.trim().to_owned())
    }

    /// Returns true if the cell is empty, or has a dash instead of a value.
    pub(super) fn is_empty(&self) -> bool {
        is_blank(&self.0)
    }

    /// Returns true if the cell has this text, whatever the case of the letters. `wanted` is in lower case.
    pub(super) fn has(&self, wanted: &str) -> bool {
        self.0.to_lowercase().contains(wanted)
    }

    /// Returns the number that the text is, or with which it begins.
    fn number(&self) -> Option<f64> {
        number_in(&self.0)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Compares two cells: numbers by their size, names such as `window-9` and `window-10` by the number at the end, and
    /// empty cells after all others.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let empty = self.is_empty().cmp(&other.is_empty());
        empty.then_with(|| match (self.number(), other.number()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.parts().cmp(&other.parts()),
        })
    }

    /// Returns the text before the number at the end, and that number.
    fn parts(&self) -> (String, u64) {
        let name = self.0.trim_end_matches(|letter: char| letter.is_ascii_digit());
        (name.to_lowercase(), self.0[name.len()..].parse().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    fn text(text: &str) -> CellText {
        CellText(text.to_owned())
    }

    #[test]
    fn a_cell_has_the_text_of_its_markup() {
        let cell =
            html! { a href="/x?a=<b>" { "window-9" } " " span.quiet { "a < b & c" } svg { title { "no" } } " end" };
        assert_eq!(CellText::of(&cell), text("window-9 a < b & c end"));
        assert!(CellText::of(&html! { "\u{2013}" }).is_empty());
        assert!(CellText::of(&cell).has("window") && !CellText::of(&cell).has("x?a"));
    }

    #[test]
    fn cells_are_sorted_as_a_reader_expects() {
        let mut cells = ["window-10", "", "3", "Window-9", "12", "\u{2013}", "2019-02-04", "2018-12-31"].map(text);
        cells.sort_by(CellText::compare);
        let sorted = ["3", "12", "2018-12-31", "2019-02-04", "Window-9", "window-10", "", "\u{2013}"].map(text);
        assert_eq!(cells, sorted);
    }
}
